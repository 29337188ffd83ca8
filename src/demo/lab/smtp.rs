//! The server side of SMTP (RFC 5321) with STARTTLS (RFC 3207), as much of it as mail servers of the
//! laboratory need. Who is accepted is decided by a [`MailHost`]; lines, commands, recipients,
//! message size, time and connections are bounded here.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

const LINE: u64 = 1_000;
const COMMANDS: usize = 200;
const RECIPIENTS: usize = 50;
const MESSAGE: usize = 1 << 20;
const IDLE: Duration = Duration::from_secs(10);
const CONNECTIONS: usize = 128;

/// What a mail server says to whom.
#[async_trait]
pub trait MailHost: Send + Sync + 'static {
    /// The name in the banner.
    fn name(&self) -> &str;

    /// The answer to RCPT.
    async fn recipient(&self, peer: SocketAddr, sender: &str, recipient: &str) -> Reply;

    /// The answer to a whole message.
    async fn message(&self, message: Message) -> Reply;
}

/// A message with its envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub peer: SocketAddr,
    pub sender: String,
    pub recipients: Vec<String>,
    pub content: Vec<u8>,
    pub encrypted: bool,
}

/// A reply of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub text: String,
}

impl Reply {
    pub fn new(code: u16, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    #[must_use]
    pub fn is_positive(&self) -> bool {
        self.code < 400
    }
}

/// Accepts connections until the task is dropped. A connection too many is told so (421).
pub async fn serve(listener: Arc<TcpListener>, host: Arc<dyn MailHost>, tls: Option<TlsAcceptor>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let mut sessions = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = sessions.join_next() => continue,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            drop(Wire::new(stream).reply(&Reply::new(421, "4.7.0 Too many connections")).await);
            continue;
        };
        let (host, tls) = (Arc::clone(&host), tls.clone());
        sessions.spawn(async move {
            let _slot = slot;
            if let Err(error) = converse(stream, peer, host.as_ref(), tls).await {
                tracing::debug!(%peer, %error, "the session ended early");
            }
        });
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

struct Wire(BufReader<Box<dyn Stream>>);

#[derive(Default)]
struct Envelope {
    sender: Option<String>,
    recipients: Vec<String>,
}

async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    host: &dyn MailHost,
    tls: Option<TlsAcceptor>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut wire = Wire::new(stream);
    let mut encrypted = false;
    let mut envelope = Envelope::default();
    wire.reply(&Reply::new(220, format!("{} ESMTP", host.name()))).await?;
    for _ in 0..COMMANDS {
        let Some(line) = wire.line().await? else { return Ok(()) };
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let reply = match verb.to_ascii_uppercase().as_str() {
            "HELO" => Reply::new(250, host.name()),
            "EHLO" => {
                envelope = Envelope::default();
                let offer = tls.is_some() && !encrypted;
                let starttls = if offer { "250-STARTTLS\r\n" } else { "" };
                let text = format!("250-{}\r\n{starttls}250-8BITMIME\r\n250 SIZE {MESSAGE}\r\n", host.name());
                wire.write(text.as_bytes()).await?;
                continue;
            }
            "STARTTLS" => match &tls {
                Some(acceptor) if !encrypted => {
                    wire.reply(&Reply::new(220, "2.0.0 Ready to start TLS")).await?;
                    wire = wire.upgrade(acceptor).await?;
                    encrypted = true;
                    envelope = Envelope::default();
                    continue;
                }
                _ => Reply::new(502, "5.5.1 STARTTLS is not available"),
            },
            "MAIL" => match address_of(rest, "FROM:") {
                Some(sender) => {
                    envelope = Envelope { sender: Some(sender), recipients: Vec::new() };
                    Reply::new(250, "2.1.0 Sender accepted")
                }
                None => Reply::new(501, "5.5.4 Syntax: MAIL FROM:<address>"),
            },
            "RCPT" => recipient(host, peer, &mut envelope, rest).await,
            "DATA" => {
                if envelope.recipients.is_empty() {
                    Reply::new(503, "5.5.1 No valid recipients")
                } else {
                    wire.reply(&Reply::new(354, "End with a dot on a line by itself")).await?;
                    let content = wire.data().await?;
                    let Envelope { sender, recipients } = std::mem::take(&mut envelope);
                    let sender = sender.unwrap_or_default();
                    host.message(Message { peer, sender, recipients, content, encrypted }).await
                }
            }
            "RSET" => {
                envelope = Envelope::default();
                Reply::new(250, "2.0.0 Reset")
            }
            "NOOP" => Reply::new(250, "2.0.0 Still here"),
            "QUIT" => return wire.reply(&Reply::new(221, "2.0.0 Bye")).await,
            _ => Reply::new(502, "5.5.2 Command not known"),
        };
        wire.reply(&reply).await?;
    }
    wire.reply(&Reply::new(421, "4.7.0 Too many commands")).await
}

