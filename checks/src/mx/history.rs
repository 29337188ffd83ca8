//! What authoritative servers were seen to serve, and until when copies of it may live: the input of
//! T*, of the rollback card and of the advice about TTLs. Only authoritative TTLs count here; what
//! resolvers say never enters a bound.

mod bound;
mod served;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use bound::{FastestChange, PreviousMx, TStar, Term};

use super::set;
use crate::observation::{DnsAnswer, DnsRound, ServerAnswer};
use served::{AddressHistory, ServedSet};

/// Authoritative addresses that are watched, at most.
const ADDRESSES: usize = 128;
/// Silence after which an authoritative address is left out, seconds.
const DEAD_AFTER: i64 = 86_400;
/// TTL that is assumed for what was served before the first look, seconds.
const ASSUMED_TTL: u32 = 86_400;
/// TTL that is assumed for an NS set whose TTL was not observed, seconds: what large registries use.
const ASSUMED_NS_TTL: u32 = 172_800;

/// The watched history of a domain's MX RRset. Kept as JSON by the store, from the order on.
/// Bounded: at most 128 addresses, 24 finished intervals each, 60 records a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RrsetHistory {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_round: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_round: Option<Timestamp>,
    /// By address and port.
    #[serde(default)]
    addresses: BTreeMap<SocketAddr, AddressHistory>,
    /// Name servers without an address, and since when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    nameless: BTreeMap<String, Timestamp>,
    /// Largest TTL of the NS sets that was seen, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ns_ttl: Option<u32>,
    /// Addresses of exchanges, to see them change.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    exchanges: BTreeMap<String, ExchangeSeen>,
}

/// Where an exchange pointed when it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ExchangeSeen {
    addresses: BTreeSet<IpAddr>,
    /// Largest TTL seen, seconds: resolvers count theirs down.
    ttl: u32,
    /// Until when a copy of earlier addresses may live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

impl RrsetHistory {
    /// Takes in a round. Rounds may come late or twice; an answer older than the newest one of its
    /// address is ignored.
    pub fn observe(&mut self, round: &DnsRound) {
        let at = round.finished_at;
        if self.last_round.is_some_and(|last| at < last) {
            return;
        }
        self.first_round.get_or_insert(round.started_at);
        self.last_round = Some(at);
        for server in &round.servers {
            self.observe_server(server);
        }
        self.observe_delegation(round);
        self.observe_exchanges(round);
        self.ns_ttl = self.ns_ttl.max(round.ns_ttl);
        let horizon = shift(at, -14 * 86_400);
        self.addresses.retain(|_, a| a.left_at.is_none_or(|left| left >= horizon));
        for address in self.addresses.values_mut() {
            address.forget_before(horizon);
        }
    }

    fn observe_server(&mut self, server: &ServerAnswer) {
        if !self.addresses.contains_key(&server.address) {
            if self.addresses.len() >= ADDRESSES {
                return;
            }
            let known_name = self.addresses.values().any(|a| a.name == server.name)
                || self.nameless.contains_key(&server.name)
                || self.first_round.is_none_or(|first| shift(server.observed_at, -600) <= first);
            self.addresses
                .insert(server.address, AddressHistory::new(crate::escape::clean(&server.name, 255), known_name));
        }
        let Some(history) = self.addresses.get_mut(&server.address) else { return };
        // An alias whose end is not known is an answer all the same: copies of it live, and lead elsewhere.
        let alias = matches!(server.answer, DnsAnswer::Cname { .. }).then_some(&[][..]);
        match (set::published(&server.answer).or(alias), ttl_of(&server.answer)) {
            (Some(records), Some(ttl)) => history.served(ServedSet::of(records), ttl, server.observed_at),
            _ => history.silent(matches!(server.answer, DnsAnswer::VantageFault { .. }), server.observed_at),
        }
    }

