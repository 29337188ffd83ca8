//! The guard between a socket and the SMTP parser. It bounds bytes, lines and time for each stage and
//! for the whole dialogue, hands on complete and well-formed replies only, lets out nothing but single
//! printable command lines, keeps the transcript, and looks for plain text in front of a TLS handshake.
//! It knows nothing of the order of commands.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use fencepost_checks::observation::SmtpReply;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::intake::{Fault, Intake};
use super::letter::Letter;
use super::reply::well_formed;
use super::transcript::Transcript;

/// A command with its line end (RFC 5321 §4.5.3.1.4).
const MAX_COMMAND: usize = 512;

/// Bytes of one reading; a longer reply takes several.
const SPACE: usize = 1024;

pub(super) struct Guard {
    wire: Wire,
    intake: Intake,
    /// Where the wire is read into; kept, because clearing it anew for each reading costs more than a reading.
    space: Box<[u8; SPACE]>,
    reply: Option<SmtpReply>,
    /// A command being gathered, then being written from `written` on.
    command: Vec<u8>,
    written: Option<usize>,
    /// Speak to a server that knows no EHLO.
    pub(super) helo: bool,
    begun: Instant,
    deadline: Instant,
    overall: Instant,
    alarm: Pin<Box<Sleep>>,
    fault: Option<Fault>,
    pub(super) transcript: Transcript,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Gone,
}

impl Guard {
    pub(super) fn new(socket: TcpStream, overall: Instant) -> Self {
        Self {
            wire: Wire::Plain(socket),
            intake: Intake::default(),
            space: Box::new([0; SPACE]),
            reply: None,
            command: Vec::new(),
            written: None,
            helo: false,
            begun: Instant::now(),
            deadline: overall,
            overall,
            alarm: Box::pin(sleep_until(overall)),
            fault: None,
            transcript: Transcript::default(),
        }
    }

    /// Begins a stage that may take `limit`, but never longer than the dialogue.
    pub(super) fn begin(&mut self, limit: Duration) {
        self.begun = Instant::now();
        self.deadline = (self.begun + limit).min(self.overall);
        self.alarm.as_mut().reset(self.deadline);
        self.reply = None;
    }

    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// The reply that this stage got, as it was on the wire.
    pub(super) fn take_reply(&mut self) -> Option<SmtpReply> {
        self.reply.take()
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.fault.clone()
    }

