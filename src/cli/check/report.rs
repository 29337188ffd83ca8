//! What a check came to: one value, printed as a table or as JSON. It weighs the judgements against each
//! other and says in one sentence what to do; the findings themselves are made elsewhere.

use fencepost_checks::escape::clean;
use fencepost_checks::firewall::Snippet;
use fencepost_checks::mx::{MxJudgement, MxVerdict};
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord};
use fencepost_checks::{Code, DomainName, Finding, Judgement, Severity, Verdict};
use jiff::Timestamp;
use serde::Serialize;

use crate::cli::Exit;
use crate::status::DnsProviderStatus;

/// The outcome of `fencepost check --output json`. The form is stable: members may be added, never
/// removed or renamed.
///
/// ```json
/// { "domain": "example.com", "checked_at": "2026-03-02T10:00:00Z",
///   "verdict": "fail", "summary": "example.com is not ready: …",
///   "parts": [ { "part": "mx", "verdict": "fail" }, { "part": "smtp", "verdict": "pass" } ],
///   "mx_verdict": "foreign_only", "compared_with_gateway": true,
///   "mx": [ { "preference": 10, "exchange": "mail.example.com" } ],
///   "findings": [ { "code": "MX_FOREIGN_ONLY", "severity": "warning", "subject": "example.com",
///                   "detail": "…", "remedy": "…", "who": "partner", "vantages": [],
///                   "observed_at": "…" } ],
///   "firewall_rules": [ { "code": "FW_PARTIAL", "subject": "mail.example.com:25",
///                         "rules": [ { "product": "nftables", "text": "…" } ] } ] }
/// ```
///
/// `verdict` is `pass`, `fail` or `inconclusive`, as the exit status 0, 1 or 3. `part` is `mx`, `smtp`
/// (with `--server`), `firewall` (with `--server` and configured gateway addresses) or `lint` (with a
/// configured gateway). `mx` is the set that the first authoritative server publishes, else what a
/// resolver gives. Findings come with the gravest first. A finding whose remedy is to let addresses in has
/// them in `allow`, and `firewall_rules` has rules to paste for it in the words of each product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) domain: DomainName,
    pub(super) checked_at: Timestamp,
    pub(super) verdict: Verdict,
    pub(super) summary: String,
    pub(super) parts: Vec<PartVerdict>,
    pub(super) mx_verdict: MxVerdict,
    /// `false` where no gateway is configured: the MX is then only judged for soundness.
    pub(super) compared_with_gateway: bool,
    pub(super) mx: Vec<MxRecord>,
    /// Who runs the name servers, and how its form wants a change; left out where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dns_provider: Option<DnsProviderStatus>,
    pub(super) findings: Vec<Finding>,
    pub(super) firewall_rules: Vec<FirewallRules>,
}

/// Rules to paste that mend one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct FirewallRules {
    pub(super) code: Code,
    pub(super) subject: String,
    pub(super) rules: Vec<Snippet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct PartVerdict {
    pub(super) part: Part,
    pub(super) verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Mx,
    Smtp,
    Firewall,
    Lint,
}

impl Report {
    pub(super) fn new(
        domain: DomainName,
        checked_at: Timestamp,
        round: &DnsRound,
        mx: MxJudgement,
        compared_with_gateway: bool,
        others: Vec<(Part, Judgement)>,
    ) -> Self {
        let mut parts = vec![PartVerdict { part: Part::Mx, verdict: of_mx(&mx, compared_with_gateway) }];
        let mut findings = mx.findings;
        if !compared_with_gateway {
            // Without a gateway every MX is foreign, which says nothing.
            findings.retain(|f| f.code != Code::MxForeignOnly);
        }
        for (part, judgement) in others {
            parts.push(PartVerdict { part, verdict: judgement.verdict });
            findings.extend(judgement.findings);
        }
        findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
        let mut unique: Vec<Finding> = Vec::with_capacity(findings.len());
        for finding in findings {
            if !unique.contains(&finding) {
                unique.push(finding);
            }
        }
        let verdict = parts.iter().map(|p| p.verdict).max().unwrap_or(Verdict::Inconclusive);
        let summary = summary(&domain, verdict, &parts, &unique);
        Self {
            domain,
            checked_at,
            verdict,
            summary,
            parts,
            mx_verdict: mx.verdict,
            compared_with_gateway,
            mx: published(round),
            dns_provider: None,
            firewall_rules: unique.iter().filter_map(rules).collect(),
            findings: unique,
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Pass => Exit::Pass,
            Verdict::Fail => Exit::Fail,
            Verdict::Inconclusive => Exit::Inconclusive,
        }
    }
}

