//! The transport for many DNS questions: shared UDP sockets with random ports and ids, a thread that sends
//! and reads packets in batches, retransmission, TCP where an answer does not fit, and the next upstream where
//! one fails. [`sweep`] asks for a stream of domains on the calling thread; [`Bulk`] is a
//! thread of its own under hickory's `DnsHandle`. Judges nothing.

mod flight;
mod handle;
mod mx;
mod pace;
mod packet;
#[cfg(test)]
#[path = "../../../fuzz/properties/dns_matching.rs"]
mod properties;
mod reactor;
mod sockets;
mod tcp;
#[cfg(test)]
mod tests;
mod wake;
mod wheel;

use std::net::SocketAddr;

pub use self::handle::Bulk;
pub use self::mx::sweep;
pub(crate) use self::packet::write_mx_question;
pub(crate) use self::reactor::Reactor;
pub use self::reactor::RunError;

/// How much is asked of whom.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Recursive resolvers, or servers that are authoritative for everything that is asked.
    pub upstreams: Vec<SocketAddr>,
    /// UDP sockets, each with a random port.
    pub sockets: usize,
    /// Questions in flight to one upstream, at most.
    pub window: usize,
    /// Questions a second to one upstream; `None`: as fast as it answers.
    pub rate: Option<u32>,
    /// Times that a question is sent to one upstream before the next one is asked.
    pub tries: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { upstreams: Vec::new(), sockets: 256, window: 2_000, rate: None, tries: 8 }
    }
}

/// Where questions come from and answers go. Called on the reactor's thread: whatever takes long here makes
/// the sweep slower, and nothing else.
pub(crate) trait Client {
    /// Writes the next question's packet.
    fn next(&mut self, packet: &mut Vec<u8>) -> Next;

    /// An answer to the question `key`. `false` where its bytes cannot be read: then it is dropped, and the
    /// question goes on waiting for a better one.
    fn answered(&mut self, key: u64, answer: &Answer<'_>) -> bool;

    /// Nobody answered the question `key`.
    fn failed(&mut self, key: u64, failure: Failure, told: Told);

    /// Called some times a second, and at the end.
    fn progress(&mut self, counters: &Counters) {
        let _ = counters;
    }
}

/// What [`Client::next`] has to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The packet was written; answers come under this key.
    Ask(u64),
    /// Nothing at the moment.
    Later,
    /// Nothing any more.
    End,
}

/// What is told of a question with its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    /// Who was asked last.
    pub(crate) upstream: SocketAddr,
    /// Times that it was sent.
    pub(crate) tries: u32,
    /// From the first sending, µs.
    pub(crate) elapsed: u64,
    pub(crate) tcp: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) told: Told,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    TimedOut,
    /// Only bytes that could not be read.
    Unreadable,
    /// It did not fit into a packet, and TCP failed.
    NoTcp,
    /// Our own side could not send.
    NoRoute,
    /// No upstream answered anything for a long time: the sweep ended here.
    AllGone,
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Packets sent, repetitions included.
    pub(crate) sent: u64,
    pub(crate) retransmitted: u64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) by_tcp: u64,
    /// Questions that another upstream was asked instead.
    pub(crate) failed_over: u64,
    pub(crate) in_flight: u64,
    /// Packets that were dropped: no answer of DNS; to no question that waits (late, duplicate, guessed);
    /// from somebody else than was asked; to another question; not to be read.
    pub(crate) no_answer: u64,
    pub(crate) unasked: u64,
    pub(crate) wrong_source: u64,
    pub(crate) wrong_question: u64,
    pub(crate) unreadable: u64,
}

impl Counters {
    /// All packets that were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.no_answer + self.unasked + self.wrong_source + self.wrong_question + self.unreadable
    }
}
