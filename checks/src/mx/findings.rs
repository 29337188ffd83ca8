//! Findings about the MX set: what it is, which exchange is wrong and what to type instead.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::set::{Fault, fault, is_null, is_ours, out_of_order, same, words};
use super::{Expected, MxVerdict, View, servers};
use crate::observation::dns::ExchangeAddresses;
use crate::observation::{DnsAnswer, DnsRound, MxRecord};
use crate::{Actor, Code, DomainName, Finding, Severity, escape};

/// The finding that states the verdict, and the one about an alias at the domain itself.
pub(super) fn of_verdict(round: &DnsRound, expected: &Expected, view: &View<'_>) -> Vec<Finding> {
    let union: BTreeSet<&MxRecord> = view.published.iter().flat_map(|p| p.records).collect();
    let union: Vec<MxRecord> = union.into_iter().cloned().collect();
    let seen = format!("The MX of {} is: {}.", round.domain, words(&union));
    let ours = |r: &&MxRecord| is_ours(&r.exchange, expected);
    let foreign = words(&union.iter().filter(|r| !ours(r)).cloned().collect::<Vec<_>>());
    let (code, severity, who, detail, remedy) = match view.verdict {
        MxVerdict::OursOnly => (Code::MxOursOnly, Severity::Info, Actor::Nobody, seen, "Nothing to do.".to_owned()),
        MxVerdict::AsAccepted => (
            Code::MxAsAccepted,
            Severity::Warning,
            Actor::Nobody,
            format!("{seen} The service desk accepted this set, which is not the gateway's alone."),
            "Nothing to do as long as this is wanted. Mail to servers other than the gateway is not filtered."
                .to_owned(),
        ),
        MxVerdict::OursPlusForeign => (
            Code::MxOursPlusForeign,
            Severity::Warning,
            Actor::Partner,
            format!("{seen} Mail also goes to what is not the gateway's, at any preference: {foreign}."),
            format!("Remove these MX records of {}: {foreign}. {}", round.domain, keep(round, expected)),
        ),
        MxVerdict::OursPartial => {
            let missing: Vec<String> = expected
                .gateway_hosts
                .iter()
                .filter(|h| !union.iter().any(|r| same(&r.exchange, h)))
                .map(ToString::to_string)
                .collect();
            let lacking = if missing.is_empty() {
                "some of the gateway's hosts on some name servers".to_owned()
            } else {
                missing.join(" and ")
            };
            (
                Code::MxOursPartial,
                Severity::Warning,
                Actor::Partner,
                format!("{seen} It lacks {lacking}."),
                format!("Add what is missing. {}", keep(round, expected)),
            )
        }
        MxVerdict::ForeignOnly => (
            Code::MxForeignOnly,
            Severity::Info,
            Actor::Nobody,
            format!("{seen} None of them is the gateway's."),
            not_yet(round, expected),
        ),
        MxVerdict::None => none(round, expected, view),
        MxVerdict::NullMx => (
            Code::MxNull,
            Severity::Warning,
            Actor::Partner,
            format!(
                "{} has the null MX (preference 0, a single dot): it tells every sender that it takes no mail (RFC 7505).",
                round.domain
            ),
            format!(
                "If the domain shall get mail, the null MX must be replaced when the MX is changed. {}",
                not_yet(round, expected)
            ),
        ),
        MxVerdict::Invalid => (
            Code::MxInvalid,
            Severity::Warning,
            Actor::Partner,
            format!("{seen} Not every one of them is usable."),
            format!("Mend or remove the records that are named in the findings below. {}", not_yet(round, expected)),
        ),
        MxVerdict::LookupError => lookup_error(round),
    };
    let mut found = vec![
        Finding::new(code, severity, round.domain.as_str(), round.finished_at).detail(&detail).remedy(who, &remedy),
    ];
    found.extend(owner_alias(round));
    found
}

type Parts = (Code, Severity, Actor, String, String);

