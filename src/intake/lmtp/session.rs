//! One LMTP session: commands in order, a message with bounds, one reply for each recipient (RFC 2033 §4.2).

use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio_util::sync::CancellationToken;

use super::command::Command;
use super::lines::{self, Line};
use super::{Bounds, Stream};
use crate::engine::ports::{Envelope, MailSink};

/// RFC 5321 §4.5.3.1.4 asks for 512, and parameters make it longer.
const MAX_COMMAND: usize = 2_000;
/// RFC 5321 §4.5.3.1.6 asks for 1,000; programs that do not keep to it are read, too.
const MAX_TEXT_LINE: usize = 16_000;
/// Bytes of a refused message that are read in any case, so that the session can go on.
const LEAST_READ: usize = 1 << 20;
/// Commands that are refused before the session ends.
const MAX_FAULTS: usize = 20;
/// Commands in one session.
const MAX_COMMANDS: usize = 10_000;

pub(super) async fn run(stream: Box<dyn Stream>, sink: &dyn MailSink, bounds: &Bounds, shutdown: &CancellationToken) {
    let mut session = Session {
        stream: BufReader::new(stream),
        sink,
        bounds,
        greeted: false,
        transaction: None,
        envelope: Envelope::default(),
        messages: 0,
        faults: 0,
    };
    // Whoever hangs up or breaks off has been told nothing that is not so.
    let _ = session.talk(shutdown).await;
}

struct Session<'a> {
    stream: BufReader<Box<dyn Stream>>,
    sink: &'a dyn MailSink,
    bounds: &'a Bounds,
    greeted: bool,
    transaction: Option<Vec<String>>,
    envelope: Envelope,
    messages: usize,
    faults: usize,
}

/// The session is over.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// What came of a message on the wire.
enum Data {
    Message(Vec<u8>),
    Refused(&'static str),
}

impl Session<'_> {
    async fn talk(&mut self, shutdown: &CancellationToken) -> Result<(), Over> {
        self.say("220 fencepost LMTP").await?;
        for _ in 0..MAX_COMMANDS {
            let line = tokio::select! {
                () = shutdown.cancelled() => {
                    self.say("421 4.3.2 Stopping, come again").await?;
                    return Err(Over);
                }
                line = tokio::time::timeout(self.bounds.patience, lines::next(&mut self.stream, MAX_COMMAND)) => line,
            };
            let command = match line {
                Err(_) => {
                    self.say("421 4.4.2 Nothing came, closing").await?;
                    return Err(Over);
                }
                Ok(Err(error)) => return Err(error.into()),
                Ok(Ok(Line::End)) => return Err(Over),
                Ok(Ok(Line::TooLong)) => Command::Malformed("the line is too long"),
                Ok(Ok(Line::Bare)) => Command::Malformed("a line ends with CR LF"),
                Ok(Ok(Line::Whole(line))) => Command::read(&line),
            };
            self.obey(command).await?;
            if self.faults > MAX_FAULTS {
                self.say("421 4.7.0 Too many faults, closing").await?;
                return Err(Over);
            }
        }
        self.say("421 4.7.0 Too many commands, closing").await?;
        Ok(())
    }

    async fn obey(&mut self, command: Command) -> Result<(), Over> {
        match command {
            Command::Lhlo => {
                self.greeted = true;
                self.reset();
                let size = self.bounds.message_bytes;
                self.say(&format!(
                    "250-fencepost\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                     250-XFORWARD NAME ADDR PROTO HELO SOURCE PORT IDENT\r\n250 SIZE {size}"
                ))
                .await
            }
            Command::Quit => {
                self.say("221 2.0.0 Bye").await?;
                Err(Over)
            }
            Command::Noop => self.say("250 2.0.0 Ok").await,
            Command::Vrfy => self.say("252 2.5.0 Send some mail").await,
            Command::Rset => {
                self.reset();
                self.say("250 2.0.0 Ok").await
            }
            Command::Smtp => self.fault("500 5.5.1 This is LMTP: say LHLO (RFC 2033)").await,
            Command::Unknown => self.fault("500 5.5.1 Unknown command").await,
            Command::Malformed(why) => self.fault(&format!("501 5.5.4 {why}")).await,
            _ if !self.greeted => self.fault("503 5.5.1 Say LHLO first").await,
            Command::XForward { address, helo } => {
                self.envelope.client = address.or(self.envelope.client);
                self.envelope.helo = helo.or(self.envelope.helo.take());
                self.say("250 2.0.0 Ok").await
            }
            Command::Mail { .. } if self.transaction.is_some() => {
                self.fault("503 5.5.1 A message is begun already").await
            }
            Command::Mail { size, .. } if size.is_some_and(|size| size > self.bounds.message_bytes) => {
                self.say("552 5.3.4 The message is longer than is taken here").await
            }
            Command::Mail { .. } if self.messages >= self.bounds.messages => {
                self.say("421 4.7.0 Enough for one session, come again").await?;
                Err(Over)
            }
            Command::Mail { sender, .. } => {
                self.envelope.sender = Some(sender);
                self.transaction = Some(Vec::new());
                self.say("250 2.1.0 Ok").await
            }
            Command::Rcpt { recipient } => self.recipient(recipient).await,
            Command::Data => self.data().await,
        }
    }

