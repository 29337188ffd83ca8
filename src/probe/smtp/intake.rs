//! What has been received and not yet looked at: bytes in, whole replies out, with the bounds on bytes
//! and lines. Pure, so that it can be fed with anything.

use std::time::Duration;

use fencepost_checks::observation::SmtpReply;

use super::reply::{Assembly, MAX_LINE, Progress, begins_like_one};
use super::transcript::Transcript;
use crate::probe::escape;

/// One reply, bytes.
const MAX_REPLY: usize = 32 * 1024;
/// A whole dialogue, bytes received.
const MAX_DIALOGUE: usize = 256 * 1024;

/// Why the dialogue cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    Closed,
    TimedOut {
        after: Duration,
    },
    /// What came is no SMTP reply; `smtp`: it began like one.
    Protocol {
        detail: String,
        smtp: bool,
    },
    /// The TLS session was broken by the other side.
    Tls(String),
}

#[derive(Debug, Default)]
pub(super) struct Intake {
    raw: Vec<u8>,
    assembly: Assembly,
    /// Bytes of the reply that is arriving, and of all so far.
    reply_bytes: usize,
    all_bytes: usize,
}

impl Intake {
    /// Takes what the wire gave.
    ///
    /// # Errors
    /// [`Fault::Protocol`] when it is far more than a reply has.
    pub(super) fn push(&mut self, received: &[u8]) -> Result<(), Fault> {
        self.reply_bytes += received.len();
        self.all_bytes += received.len();
        if self.reply_bytes > MAX_REPLY || self.all_bytes > MAX_DIALOGUE {
            return Err(self.broken("a flood: far more bytes than a reply has".to_owned()));
        }
        self.raw.extend_from_slice(received);
        Ok(())
    }

    /// A whole reply from what has been received, `None` where more is needed.
    ///
    /// # Errors
    /// [`Fault::Protocol`] where this will never be one.
    pub(super) fn next_reply(&mut self, transcript: &mut Transcript) -> Result<Option<SmtpReply>, Fault> {
        loop {
            let end = self.raw.iter().position(|b| *b == b'\n');
            // Too long is too long, whether or not the line end came in the same packet.
            if end.unwrap_or(self.raw.len()) > MAX_LINE {
                transcript.theirs(self.raw.get(..80).unwrap_or_default());
                return Err(self.broken(format!("a line of more than {MAX_LINE} bytes")));
            }
            let Some(end) = end else { return Ok(None) };
            let mut line: Vec<u8> = self.raw.drain(..=end).collect();
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            transcript.theirs(&line);
            let smtp = self.assembly.has_begun() || (line.len() >= 3 && begins_like_one(&line));
            match self.assembly.line(&line).map_err(|detail| Fault::Protocol { detail, smtp })? {
                Progress::More => {}
                Progress::Complete(reply) => {
                    self.reply_bytes = 0;
                    return Ok(Some(reply));
                }
            }
        }
    }

    /// The other side is gone or late; `otherwise` unless what it left cannot become a reply, because
    /// then another protocol is spoken here.
    pub(super) fn ended(&mut self, otherwise: Fault, transcript: &mut Transcript) -> Fault {
        let rest = self.take_rest();
        if rest.is_empty() {
            return otherwise;
        }
        transcript.theirs(&rest);
        if begins_like_one(&rest) {
            return otherwise;
        }
        let detail = format!("not an SMTP reply: \"{}\"", escape::bytes(&rest, 80));
        Fault::Protocol { detail, smtp: self.assembly.has_begun() }
    }

    /// Received and not yet part of a reply.
    pub(super) fn rest(&self) -> &[u8] {
        &self.raw
    }

    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.raw)
    }

    fn broken(&self, detail: String) -> Fault {
        Fault::Protocol { detail, smtp: self.assembly.has_begun() || begins_like_one(&self.raw) }
    }
}
