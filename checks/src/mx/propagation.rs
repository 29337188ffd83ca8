//! How a change of the MX spread: what each name server and each resolver answered, and when. A record for
//! people; no bound and no verdict rests on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Expected, set};
use crate::escape::clean;
use crate::observation::{DnsAnswer, DnsRound};

/// Answerers that are followed, at most.
const TRACKS: usize = 96;
/// Spans kept of each; the oldest go first.
const SPANS: usize = 24;
/// An answerer that nobody has asked for so long is forgotten.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What an answer says of the change. The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// The MX as it is accepted.
    New,
    /// The gateway beside others, or only part of it.
    Mixed,
    /// The gateway is not named.
    Old,
    /// There is no MX.
    NoMx,
    /// No answer, or none that can be read.
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswererKind {
    /// Authoritative for the zone.
    NameServer,
    /// A public recursive resolver.
    Resolver,
}

/// Looks in a row that said the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub says: Says,
    /// The first and the last of these looks.
    pub from: Timestamp,
    pub to: Timestamp,
}

/// One answerer over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    pub kind: AnswererKind,
    /// Of a name server its name, of a resolver what it is called here; escaped.
    pub name: String,
    pub address: SocketAddr,
    /// Oldest first, never empty.
    pub spans: Vec<Span>,
}

/// Everybody who was asked. Kept as JSON by the store. Bounded: 96 answerers, 24 spans each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Propagation {
    tracks: Vec<Track>,
}

impl Propagation {
    /// Takes in a round. What could not be asked for reasons of our own says nothing.
    pub fn observe(&mut self, round: &DnsRound, expected: &Expected) {
        for server in &round.servers {
            self.add(
                AnswererKind::NameServer,
                &server.name,
                server.address,
                says(&server.answer, expected),
                server.observed_at,
            );
        }
        for resolver in &round.resolvers {
            let says = says(&resolver.answer, expected);
            self.add(AnswererKind::Resolver, &resolver.vantage, resolver.address, says, resolver.observed_at);
        }
        let horizon = round.finished_at.checked_sub(FORGOTTEN).unwrap_or(Timestamp::MIN);
        self.tracks.retain(|track| track.spans.last().is_some_and(|span| span.to >= horizon));
    }

    /// Name servers first, by name and address.
    #[must_use]
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Who says what now: it changes only when somebody says something else.
    #[must_use]
    pub fn now(&self) -> BTreeMap<SocketAddr, Says> {
        self.tracks.iter().filter_map(|track| Some((track.address, track.spans.last()?.says))).collect()
    }

    fn add(&mut self, kind: AnswererKind, name: &str, address: SocketAddr, says: Option<Says>, at: Timestamp) {
        let Some(says) = says else { return };
        let name = clean(name, 120);
        let place = self
            .tracks
            .binary_search_by(|track| (track.kind, track.name.as_str(), track.address).cmp(&(kind, &name, address)));
        match place {
            Ok(index) => {
                if let Some(track) = self.tracks.get_mut(index) {
                    track.look(says, at);
                }
            }
            Err(index) if self.tracks.len() < TRACKS => {
                let spans = vec![Span { says, from: at, to: at }];
                self.tracks.insert(index, Track { kind, name, address, spans });
            }
            Err(_) => {}
        }
    }
}

impl Track {
    fn look(&mut self, says: Says, at: Timestamp) {
        match self.spans.last_mut() {
            // Rounds may come late.
            Some(last) if at < last.to => {}
            Some(last) if last.says == says => last.to = at,
            _ => {
                self.spans.push(Span { says, from: at, to: at });
                if self.spans.len() > SPANS {
                    self.spans.remove(0);
                }
            }
        }
    }
}

