//! Findings about the name servers themselves: who is silent, lame, broken, or of another opinion.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::{View, set};
use crate::observation::{DnsAnswer, DnsRound, ParentSays, ServerAnswer};
use crate::{Actor, Code, Finding, Severity, escape};

/// At most this many findings of one kind: a zone with hundreds of broken servers is one problem.
const LIMIT: usize = 20;

/// A server for people: `ns1.example.net (192.0.2.53)`.
pub(super) fn label(server: &ServerAnswer) -> String {
    format!("{} ({})", escape::clean(&server.name, 255), server.address.ip())
}

/// What a server that did not answer did, to complete "ns1.example.net …".
pub(super) fn what(answer: &DnsAnswer) -> String {
    match answer {
        DnsAnswer::Mx { records, .. } => format!("gives {}", set::words(records)),
        DnsAnswer::NoData { .. } => "says that there is no MX".to_owned(),
        DnsAnswer::NxDomain { .. } => "says that the domain does not exist".to_owned(),
        DnsAnswer::Cname { target, .. } => format!("says that the domain is an alias of {}", escape::quote(target)),
        DnsAnswer::Lame => "does not serve the zone (its answer is not authoritative)".to_owned(),
        DnsAnswer::ServFail => "answers SERVFAIL (an error of its own)".to_owned(),
        DnsAnswer::Refused => "refuses to answer (REFUSED)".to_owned(),
        DnsAnswer::OtherRcode { rcode } => format!("answers with error code {rcode}"),
        DnsAnswer::TimedOut => "gave no answer in time".to_owned(),
        DnsAnswer::Unreachable { detail } => format!("cannot be reached: {}", escape::quote(detail)),
        DnsAnswer::Malformed { detail } => format!("sent a broken message: {}", escape::quote(detail)),
        DnsAnswer::VantageFault { detail } => format!("could not be asked from here: {}", escape::quote(detail)),
    }
}

pub(super) fn findings(
    round: &DnsRound,
    view: &View<'_>,
    dead: &BTreeSet<SocketAddr>,
    dead_names: &BTreeSet<String>,
) -> Vec<Finding> {
    let mut found: Vec<Finding> = inconsistent(round, view).into_iter().collect();
    found.extend(round.servers.iter().filter_map(|s| of_server(s, round, dead)).take(LIMIT));
    found.extend(round.servers_without_address.iter().take(LIMIT).map(|name| without_address(name, round, dead_names)));
    found.extend(delegation_mismatch(round));
    found.extend(parents_differ(round));
    found
}

/// Whether a server of the parent zone says that the zone does not exist while another one delegates it:
/// whoever asks the first gets no MX at all, whatever the zone's own servers say.
pub(super) fn some_parent_denies(round: &DnsRound) -> bool {
    let says = |pick: fn(&ParentSays) -> bool| round.parents.iter().any(|p| pick(&p.says));
    says(|s| matches!(s, ParentSays::NxDomain | ParentSays::NotDelegated))
        && says(|s| matches!(s, ParentSays::Delegates { .. }))
}

/// `NS_DELEGATION_MISMATCH`: the servers of the parent zone do not all delegate to the same servers.
fn parents_differ(round: &DnsRound) -> Option<Finding> {
    let mut groups: BTreeMap<&ParentSays, Vec<String>> = BTreeMap::new();
    for parent in round.parents.iter().filter(|p| !matches!(p.says, ParentSays::Silent { .. })) {
        groups.entry(&parent.says).or_default().push(parent.address.ip().to_string());
    }
    if groups.len() < 2 {
        return None;
    }
    let zone = round.zone.as_ref().unwrap_or(&round.domain);
    let parts: Vec<String> = groups
        .into_iter()
        .take(5)
        .map(|(says, servers)| {
            let servers = servers.into_iter().take(4).collect::<Vec<_>>().join(" and ");
            match says {
                ParentSays::Delegates { names } => {
                    let names: Vec<String> = names.iter().take(8).map(|n| escape::clean(n, 100)).collect();
                    format!("{servers}: {}", names.join(", "))
                }
                ParentSays::NxDomain => format!("{servers}: there is no such domain"),
                ParentSays::NotDelegated => format!("{servers}: no zone of its own"),
                ParentSays::Silent { detail } => format!("{servers}: {}", escape::quote(detail)),
            }
        })
        .collect();
    Some(
        Finding::new(Code::NsDelegationMismatch, Severity::Warning, zone.as_str(), round.finished_at)
            .detail(&format!("The servers of the zone above do not delegate {zone} alike: {}.", parts.join("; ")))
            .remedy(
                Actor::DnsProvider,
                &format!(
                    "If the name servers of {zone} were changed at the registrar within the last day, wait. Otherwise ask the \
                     registrar why the registry's servers differ. Until then the MX must be right on every server that any of \
                     them names."
                ),
            ),
    )
}

