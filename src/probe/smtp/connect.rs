//! A TCP connection from a given source address, with its failures told apart: what the other side or
//! the path did, and what our own side could not do.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fencepost_checks::observation::ConnectOutcome;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::probe::millis_since;

/// Where a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The system chooses, in both families.
    Any,
    Bound(IpAddr),
}

impl Source {
    /// The address that a connection to `peer` would come from, by this host's routes. Sends nothing.
    pub(crate) fn towards(self, peer: SocketAddr) -> Option<IpAddr> {
        match self {
            Self::Bound(address) => Some(address),
            Self::Any => {
                let any = if peer.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
                let socket = std::net::UdpSocket::bind((any, 0)).ok()?;
                socket.connect(peer).ok()?;
                socket.local_addr().ok().map(|local| local.ip())
            }
        }
    }

    /// Whether a connection to `peer` can begin here at all.
    pub(crate) fn fits(self, peer: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::Bound(address) => address.is_ipv4() == peer.is_ipv4(),
        }
    }
}

/// Connects; the outcome is `Connected` exactly when there is a stream.
pub(super) async fn connect(source: Source, peer: SocketAddr, wait: Duration) -> (ConnectOutcome, Option<TcpStream>) {
    let begun = Instant::now();
    let socket = match start(source, peer) {
        Ok(socket) => socket,
        Err(outcome) => return (outcome, None),
    };
    let done = async {
        socket.writable().await?;
        // Writable without an error is connected.
        socket.take_error()?.map_or(Ok(()), Err)
    };
    match timeout(wait, done).await {
        Ok(Ok(())) => (ConnectOutcome::Connected { elapsed_ms: millis_since(begun) }, Some(socket)),
        // A SYN that is answered by a reset is "refused"; this one was accepted and reset afterwards.
        Ok(Err(error)) if matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected) => {
            (ConnectOutcome::Connected { elapsed_ms: millis_since(begun) }, Some(socket))
        }
        Ok(Err(error)) => (from_network(&error, begun), None),
        Err(_) => (ConnectOutcome::TimedOut { after_ms: millis_since(begun) }, None),
    }
}

/// Sends the SYN. What fails here failed before any packet came back, so it is our own fault, with the
/// one exception of a refusal on this very host.
fn start(source: Source, peer: SocketAddr) -> Result<TcpStream, ConnectOutcome> {
    let fault = |what: &str, error: &io::Error| ConnectOutcome::VantageFault { detail: format!("{what}: {error}") };
    let socket = Socket::new(Domain::for_address(peer), Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(|e| fault("no socket", &e))?;
    // Unbound, a port is chosen for this very peer, so that many connections never use up the ports.
    if let Source::Bound(local) = source {
        socket
            .bind(&SocketAddr::new(local, 0).into())
            .map_err(|e| fault(&format!("the source address {local} is not usable on this host"), &e))?;
    }
    match socket.connect(&peer.into()) {
        Ok(()) => {}
        Err(error) if in_progress(&error) => {}
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Err(ConnectOutcome::Refused),
        Err(error) => return Err(fault("no packet could be sent", &error)),
    }
    TcpStream::from_std(socket.into()).map_err(|e| fault("no socket", &e))
}

/// EINPROGRESS has no stable kind in the standard library: 115 on Linux, 36 on the BSDs and macOS.
fn in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || matches!(error.raw_os_error(), Some(115 | 36))
}

/// What came back. Linux reports ICMP code 13 (administratively prohibited) as EACCES for IPv6 only;
/// for IPv4 it is EHOSTUNREACH like a host that is down, which only a comparison can tell apart.
fn from_network(error: &io::Error, begun: Instant) -> ConnectOutcome {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectOutcome::Refused,
        io::ErrorKind::TimedOut => ConnectOutcome::TimedOut { after_ms: millis_since(begun) },
        io::ErrorKind::PermissionDenied => ConnectOutcome::Prohibited,
        io::ErrorKind::HostUnreachable => ConnectOutcome::Unreachable {
            detail: "ICMP: host unreachable, or prohibited by a firewall on the way".to_owned(),
        },
        io::ErrorKind::NetworkUnreachable => {
            ConnectOutcome::Unreachable { detail: "ICMP: network unreachable".to_owned() }
        }
        io::ErrorKind::AddrNotAvailable => ConnectOutcome::VantageFault { detail: error.to_string() },
        _ => ConnectOutcome::Unreachable { detail: error.to_string() },
    }
}