fn none(round: &DnsRound, expected: &Expected, view: &View<'_>) -> Parts {
    let missing = !view.published.is_empty()
        && view.published.iter().all(|p| matches!(p.server.answer, DnsAnswer::NxDomain { .. }));
    let implicit = round.exchanges.iter().find(|e| same(&e.exchange, &round.domain) && !e.addresses.is_empty());
    let detail = match (missing, implicit) {
        (true, _) => format!("The name servers say that {} does not exist.", round.domain),
        (false, Some(own)) => format!(
            "{} has no MX record, so senders deliver to its own address {} (RFC 5321 §5.1).",
            round.domain,
            addresses(own)
        ),
        (false, None) => format!(
            "{} has no MX record. If it has an A or AAAA record, senders deliver there (RFC 5321 §5.1).",
            round.domain
        ),
    };
    let remedy = if missing {
        format!("See whether the registration of {} has run out, or whether the name is misspelt.", round.domain)
    } else {
        not_yet(round, expected)
    };
    (if missing { Code::MxNoDomain } else { Code::MxNone }, Severity::Warning, Actor::Partner, detail, remedy)
}

fn lookup_error(round: &DnsRound) -> Parts {
    let mut parts: Vec<String> =
        round.servers.iter().take(4).map(|s| format!("{} {}", servers::label(s), servers::what(&s.answer))).collect();
    if let Some(error) = &round.delegation_error {
        parts.push(escape::quote(error));
    }
    if parts.is_empty() {
        parts.push("no name server of the domain could be found".to_owned());
    }
    // Where every fault is on our side, it is not the customer's to mend.
    let ours =
        !round.servers.is_empty() && round.servers.iter().all(|s| matches!(s.answer, DnsAnswer::VantageFault { .. }));
    let (who, remedy) = if ours {
        (
            Actor::Vendor,
            "Nothing for the customer to do: the operator of fencepost mends the network of this host.".to_owned(),
        )
    } else {
        (
            Actor::DnsProvider,
            format!(
                "If it stays so, ask the DNS provider whether the name servers of {} run and \
                 serve the domain.",
                round.domain
            ),
        )
    };
    let detail = format!("The MX of {} could not be found out: {}.", round.domain, parts.join("; "));
    (Code::MxLookupError, Severity::Warning, who, detail, remedy)
}

/// The owner of the MX is an alias: whoever holds its target decides about the domain's mail.
fn owner_alias(round: &DnsRound) -> Option<Finding> {
    let (server, target) = round.servers.iter().find_map(|s| match &s.answer {
        DnsAnswer::Cname { target, .. } => Some((s, target)),
        _ => None,
    })?;
    let target = escape::clean(target, 255);
    Some(
        Finding::new(Code::MxOwnerAlias, Severity::Warning, round.domain.as_str(), server.observed_at)
            .detail(&format!(
                "{} says that {} is an alias (CNAME) of {target}. Its mail follows the MX of {target}.",
                servers::label(server),
                round.domain
            ))
            .remedy(
                Actor::Partner,
                &format!(
                    "Remove the CNAME record of {} and give it address and MX records of its own: an alias cannot have an \
                     MX beside it (RFC 1034 §3.6.2).",
                    round.domain
                ),
            ),
    )
}

/// `MX_ORDER`: all names are right, and the spare host is asked first.
pub(super) fn of_order(round: &DnsRound, expected: &Expected, view: &View<'_>) -> Option<Finding> {
    let (server, (first, spare)) =
        view.published.iter().find_map(|p| Some((p.server, out_of_order(p.records, expected)?)))?;
    Some(
        Finding::new(Code::MxOrder, Severity::Warning, round.domain.as_str(), round.finished_at)
            .detail(&format!(
                "{} gives {spare} the same or a lower number than {first}, but {first} is to be asked first.",
                servers::label(server)
            ))
            .remedy(
                Actor::Partner,
                &format!("Correct the preferences; a lower number is asked first. {}", keep(round, expected)),
            ),
    )
}

