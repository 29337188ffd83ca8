//! MX records as a status shows them: what is published, what to set, what to take out. Works on
//! kept observations only; a record with odd bytes is shown as it was kept, never interpreted.

use std::collections::BTreeMap;

use fencepost_checks::DomainName;
use fencepost_checks::observation::{DnsAnswer, DnsRound};

use super::RecordLine;
use crate::config::{GatewayConfig, HostState};

/// What the domain's MX must be: the gateway's hosts.
pub(super) fn wanted(domain: &DomainName, gateway: &GatewayConfig) -> Vec<RecordLine> {
    let mut lines: Vec<RecordLine> = gateway
        .hosts(HostState::Current)
        .map(|host| RecordLine {
            name: domain.fqdn(),
            ttl: Some(gateway.mx_ttl),
            preference: host.preference,
            exchange: host.name.fqdn(),
            spellings: None,
        })
        .collect();
    lines.sort_by(|a, b| (a.preference, &a.exchange).cmp(&(b.preference, &b.exchange)));
    lines
}

/// Every record that some authoritative server published in the round, with the greatest TTL seen:
/// the one that a sender may have to wait for.
pub(super) fn published(domain: &DomainName, round: &DnsRound) -> Vec<RecordLine> {
    let mut seen: BTreeMap<(u16, &str), u32> = BTreeMap::new();
    for server in &round.servers {
        let (DnsAnswer::Mx { records, ttl } | DnsAnswer::Cname { records, ttl, .. }) = &server.answer else { continue };
        for record in records {
            let kept = seen.entry((record.preference, &record.exchange)).or_insert(*ttl);
            *kept = (*kept).max(*ttl);
        }
    }
    seen.into_iter().map(|((preference, exchange), ttl)| line(domain, Some(ttl), preference, exchange)).collect()
}

/// One record; the null MX (RFC 7505) stays a single dot.
pub(super) fn line(domain: &DomainName, ttl: Option<u32>, preference: u16, exchange: &str) -> RecordLine {
    let exchange = if exchange.ends_with('.') { exchange.to_owned() } else { format!("{exchange}.") };
    RecordLine { name: domain.fqdn(), ttl, preference, exchange, spellings: None }
}

/// Whether the record names a host that is or was the gateway's, compared as a name.
pub(super) fn is_ours(line: &RecordLine, gateway: &GatewayConfig) -> bool {
    DomainName::parse(&line.exchange).is_ok_and(|name| gateway.ever_mx().is_ours(&name))
}

/// Whether the record may stay: one of the hosts to set, or a name of the customer's own at the gateway.
pub(super) fn may_stay(line: &RecordLine, gateway: &GatewayConfig) -> bool {
    DomainName::parse(&line.exchange).is_ok_and(|name| {
        let expected = gateway.expected_mx();
        expected.is_ours(&name) && !expected.leaving.contains(&name)
    })
}
