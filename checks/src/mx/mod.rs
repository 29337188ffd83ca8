//! How the MX stands: one verdict for a round of answers, with the findings that explain it.
//! *Published* (authoritative) and *seen* (resolvers) stay apart: resolvers only falsify.

mod findings;
pub mod history;
pub mod propagation;
mod servers;
pub(crate) mod set;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::observation::{DnsAnswer, DnsRound, MxRecord, ServerAnswer};
use crate::{DomainName, Finding, escape};

/// The MX verdict. The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MxVerdict {
    OursOnly,
    AsAccepted,
    OursPlusForeign,
    OursPartial,
    ForeignOnly,
    None,
    NullMx,
    Invalid,
    LookupError,
}

impl MxVerdict {
    /// Whether the MX is as it should be.
    #[must_use]
    pub const fn is_good(self) -> bool {
        set::is_good(self)
    }
}

/// What the MX should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The gateway's MX hosts, the preferred one first.
    pub gateway_hosts: Vec<DomainName>,
    /// The preference of each of `gateway_hosts`, in the same order. Only their relation to each other is
    /// judged; empty: none is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preferences: Vec<u16>,
    /// Names below which every host is the gateway's, for gateways that give each customer an MX name of
    /// its own. Matched label by label.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suffixes: Vec<DomainName>,
    /// A set that the desk accepted for this domain although it is not the gateway's alone.
    pub accepted: Option<Vec<DomainName>>,
    /// Hosts that still count as the gateway's and shall not be set any more: they are going to be retired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<DomainName>,
    /// Hosts that take no mail any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<DomainName>,
    /// Names that counted as the gateway's when this domain published them last. They still do while it
    /// goes on publishing them: what the gateway's operator edits is no change of the domain's MX.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<DomainName>,
    /// The whole set that was as it should be when it was last seen so; it stays good for the same reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<DomainName>,
}

impl Expected {
    /// Whether this exchange is the gateway's: one of its hosts, or below a suffix of its own.
    #[must_use]
    pub fn is_ours(&self, name: &DomainName) -> bool {
        let below = || self.suffixes.iter().any(|s| name != s && name.is_at_or_below(s));
        self.gateway_hosts.contains(name)
            || self.leaving.contains(name)
            || self.held.contains(name)
            || (!self.retired.contains(name) && below())
    }

    /// Whether mail to this exchange goes nowhere: the gateway's operator retired it, or took it out of the
    /// configuration while this domain still names it.
    #[must_use]
    pub fn is_retired(&self, name: &DomainName) -> bool {
        let known = || {
            let below = self.suffixes.iter().any(|s| name != s && name.is_at_or_below(s));
            self.gateway_hosts.contains(name) || self.leaving.contains(name) || below
        };
        self.retired.contains(name) || (self.held.contains(name) && !known())
    }

    /// The preference to set for the gateway's host at `index`: as configured, else 10, 20, ….
    fn preference(&self, index: usize) -> u16 {
        let stepwise = || u16::try_from(index + 1).unwrap_or(u16::MAX).saturating_mul(10);
        self.preferences.get(index).copied().unwrap_or_else(stepwise)
    }
}

/// `EARLY_CUTOVER`: the published MX names the gateway although no permit was given yet. Whether that is
/// so is known to the lifecycle; `names` are those that authoritative servers give.
#[must_use]
pub fn early_cutover(domain: &DomainName, names: &[String], at: Timestamp) -> Finding {
    findings::early_cutover(domain, names, at)
}

/// What a round of answers means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MxJudgement {
    /// Of what is published. Where servers differ, what some senders may meet: the worst of it.
    pub verdict: MxVerdict,
    pub findings: Vec<Finding>,
    /// Some authoritative answer names a gateway MX host.
    pub ours_published: bool,
    /// Some authoritative answer lacks what is accepted.
    pub old_published: bool,
    /// Every authoritative address answered. One that *our side* could not ask (no IPv6, say) counts
    /// as answered where the same server answered at another address.
    pub complete: bool,
    /// Complete, and every answer is as accepted.
    pub clean: bool,
    /// Complete, and no observer (authoritative or resolver) names the gateway.
    pub gone: bool,
    /// A resolver gives something else than what is accepted and published.
    pub resolvers_stale: bool,
    /// For people: which server said what, where the round was not clean.
    pub broken_by: Option<String>,
    /// The MX names seen at authoritative servers, preferred ones first, escaped, at most 20.
    pub names: Vec<String>,
    /// Those of `names` that count as the gateway's.
    pub ours: Vec<String>,
    /// Those that are going to be retired, and those that are retired.
    pub leaving: Vec<String>,
    pub retired: Vec<String>,
}

