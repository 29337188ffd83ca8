//! Who lives where on loopback, and which free ports the laboratory uses.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use super::error::{LabError, LabResult};

/// Name servers 1 and 2 of the customers' DNS provider.
pub const NAME_SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 53, 1), Ipv4Addr::new(127, 0, 53, 2)];
/// The root and the parent zone.
pub const ROOT_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 53, 3);
pub const RESOLVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 53, 11), Ipv4Addr::new(127, 0, 53, 12)];
/// MX hosts of the gateway.
pub const GATEWAY_MX: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 25, 1), Ipv4Addr::new(127, 0, 25, 2)];
/// From where the gateway delivers.
pub const GATEWAY_EGRESS: [Ipv4Addr; 2] = [Ipv4Addr::new(127, 0, 2, 1), Ipv4Addr::new(127, 0, 2, 2)];
/// A probe source that is no gateway address.
pub const OUTSIDER: Ipv4Addr = Ipv4Addr::new(127, 0, 3, 1);
/// From where the world sends mail.
pub const WORLD: Ipv4Addr = Ipv4Addr::new(127, 0, 4, 1);
/// The mailbox in which everybody's notices arrive.
pub const MAILBOX: Ipv4Addr = Ipv4Addr::new(127, 0, 26, 1);
/// Policy servers of MTA-STS.
pub const POLICY_SERVER: Ipv4Addr = Ipv4Addr::new(127, 0, 44, 1);

/// The own mail server of customer number `n`, counted from 0.
#[must_use]
pub fn customer_server(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 10, n.saturating_add(1))
}

/// The ports of one laboratory; the same on every address, as 53 and 25 are in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub dns: u16,
    pub smtp: u16,
    pub https: u16,
}

impl Ports {
    /// Finds three ports that are free on all of the laboratory's addresses.
    ///
    /// # Errors
    /// When none is found in 50 tries, or loopback addresses other than 127.0.0.1 cannot be bound
    /// (systems other than Linux have to configure them).
    pub fn free() -> LabResult<Self> {
        let mut taken = Vec::new();
        let mut pick = |addresses: &[Ipv4Addr], udp: bool| -> LabResult<u16> {
            let port = free_on(addresses, udp, &taken)?;
            taken.push(port);
            Ok(port)
        };
        let dns: Vec<_> = NAME_SERVERS.into_iter().chain([ROOT_SERVER]).chain(RESOLVERS).collect();
        let smtp: Vec<_> = GATEWAY_MX.into_iter().chain([MAILBOX]).chain((0..32).map(customer_server)).collect();
        Ok(Self { dns: pick(&dns, true)?, smtp: pick(&smtp, false)?, https: pick(&[POLICY_SERVER], false)? })
    }
}

fn free_on(addresses: &[Ipv4Addr], udp: bool, taken: &[u16]) -> LabResult<u16> {
    let mut last = None;
    for _ in 0..50 {
        match candidate(addresses, udp) {
            Ok(port) if !taken.contains(&port) => return Ok(port),
            Ok(_) => {}
            Err(error) => last = Some(error),
        }
    }
    let why = last.map_or_else(|| "every port was taken".to_owned(), |e| e.to_string());
    Err(LabError::new("looking for a port that is free on the loopback addresses 127.0.x.y", why))
}

/// Lets the system choose a port on the first address and holds it on all others.
fn candidate(addresses: &[Ipv4Addr], udp: bool) -> std::io::Result<u16> {
    let mut held = Vec::new();
    let mut port = 0;
    for address in addresses {
        let listener = TcpListener::bind(SocketAddr::new(IpAddr::V4(*address), port))?;
        port = listener.local_addr()?.port();
        let datagram = if udp { Some(UdpSocket::bind((*address, port))?) } else { None };
        held.push((listener, datagram));
    }
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_laboratories_do_not_disturb_each_other() {
        let first = Ports::free().unwrap();
        let _held = TcpListener::bind((GATEWAY_MX[0], first.smtp)).unwrap();
        let second = Ports::free().unwrap();
        assert_ne!(first.smtp, second.smtp);
        assert!(first.dns != first.smtp && first.smtp != first.https && first.dns != first.https);
    }
}
