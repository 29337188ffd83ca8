//! SPF as far as a moving MX concerns it (RFC 7208): the `mx` mechanism and the limit of look-ups,
//! counted in the record itself, not in those that it includes.

use crate::observation::{LintObservation, TextLookup};
use crate::{Actor, Code, DomainName, Finding, Severity, escape};

/// DNS look-ups that a record may need (RFC 7208 §4.6.4).
const LOOKUPS: usize = 10;

/// SPF findings; a record that could not be read gives none, because nothing depends on it.
#[must_use]
pub fn findings(seen: &LintObservation) -> Vec<Finding> {
    let TextLookup::Found { texts, .. } = &seen.spf else { return Vec::new() };
    let records: Vec<&String> = texts.iter().filter(|t| is_spf(t)).collect();
    let finding = |code| Finding::new(code, Severity::Warning, seen.domain.as_str(), seen.observed_at);
    let record = match records.as_slice() {
        [] => return Vec::new(),
        [record] => *record,
        several => {
            return vec![
                finding(Code::SpfMultiple)
                    .detail(&format!(
                        "{} has {} SPF records, so receivers treat SPF as broken.",
                        seen.domain,
                        several.len()
                    ))
                    .remedy(
                        Actor::Partner,
                        &format!(
                            "Keep one TXT record of {} that begins with v=spf1, with the contents of all of them.",
                            seen.domain
                        ),
                    ),
            ];
        }
    };
    let mut found = Vec::new();
    if let Some(term) = terms(record).find(|t| is_mx_of(t, &seen.domain)) {
        found.push(
            finding(Code::SpfMx)
                .detail(&format!(
                    "The SPF record of {} has the term `{}`: {}",
                    seen.domain,
                    escape::clean(term, 60),
                    quote(record)
                ))
                .remedy(Actor::Partner, &instead(seen, term)),
        );
    }
    let lookups = terms(record).filter(|t| needs_lookup(t)).count();
    if lookups > LOOKUPS {
        found.push(
            finding(Code::SpfLookupLimit)
                .detail(&format!("The SPF record of {} needs at least {lookups} DNS look-ups, {LOOKUPS} are allowed: {}", seen.domain, quote(record)))
                .remedy(Actor::Partner, "Replace include, a, mx and exists terms by the ip4 and ip6 addresses behind them until no more than 10 are left."),
        );
    }
    found
}

fn quote(record: &str) -> String {
    escape::clean(record, 400)
}

fn instead(seen: &LintObservation, term: &str) -> String {
    let mut addresses: Vec<String> = seen
        .own_servers
        .iter()
        .flat_map(|(_, addresses)| addresses)
        .map(|a| if a.is_ipv4() { format!("ip4:{a}") } else { format!("ip6:{a}") })
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses.truncate(10);
    let term = escape::clean(term, 60);
    if addresses.is_empty() {
        return format!(
            "Before the MX moves, put the addresses of the servers that send mail for {} into the record as ip4: and ip6: terms in place of `{term}`.",
            seen.domain
        );
    }
    format!(
        "Before the MX moves, write `{}` in place of `{term}` in the SPF record of {}: afterwards `mx` means the gateway and no longer the own server.",
        addresses.join(" "),
        seen.domain
    )
}

fn is_spf(text: &str) -> bool {
    text.split(' ').next().is_some_and(|first| first.eq_ignore_ascii_case("v=spf1"))
}

fn terms(record: &str) -> impl Iterator<Item = &str> {
    record.split_ascii_whitespace().skip(1)
}

/// A term without its qualifier (RFC 7208 §4.6.2).
fn bare(term: &str) -> &str {
    term.trim_start_matches(['+', '-', '~', '?'])
}

fn is_mx_of(term: &str, domain: &DomainName) -> bool {
    let lower = bare(term).to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("mx") else { return false };
    let target = rest.split('/').next().unwrap_or_default();
    match target.strip_prefix(':') {
        Some(name) => DomainName::parse(name).is_ok_and(|n| n == *domain),
        None => target.is_empty(),
    }
}

fn needs_lookup(term: &str) -> bool {
    let lower = bare(term).to_ascii_lowercase();
    let name = lower.split([':', '/', '=']).next().unwrap_or_default();
    matches!(name, "include" | "a" | "mx" | "ptr" | "exists" | "redirect")
}
