//! One MX set, held against what is expected. Names are compared as names; what is no host name at
//! all is kept apart, never dropped.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{Expected, MxVerdict};
use crate::DomainName;
use crate::observation::dns::ExchangeAddresses;
use crate::observation::{DnsAnswer, MxRecord};

/// What a server published: a set of MX records (empty for NODATA and NXDOMAIN), `None` where it
/// published nothing that counts (an error is not "no MX").
pub(crate) fn published(answer: &DnsAnswer) -> Option<&[MxRecord]> {
    match answer {
        DnsAnswer::Mx { records, .. } => Some(records),
        DnsAnswer::NoData { .. } | DnsAnswer::NxDomain { .. } => Some(&[]),
        // An alias whose end the server does not know says nothing about the MX.
        DnsAnswer::Cname { records, .. } if !records.is_empty() => Some(records),
        DnsAnswer::Cname { .. }
        | DnsAnswer::Lame
        | DnsAnswer::ServFail
        | DnsAnswer::Refused
        | DnsAnswer::OtherRcode { .. }
        | DnsAnswer::TimedOut
        | DnsAnswer::Unreachable { .. }
        | DnsAnswer::Malformed { .. }
        | DnsAnswer::VantageFault { .. } => None,
    }
}

/// What is wrong with an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    IsAddress,
    Illegal(String),
    /// The gateway's host with the zone's name appended: the final dot was forgotten.
    MissingDot {
        meant: DomainName,
    },
    Alias,
    Unresolvable(String),
}

/// Whether the exchange is a null MX (RFC 7505 §3).
pub(crate) fn is_null(record: &MxRecord) -> bool {
    matches!(record.exchange.as_str(), "." | "")
}

/// The fault of an exchange, as far as the round shows it.
pub(crate) fn fault(exchange: &str, known: &[ExchangeAddresses], expected: &Expected) -> Option<Fault> {
    let bare = exchange.strip_suffix('.').unwrap_or(exchange);
    if bare.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Some(Fault::IsAddress);
    }
    let name = match DomainName::parse(bare) {
        Ok(name) => name,
        Err(error) => return Some(Fault::Illegal(error.to_string())),
    };
    let seen = known.iter().find(|k| same(&k.exchange, &name))?;
    if seen.is_cname {
        return Some(Fault::Alias);
    }
    let gone = seen.error.as_deref().filter(|e| matches!(*e, "nxdomain" | "no data"));
    let error = gone.filter(|_| seen.addresses.is_empty())?;
    let dotless = expected
        .gateway_hosts
        .iter()
        .find(|host| name != **host && name.as_str().strip_prefix(host.as_str()).is_some_and(|r| r.starts_with('.')));
    Some(match dotless {
        Some(meant) => Fault::MissingDot { meant: meant.clone() },
        None => Fault::Unresolvable(error.to_owned()),
    })
}

/// Whether a text from the wire is this name.
pub(crate) fn same(text: &str, name: &DomainName) -> bool {
    DomainName::parse(text).is_ok_and(|parsed| parsed == *name)
}

/// Whether the exchange is the gateway's.
pub(crate) fn is_ours(exchange: &str, expected: &Expected) -> bool {
    DomainName::parse(exchange).is_ok_and(|name| expected.is_ours(&name))
}

/// Whether the set names the gateway.
pub(crate) fn names_any(records: &[MxRecord], expected: &Expected) -> bool {
    records.iter().any(|r| is_ours(&r.exchange, expected))
}

/// Two of the gateway's hosts of which the set prefers the wrong one: the one that the gateway wants
/// first, then the one that comes first in the set.
pub(crate) fn out_of_order<'a>(
    records: &[MxRecord],
    expected: &'a Expected,
) -> Option<(&'a DomainName, &'a DomainName)> {
    // A host that is named twice counts where it is met first.
    let published = |host: &DomainName| records.iter().filter(|r| same(&r.exchange, host)).map(|r| r.preference).min();
    let hosts: Vec<(&DomainName, u16, u16)> = expected
        .gateway_hosts
        .iter()
        .zip(&expected.preferences)
        .filter_map(|(host, wanted)| Some((host, *wanted, published(host)?)))
        .collect();
    hosts.iter().find_map(|(a, a_wanted, a_has)| {
        hosts.iter().find(|(_, b_wanted, b_has)| a_wanted < b_wanted && a_has >= b_has).map(|(b, _, _)| (*a, *b))
    })
}

