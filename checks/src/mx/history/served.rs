//! What one authoritative address served, as intervals of one set with one TTL. Finished intervals
//! are kept only as long as a copy fetched in them can matter.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::later;
use crate::observation::MxRecord;

/// Finished intervals kept for one address. A server that changes its TTL at every answer would
/// otherwise grow without end; the least important ones are merged, never forgotten.
const INTERVALS: usize = 24;
/// Records kept of one set; a digest covers the rest.
const RECORDS: usize = 60;

/// A set as served, bounded: the first records in order, and a digest over all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ServedSet {
    pub(super) records: Vec<MxRecord>,
    digest: u64,
}

impl ServedSet {
    pub(super) fn of(records: &[MxRecord]) -> Self {
        let mut sorted = records.to_vec();
        sorted.sort();
        sorted.dedup();
        // FNV-1a. Whoever forges a collision only fools himself: it is his own zone.
        let mut digest = 0xcbf2_9ce4_8422_2325_u64;
        let mut feed = |byte: u8| digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        for record in &sorted {
            record.preference.to_be_bytes().into_iter().for_each(&mut feed);
            record.exchange.bytes().for_each(&mut feed);
            feed(0);
        }
        sorted.truncate(RECORDS);
        Self { records: sorted, digest }
    }
}

/// An interval in which an address served one set with one TTL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Interval {
    /// `None` after a merge: some earlier set, to be taken for an old one.
    pub(super) set: Option<ServedSet>,
    pub(super) ttl: u32,
    pub(super) last_seen: Timestamp,
    /// The first later answer that showed something else.
    pub(super) end: Timestamp,
}

impl Interval {
    /// Until when a copy fetched in this interval may live.
    pub(super) fn until(&self) -> Timestamp {
        later(self.end, self.ttl)
    }
}

/// What is served now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Current {
    pub(super) set: ServedSet,
    pub(super) ttl: u32,
    pub(super) first_seen: Timestamp,
    pub(super) last_seen: Timestamp,
}

/// One authoritative address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AddressHistory {
    /// Name of the server, escaped.
    pub(super) name: String,
    /// Whether it may have served something before the first look. Not so for a server that joined
    /// the delegation while we watched.
    pub(super) had_past: bool,
    pub(super) first_answer: Option<Timestamp>,
    pub(super) current: Option<Current>,
    pub(super) finished: Vec<Interval>,
    /// First of an unbroken run of looks without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) silent_since: Option<Timestamp>,
    /// When it was first missing from the delegation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left_at: Option<Timestamp>,
}

impl AddressHistory {
    pub(super) fn new(name: String, had_past: bool) -> Self {
        Self {
            name,
            had_past,
            first_answer: None,
            current: None,
            finished: Vec::new(),
            silent_since: None,
            left_at: None,
        }
    }

    pub(super) fn served(&mut self, set: ServedSet, ttl: u32, at: Timestamp) {
        if self.current.as_ref().is_some_and(|c| at < c.last_seen) {
            return;
        }
        self.silent_since = None;
        self.first_answer.get_or_insert(at);
        match &mut self.current {
            Some(now) if now.set == set && now.ttl == ttl => now.last_seen = at,
            slot => {
                let next = Current { set, ttl, first_seen: at, last_seen: at };
                if let Some(before) = slot.replace(next) {
                    self.finish(before, at);
                }
            }
        }
    }

    /// A look without an answer; our own fault does not count against the server.
    pub(super) fn silent(&mut self, our_fault: bool, at: Timestamp) {
        if !our_fault && self.current.as_ref().is_none_or(|c| at >= c.last_seen) {
            self.silent_since.get_or_insert(at);
        }
    }

    fn finish(&mut self, before: Current, end: Timestamp) {
        let interval = Interval { set: Some(before.set), ttl: before.ttl, last_seen: before.last_seen, end };
        let same = self.finished.iter_mut().find(|i| i.set == interval.set && i.ttl == interval.ttl);
        match same {
            Some(known) => *known = interval,
            None => self.finished.push(interval),
        }
        if self.finished.len() > INTERVALS {
            self.merge();
        }
    }

    /// Merges the two intervals whose copies expire first: of one set where they agree, of "some
    /// earlier set" otherwise, which can only make the bound later.
    fn merge(&mut self) {
        self.finished.sort_by_key(|i| std::cmp::Reverse(i.until()));
        if let (Some(a), Some(b)) = (self.finished.pop(), self.finished.pop()) {
            let (first, second) = if a.until() >= b.until() { (a, b) } else { (b, a) };
            let set = if first.set == second.set { first.set.clone() } else { None };
            self.finished.push(Interval { set, ..first });
        }
    }

    /// Drops what expired long ago, but for the newest interval of each address: the rollback card
    /// needs it.
    pub(super) fn forget_before(&mut self, horizon: Timestamp) {
        let newest = self.finished.iter().map(|i| i.end).max();
        self.finished.retain(|i| i.until() >= horizon || Some(i.end) == newest);
    }
}
