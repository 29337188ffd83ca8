//! LMTP (RFC 2033) on loopback or a Unix socket: the door through which our own mail server hands over
//! mail that is evidence. 250 is said only once the message lies on disk; while it cannot, 451, and the mail
//! server keeps it. Not for the open network: there is neither TLS nor a password.

mod command;
mod lines;
mod session;
#[cfg(test)]
mod tests;

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::{LmtpAddress, MailConfig};
use crate::engine::ports::MailSink;

/// What a session may use up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    pub message_bytes: usize,
    /// In one transaction.
    pub recipients: usize,
    /// In one session.
    pub messages: usize,
    pub connections: usize,
    /// For one command.
    pub patience: Duration,
    /// For a whole message.
    pub data_patience: Duration,
    /// Addresses that are taken; any where empty.
    pub accepted: Vec<String>,
}

impl Bounds {
    #[must_use]
    pub fn of(config: &MailConfig) -> Self {
        Self {
            message_bytes: config.max_message_bytes,
            recipients: 50,
            messages: 100,
            connections: config.lmtp_connections,
            patience: Duration::from_secs(60),
            data_patience: Duration::from_secs(300),
            accepted: config.recipients.iter().map(|address| address.to_lowercase()).collect(),
        }
    }
}

/// A place that is listened at.
#[derive(Debug)]
pub enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Listens. A socket file that a dead process left is replaced, one that somebody answers at is not.
///
/// # Errors
/// The address is taken, or cannot be bound.
pub async fn listen(address: &LmtpAddress) -> io::Result<Listener> {
    match address {
        LmtpAddress::Tcp(address) => Ok(Listener::Tcp(TcpListener::bind(address).await?)),
        LmtpAddress::Unix(path) => {
            remove_stale(path).await?;
            let listener = UnixListener::bind(path)?;
            // The mail server is let in by its group.
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
            Ok(Listener::Unix(listener))
        }
    }
}

async fn remove_stale(path: &Path) -> io::Result<()> {
    let socket = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if socket && UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Takes mail in until `shutdown`; sessions that are under way end with the command they are at.
pub async fn serve(listener: Listener, sink: Arc<dyn MailSink>, bounds: Bounds, shutdown: CancellationToken) {
    let seats = Arc::new(Semaphore::new(bounds.connections.max(1)));
    let bounds = Arc::new(bounds);
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            stream = listener.accept() => stream,
        };
        let stream = match accepted {
            Ok(stream) => stream,
            Err(error) => {
                tracing::warn!("LMTP: a connection could not be accepted: {error}");
                // No descriptor may be left: whoever waits comes again.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(seat) = seats.clone().try_acquire_owned() else {
            tokio::spawn(async move {
                let mut stream = stream;
                let busy = stream.write_all(b"421 4.3.2 Too many sessions at a time, come again\r\n");
                let _ = tokio::time::timeout(Duration::from_secs(2), busy).await;
            });
            continue;
        };
        let (sink, bounds, shutdown) = (sink.clone(), bounds.clone(), shutdown.clone());
        tokio::spawn(async move {
            session::run(stream, sink.as_ref(), &bounds, &shutdown).await;
            drop(seat);
        });
    }
    // Whoever is in the middle of a message is waited for, as long as a command may take.
    let all = u32::try_from(bounds.connections.max(1)).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(bounds.patience, seats.acquire_many(all)).await;
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}
