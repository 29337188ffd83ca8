//! Takes connections and serves the router on them, within bounds that hold against people who mean
//! harm: places in all and for each address, time for a request's head, and for a client that does
//! not read. What is inside a request is bounded by the router itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::rate::{Peer, neighbourhood};
use super::seats::{Full, Seat, Seats};
use super::stall::Stall;
use crate::config::HttpConfig;

/// Header fields of a request.
const HEADERS: usize = 64;
/// Bytes of a request's head, and of what is read ahead.
const HEAD: usize = 32 << 10;
/// After an error of the listener, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long open requests may take to end after the signal.
const GRACE: Duration = Duration::from_secs(10);

const TURNED_AWAY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\
    Content-Type: application/problem+json\r\nContent-Length: 122\r\n\r\n\
    {\"type\":\"/problems/busy\",\"title\":\"Too many requests at the same time\",\"status\":503,\
    \"detail\":\"Try again in a few seconds.\"}";

/// What connections are bounded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub connections: usize,
    /// Of one IPv4 address, or of one /64 of IPv6. 0: as many as there are.
    pub connections_per_address: usize,
    /// From the first moment, or from the end of the answer before, to the end of a request's head.
    pub header: Duration,
    /// How long a client may read nothing of what it is sent.
    pub stall: Duration,
}

impl Limits {
    #[must_use]
    pub fn of(config: &HttpConfig) -> Self {
        Self {
            connections: config.max_connections.max(1),
            connections_per_address: config.max_connections_per_address,
            header: Duration::from_secs(u64::from(config.header_seconds)),
            stall: Duration::from_secs(30),
        }
    }
}

/// Serves until `stop` is cancelled; then open requests have `GRACE` to end.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: CancellationToken) {
    let seats = Seats::new(limits.connections, limits.connections_per_address);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match seats.take(&neighbourhood(peer.ip())) {
                Ok(seat) => {
                    connections.spawn(connection(
                        stream,
                        From { peer, router: TowerToHyperService::new(router.clone()) },
                        limits,
                        stop.clone(),
                        seat,
                    ));
                }
                Err(full) => turn_away(&stream, peer, full),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, ended).await;
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, service: From, limits: Limits, stop: CancellationToken, _seat: Seat<IpAddr>) {
    // Answers are small, and a client waits for the whole of each.
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Stall::new(stream, limits.stall));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_headers(HEADERS)
        .max_buf_size(HEAD)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Tells the router who is at the other end.
struct From {
    peer: SocketAddr,
    router: TowerToHyperService<Router>,
}

impl Service<Request<Incoming>> for From {
    type Response = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Response;
    type Error = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Error;
    type Future = <TowerToHyperService<Router> as Service<Request<Incoming>>>::Future;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(Peer(self.peer));
        self.router.call(request)
    }
}

/// Says so in what fits into an empty send buffer, and never waits for it.
fn turn_away(stream: &TcpStream, peer: SocketAddr, full: Full) {
    tracing::debug!(%peer, ?full, "a connection is turned away");
    let _ = stream.try_write(TURNED_AWAY);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_to_those_turned_away_has_the_length_it_says() {
        let text = std::str::from_utf8(TURNED_AWAY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(format!("Content-Length: {}\r\n", body.len()).trim_end()), "{}", body.len());
        serde_json::from_str::<serde_json::Value>(body).unwrap();
    }
}
