//! The shared UDP sockets: many of them, each with a random port, asked and read in batches so that a system
//! call carries many packets. Knows packets as bytes; whom they answer is decided elsewhere.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{RcvBuf, SndBuf};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, SockaddrIn6, SockaddrLike, recvmmsg, sendmmsg, setsockopt};

/// Packets of one system call.
pub(super) const BATCH: usize = 32;
/// Longest packet that is read. Without EDNS an answer has at most 512 bytes (RFC 1035 §4.2.1); what is
/// longer was not asked for, and is cut and dropped.
const LONGEST: usize = 1_500;
/// What the kernel keeps for a socket until it is read, bytes.
const BUFFER: usize = 1 << 20;

/// All sockets, of one family or of both.
pub(super) struct Sockets {
    list: Vec<UdpSocket>,
    /// The first socket of IPv6; those before it are of IPv4.
    first_v6: usize,
}

/// What a system call fills. It stays on the thread that made it. Headers that packets are sent with point at
/// the addresses of the last batch afterwards, so that others are needed to receive.
pub(super) struct Batches {
    v4_out: MultiHeaders<SockaddrIn>,
    v6_out: MultiHeaders<SockaddrIn6>,
    v4_in: MultiHeaders<SockaddrIn>,
    v6_in: MultiHeaders<SockaddrIn6>,
    buffer: Vec<u8>,
}

impl Batches {
    pub(super) fn new() -> Self {
        Self {
            v4_out: MultiHeaders::preallocate(BATCH, None),
            v6_out: MultiHeaders::preallocate(BATCH, None),
            v4_in: MultiHeaders::preallocate(BATCH, None),
            v6_in: MultiHeaders::preallocate(BATCH, None),
            buffer: vec![0; BATCH * LONGEST],
        }
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    /// As many of its first packets left.
    pub(super) count: usize,
    /// The one after them cannot be sent at all: no route, or forbidden.
    pub(super) refused: bool,
}

impl Sockets {
    /// `count` sockets for each family that `upstreams` has, at ports that the system chooses at random.
    pub(super) fn open(upstreams: &[SocketAddr], count: usize) -> io::Result<Self> {
        let mut list = Vec::new();
        let local = |ip: fn(&SocketAddr) -> bool| upstreams.iter().filter(|u| ip(u)).all(|u| u.ip().is_loopback());
        if upstreams.iter().any(SocketAddr::is_ipv4) {
            let any = if local(SocketAddr::is_ipv4) { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
            open_at(any.into(), count, &mut list)?;
        }
        let first_v6 = list.len();
        if upstreams.iter().any(SocketAddr::is_ipv6) {
            let any = if local(SocketAddr::is_ipv6) { Ipv6Addr::LOCALHOST } else { Ipv6Addr::UNSPECIFIED };
            open_at(any.into(), count, &mut list)?;
        }
        Ok(Self { list, first_v6 })
    }

    pub(super) fn all(&self) -> &[UdpSocket] {
        &self.list
    }

    /// Indices of the sockets that reach `upstream`.
    pub(super) fn reaching(&self, upstream: SocketAddr) -> std::ops::Range<usize> {
        if upstream.is_ipv4() { 0..self.first_v6 } else { self.first_v6..self.list.len() }
    }

    /// Sends at most [`BATCH`] packets from one socket.
    pub(super) fn send<'p>(
        &self,
        batches: &mut Batches,
        socket: usize,
        packets: impl ExactSizeIterator<Item = (SocketAddr, &'p [u8])>,
    ) -> Sent {
        let Some(fd) = self.list.get(socket).map(AsRawFd::as_raw_fd) else { return Sent { count: 0, refused: true } };
        if socket < self.first_v6 {
            send(fd, &mut batches.v4_out, packets, v4)
        } else {
            send(fd, &mut batches.v6_out, packets, v6)
        }
    }

    /// Reads at most [`BATCH`] packets and hands each to `take`; how many there were.
    pub(super) fn receive(&self, batches: &mut Batches, socket: usize, take: impl FnMut(SocketAddr, &[u8])) -> usize {
        let Some(fd) = self.list.get(socket).map(AsRawFd::as_raw_fd) else { return 0 };
        if socket < self.first_v6 {
            receive(fd, &mut batches.v4_in, &mut batches.buffer, |from| SocketAddrV4::from(*from).into(), take)
        } else {
            receive(fd, &mut batches.v6_in, &mut batches.buffer, |from| SocketAddrV6::from(*from).into(), take)
        }
    }
}

fn open_at(any: IpAddr, count: usize, list: &mut Vec<UdpSocket>) -> io::Result<()> {
    for _ in 0..count {
        let socket = UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        // More than the system allows is cut to what it allows; that is no reason to stop.
        let _ = setsockopt(&socket.as_fd(), RcvBuf, &BUFFER);
        let _ = setsockopt(&socket.as_fd(), SndBuf, &BUFFER);
        list.push(socket);
    }
    Ok(())
}

fn v4(to: SocketAddr) -> Option<SockaddrIn> {
    match to {
        SocketAddr::V4(to) => Some(SockaddrIn::from(to)),
        SocketAddr::V6(_) => None,
    }
}

fn v6(to: SocketAddr) -> Option<SockaddrIn6> {
    match to {
        SocketAddr::V6(to) => Some(SockaddrIn6::from(to)),
        SocketAddr::V4(_) => None,
    }
}

fn send<'p, S: SockaddrLike + Copy>(
    fd: i32,
    headers: &mut MultiHeaders<S>,
    packets: impl ExactSizeIterator<Item = (SocketAddr, &'p [u8])>,
    address: fn(SocketAddr) -> Option<S>,
) -> Sent {
    let count = packets.len().min(BATCH);
    let mut slices = [[IoSlice::new(&[])]; BATCH];
    let mut to = [None; BATCH];
    for ((slice, to), (upstream, packet)) in slices.iter_mut().zip(&mut to).zip(packets) {
        *slice = [IoSlice::new(packet)];
        *to = address(upstream);
    }
    match sendmmsg(fd, headers, &slices[..count], &to[..count], [], MsgFlags::MSG_DONTWAIT) {
        Ok(results) => Sent { count: results.count(), refused: false },
        Err(Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS) => Sent { count: 0, refused: false },
        Err(_) => Sent { count: 0, refused: true },
    }
}

fn receive<S: SockaddrLike + Copy>(
    fd: i32,
    headers: &mut MultiHeaders<S>,
    buffer: &mut [u8],
    address: impl Fn(&S) -> SocketAddr,
    mut take: impl FnMut(SocketAddr, &[u8]),
) -> usize {
    let mut pieces = buffer.chunks_exact_mut(LONGEST);
    let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
        std::array::from_fn(|_| [IoSliceMut::new(pieces.next().unwrap_or_default())]);
    let Ok(results) = recvmmsg(fd, headers, slices.iter_mut(), MsgFlags::MSG_DONTWAIT, None) else { return 0 };
    let mut count = 0;
    for packet in results {
        count += 1;
        let bytes = packet.iovs().next().unwrap_or_default();
        if let Some(from) = packet.address.as_ref().filter(|_| !packet.flags.contains(MsgFlags::MSG_TRUNC)) {
            take(address(from), bytes);
        }
    }
    count
}
