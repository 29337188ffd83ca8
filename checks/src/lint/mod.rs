//! What else would lose mail, or hide that it is lost, once the MX has moved. Hazards that lose mail
//! block; everything else warns.

mod dane;
mod dnssec;
mod helo;
mod reports;
mod route;
mod sender;
pub mod spf;
pub mod sts;
mod unread;

use std::net::IpAddr;

use jiff::Timestamp;

use crate::observation::{DnsAnswer, DnsRound, LintObservation, SmtpDialogue};
use crate::{Actor, Code, DomainName, Finding, Judgement, Severity, Verdict, escape, mx, when};

/// A TTL above this makes a change slow, seconds.
const SLOW_TTL: u32 = 3600;

/// What the policies are judged against.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LintContext {
    pub gateway_hosts: Vec<DomainName>,
    /// Names below which every host is the gateway's (see [`mx::Expected::suffixes`]).
    pub suffixes: Vec<DomainName>,
    pub gateway_egress: Vec<IpAddr>,
    /// Addresses to which notices go.
    pub contacts: Vec<String>,
    /// What became of an MTA-STS policy that was wrong, the present look included.
    pub sts: sts::StsWatch,
    /// The last dialogues with the gateway's MX hosts and with the own servers, where there were any:
    /// certificates to compare TLSA records with, and whether mail without a sender is accepted.
    pub dialogues: Vec<SmtpDialogue>,
    pub now: Timestamp,
}

impl LintContext {
    /// What the MX should be, as far as the lint needs it.
    fn expected(&self) -> mx::Expected {
        mx::Expected {
            gateway_hosts: self.gateway_hosts.clone(),
            suffixes: self.suffixes.clone(),
            ..mx::Expected::default()
        }
    }
}

/// Judges the policies around the domain. `round` is the last round of MX questions, where known.
///
/// `Fail`: a blocking hazard. `Inconclusive`: a policy that could lose mail could not be read, or the zone
/// itself: then "no record" means nothing, and is not said.
#[must_use]
pub fn judge(seen: &LintObservation, round: Option<&DnsRound>, context: &LintContext) -> Judgement {
    let expected = context.expected();
    let moved = round.is_some_and(|r| mx::judge(r, &expected).ours_published);
    let (sts, sts_findings) = sts::judge(seen, context, moved);
    let mut findings = sts_findings;
    findings.extend(dnssec::findings(seen));
    findings.extend(dane::findings(seen, context));
    findings.extend(route::findings(seen, round, context));
    findings.extend(contacts(seen, context));
    findings.extend(spf::findings(seen));
    findings.extend(sender::findings(seen, context));
    findings.extend(reports::findings(seen));
    findings.extend(helo::findings(seen));
    let unread = unread::zone(seen, round);
    if unread.is_some() {
        findings.retain(|f| !unread::means_nothing(f.code));
    }
    findings.extend(unread::records(seen));
    if let Some(round) = round {
        findings.extend(ttl_high(round));
        findings.extend(mx::inconsistency(round, &expected));
    }
    let blocked = findings.iter().any(|f| f.severity == Severity::Blocking);
    let verdict = match (blocked, &unread) {
        (true, _) => Verdict::Fail,
        (false, Some(_)) => Verdict::Inconclusive,
        (false, None) => sts,
    };
    findings.extend(unread);
    Judgement { verdict, findings, retry_after: None }
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
