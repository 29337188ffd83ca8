//! The MX of many domains, one cheap question each: what a sweep hands to the transport, and what it gets back.

use std::net::SocketAddr;

use fencepost_checks::observation::DnsAnswer;

/// A stream of domains to ask for. Called on one thread, which waits for nothing else meanwhile.
pub trait MxStream: Send {
    /// Puts the next name (lower-case, without trailing dot) into `name`.
    fn next(&mut self, name: &mut String) -> NextName;

    /// What became of the question with this key. Each is told once.
    fn seen(&mut self, key: u64, look: &MxLook);

    /// Called some times a second, and at the end.
    fn progress(&mut self, counters: &SweepCounters) {
        let _ = counters;
    }
}

/// What there is to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextName {
    /// The name was put there; its outcome comes under this key.
    Ask(u64),
    /// Nothing at the moment.
    Later,
    /// Nothing any more.
    End,
}

/// The outcome of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MxLook {
    pub answer: DnsAnswer,
    /// Who gave it, or was asked last.
    pub upstream: SocketAddr,
    /// Times that it was sent.
    pub tries: u32,
    /// From the first sending to the answer, µs.
    pub elapsed_us: u64,
    pub tcp: bool,
    /// Not this domain's fault: no upstream answered anything for a long time, and the sweep should end.
    pub nobody_answers: bool,
}

/// What the transport has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepCounters {
    /// Packets sent, repetitions included.
    pub sent: u64,
    pub retransmitted: u64,
    pub answered: u64,
    pub by_tcp: u64,
    pub failed_over: u64,
    pub in_flight: u64,
    /// Packets that came and answered no question that waited.
    pub dropped: u64,
}
