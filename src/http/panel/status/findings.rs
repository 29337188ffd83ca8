//! Findings with what to do about them, what has to be done apart from what is only worth knowing.

use fencepost_checks::firewall::{Allow, Snippet};
use fencepost_checks::{Code, Finding, Severity};

use super::Audience;
use crate::http::panel::words::{self, Times, When};
use crate::status::DomainStatus;

pub(in crate::http::panel) struct FindingLine {
    pub tone: &'static str,
    pub code: &'static str,
    pub about: &'static str,
    pub subject: String,
    pub detail: String,
    pub remedy: String,
    pub who: &'static str,
    pub rules: Vec<Rules>,
    pub vantages: String,
    pub observed: When,
}

/// Firewall rules to paste.
pub(in crate::http::panel) struct Rules {
    pub product: &'static str,
    pub text: String,
}

/// What has to be done, and what is only worth knowing.
pub(super) fn of(status: &DomainStatus, audience: Audience, times: &Times) -> (Vec<FindingLine>, Vec<FindingLine>) {
    let shown = status.findings.iter().filter(|finding| audience == Audience::SignedIn || for_all(finding.code));
    let (info, grave): (Vec<&Finding>, Vec<&Finding>) = shown.partition(|finding| finding.severity == Severity::Info);
    let lines = |findings: Vec<&Finding>| findings.into_iter().map(|finding| line(finding, times)).collect();
    (lines(grave), lines(info))
}

/// Whether whoever holds a link may know it. Where a server is open to everybody, or takes what it should not,
/// is told to nobody who could make use of it.
pub(in crate::http::panel) const fn for_all(code: Code) -> bool {
    !matches!(
        code,
        Code::FwOpenWorld
            | Code::FwLockdownVerified
            | Code::FwLockdownApplication
            | Code::SmtpAcceptsAll
            | Code::RelaySuspect
            | Code::StrangersRefused
            | Code::StrangersUntested
    )
}

fn line(finding: &Finding, times: &Times) -> FindingLine {
    FindingLine {
        tone: words::severity(finding.severity),
        code: finding.code.as_str(),
        about: finding.code.about(),
        subject: finding.subject.clone(),
        detail: finding.detail.clone(),
        remedy: finding.remedy.clone(),
        who: words::actor(finding.who),
        rules: finding.allow.iter().flat_map(Allow::rules).map(rules).collect(),
        vantages: finding.vantages.join(", "),
        observed: times.show(finding.observed_at),
    }
}

fn rules(snippet: Snippet) -> Rules {
    Rules { product: snippet.product.name(), text: snippet.text }
}
