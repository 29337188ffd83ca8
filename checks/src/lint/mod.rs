//! What else would lose mail, or hide that it is lost, once the MX has moved. Hazards that lose mail
//! block; everything else warns.

pub mod spf;
pub mod sts;

use std::net::IpAddr;

use jiff::Timestamp;

use crate::observation::{DnsAnswer, DnsRound, LintObservation};
use crate::{Actor, Code, DomainName, Finding, Judgement, Severity, Verdict, escape, mx, when};

/// A TTL above this makes a change slow, seconds.
const SLOW_TTL: u32 = 3600;

/// What the policies are judged against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintContext {
    pub gateway_hosts: Vec<DomainName>,
    pub gateway_egress: Vec<IpAddr>,
    /// Addresses to which notices go.
    pub contacts: Vec<String>,
    /// Since when, without a break, an MTA-STS policy that names the gateway has been served *after*
    /// one that did not was seen; `None` where none that did not was ever seen. [`sts::StsWatch`]
    /// keeps it.
    pub sts_ok_since: Option<Timestamp>,
    pub now: Timestamp,
}

/// Judges the policies around the domain. `round` is the last round of MX questions, where known.
///
/// `Fail`: a blocking hazard. `Inconclusive`: a policy that could lose mail could not be read.
#[must_use]
pub fn judge(seen: &LintObservation, round: Option<&DnsRound>, context: &LintContext) -> Judgement {
    let moved = round.is_some_and(|r| names_gateway(r, context));
    let (sts, sts_findings) = sts::judge(seen, context, moved);
    let mut findings = sts_findings;
    findings.extend(route_loops(seen, round, context));
    findings.extend(contacts(seen, context));
    findings.extend(spf::findings(seen));
    if let Some(round) = round {
        findings.extend(ttl_high(round));
        findings.extend(mx::inconsistency(round, &context.gateway_hosts));
    }
    let blocked = findings.iter().any(|f| f.severity == Severity::Blocking);
    let verdict = if blocked { Verdict::Fail } else { sts };
    Judgement { verdict, findings, retry_after: None }
}

fn names_gateway(round: &DnsRound, context: &LintContext) -> bool {
    let expected = mx::Expected { gateway_hosts: context.gateway_hosts.clone(), ..mx::Expected::default() };
    mx::judge(round, &expected).ours_published
}

/// The own server is the gateway: what it delivers comes back to it.
fn route_loops(seen: &LintObservation, round: Option<&DnsRound>, context: &LintContext) -> Vec<Finding> {
    let is_gateway_host = |name: &str| context.gateway_hosts.iter().any(|h| mx::set::same(name, h));
    let mx_addresses: Vec<IpAddr> = round
        .iter()
        .flat_map(|r| &r.exchanges)
        .filter(|e| is_gateway_host(&e.exchange))
        .flat_map(|e| e.addresses.iter().copied())
        .collect();
    let found = |host: &str, what: &str| {
        let host = escape::clean(host, 255);
        Finding::new(Code::RouteLoop, Severity::Blocking, &host, seen.observed_at)
            .detail(&format!("The own mail server {host} is {what}: the gateway would deliver to itself, in circles."))
            .remedy(
                Actor::Desk,
                &format!(
                    "Put the customer's real mail server into the order in place of {host}: where its mailboxes are."
                ),
            )
    };
    seen.own_servers
        .iter()
        .take(50)
        .filter_map(|(host, addresses)| {
            if is_gateway_host(host) {
                return Some(found(host, "one of the gateway's MX hosts"));
            }
            let hit = addresses.iter().find(|a| context.gateway_egress.contains(a) || mx_addresses.contains(a))?;
            Some(found(host, &format!("at {hit}, which is an address of the gateway")))
        })
        .collect()
}

/// Notices that travel through the domain being moved.
fn contacts(seen: &LintObservation, context: &LintContext) -> Vec<Finding> {
    let inside = |address: &&String| {
        address
            .rsplit_once('@')
            .and_then(|(_, domain)| DomainName::parse(domain.trim_end_matches('>')).ok())
            .is_some_and(|domain| domain.is_at_or_below(&seen.domain))
    };
    context
        .contacts
        .iter()
        .filter(inside)
        .take(20)
        .map(|address| {
            let address = escape::clean(address, 255);
            Finding::new(Code::ContactInDomain, Severity::Warning, &address, seen.observed_at)
                .detail(&format!("Notices go to {address}, which is in the domain {} that is being moved.", seen.domain))
                .remedy(
                    Actor::Desk,
                    &format!("Add a contact whose address is not in {}, so that a warning arrives even when the move goes wrong.", seen.domain),
                )
        })
        .collect()
}

/// The present TTL makes the change slow: advice, never a condition.
fn ttl_high(round: &DnsRound) -> Option<Finding> {
    let ttl = round
        .servers
        .iter()
        .filter_map(|s| match &s.answer {
            DnsAnswer::Mx { ttl, .. } => Some(*ttl),
            _ => None,
        })
        .max()
        .filter(|ttl| *ttl > SLOW_TTL)?;
    let wait = jiff::SignedDuration::from_secs(i64::from(ttl));
    let fast = round.finished_at.checked_add(wait).unwrap_or(Timestamp::MAX);
    Some(
        Finding::new(Code::TtlHigh, Severity::Warning, round.domain.as_str(), round.finished_at)
            .detail(&format!(
                "The MX of {} has a time to live of {ttl} seconds: senders may go on using the old one for that long after a change.",
                round.domain
            ))
            .remedy(
                Actor::Partner,
                &format!(
                    "For a fast change, lower the TTL of the present MX records to 300 and change nothing else. If that is done \
                     now, a change after {} reaches everybody within minutes.",
                    when(fast)
                ),
            ),
    )
}