/// Judges one answer by itself, as a sender meets it: the cheap look before a whole round. What cannot be an
/// answer is a [`MxVerdict::LookupError`].
#[must_use]
pub fn judge_answer(answer: &DnsAnswer, expected: &Expected) -> MxVerdict {
    set::published(answer).map_or(MxVerdict::LookupError, |records| set::verdict(records, &[], expected))
}

/// Judges one round.
#[must_use]
pub fn judge(round: &DnsRound, expected: &Expected) -> MxJudgement {
    judge_without(round, expected, &BTreeSet::new(), &BTreeSet::new())
}

/// Like [`judge`], leaving out the authoritative servers that `history` knows to have been silent
/// for 24 hours while at least two others agree (`NS_DEAD`).
#[must_use]
pub fn judge_watched(round: &DnsRound, expected: &Expected, history: &history::RrsetHistory) -> MxJudgement {
    judge_without(round, expected, &history.dead(round), &history.dead_names(round))
}

/// The `NS_INCONSISTENT` finding alone, for those who judge something else.
pub(crate) fn inconsistency(round: &DnsRound, expected: &Expected) -> Option<Finding> {
    servers::inconsistent(round, &View::of(round, expected, &BTreeSet::new()))
}

fn judge_without(
    round: &DnsRound,
    expected: &Expected,
    dead: &BTreeSet<SocketAddr>,
    dead_names: &BTreeSet<String>,
) -> MxJudgement {
    let view = View::of(round, expected, dead);
    let complete = !view.published.is_empty()
        && !servers::some_parent_denies(round)
        && round.servers_without_address.iter().all(|n| dead_names.contains(n))
        && round.servers.iter().all(|s| dead.contains(&s.address) || answered(s, round));
    let old: Option<&Published<'_>> = view.published.iter().find(|p| !set::is_good(p.verdict));
    let clean = complete && old.is_none();
    let ours_published = view.published.iter().any(|p| set::names_any(p.records, expected));
    let ours_seen = round
        .resolvers
        .iter()
        .filter_map(|r| set::published(&r.answer))
        .any(|records| set::names_any(records, expected));
    let stale = stale_resolvers(round, expected, &view);
    let mut findings = findings::of_verdict(round, expected, &view);
    findings.extend(findings::of_order(round, expected, &view));
    findings.extend(findings::of_hosts(round, expected, &view));
    findings.extend(findings::of_exchanges(round, expected, &view));
    findings.extend(servers::findings(round, &view, dead, dead_names));
    findings.extend(findings::of_resolvers(round, &stale));
    let names = names(&view);
    let which = |holds: &dyn Fn(&DomainName) -> bool| -> Vec<String> {
        names.iter().filter(|name| DomainName::parse(name).is_ok_and(|name| holds(&name))).cloned().collect()
    };
    MxJudgement {
        verdict: view.verdict,
        findings,
        ours_published,
        old_published: old.is_some(),
        complete,
        clean,
        gone: complete && !ours_published && !ours_seen,
        resolvers_stale: !stale.is_empty(),
        broken_by: if clean { None } else { Some(broken_by(round, old, dead)) },
        ours: which(&|name| expected.is_ours(name)),
        leaving: which(&|name| expected.leaving.contains(name)),
        retired: which(&|name| expected.is_retired(name)),
        names,
    }
}

/// What the authoritative servers published, each answer with its verdict.
struct View<'a> {
    published: Vec<Published<'a>>,
    /// Servers that say "an alias" and do not know the MX at its end (a loop, or another zone): what
    /// senders get from them is not known.
    aliases: Vec<&'a ServerAnswer>,
    verdict: MxVerdict,
}

