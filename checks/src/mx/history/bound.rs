//! The bounds that follow from what was seen: T*, T* of a departure, what to go back to, and when a
//! change would be fast.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::served::{AddressHistory, ServedSet};
use super::{ASSUMED_NS_TTL, ASSUMED_TTL, DEAD_AFTER, RrsetHistory, later, shift};
use crate::mx::Expected;
use crate::mx::set::{is_good, names_any, same, verdict, words};
use crate::observation::MxRecord;
use crate::{DomainName, escape, when};

/// Terms that are told, the latest first.
const TERMS: usize = 20;
/// A TTL up to which a change counts as fast, seconds.
const FAST_TTL: u32 = 600;

/// The instant after which every sender that honours TTLs uses the new MX.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TStar {
    pub at: Timestamp,
    /// From which record the time comes: a sentence for people.
    pub because: String,
    /// The terms of the bound, the latest first, at most 20.
    pub terms: Vec<Term>,
}

/// One lower bound of T*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    pub at: Timestamp,
    pub because: String,
}

/// The last MX set that did not name the gateway: what to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousMx {
    /// At most 60; empty where there was no MX.
    pub records: Vec<MxRecord>,
    /// The TTL with which it was last served, seconds.
    pub ttl: u32,
    pub last_seen: Timestamp,
}

/// Advice: when a change of the MX would reach everybody fast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastestChange {
    pub at: Timestamp,
    /// Whether the low TTL is served already; otherwise `at` holds if it is lowered at once.
    pub lowered: bool,
    pub because: String,
}

impl RrsetHistory {
    /// T*, `None` while some authoritative address still serves something else than what is accepted
    /// (or nothing was seen yet). `extra` are terms that others know of, such as that of MTA-STS.
    ///
    /// A resolver may have fetched the old set just before our first look that shows another one:
    /// for each authoritative address and each TTL v served with an old set, v ends at the first
    /// later answer that shows another TTL or set, and T* is no earlier than end(v) + v. What was
    /// served before the first look is taken to have had a TTL of 86,400 s.
    #[must_use]
    pub fn t_star(&self, expected: &Expected, extra: &[Term]) -> Option<TStar> {
        let old = |set: &ServedSet| !is_good(verdict(&set.records, &[], expected));
        let mut terms = self.terms(&old, "without the new MX")?;
        terms.extend(self.exchange_terms(expected));
        terms.extend_from_slice(extra);
        latest(terms)
    }

    /// T* of the departure: when the last copy that names the gateway has expired. `None` while some
    /// authoritative address still names it (or nothing was seen yet).
    #[must_use]
    pub fn departure(&self, expected: &Expected) -> Option<TStar> {
        let ours = |set: &ServedSet| names_any(&set.records, expected);
        latest(self.terms(&ours, "with the gateway in its MX")?)
    }

    /// The last set that did not name the gateway: the one seen last, with the highest TTL on a tie.
    #[must_use]
    pub fn previous_mx(&self, expected: &Expected) -> Option<PreviousMx> {
        let current = self.addresses.values().filter_map(|a| a.current.as_ref()).map(|c| (&c.set, c.ttl, c.last_seen));
        let finished = self
            .addresses
            .values()
            .flat_map(|a| &a.finished)
            .filter_map(|i| i.set.as_ref().map(|set| (set, i.ttl, i.last_seen)));
        current
            .chain(finished)
            .filter(|(set, _, _)| !names_any(&set.records, expected))
            .max_by_key(|(_, ttl, seen)| (*seen, *ttl))
            .map(|(set, ttl, last_seen)| PreviousMx { records: set.records.clone(), ttl, last_seen })
    }

    /// When a change would be fast: the TTL lowered, and the earlier one waited out.
    #[must_use]
    pub fn fastest_change_after(&self) -> Option<FastestChange> {
        let now = self.last_round?;
        let present = || self.addresses.values().filter(|a| a.left_at.is_none());
        let ttl = present().filter_map(|a| a.current.as_ref()).map(|c| c.ttl).max()?;
        if ttl > FAST_TTL {
            return Some(FastestChange {
                at: later(now, ttl),
                lowered: false,
                because: format!(
                    "The MX has a TTL of {ttl} seconds. If it is lowered to 300 now, a change after {} reaches everybody \
                     within minutes.",
                    when(later(now, ttl))
                ),
            });
        }
        let past = present().filter(|a| a.had_past).filter_map(|a| a.first_answer).map(|at| later(at, ASSUMED_TTL));
        let longer = present().flat_map(|a| &a.finished).filter(|i| i.ttl > ttl).map(super::served::Interval::until);
        let at = past.chain(longer).max().unwrap_or(now);
        Some(FastestChange {
            at,
            lowered: true,
            because: format!("The TTL is {ttl} seconds now; copies with a longer one have expired by {}.", when(at)),
        })
    }

