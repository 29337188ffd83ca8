//! Asks for the MX of a stream of domains, one question each. Answers are read by the same rules as every other
//! answer of a resolver.

use std::net::SocketAddr;

use fencepost_checks::observation::DnsAnswer;
use hickory_proto::op::Message;

use super::{Answer, Client, Counters, Failure, Next, Reactor, RunError, Settings, Told, write_mx_question};
use crate::engine::ports::{MxLook, MxStream, NextName, SweepCounters};
use crate::probe::dns::mx_of_resolver;

/// Asks until the stream ends and the last question is answered or given up. Blocks the calling thread.
///
/// # Errors
/// [`RunError`] before anything was asked.
pub fn sweep<S: MxStream>(settings: &Settings, stream: S) -> Result<(S, SweepCounters), RunError> {
    let (asker, counters) = Reactor::new(settings, Asker { stream, name: String::new() })?.run();
    Ok((asker.stream, counters.into()))
}

struct Asker<S> {
    stream: S,
    name: String,
}

impl<S: MxStream> Client for Asker<S> {
    fn next(&mut self, packet: &mut Vec<u8>) -> Next {
        loop {
            self.name.clear();
            match self.stream.next(&mut self.name) {
                NextName::Ask(key) if write_mx_question(packet, &self.name) => return Next::Ask(key),
                NextName::Ask(key) => {
                    let detail = "not a legal name".to_owned();
                    self.stream.seen(key, &never_sent(DnsAnswer::Malformed { detail }));
                }
                NextName::Later => return Next::Later,
                NextName::End => return Next::End,
            }
        }
    }

    fn answered(&mut self, key: u64, answer: &Answer<'_>) -> bool {
        let Ok(message) = Message::from_vec(answer.bytes) else { return false };
        self.stream.seen(key, &look(mx_of_resolver(message), answer.told));
        true
    }

    fn failed(&mut self, key: u64, failure: Failure, told: Told) {
        let answer = match failure {
            Failure::TimedOut | Failure::AllGone => DnsAnswer::TimedOut,
            Failure::Unreadable => DnsAnswer::Malformed { detail: "a message that cannot be read".to_owned() },
            Failure::NoTcp => {
                let detail = "the answer does not fit in UDP, and TCP fails".to_owned();
                DnsAnswer::Unreachable { detail }
            }
            Failure::NoRoute => DnsAnswer::VantageFault { detail: "no route".to_owned() },
        };
        let look = MxLook { nobody_answers: failure == Failure::AllGone, ..look(answer, told) };
        self.stream.seen(key, &look);
    }

    fn progress(&mut self, counters: &Counters) {
        self.stream.progress(&(*counters).into());
    }
}

fn look(answer: DnsAnswer, told: Told) -> MxLook {
    let Told { upstream, tries, elapsed, tcp } = told;
    MxLook { answer, upstream, tries, elapsed_us: elapsed, tcp, nobody_answers: false }
}

fn never_sent(answer: DnsAnswer) -> MxLook {
    let upstream = SocketAddr::from(([0, 0, 0, 0], 0));
    MxLook { answer, upstream, tries: 0, elapsed_us: 0, tcp: false, nobody_answers: false }
}

impl From<Counters> for SweepCounters {
    fn from(counters: Counters) -> Self {
        Self {
            sent: counters.sent,
            retransmitted: counters.retransmitted,
            answered: counters.answered,
            by_tcp: counters.by_tcp,
            failed_over: counters.failed_over,
            in_flight: counters.in_flight,
            dropped: counters.dropped(),
        }
    }
}
