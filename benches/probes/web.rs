//! The lightest HTTP client that can ask an exporter for probes: connections that stay open, one request
//! at a time on each, every answer looked at. Its own cost must not count against the peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// Asks `count` times for `path`, on `concurrency` connections; every body must hold `wanted`.
pub fn ask(server: SocketAddr, path: &str, wanted: &'static str, count: usize, concurrency: usize) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let request: Arc<str> = format!("GET {path} HTTP/1.1\r\nHost: exporter\r\n\r\n").into();
    let begun = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let workers: Vec<_> = (0..concurrency)
            .map(|_| tokio::spawn(connection(server, request.clone(), wanted, count, begun.clone())))
            .collect();
        for worker in workers {
            worker.await??;
        }
        Ok(())
    })
}

async fn connection(
    server: SocketAddr,
    request: Arc<str>,
    wanted: &'static str,
    count: usize,
    begun: Arc<AtomicUsize>,
) -> Outcome<()> {
    let mut stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    let mut held = Vec::with_capacity(16 * 1024);
    while begun.fetch_add(1, Ordering::Relaxed) < count {
        stream.write_all(request.as_bytes()).await?;
        held.clear();
        while !is_whole(&held) {
            if stream.read_buf(&mut held).await? == 0 {
                return Err("the exporter closed the connection".into());
            }
        }
        let text = String::from_utf8_lossy(&held);
        if !text.contains(wanted) {
            return Err(format!("a probe of the exporter did not succeed:\n{text}").into());
        }
    }
    Ok(())
}

/// Head and body are there: by length, or the last chunk.
fn is_whole(held: &[u8]) -> bool {
    let Some(end) = held.windows(4).position(|w| w == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(held.get(..end).unwrap_or_default()).to_ascii_lowercase();
    match head.lines().find_map(|l| l.strip_prefix("content-length:")).and_then(|n| n.trim().parse::<usize>().ok()) {
        Some(length) => held.len() >= end + 4 + length,
        None => held.ends_with(b"\r\n0\r\n\r\n"),
    }
}