    /// Waits for a whole reply and returns it in the form the parser wants.
    pub(super) fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        loop {
            if self.fault.is_some() {
                return Poll::Ready(Err(stopped()));
            }
            match self.intake.next_reply(&mut self.transcript) {
                Ok(Some(reply)) => {
                    let bytes = well_formed(&reply);
                    self.reply = Some(reply);
                    return Poll::Ready(Ok(bytes));
                }
                Ok(None) => ready!(self.poll_receive(cx)),
                Err(fault) => self.fault = Some(fault),
            }
        }
    }

    /// Gathers a command; it is checked and sent by [`Self::poll_send`].
    pub(super) fn gather(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.command.len() + bytes.len() > MAX_COMMAND {
            return Err(self.fail(held_back("it is longer than 512 bytes")));
        }
        self.command.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Takes the message that follows a 354, dot-stuffed and with its final line; sent by
    /// [`Self::poll_send`].
    pub(super) fn load(&mut self, message: &Letter) {
        let bytes = message.on_the_wire();
        self.transcript.remark(&format!("a test message of {} bytes", bytes.len()));
        self.command = bytes;
        self.written = Some(0);
    }

    /// Sends what was gathered, if it is exactly one command line without control bytes.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.fault.is_some() {
            return Poll::Ready(Err(stopped()));
        }
        if self.command.is_empty() {
            return Poll::Ready(Ok(()));
        }
        if self.written.is_none()
            && let Err(fault) = self.check_command()
        {
            return Poll::Ready(Err(self.fail(fault)));
        }
        loop {
            let from = self.written.unwrap_or(0);
            let rest = self.command.get(from..).unwrap_or_default();
            if self.alarm.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(self.late()));
            }
            let sent = if rest.is_empty() {
                ready!(self.wire.poll_flush(cx)).map(|()| None)
            } else {
                ready!(self.wire.poll_write(cx, rest)).map(Some)
            };
            match sent {
                Ok(None) => {
                    self.command.clear();
                    self.written = None;
                    return Poll::Ready(Ok(()));
                }
                Ok(Some(0)) | Err(_) => return Poll::Ready(Err(self.fail(Fault::Closed))),
                Ok(Some(count)) => self.written = Some(from + count),
            }
        }
    }

    /// Whether the other side has sent anything that nobody asked for. To be called between the reply
    /// to STARTTLS and the handshake: what came in plain text must not be read as encrypted.
    pub(super) fn has_plain_text(&mut self) -> bool {
        let mut rest = self.intake.take_rest();
        let mut more = [0; 64];
        if let Wire::Plain(socket) = &self.wire
            && let Ok(count @ 1..) = socket.try_read(&mut more)
        {
            rest.extend_from_slice(more.get(..count).unwrap_or_default());
        }
        if !rest.is_empty() {
            self.transcript.theirs(&rest);
        }
        !rest.is_empty()
    }

    /// Takes the socket for a TLS handshake; [`Self::put_tls`] brings it back.
    pub(super) fn take_socket(&mut self) -> Option<(TcpStream, Instant)> {
        match std::mem::replace(&mut self.wire, Wire::Gone) {
            Wire::Plain(socket) => Some((socket, self.deadline)),
            Wire::Tls(_) | Wire::Gone => None,
        }
    }

    pub(super) fn put_tls(&mut self, stream: TlsStream<TcpStream>) {
        self.wire = Wire::Tls(Box::new(stream));
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.alarm.as_mut().poll(cx).is_ready() {
            let late = Fault::TimedOut { after: self.begun.elapsed() };
            self.fault = Some(self.intake.ended(late, &mut self.transcript));
            return Poll::Ready(());
        }
        let mut buffer = ReadBuf::new(self.space.as_mut_slice());
        let outcome = ready!(self.wire.poll_read(cx, &mut buffer));
        self.fault = match outcome {
            // The sockets never say this; TLS says it of records and alerts.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Some(Fault::Tls(error.to_string())),
            Err(_) => Some(self.intake.ended(Fault::Closed, &mut self.transcript)),
            Ok(()) if buffer.filled().is_empty() => Some(self.intake.ended(Fault::Closed, &mut self.transcript)),
            Ok(()) => self.intake.push(buffer.filled()).err(),
        };
        Poll::Ready(())
    }

    fn check_command(&mut self) -> Result<(), Fault> {
        let Some(line) = self.command.strip_suffix(b"\r\n") else { return Err(held_back("it has no line end")) };
        if !line.iter().all(|b| (0x20..0x7f).contains(b)) {
            return Err(held_back("it has a control or non-ASCII byte"));
        }
        // A server may say good-bye unasked (RFC 5321 §3.8); anything else would shift all replies.
        let rest = self.intake.rest();
        if !rest.is_empty() && !rest.starts_with(b"421") {
            self.transcript.theirs(rest);
            let detail = "the server sent more than it was asked for".to_owned();
            return Err(Fault::Protocol { detail, smtp: true });
        }
        if self.helo && self.command.starts_with(b"EHLO ") {
            self.command.splice(..4, *b"HELO");
        }
        let shown = self.command.strip_suffix(b"\r\n").unwrap_or_default().to_vec();
        self.transcript.ours(&shown);
        self.written = Some(0);
        Ok(())
    }

    fn late(&mut self) -> io::Error {
        self.fail(Fault::TimedOut { after: self.begun.elapsed() })
    }

    fn fail(&mut self, fault: Fault) -> io::Error {
        self.fault.get_or_insert(fault);
        stopped()
    }
}

/// Encrypts the socket, within the time of the stage. Any certificate is accepted here; the connector
/// records it.
///
/// # Errors
/// A time-out or the reason, in words.
pub(super) async fn handshake(
    socket: TcpStream,
    deadline: Instant,
    config: Arc<rustls::ClientConfig>,
    name: ServerName<'static>,
) -> Result<TlsStream<TcpStream>, String> {
    // In plain text each command waits for the reply to the one before, so nothing is ever held back; the end
    // of a handshake is followed by EHLO at once.
    let _ = socket.set_nodelay(true);
    match timeout_at(deadline, TlsConnector::from(config).connect(name, socket)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(crate::probe::tls::failure(&error)),
        Err(_) => Err("the handshake did not end in time".to_owned()),
    }
}

impl Wire {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Gone => Poll::Ready(Err(stopped())),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Gone => Poll::Ready(Err(stopped())),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Gone => Poll::Ready(Err(stopped())),
        }
    }
}

fn held_back(why: &str) -> Fault {
    Fault::Protocol { detail: format!("a command of ours was held back: {why}"), smtp: true }
}

/// The parser needs some error; what happened is in [`Guard::fault`].
fn stopped() -> io::Error {
    io::Error::other("the dialogue was stopped by the guard")
}