/// What became of the gateway's own hosts since the MX was set: advice, for none of it is a change of the MX.
pub(super) fn of_hosts(round: &DnsRound, expected: &Expected, view: &View<'_>) -> Vec<Finding> {
    let named: BTreeSet<DomainName> = view
        .published
        .iter()
        .flat_map(|p| p.records)
        .filter_map(|record| DomainName::parse(&record.exchange).ok())
        .collect();
    let words = |names: &[&DomainName]| names.iter().take(8).map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let retired: Vec<&DomainName> = named.iter().filter(|name| expected.is_retired(name)).collect();
    let leaving: Vec<&DomainName> =
        named.iter().filter(|name| expected.leaving.contains(name) && !retired.contains(name)).collect();
    let finding = |code, severity, detail: &str, remedy: &str| {
        Finding::new(code, severity, round.domain.as_str(), round.finished_at)
            .detail(detail)
            .remedy(Actor::Partner, remedy)
    };
    let mut found = Vec::new();
    if !retired.is_empty() {
        let (names, domain) = (words(&retired), &round.domain);
        let detail =
            format!("The MX of {domain} names {names}, which the gateway has retired: nobody takes mail there.");
        let remedy = format!("Take {names} out of the MX of {domain} at once. {}", keep(round, expected));
        found.push(finding(Code::MxHostRetired, Severity::Warning, &detail, &remedy));
    }
    if !leaving.is_empty() {
        let (names, domain) = (words(&leaving), &round.domain);
        let detail = format!("The MX of {domain} names {names}, which still takes mail and is going to be retired.");
        let remedy = format!("Take {names} out of the MX of {domain}. {}", keep(round, expected));
        found.push(finding(Code::MxHostRetiring, Severity::Info, &detail, &remedy));
    }
    let missing: Vec<&DomainName> = expected.gateway_hosts.iter().filter(|host| !named.contains(host)).collect();
    let as_before = !expected.whole.is_empty() && named == expected.whole.iter().cloned().collect();
    if as_before && view.verdict == MxVerdict::OursOnly && found.is_empty() && !missing.is_empty() {
        // Names below a suffix stand for all hosts.
        let all_hosts = named.iter().any(|name| !expected.gateway_hosts.contains(name));
        if !all_hosts {
            let names = words(&missing);
            let detail = format!("The gateway has {names} too since the MX of {} was set.", round.domain);
            let remedy = format!("Add {names}. {}", keep(round, expected));
            found.push(finding(Code::MxHostAdded, Severity::Info, &detail, &remedy));
        }
    }
    found
}

/// `EARLY_CUTOVER`, with the names that are published.
pub(super) fn early_cutover(domain: &DomainName, names: &[String], at: Timestamp) -> Finding {
    Finding::new(Code::EarlyCutover, Severity::Warning, domain.as_str(), at)
        .detail(&format!(
            "The MX of {domain} already names the gateway ({}), and the change is not permitted yet. The gateway defers \
             the mail and senders try again for some days.",
            names.join(", ")
        ))
        .remedy(
            Actor::Partner,
            &format!(
                "Set the previous MX records of {domain} again, or see that what the other findings name is mended at once: \
                 the checks run with priority until the change is permitted."
            ),
        )
}

/// One finding for each exchange that is no usable host.
pub(super) fn of_exchanges(round: &DnsRound, expected: &Expected, view: &View<'_>) -> Vec<Finding> {
    let union: BTreeSet<&MxRecord> = view.published.iter().flat_map(|p| p.records).collect();
    let mut found = Vec::new();
    if union.iter().any(|r| is_null(r)) && union.iter().any(|r| !is_null(r)) {
        found.push(
            Finding::new(Code::MxNullMixed, Severity::Warning, round.domain.as_str(), round.finished_at)
                .detail(&format!("{} has a null MX beside other MX records, which RFC 7505 §3 forbids: some senders refuse to deliver.", round.domain))
                .remedy(Actor::Partner, &format!("Remove the MX record of {} that names a single dot.", round.domain)),
        );
    }
    let mut seen = BTreeSet::new();
    for record in union.into_iter().filter(|r| !is_null(r)) {
        if found.len() >= 20 || !seen.insert(record.exchange.as_str()) {
            continue;
        }
        if let Some(fault) = fault(&record.exchange, &round.exchanges, expected) {
            found.push(exchange_finding(record, &fault, round, expected));
        }
    }
    found
}