    /// Notes addresses that are no longer in the delegation: resolvers may use them until their copy
    /// of the NS set expires.
    fn observe_delegation(&mut self, round: &DnsRound) {
        if !round.servers.is_empty() {
            let present: BTreeSet<SocketAddr> = round.servers.iter().map(|s| s.address).collect();
            for (address, history) in &mut self.addresses {
                let gone = !present.contains(address);
                history.left_at = if gone { history.left_at.or(Some(round.finished_at)) } else { None };
            }
        }
        self.nameless.retain(|name, _| round.servers_without_address.contains(name));
        for name in round.servers_without_address.iter().take(ADDRESSES) {
            self.nameless.entry(crate::escape::clean(name, 255)).or_insert(round.finished_at);
        }
    }

    fn observe_exchanges(&mut self, round: &DnsRound) {
        for seen in round.exchanges.iter().filter(|e| !e.addresses.is_empty()).take(ADDRESSES) {
            let addresses: BTreeSet<IpAddr> = seen.addresses.iter().copied().take(64).collect();
            let ttl = seen.ttl.unwrap_or(ASSUMED_TTL);
            let key = crate::escape::clean(&seen.exchange, 255);
            let room = self.exchanges.len() < ADDRESSES;
            match self.exchanges.get_mut(&key) {
                Some(known) => {
                    if known.addresses != addresses {
                        known.until = Some(later(round.finished_at, known.ttl));
                        known.addresses = addresses;
                        known.ttl = ttl;
                    }
                    known.ttl = known.ttl.max(ttl);
                }
                None if room => {
                    self.exchanges.insert(key, ExchangeSeen { addresses, ttl, until: None });
                }
                None => {}
            }
        }
    }

    /// Authoritative addresses of `round` that have been silent for 24 hours, counted at the end of
    /// the round, if at least two others answer and agree.
    #[must_use]
    pub fn dead(&self, round: &DnsRound) -> BTreeSet<SocketAddr> {
        if !others_agree(round) {
            return BTreeSet::new();
        }
        let silent = |s: &&ServerAnswer| {
            set::published(&s.answer).is_none()
                && self
                    .addresses
                    .get(&s.address)
                    .and_then(|h| h.silent_since)
                    .is_some_and(|since| round.finished_at >= shift(since, DEAD_AFTER))
        };
        round.servers.iter().filter(silent).map(|s| s.address).collect()
    }

    /// Name servers whose address could not be found for 24 hours, if at least two others agree.
    #[must_use]
    pub fn dead_names(&self, round: &DnsRound) -> BTreeSet<String> {
        if !others_agree(round) {
            return BTreeSet::new();
        }
        let since = |name: &String| self.nameless.get(&crate::escape::clean(name, 255)).copied();
        round
            .servers_without_address
            .iter()
            .filter(|name| since(name).is_some_and(|since| round.finished_at >= shift(since, DEAD_AFTER)))
            .cloned()
            .collect()
    }
}

/// Whether at least two addresses answered, and all that answered gave the same set.
fn others_agree(round: &DnsRound) -> bool {
    let sets: Vec<ServedSet> =
        round.servers.iter().filter_map(|s| set::published(&s.answer)).map(ServedSet::of).collect();
    sets.len() >= 2 && sets.iter().all(|s| Some(s) == sets.first())
}

/// How long a copy of an answer lives, seconds. A negative answer without SOA should not be kept at
/// all (RFC 2308 §5); some resolvers keep it, so the assumed TTL holds.
fn ttl_of(answer: &DnsAnswer) -> Option<u32> {
    // RFC 2181 §8: a TTL with the highest bit set counts as zero.
    let sane = |ttl: u32| if ttl > 0x7fff_ffff { 0 } else { ttl };
    match answer {
        DnsAnswer::Mx { ttl, .. } | DnsAnswer::Cname { ttl, .. } => Some(sane(*ttl)),
        DnsAnswer::NoData { negative_ttl } | DnsAnswer::NxDomain { negative_ttl } => {
            Some(negative_ttl.map_or(ASSUMED_TTL, sane))
        }
        _ => None,
    }
}

/// `ttl` seconds after `at`.
fn later(at: Timestamp, ttl: u32) -> Timestamp {
    shift(at, i64::from(ttl))
}

/// `at` moved by `seconds`; stays at the ends of time instead of overflowing.
fn shift(at: Timestamp, seconds: i64) -> Timestamp {
    let end = if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX };
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(end)
}