fn rules(finding: &Finding) -> Option<FirewallRules> {
    let rules = finding.allow.as_ref()?.rules();
    Some(FirewallRules { code: finding.code, subject: finding.subject.clone(), rules })
}

/// A pass needs every authoritative address to have answered, and all of them well.
fn of_mx(mx: &MxJudgement, compared_with_gateway: bool) -> Verdict {
    let good = match mx.verdict {
        MxVerdict::OursOnly | MxVerdict::AsAccepted => true,
        MxVerdict::ForeignOnly => !compared_with_gateway,
        MxVerdict::LookupError => return Verdict::Inconclusive,
        MxVerdict::OursPlusForeign
        | MxVerdict::OursPartial
        | MxVerdict::None
        | MxVerdict::NullMx
        | MxVerdict::Invalid => false,
    };
    let disagree = if compared_with_gateway {
        mx.old_published
    } else {
        mx.findings.iter().any(|f| f.code == Code::NsInconsistent)
    };
    match (good, mx.complete) {
        (false, _) => Verdict::Fail,
        (true, _) if disagree => Verdict::Fail,
        (true, true) => Verdict::Pass,
        (true, false) => Verdict::Inconclusive,
    }
}

fn published(round: &DnsRound) -> Vec<MxRecord> {
    let answers = round.servers.iter().map(|s| &s.answer).chain(round.resolvers.iter().map(|r| &r.answer));
    answers
        .filter_map(|answer| match answer {
            DnsAnswer::Mx { records, .. } | DnsAnswer::Cname { records, .. } => Some(records.clone()),
            _ => None,
        })
        .next()
        .unwrap_or_default()
}

/// One sentence: the outcome, and what to do first.
fn summary(domain: &DomainName, verdict: Verdict, parts: &[PartVerdict], findings: &[Finding]) -> String {
    let warnings = findings.iter().filter(|f| f.severity == Severity::Warning).count();
    let first = findings.iter().find(|f| f.severity > Severity::Info);
    let advice = first.map(|f| format!("{} ({})", first_sentence(&f.remedy), f.code));
    match verdict {
        Verdict::Pass if warnings == 0 => format!("{domain} passes: {}, nothing to do.", count(parts.len(), "check")),
        Verdict::Pass => format!(
            "{domain} passes with {}; look at this first: {}.",
            count(warnings, "warning"),
            advice.unwrap_or_default()
        ),
        Verdict::Fail => {
            let blocking = findings.iter().filter(|f| f.severity == Severity::Blocking).count();
            let what = if blocking > 0 { count(blocking, "blocking finding") } else { count(warnings, "warning") };
            format!(
                "{domain} is not ready, {what}; do this first: {}.",
                advice.unwrap_or_else(|| "see below".to_owned())
            )
        }
        Verdict::Inconclusive => format!(
            "{domain} could not be judged completely; {}.",
            advice.map_or_else(
                || "run the check again in some minutes".to_owned(),
                |a| format!("look at this first: {a}")
            )
        ),
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Up to the first full stop that ends a sentence, without it.
fn first_sentence(text: &str) -> String {
    let end = text.find(". ").unwrap_or(text.len());
    let sentence = text.get(..end).unwrap_or(text).trim_end_matches('.').replace('\n', " ");
    clean(&sentence, 300)
}
