//! What else would lose mail, or hide that it is lost, once the MX has moved.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::observation::{DnsRound, LintObservation};
use crate::{DomainName, Judgement, Verdict};

/// What the policies are judged against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintContext {
    pub gateway_hosts: Vec<DomainName>,
    pub gateway_egress: Vec<IpAddr>,
    /// Addresses to which notices go.
    pub contacts: Vec<String>,
    /// Since when, without a break, an MTA-STS policy that names the gateway has been served *after*
    /// one that did not was seen.
    pub sts_ok_since: Option<Timestamp>,
    pub now: Timestamp,
}

/// Judges the policies around the domain. `round` is the last round of MX questions, where known.
#[must_use]
pub fn judge(_seen: &LintObservation, _round: Option<&DnsRound>, _context: &LintContext) -> Judgement {
    Judgement { verdict: Verdict::Inconclusive, findings: Vec::new(), retry_after: None }
}
