//! Our own reference server: greets every connection with the address that it comes from, so that a
//! vantage learns how the world sees it. Speaks just enough SMTP for the probe that asks, takes no
//! mail, and bounds everything, because anybody may connect.

use std::sync::Arc;
use std::time::Duration;

use fencepost_checks::vantage::greeting;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at the same time; more are closed at once.
const CONNECTIONS: usize = 256;
/// For a whole visit.
const VISIT: Duration = Duration::from_secs(10);
/// Bytes that are read of a visitor.
const READ: usize = 512;
/// After an accept that failed, for example for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, host: String, stop: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "the reference server cannot accept");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
        let line = format!("{}\r\n", greeting(&host, peer.ip()));
        tokio::spawn(async move {
            // A visitor that does not leave is left.
            let _ = tokio::time::timeout(VISIT, visit(stream, &line)).await;
            drop(place);
        });
    }
}

/// Greeting, one command of whatever kind, goodbye.
async fn visit(mut stream: TcpStream, greeting: &str) -> std::io::Result<()> {
    stream.write_all(greeting.as_bytes()).await?;
    let mut read = 0;
    let mut byte = [0_u8; 64];
    while read < READ {
        let count = stream.read(&mut byte).await?;
        read += count;
        if count == 0 || byte[..count].contains(&b'\n') {
            break;
        }
    }
    stream.write_all(b"221 bye\r\n").await?;
    stream.shutdown().await
}
