//! A customer's firewall: a classic BPF program on the listening socket lets the kernel
//! drop segments by source address, so that a blocked peer gets a genuine connect time-out. Linux
//! only; elsewhere a rule that is not [`Firewall::Open`] is an error.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;

/// Which sources may reach a server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Firewall {
    #[default]
    Open,
    /// These are dropped, everybody else gets in.
    Block(Vec<Ipv4Addr>),
    /// Everybody else is dropped.
    AllowOnly(Vec<Ipv4Addr>),
}

/// Most addresses in a rule: a jump of the program reaches 255 instructions.
pub const MOST_ADDRESSES: usize = 200;

impl Firewall {
    /// Puts the rule on a listener, in place of the one before. Connections that exist already keep
    /// the rule under which they were accepted.
    ///
    /// # Errors
    /// When the kernel refuses the program, or the rule has more than `MOST_ADDRESSES`.
    #[cfg(target_os = "linux")]
    pub fn apply(&self, listener: &TcpListener) -> io::Result<()> {
        let (addresses, listed, others) = match self {
            Self::Open => (&[][..], ACCEPT, ACCEPT),
            Self::Block(addresses) => (addresses.as_slice(), DROP, ACCEPT),
            Self::AllowOnly(addresses) => (addresses.as_slice(), ACCEPT, DROP),
        };
        let program = program(addresses, listed, others)?;
        socket2::SockRef::from(listener).attach_filter(&program).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => io::Error::new(
                error.kind(),
                "this kernel wants CAP_NET_ADMIN for a filter on a socket, which is what the demonstration's firewalls \
                 are: run it as root",
            ),
            _ => error,
        })
    }

    /// # Errors
    /// Always, except for the open rule.
    #[cfg(not(target_os = "linux"))]
    pub fn apply(&self, _listener: &TcpListener) -> io::Result<()> {
        match self {
            Self::Open => Ok(()),
            _ => Err(io::Error::new(io::ErrorKind::Unsupported, "the demonstration's firewall needs Linux")),
        }
    }
}

/// The whole segment passes.
#[cfg(target_os = "linux")]
const ACCEPT: u32 = 0x4_0000;
#[cfg(target_os = "linux")]
const DROP: u32 = 0;

/// `listed` is returned for a source address of the list, `others` for any other.
#[cfg(target_os = "linux")]
fn program(addresses: &[Ipv4Addr], listed: u32, others: u32) -> io::Result<Vec<socket2::SockFilter>> {
    use socket2::SockFilter;
    const LOAD_WORD: u16 = 0x20;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    // A filter of a TCP socket begins at the TCP header; SKF_NET_OFF (-0x100000) leads back to the
    // IP header, where the source address is at offset 12.
    const SOURCE_ADDRESS: u32 = 0xfff0_0000 + 12;

    if addresses.len() > MOST_ADDRESSES {
        let why = format!("a firewall rule may have {MOST_ADDRESSES} addresses, not {}", addresses.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let mut program = vec![SockFilter::new(LOAD_WORD, 0, 0, SOURCE_ADDRESS)];
    for (index, address) in addresses.iter().enumerate() {
        // On a match: over the remaining comparisons and the first return.
        let ahead = u8::try_from(addresses.len() - index).unwrap_or(u8::MAX);
        program.push(SockFilter::new(JUMP_IF_EQUAL, ahead, 0, u32::from(*address)));
    }
    program.push(SockFilter::new(RETURN, 0, 0, others));
    program.push(SockFilter::new(RETURN, 0, 0, listed));
    Ok(program)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{IpAddr, SocketAddr};
    use std::time::Duration;

    use tokio::net::{TcpSocket, TcpStream};
    use tokio::time::timeout;

    use super::*;

    const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 1);
    const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 2);

    /// `Ok(None)` is a connect time-out: nothing came back at all.
    async fn connect(source: Ipv4Addr, to: SocketAddr) -> io::Result<Option<TcpStream>> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(IpAddr::V4(source), 0))?;
        timeout(Duration::from_millis(300), socket.connect(to)).await.map_or(Ok(None), |r| r.map(Some))
    }

    #[tokio::test]
    async fn a_blocked_source_gets_a_time_out_and_the_other_gets_in() {
        let listener = TcpListener::bind("127.0.10.200:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        Firewall::Block(vec![Ipv4Addr::new(192, 0, 2, 1), SECOND]).apply(&listener).unwrap();
        assert!(connect(FIRST, to).await.unwrap().is_some());
        assert!(connect(SECOND, to).await.unwrap().is_none(), "dropped, not refused");

        Firewall::AllowOnly(vec![SECOND]).apply(&listener).unwrap();
        assert!(connect(FIRST, to).await.unwrap().is_none());
        assert!(connect(SECOND, to).await.unwrap().is_some());

        Firewall::Open.apply(&listener).unwrap();
        assert!(connect(FIRST, to).await.unwrap().is_some());
        assert!(connect(SECOND, to).await.unwrap().is_some());
    }

    #[test]
    fn a_rule_that_a_jump_could_not_cross_is_refused() {
        assert!(program(&[FIRST; MOST_ADDRESSES], DROP, ACCEPT).is_ok());
        assert!(program(&[FIRST; MOST_ADDRESSES + 1], DROP, ACCEPT).is_err());
    }
}