struct Published<'a> {
    server: &'a ServerAnswer,
    records: &'a [MxRecord],
    verdict: MxVerdict,
}

impl<'a> View<'a> {
    fn of(round: &'a DnsRound, expected: &Expected, dead: &BTreeSet<SocketAddr>) -> Self {
        let published: Vec<Published<'a>> = round
            .servers
            .iter()
            // One that is back from the dead counts again: its answer, if it has one, is what senders get.
            .filter(|s| !dead.contains(&s.address) || set::published(&s.answer).is_some())
            .filter_map(|server| {
                let records = set::published(&server.answer)?;
                let verdict = set::verdict(records, &round.exchanges, expected);
                Some(Published { server, records, verdict })
            })
            .collect();
        let aliases: Vec<&ServerAnswer> = round
            .servers
            .iter()
            .filter(|s| matches!(&s.answer, DnsAnswer::Cname { records, .. } if records.is_empty()))
            .collect();
        let unknown = aliases.iter().map(|_| MxVerdict::LookupError);
        let verdicts: Vec<MxVerdict> = published.iter().map(|p| p.verdict).chain(unknown).collect();
        Self { verdict: set::combine(&verdicts), published, aliases }
    }

    /// Whether all servers that answered gave the same set.
    fn agrees(&self) -> bool {
        if !self.aliases.is_empty() && !self.published.is_empty() {
            return false;
        }
        let mut sets = self.published.iter().map(|p| p.records.iter().collect::<BTreeSet<_>>());
        sets.next().is_none_or(|first| sets.all(|other| other == first))
    }
}

/// A server's answer, or the same server's answer at another address where the fault is ours.
fn answered(server: &ServerAnswer, round: &DnsRound) -> bool {
    let gave = |s: &ServerAnswer| set::published(&s.answer).is_some();
    gave(server)
        || (matches!(server.answer, DnsAnswer::VantageFault { .. })
            && round.servers.iter().any(|s| s.name == server.name && gave(s)))
}

/// Indices of resolvers that give something else while the accepted set is published.
fn stale_resolvers(round: &DnsRound, expected: &Expected, view: &View<'_>) -> Vec<usize> {
    if !view.published.iter().any(|p| set::is_good(p.verdict)) {
        return Vec::new();
    }
    let other = |answer: &DnsAnswer| {
        set::published(answer).is_some_and(|r| !set::is_good(set::verdict(r, &round.exchanges, expected)))
    };
    round.resolvers.iter().enumerate().filter(|(_, r)| other(&r.answer)).map(|(i, _)| i).collect()
}

fn broken_by(round: &DnsRound, old: Option<&Published<'_>>, dead: &BTreeSet<SocketAddr>) -> String {
    let silent = || round.servers.iter().find(|s| !dead.contains(&s.address) && !answered(s, round));
    let text = if let Some(p) = old {
        format!("{} gives {}", servers::label(p.server), set::words(p.records))
    } else if let Some(s) = silent() {
        format!("{} {}", servers::label(s), servers::what(&s.answer))
    } else if let Some(name) = round.servers_without_address.first() {
        format!("no address could be found for the name server {}", escape::quote(name))
    } else if let Some(error) = &round.delegation_error {
        format!("the name servers of {} could not be found: {}", round.domain, escape::quote(error))
    } else if servers::some_parent_denies(round) {
        format!("some servers of the zone above say that {} does not exist", round.domain)
    } else {
        format!("no name server of {} could be asked", round.domain)
    };
    escape::clean(&text, escape::DETAIL)
}

fn names(view: &View<'_>) -> Vec<String> {
    let mut sorted: Vec<&MxRecord> = view.published.iter().flat_map(|p| p.records).collect();
    sorted.sort();
    let mut names: Vec<String> = Vec::new();
    for record in sorted {
        let name = escape::clean(&record.exchange, 255);
        if !names.contains(&name) {
            names.push(name);
        }
        if names.len() == 20 {
            break;
        }
    }
    names
}
