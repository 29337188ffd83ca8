//! The own server is the gateway: what it delivers comes back to it.

use std::net::IpAddr;

use super::LintContext;
use crate::observation::{DnsRound, LintObservation};
use crate::{Actor, Code, Finding, Severity, escape, mx};

/// Own servers that are looked at.
const SERVERS: usize = 50;

pub(super) fn findings(seen: &LintObservation, round: Option<&DnsRound>, context: &LintContext) -> Vec<Finding> {
    let expected = context.expected();
    let is_gateway_host = |name: &str| mx::set::is_ours(name, &expected);
    // The gateway's MX hosts as resolved, and as some MX named them: the round before the change does not.
    let in_round = round.iter().flat_map(|r| &r.exchanges).map(|e| (&e.exchange, &e.addresses));
    let gateway: Vec<IpAddr> = in_round
        .chain(seen.gateway_addresses.iter().map(|(host, addresses)| (host, addresses)))
        .filter(|(host, _)| is_gateway_host(host))
        .flat_map(|(_, addresses)| addresses.iter().copied())
        .chain(context.gateway_egress.iter().copied())
        .collect();
    let mut findings = Vec::new();
    for (host, addresses) in seen.own_servers.iter().take(SERVERS) {
        if is_gateway_host(host) {
            findings.push(looping(seen, host, "one of the gateway's MX hosts"));
        } else if let Some(hit) = addresses.iter().find(|a| gateway.contains(a)) {
            findings.push(looping(seen, host, &format!("at {hit}, which is an address of the gateway")));
        } else if mx::set::same(host, &seen.domain) {
            findings.push(named_like_the_domain(seen, host, addresses));
        }
    }
    findings
}

fn looping(seen: &LintObservation, host: &str, what: &str) -> Finding {
    let host = escape::clean(host, 255);
    Finding::new(Code::RouteLoop, Severity::Blocking, &host, seen.observed_at)
        .detail(&format!("The own mail server {host} is {what}: the gateway would deliver to itself, in circles."))
        .remedy(
            Actor::Desk,
            &format!("Give the customer's real mail server in place of {host}: where its mailboxes are."),
        )
}

/// Delivery by address works; a gateway that looks up the MX of the name would find itself.
fn named_like_the_domain(seen: &LintObservation, host: &str, addresses: &[IpAddr]) -> Finding {
    let host = escape::clean(host, 255);
    let instead = addresses.first().map_or("its own host name".to_owned(), ToString::to_string);
    Finding::new(Code::RouteLoop, Severity::Warning, &host, seen.observed_at)
        .detail(&format!(
            "The own mail server has the name of the domain itself, {host}. A route that looks up the MX of that name leads \
             back to the gateway once the MX has moved."
        ))
        .remedy(
            Actor::Desk,
            &format!("Give {instead} as the own mail server in place of {host}, or make sure that the route goes to the address of {host} and not to its MX."),
        )
}