    async fn recipient(&mut self, recipient: String) -> Result<(), Over> {
        let known = self.bounds.accepted.is_empty() || self.bounds.accepted.contains(&recipient);
        let Some(recipients) = &mut self.transaction else { return self.fault("503 5.5.1 Say MAIL first").await };
        if recipients.len() >= self.bounds.recipients {
            return self.say("452 4.5.3 Too many recipients").await;
        }
        if !known {
            return self.fault("550 5.1.1 Nobody here by that name").await;
        }
        recipients.push(recipient);
        self.say("250 2.1.5 Ok").await
    }

    async fn data(&mut self) -> Result<(), Over> {
        let recipients = match &self.transaction {
            Some(recipients) if !recipients.is_empty() => recipients.len(),
            Some(_) => return self.fault("503 5.5.1 No recipient").await,
            None => return self.fault("503 5.5.1 Say MAIL first").await,
        };
        self.say("354 End with CR LF . CR LF").await?;
        let deadline = self.bounds.data_patience;
        let Ok(data) = tokio::time::timeout(deadline, self.message()).await else {
            self.say("421 4.4.2 The message did not end in time").await?;
            return Err(Over);
        };
        let reply = match data? {
            Data::Refused(reply) => reply.to_owned(),
            Data::Message(raw) => match self.sink.take(raw, self.envelope.clone(), "lmtp").await {
                Ok(receipt) => format!("250 2.0.0 Kept as {} ({})", receipt.id, receipt.state),
                Err(why) => {
                    tracing::warn!("LMTP: not kept, to be sent again: {why}");
                    "451 4.3.0 Cannot be kept just now".to_owned()
                }
            },
        };
        self.messages += 1;
        self.reset();
        // One for each recipient that was accepted; the message is the same.
        self.say(&vec![reply; recipients].join("\r\n")).await
    }

    /// Everything up to the line with a single dot, dots undone. What is refused is read to its end, up to
    /// four times of what is taken.
    async fn message(&mut self) -> Result<Data, Over> {
        let mut raw = Vec::new();
        let mut seen: usize = 0;
        let mut refused = None;
        loop {
            let line = match lines::next(&mut self.stream, MAX_TEXT_LINE).await? {
                Line::End => return Err(Over),
                Line::TooLong => {
                    refused.get_or_insert("554 5.6.0 A line is too long");
                    seen += MAX_TEXT_LINE;
                    Vec::new()
                }
                Line::Bare => {
                    refused.get_or_insert("554 5.6.0 A line ends with CR LF and has neither alone");
                    Vec::new()
                }
                Line::Whole(line) if line == b"." => {
                    return Ok(refused.map_or_else(|| Data::Message(std::mem::take(&mut raw)), Data::Refused));
                }
                Line::Whole(line) => line,
            };
            let line = line.strip_prefix(b".").unwrap_or(&line);
            seen += line.len() + 2;
            if raw.len() + line.len() + 2 > self.bounds.message_bytes {
                refused.get_or_insert("552 5.3.4 The message is longer than is taken here");
            }
            if seen > self.bounds.message_bytes.saturating_mul(4).max(LEAST_READ) {
                self.say("421 4.3.4 The message does not end").await?;
                return Err(Over);
            }
            if refused.is_none() {
                raw.extend_from_slice(line);
                raw.extend_from_slice(b"\r\n");
            }
        }
    }

    fn reset(&mut self) {
        self.transaction = None;
        self.envelope = Envelope::default();
    }

    async fn fault(&mut self, reply: &str) -> Result<(), Over> {
        self.faults += 1;
        self.say(reply).await
    }

    async fn say(&mut self, reply: &str) -> Result<(), Over> {
        let write = async {
            self.stream.write_all(reply.as_bytes()).await?;
            self.stream.write_all(b"\r\n").await?;
            self.stream.flush().await
        };
        let patience: Duration = self.bounds.patience;
        match tokio::time::timeout(patience, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Over),
        }
    }
}