/// `NS_INCONSISTENT`: names the servers of the minority, the address of each and what it gives.
pub(super) fn inconsistent(round: &DnsRound, view: &View<'_>) -> Option<Finding> {
    if view.agrees() {
        return None;
    }
    let mut groups: Vec<(BTreeSet<_>, Vec<usize>)> = Vec::new();
    for (i, p) in view.published.iter().enumerate() {
        let records: BTreeSet<_> = p.records.iter().collect();
        match groups.iter_mut().find(|(known, _)| *known == records) {
            Some((_, members)) => members.push(i),
            None => groups.push((records, vec![i])),
        }
    }
    // The good set first, then the bigger group: the remedy is about those that differ from it.
    let good = |members: &Vec<usize>| members.first().is_some_and(|i| set::is_good(view.published[*i].verdict));
    groups.sort_by_key(|(_, members)| (!good(members), usize::MAX - members.len()));
    let say = |members: &[usize]| {
        let servers: Vec<String> = members.iter().take(6).map(|i| label(view.published[*i].server)).collect();
        let records = members.first().map_or("no MX".to_owned(), |i| set::words(view.published[*i].records));
        format!("{} {} {records}", servers.join(" and "), if members.len() == 1 { "gives" } else { "give" })
    };
    let aliases = view.aliases.iter().take(6).map(|s| format!("{} {}", label(s), what(&s.answer)));
    let detail = groups.iter().take(5).map(|(_, m)| say(m)).chain(aliases).collect::<Vec<_>>().join("; ");
    let others = groups.iter().skip(1).flat_map(|(_, m)| m).map(|i| view.published[*i].server);
    let differing: Vec<String> = others.chain(view.aliases.iter().copied()).take(6).map(label).collect();
    Some(
        Finding::new(Code::NsInconsistent, Severity::Warning, round.domain.as_str(), round.finished_at)
            .detail(&format!("The name servers of {} do not agree: {detail}.", round.domain))
            .remedy(
                Actor::DnsProvider,
                &format!(
                    "If the MX was changed within the last hour, wait. Otherwise ask the DNS provider why {} still has \
                     another copy of the zone: the transfer from the primary server may fail, or the zone's serial \
                     number may not have been raised.",
                    differing.join(" and ")
                ),
            ),
    )
}

