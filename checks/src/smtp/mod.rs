//! Whether an own server takes part in a whole dialogue and accepts mail for the domain. One server
//! that accepts is a pass; what the others did then only warns.

pub(crate) mod dialogue;
pub(crate) mod meaning;
mod outcome;
pub mod strangers;
pub(crate) mod tls;

use std::net::SocketAddr;

use jiff::{SignedDuration, Timestamp};

use crate::observation::SmtpDialogue;
use crate::{Actor, Code, DomainName, Finding, Judgement, Severity, Verdict};
use outcome::Outcome;

/// What the dialogues are judged against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpContext {
    pub domain: DomainName,
    pub now: Timestamp,
}

/// Judges the dialogues with the own servers.
///
/// `Pass`: at least one accepted mail for the domain. `Fail`: every dialogue ended in a definite
/// refusal, and a blocking finding says which. Everything else is `Inconclusive`: time-outs, 4xx and
/// faults of our own never fail by themselves. `retry_after` is given for greylisting (5 minutes, the
/// caller lengthens it from try to try) and rate limits (15 minutes).
#[must_use]
pub fn judge(dialogues: &[SmtpDialogue], context: &SmtpContext) -> Judgement {
    let judged: Vec<(&SmtpDialogue, Outcome, Vec<Finding>)> = dialogues
        .iter()
        .map(|d| {
            let (outcome, findings) = outcome::of(d, &context.domain);
            (d, outcome, findings)
        })
        .collect();
    let verdict = if judged.iter().any(|(_, o, _)| *o == Outcome::Accepted) {
        Verdict::Pass
    } else if !judged.is_empty() && primaries(&judged).all(|o| o == Outcome::Refused) {
        Verdict::Fail
    } else {
        Verdict::Inconclusive
    };
    let told = judged.into_iter().flat_map(|(d, _, found)| found.into_iter().map(move |f| (d.peer, f)));
    let mut findings = fold_same(told);
    findings.extend(tls::stripped(dialogues));
    if verdict != Verdict::Fail {
        for finding in &mut findings {
            finding.severity = finding.severity.min(Severity::Warning);
        }
    }
    if dialogues.is_empty() {
        findings.push(
            Finding::new(Code::VantageFault, Severity::Warning, context.domain.as_str(), context.now)
                .detail("No mail server could be asked: there is no observation at all.")
                .remedy(
                    Actor::Vendor,
                    "Nothing for the customer to do: the operator of fencepost looks why no probe was sent.",
                ),
        );
    }
    let retry_after = if verdict == Verdict::Pass { None } else { findings.iter().filter_map(|f| retry(f.code)).max() };
    Judgement { verdict, findings, retry_after }
}

/// Outcomes of the servers that count: all but standby ones, or all where there is no other.
fn primaries<'a>(judged: &'a [(&SmtpDialogue, Outcome, Vec<Finding>)]) -> impl Iterator<Item = Outcome> + 'a {
    let all_standby = judged.iter().all(|(d, _, _)| d.standby);
    judged.iter().filter(move |(d, _, _)| all_standby || !d.standby).map(|(_, o, _)| *o)
}

/// The same finding about the same address of the same server from several vantages is one finding.
fn fold_same(findings: impl Iterator<Item = (Option<SocketAddr>, Finding)>) -> Vec<Finding> {
    let mut folded: Vec<(Option<SocketAddr>, Finding)> = Vec::new();
    for (peer, finding) in findings {
        let same = |(p, f): &&mut (Option<SocketAddr>, Finding)| {
            *p == peer && f.code == finding.code && f.subject == finding.subject
        };
        match folded.iter_mut().find(same) {
            Some((_, known)) => {
                known.severity = known.severity.max(finding.severity);
                let new: Vec<String> = finding.vantages.into_iter().filter(|v| !known.vantages.contains(v)).collect();
                known.vantages.extend(new);
            }
            None => folded.push((peer, finding)),
        }
    }
    folded.into_iter().map(|(_, f)| f).collect()
}

const fn retry(code: Code) -> Option<SignedDuration> {
    match code {
        Code::SmtpGreylisted | Code::SmtpTempFail => Some(SignedDuration::from_mins(5)),
        Code::SmtpRateLimited => Some(SignedDuration::from_mins(15)),
        _ => None,
    }
}

/// Whether a resolution error reads like one that passes: then the name may well have an address.
pub(crate) fn looks_temporary(detail: &str) -> bool {
    let lower = detail.to_ascii_lowercase();
    ["timeout", "timed out", "servfail", "server failure", "no connections"].iter().any(|word| lower.contains(word))
}