    /// A term for each interval in which a set that `is_old` was served; `None` while one still is.
    fn terms(&self, is_old: &dyn Fn(&ServedSet) -> bool, what: &str) -> Option<Vec<Term>> {
        let now = self.last_round?;
        let mut terms = Vec::new();
        let mut answered = false;
        for (address, history) in &self.addresses {
            let label = format!("{} ({})", history.name, address.ip());
            if let Some(current) = &history.current {
                answered = true;
                if is_old(&current.set) {
                    terms.push(self.still_old(history, &label, what, now)?);
                }
            }
            terms.extend(past_term(history, &label));
            for interval in &history.finished {
                if interval.set.as_ref().is_none_or(is_old) {
                    terms.push(Term {
                        at: interval.until(),
                        because: format!(
                            "{label} was seen {what} ({}), TTL {} seconds, until {}; a copy fetched just before then may \
                             be used until {}.",
                            interval.set.as_ref().map_or("an earlier set".to_owned(), |s| words(&s.records)),
                            interval.ttl,
                            when(interval.end),
                            when(interval.until())
                        ),
                    });
                }
            }
        }
        answered.then_some(terms)
    }

    /// The term of an address whose last answer was an old set: none while it is asked and answers,
    /// a bound once it has left the delegation or has been silent for 24 hours.
    fn still_old(&self, history: &AddressHistory, label: &str, what: &str, now: Timestamp) -> Option<Term> {
        let current = history.current.as_ref()?;
        if let Some(left) = history.left_at {
            let ns_ttl = self.ns_ttl.unwrap_or(ASSUMED_NS_TTL);
            let at = later(later(left, ns_ttl), current.ttl);
            return Some(Term {
                at,
                because: format!(
                    "{label} left the list of name servers at {}, last seen {what}; resolvers may use it for {ns_ttl} \
                     seconds more and keep its answer for {} seconds: until {}.",
                    when(left),
                    current.ttl,
                    when(at)
                ),
            });
        }
        let since = history.silent_since.filter(|since| now >= shift(*since, DEAD_AFTER))?;
        let at = later(since, current.ttl);
        Some(Term {
            at,
            because: format!(
                "{label} was last seen {what}, TTL {} seconds, and has been silent since {}.",
                current.ttl,
                when(since)
            ),
        })
    }

    /// A changed address of an accepted exchange that is not the gateway's. (Whatever the gateway's
    /// names point at is the gateway, and may change at every answer.)
    fn exchange_terms(&self, expected: &Expected) -> Vec<Term> {
        let foreign: BTreeSet<&DomainName> =
            expected.accepted.iter().flatten().filter(|n| !expected.is_ours(n)).collect();
        self.exchanges
            .iter()
            .filter(|(name, _)| foreign.iter().any(|f| same(name, f)))
            .filter_map(|(name, seen)| {
                let at = seen.until?;
                Some(Term {
                    at,
                    because: format!(
                        "The address of {name} changed; a copy of the earlier one may be used until {}.",
                        when(at)
                    ),
                })
            })
            .collect()
    }
}

/// What may have been served before the first look.
fn past_term(history: &AddressHistory, label: &str) -> Option<Term> {
    let first = history.first_answer.filter(|_| history.had_past)?;
    let at = later(first, ASSUMED_TTL);
    Some(Term {
        at,
        because: format!(
            "{label} was first asked at {}; what it served before is not known, so a time to live of one day is assumed: \
             until {}.",
            when(first),
            when(at)
        ),
    })
}

fn latest(mut terms: Vec<Term>) -> Option<TStar> {
    terms.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.because.cmp(&b.because)));
    terms.truncate(TERMS);
    for term in &mut terms {
        term.because = escape::clean(&term.because, escape::DETAIL);
    }
    let first = terms.first()?;
    Some(TStar { at: first.at, because: first.because.clone(), terms })
}