fn of_server(server: &ServerAnswer, round: &DnsRound, dead: &BTreeSet<SocketAddr>) -> Option<Finding> {
    let name = escape::clean(&server.name, 255);
    let zone = round.zone.as_ref().unwrap_or(&round.domain);
    let ask = |what: &str| format!("Ask the DNS provider to {what}.");
    let (code, remedy) = match &server.answer {
        DnsAnswer::Mx { .. } | DnsAnswer::NoData { .. } | DnsAnswer::NxDomain { .. } | DnsAnswer::Cname { .. } => {
            return None;
        }
        _ if dead.contains(&server.address) => {
            (Code::NsDead, ask(&format!("repair {name} or to take it out of the NS records of {zone}")))
        }
        DnsAnswer::Lame | DnsAnswer::Refused => (
            Code::NsLame,
            ask(&format!("set the zone {zone} up on {name}, or to take {name} out of the NS records of {zone}")),
        ),
        DnsAnswer::TimedOut | DnsAnswer::Unreachable { .. } => (
            Code::NsUnreachable,
            ask(&format!("see whether {name} runs and answers on port 53, UDP and TCP, at {}", server.address.ip())),
        ),
        DnsAnswer::ServFail | DnsAnswer::OtherRcode { .. } => (
            Code::NsUnreachable,
            ask(&format!("look into the log of {name}: it has the zone {zone} but cannot answer from it")),
        ),
        DnsAnswer::Malformed { .. } => (
            Code::DnsMalformed,
            ask(&format!("look at {name}, or at a firewall in front of it that alters DNS messages")),
        ),
        DnsAnswer::VantageFault { .. } => (
            Code::VantageFault,
            format!(
                "Nothing for the customer to do. The operator of fencepost looks why {} cannot be asked from this host.",
                server.address
            ),
        ),
    };
    let (severity, who) = match code {
        Code::VantageFault => (Severity::Info, Actor::Vendor),
        _ => (Severity::Warning, Actor::DnsProvider),
    };
    let spare =
        if code == Code::NsDead { " for 24 hours or more; it is left out, at least two others agree" } else { "" };
    Some(
        Finding::new(code, severity, &label(server), server.observed_at)
            .detail(&format!(
                "{} {}{spare}; asked for the MX of {} at {}, waited {} ms.",
                label(server),
                what(&server.answer),
                round.domain,
                crate::when(server.observed_at),
                server.elapsed_ms
            ))
            .remedy(who, &remedy),
    )
}

fn without_address(name: &str, round: &DnsRound, dead_names: &BTreeSet<String>) -> Finding {
    let zone = round.zone.as_ref().unwrap_or(&round.domain);
    let code = if dead_names.contains(name) { Code::NsDead } else { Code::NsNoAddress };
    let name = escape::clean(name, 255);
    Finding::new(code, Severity::Warning, &name, round.finished_at)
        .detail(&format!("{name} is a name server of {zone}, but no address of it could be found."))
        .remedy(
            Actor::DnsProvider,
            &format!(
                "Give {name} an A or AAAA record, or take it out of the NS records of {zone}, at the registrar too."
            ),
        )
}

/// `NS_DELEGATION_MISMATCH`: the parent names other servers than the zone itself.
fn delegation_mismatch(round: &DnsRound) -> Option<Finding> {
    let only = |pick: fn(&ServerAnswer) -> bool| -> Vec<String> {
        let names: BTreeSet<&str> = round.servers.iter().filter(|s| pick(s)).map(|s| s.name.as_str()).collect();
        names.into_iter().take(10).map(|n| escape::clean(n, 255)).collect()
    };
    let parent_only = only(|s| s.in_parent && !s.in_child);
    let child_only = only(|s| s.in_child && !s.in_parent);
    // Where the child's NS set could not be had at all, there is nothing to compare.
    let compared = round.servers.iter().any(|s| s.in_child) && round.servers.iter().any(|s| s.in_parent);
    if !compared || (parent_only.is_empty() && child_only.is_empty()) {
        return None;
    }
    let zone = round.zone.as_ref().unwrap_or(&round.domain);
    let mut parts = Vec::new();
    if !parent_only.is_empty() {
        parts.push(format!("only the registry names {}", parent_only.join(", ")));
    }
    if !child_only.is_empty() {
        parts.push(format!("only the zone itself names {}", child_only.join(", ")));
    }
    Some(
        Finding::new(Code::NsDelegationMismatch, Severity::Warning, zone.as_str(), round.finished_at)
            .detail(&format!("The registry and the zone {zone} name different name servers: {}.", parts.join("; ")))
            .remedy(
                Actor::DnsProvider,
                &format!(
                    "Make both lists the same: set the same NS records in the zone {zone} and at the registrar. Until then \
                     the MX must be changed on every server of both lists."
                ),
            ),
    )
}