async fn recipient(host: &dyn MailHost, peer: SocketAddr, envelope: &mut Envelope, rest: &str) -> Reply {
    let Some(sender) = &envelope.sender else { return Reply::new(503, "5.5.1 MAIL first") };
    if envelope.recipients.len() >= RECIPIENTS {
        return Reply::new(452, "4.5.3 Too many recipients");
    }
    let Some(recipient) = address_of(rest, "TO:") else {
        return Reply::new(501, "5.5.4 Syntax: RCPT TO:<address>");
    };
    let reply = host.recipient(peer, sender, &recipient).await;
    if reply.is_positive() {
        envelope.recipients.push(recipient);
    }
    reply
}

/// The address between the angle brackets; parameters after it are not looked at.
fn address_of(argument: &str, keyword: &str) -> Option<String> {
    let head = argument.get(..keyword.len())?;
    let rest = head.eq_ignore_ascii_case(keyword).then(|| argument.get(keyword.len()..))??;
    let (address, _) = rest.trim_start().strip_prefix('<')?.split_once('>')?;
    Some(address.to_owned())
}

impl Wire {
    fn new(stream: impl Stream + 'static) -> Self {
        Self(BufReader::new(Box::new(stream)))
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        timeout(IDLE, async {
            self.0.write_all(bytes).await?;
            self.0.flush().await
        })
        .await?
    }

    async fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        self.write(format!("{} {}\r\n", reply.code, reply.text).as_bytes()).await
    }

    async fn raw_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        timeout(IDLE, (&mut self.0).take(LINE).read_until(b'\n', &mut line)).await??;
        Ok(line)
    }

    /// A command without its line end; `None` at the end of the stream.
    async fn line(&mut self) -> io::Result<Option<String>> {
        let line = self.raw_line().await?;
        if line.is_empty() {
            return Ok(None);
        }
        if !line.ends_with(b"\n") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a command line without an end"));
        }
        Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
    }

    /// The message up to the dot, with dot-stuffing undone (RFC 5321 §4.5.2).
    async fn data(&mut self) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        loop {
            let line = self.raw_line().await?;
            match line.as_slice() {
                [] => return Err(io::ErrorKind::UnexpectedEof.into()),
                b".\r\n" | b".\n" => return Ok(content),
                [b'.', rest @ ..] => content.extend_from_slice(rest),
                whole => content.extend_from_slice(whole),
            }
            if content.len() > MESSAGE {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is too large"));
            }
        }
    }

    /// Starts TLS. What a client sent in plain text after STARTTLS is thrown away with the buffer.
    async fn upgrade(self, acceptor: &TlsAcceptor) -> io::Result<Self> {
        let stream = self.0.into_inner();
        Ok(Self::new(timeout(IDLE, acceptor.accept(stream)).await??))
    }
}

#[cfg(test)]
mod tests {
    use super::address_of;

    #[test]
    fn addresses_are_taken_from_between_the_brackets() {
        assert_eq!(address_of("FROM:<a@b.example> SIZE=12", "FROM:").as_deref(), Some("a@b.example"));
        assert_eq!(address_of("from: <>", "FROM:").as_deref(), Some(""));
        assert_eq!(address_of("TO:a@b.example", "TO:"), None);
        assert_eq!(address_of("TÖ", "TO:"), None);
    }
}