/// The verdict on one published set.
pub(crate) fn verdict(records: &[MxRecord], known: &[ExchangeAddresses], expected: &Expected) -> MxVerdict {
    if records.is_empty() {
        return MxVerdict::None;
    }
    if records.iter().all(is_null) {
        return MxVerdict::NullMx;
    }
    if records.iter().any(is_null) {
        return MxVerdict::Invalid;
    }
    let names: BTreeSet<DomainName> = records.iter().filter_map(|r| DomainName::parse(&r.exchange).ok()).collect();
    let ours: BTreeSet<DomainName> = expected.gateway_hosts.iter().cloned().collect();
    let all_legal = records.iter().all(|r| DomainName::parse(&r.exchange).is_ok());
    let as_before = || !expected.whole.is_empty() && names == expected.whole.iter().cloned().collect();
    let whole = ours.is_subset(&names) || names.iter().any(|n| !ours.contains(n) && expected.is_ours(n)) || as_before();
    if all_legal
        && !(ours.is_empty() && expected.suffixes.is_empty() && expected.held.is_empty())
        && whole
        && names.iter().all(|n| expected.is_ours(n))
    {
        return MxVerdict::OursOnly;
    }
    let accepted = expected.accepted.as_ref().map(|a| a.iter().cloned().collect::<BTreeSet<_>>());
    if all_legal && accepted.is_some_and(|a| a == names) {
        return MxVerdict::AsAccepted;
    }
    let foreign_fault = |r: &&MxRecord| {
        // A fault of the gateway's own hosts is the vendor's and says nothing about the customer's MX.
        !is_ours(&r.exchange, expected) && fault(&r.exchange, known, expected).is_some()
    };
    if records.iter().any(|r| foreign_fault(&r)) {
        return MxVerdict::Invalid;
    }
    match (names.iter().any(|n| expected.is_ours(n)), names.iter().any(|n| !expected.is_ours(n))) {
        (true, true) => MxVerdict::OursPlusForeign,
        (true, false) => MxVerdict::OursPartial,
        (false, _) => MxVerdict::ForeignOnly,
    }
}

/// Whether a verdict means that the MX is as it should be.
pub(crate) const fn is_good(verdict: MxVerdict) -> bool {
    matches!(verdict, MxVerdict::OursOnly | MxVerdict::AsAccepted)
}

/// One verdict for sets that differ from server to server: what some senders may meet counts.
pub(crate) fn combine(verdicts: &[MxVerdict]) -> MxVerdict {
    let ours = |v: &MxVerdict| {
        matches!(v, MxVerdict::OursOnly | MxVerdict::AsAccepted | MxVerdict::OursPartial | MxVerdict::OursPlusForeign)
    };
    let worst = verdicts.iter().copied().max_by_key(|v| rank(*v)).unwrap_or(MxVerdict::LookupError);
    if worst == MxVerdict::ForeignOnly && verdicts.iter().any(ours) { MxVerdict::OursPlusForeign } else { worst }
}

const fn rank(verdict: MxVerdict) -> u8 {
    match verdict {
        MxVerdict::OursOnly => 0,
        MxVerdict::AsAccepted => 1,
        MxVerdict::OursPartial => 2,
        MxVerdict::OursPlusForeign => 3,
        MxVerdict::ForeignOnly => 4,
        MxVerdict::None => 5,
        MxVerdict::NullMx => 6,
        MxVerdict::Invalid => 7,
        MxVerdict::LookupError => 8,
    }
}

/// A set in words: `10 mx1.gateway.example, 20 mx2.gateway.example`.
pub(crate) fn words(records: &[MxRecord]) -> String {
    if records.is_empty() {
        return "no MX".to_owned();
    }
    let mut sorted: Vec<&MxRecord> = records.iter().collect();
    sorted.sort();
    let mut text = sorted
        .iter()
        .take(8)
        .map(|r| format!("{} {}", r.preference, crate::escape::clean(&r.exchange, 100)))
        .collect::<Vec<_>>()
        .join(", ");
    if sorted.len() > 8 {
        text.push_str(&format!(" and {} more", sorted.len() - 8));
    }
    text
}