/// `None` where our own side could not ask.
fn says(answer: &DnsAnswer, expected: &Expected) -> Option<Says> {
    if matches!(answer, DnsAnswer::VantageFault { .. }) {
        return None;
    }
    let Some(records) = set::published(answer) else { return Some(Says::Silent) };
    Some(match records {
        [] => Says::NoMx,
        _ if records.iter().all(set::is_null) => Says::NoMx,
        _ if set::is_good(set::verdict(records, &[], expected)) => Says::New,
        _ if set::names_any(records, expected) => Says::Mixed,
        _ => Says::Old,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{MxRecord, ResolverAnswer, ServerAnswer};

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn mx(names: &[&str]) -> DnsAnswer {
        let record = |name: &&str| MxRecord { preference: 10, exchange: (*name).to_owned() };
        DnsAnswer::Mx { records: names.iter().map(record).collect(), ttl: 300 }
    }

    fn expected() -> Expected {
        Expected { gateway_hosts: vec!["mx1.gateway.example".parse().unwrap()], ..Expected::default() }
    }

    fn round(minute: i64, server: DnsAnswer, resolver: DnsAnswer) -> DnsRound {
        let observed_at = at(minute);
        DnsRound {
            domain: "example.com".parse().unwrap(),
            started_at: observed_at,
            finished_at: observed_at,
            zone: None,
            servers: vec![ServerAnswer {
                name: "ns1.example.com".to_owned(),
                address: "192.0.2.53:53".parse().unwrap(),
                in_parent: true,
                in_child: true,
                answer: server,
                elapsed_ms: 1,
                observed_at,
            }],
            servers_without_address: Vec::new(),
            resolvers: vec![ResolverAnswer {
                vantage: "resolver-a".to_owned(),
                address: "192.0.2.99:53".parse().unwrap(),
                answer: resolver,
                elapsed_ms: 1,
                observed_at,
            }],
            exchanges: Vec::new(),
            ns_ttl: None,
            parents: Vec::new(),
            delegation_error: None,
        }
    }

    #[test]
    fn answers_become_spans() {
        let mut seen = Propagation::default();
        let old = || mx(&["mail.example.com"]);
        let new = || mx(&["mx1.gateway.example"]);
        let both = mx(&["mx1.gateway.example", "mail.example.com"]);
        let fault = DnsAnswer::VantageFault { detail: "no IPv6".to_owned() };
        let none = DnsAnswer::NoData { negative_ttl: None };
        let rounds = [
            (0, old(), old()),
            (10, old(), DnsAnswer::TimedOut),
            (20, both, fault),
            (30, new(), none),
            (25, old(), old()),
            (40, new(), new()),
        ];
        for (minute, server, resolver) in rounds {
            seen.observe(&round(minute, server, resolver), &expected());
        }
        let told: Vec<Vec<(Says, i64, i64)>> = seen
            .tracks()
            .iter()
            .map(|track| {
                let minute = |t: Timestamp| (t.as_second() - 1_800_000_000) / 60;
                track.spans.iter().map(|span| (span.says, minute(span.from), minute(span.to))).collect()
            })
            .collect();
        assert_eq!(
            told,
            [
                vec![(Says::Old, 0, 10), (Says::Mixed, 20, 20), (Says::New, 30, 40)],
                vec![(Says::Old, 0, 0), (Says::Silent, 10, 10), (Says::NoMx, 30, 30), (Says::New, 40, 40)],
            ],
            "a fault of ours and a late round say nothing"
        );
        assert!(seen.now().values().all(|says| *says == Says::New));
    }

    #[test]
    fn what_is_kept_is_bounded_and_forgotten() {
        let mut seen = Propagation::default();
        for minute in 0..200 {
            let answer = if minute % 2 == 0 { mx(&["mail.example.com"]) } else { mx(&["mx1.gateway.example"]) };
            let mut round = round(minute, answer.clone(), answer);
            for n in 0..200_u8 {
                let address = SocketAddr::from(([198, 51, 100, n], 53));
                round.servers.push(ServerAnswer { address, ..round.servers[0].clone() });
            }
            seen.observe(&round, &expected());
        }
        assert_eq!(seen.tracks().len(), TRACKS);
        assert!(seen.tracks().iter().all(|track| track.spans.len() <= SPANS));
        assert!(serde_json::to_string(&seen).unwrap().len() < 256 * 1024);
        let mut later = round(60 * 24 * 15, DnsAnswer::Lame, DnsAnswer::Lame);
        later.resolvers.clear();
        seen.observe(&later, &expected());
        assert_eq!(seen.tracks().len(), 1, "{:?}", seen.tracks());
    }
}