fn exchange_finding(record: &MxRecord, fault: &Fault, round: &DnsRound, expected: &Expected) -> Finding {
    let name = escape::clean(&record.exchange, 255);
    let line = format!("{} {name}", record.preference);
    let (detail, remedy) = match fault {
        Fault::IsAddress => (
            format!("The MX record `{line}` names an address; an MX must name a host (RFC 5321 §5.1)."),
            "Replace the address by the name of a host that has this address.".to_owned(),
        ),
        Fault::Illegal(why) => (
            format!("The MX record `{line}` holds no legal host name: {}.", escape::quote(why)),
            "Write the name of a host: letters, digits and hyphens, with dots between.".to_owned(),
        ),
        Fault::MissingDot { meant } => (
            format!(
                "The MX record names {name}, which does not exist: the name server appended the zone's name, because the final dot is missing."
            ),
            format!(
                "Write {} with the final dot, or, where the DNS provider's form adds dots by itself, {meant} without the zone's name.",
                meant.fqdn()
            ),
        ),
        Fault::Alias => (
            format!(
                "{name}, an MX of {}, is an alias (CNAME), which RFC 2181 §10.3 forbids: some senders do not deliver to it.",
                round.domain
            ),
            format!("Give {name} an A or AAAA record in place of its CNAME, or name the alias's target in the MX."),
        ),
        Fault::Unresolvable(error) => (
            format!("{name}, an MX of {}, has no address ({}).", round.domain, escape::quote(error)),
            format!("Correct the spelling of {name} in the MX, give it an address, or remove the record."),
        ),
    };
    let who = if is_ours(&record.exchange, expected) { Actor::Vendor } else { Actor::Partner };
    Finding::new(Code::MxInvalid, Severity::Warning, &name, round.finished_at).detail(&detail).remedy(who, &remedy)
}

/// One finding for all resolvers that lag behind.
pub(super) fn of_resolvers(round: &DnsRound, stale: &[usize]) -> Option<Finding> {
    let said: Vec<String> = stale
        .iter()
        .take(6)
        .filter_map(|i| round.resolvers.get(*i))
        .map(|r| format!("{} ({}) {}", escape::quote(&r.vantage), r.address.ip(), servers::what(&r.answer)))
        .collect();
    if said.is_empty() {
        return None;
    }
    Some(
        Finding::new(Code::ResolverStale, Severity::Info, round.domain.as_str(), round.finished_at)
            .detail(&format!("Public resolvers still hold an earlier MX: {}.", said.join("; ")))
            .remedy(Actor::Time, "Nothing to do: the copies expire by themselves when their time to live is over.")
            .seen_by(stale.iter().filter_map(|i| round.resolvers.get(*i)).map(|r| r.vantage.as_str())),
    )
}

/// What to set, once it is permitted.
fn not_yet(round: &DnsRound, expected: &Expected) -> String {
    if expected.gateway_hosts.is_empty() {
        return "Nothing to do for now.".to_owned();
    }
    format!("Do not change the MX before you have the go-ahead. {}", keep(round, expected))
}

fn keep(round: &DnsRound, expected: &Expected) -> String {
    if expected.gateway_hosts.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = expected
        .gateway_hosts
        .iter()
        .enumerate()
        .map(|(i, host)| format!("{}. MX {} {}", round.domain, expected.preference(i), host.fqdn()))
        .collect();
    format!("The whole MX of {} shall then be: {} (with the final dots).", round.domain, lines.join("; "))
}

fn addresses(e: &ExchangeAddresses) -> String {
    e.addresses.iter().take(4).map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}
