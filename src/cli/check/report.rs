//! What a check came to: one value, printed for people or as JSON. It weighs the judgements against each
//! other and says in one sentence where things stand; the findings themselves are made elsewhere.

use fencepost_checks::firewall::Snippet;
use fencepost_checks::mx::{MxJudgement, MxVerdict};
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, SmtpDialogue};
use fencepost_checks::{Code, DomainName, Finding, Judgement, Severity, Verdict};
use jiff::Timestamp;
use serde::Serialize;

use super::gather::{cause, gather};
use crate::cli::Exit;
use crate::config::GatewayConfig;
use crate::status::{DnsProviderStatus, MxChange, RecordLine, message_to_provider};
use crate::words::Language;

/// The outcome of `fencepost check --output json`, described by `docs/check.schema.json`. The form is
/// stable: members may be added, never removed or renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) domain: DomainName,
    pub(super) checked_at: Timestamp,
    /// As the exit status 0, 1 or 3.
    pub(super) verdict: Verdict,
    pub(super) summary: String,
    pub(super) parts: Vec<PartVerdict>,
    pub(super) mx_verdict: MxVerdict,
    /// `false` where no gateway is configured: the MX is then only judged for soundness.
    pub(super) compared_with_gateway: bool,
    /// The set that the first authoritative server publishes, else what a resolver gives.
    pub(super) mx: Vec<MxRecord>,
    /// Who runs the name servers, and how its form wants a change; left out where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) dns_provider: Option<DnsProviderStatus>,
    /// The whole MX as it shall be, in three spellings; empty where it is so, or no gateway is configured.
    pub(super) records_to_set: Vec<RecordLine>,
    pub(super) records_to_remove: Vec<RecordLine>,
    /// For the DNS provider, ready to forward; left out while something else must be done first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message_to_provider: Option<String>,
    /// One for one thing, the gravest first.
    pub(super) findings: Vec<Told>,
    /// For every finding whose remedy is to let addresses in.
    pub(super) firewall_rules: Vec<FirewallRules>,
    /// What was said to the own servers and what they said, stage by stage.
    pub(super) dialogues: Vec<SmtpDialogue>,
}

/// A finding, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    #[serde(flatten)]
    pub(super) finding: Finding,
    /// Mending that one mends this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) follows_from: Option<Root>,
}

/// Which finding: there is one for one code and subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Root {
    code: Code,
    subject: String,
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
    /// Of the finding that stands for the part: its gravest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<Code>,
}

/// What is looked at: the mail server and its firewall with `--server`, the firewall and the policies
/// where a gateway is configured.
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
        gateway: &GatewayConfig,
        others: Vec<(Part, Judgement)>,
    ) -> Self {
        let compared_with_gateway = !gateway.mx_hosts.is_empty() || !gateway.mx_suffixes.is_empty();
        let verdict = of_mx(&mx, compared_with_gateway);
        let mut findings = mx.findings;
        if !compared_with_gateway {
            // Without a gateway every MX is foreign, which says nothing.
            findings.retain(|f| f.code != Code::MxForeignOnly);
        }
        let mut parts = vec![PartVerdict { part: Part::Mx, verdict, code: gravest(&findings) }];
        for (part, judgement) in others {
            parts.push(PartVerdict { part, verdict: judgement.verdict, code: gravest(&judgement.findings) });
            findings.extend(judgement.findings);
        }
        let findings = gather(findings);
        let mut report = Self {
            verdict: parts.iter().map(|p| p.verdict).max().unwrap_or(Verdict::Inconclusive),
            summary: String::new(),
            parts,
            mx_verdict: mx.verdict,
            compared_with_gateway,
            mx: published(round),
            dns_provider: None,
            records_to_set: Vec::new(),
            records_to_remove: Vec::new(),
            message_to_provider: None,
            firewall_rules: findings.iter().filter_map(rules).collect(),
            findings: traced(&findings, &domain),
            dialogues: Vec::new(),
            domain,
            checked_at,
        };
        report.plan_change(round, gateway);
        report.summary = summary(&report);
        report
    }

    pub(super) fn exit(&self) -> Exit {
        match self.verdict {
            Verdict::Pass => Exit::Pass,
            Verdict::Fail => Exit::Fail,
            Verdict::Inconclusive => Exit::Inconclusive,
        }
    }

    /// What somebody has to look at: findings that are more than information and follow from no other.
    pub(super) fn to_do(&self) -> impl Iterator<Item = &Finding> {
        let roots = self.findings.iter().filter(|told| told.follows_from.is_none()).map(|told| &told.finding);
        roots.filter(|finding| finding.severity > Severity::Info)
    }

    /// What goes away by itself once `root` is mended.
    pub(super) fn following<'a>(&'a self, root: &'a Finding) -> impl Iterator<Item = &'a Finding> {
        let is_root = |from: &Root| from.code == root.code && from.subject == root.subject;
        let following = self.findings.iter().filter(move |told| told.follows_from.as_ref().is_some_and(is_root));
        following.map(|told| &told.finding)
    }

    /// Whether the MX names nothing of the gateway yet: then a change needs the go-ahead first.
    pub(super) fn not_yet_moved(&self) -> bool {
        self.compared_with_gateway
            && !matches!(
                self.mx_verdict,
                MxVerdict::OursOnly | MxVerdict::OursPlusForeign | MxVerdict::OursPartial | MxVerdict::AsAccepted
            )
    }

    /// Every part but the MX.
    fn others(&self) -> Verdict {
        let others = self.parts.iter().filter(|p| p.part != Part::Mx);
        others.map(|p| p.verdict).max().unwrap_or(Verdict::Inconclusive)
    }

    fn plan_change(&mut self, round: &DnsRound, gateway: &GatewayConfig) {
        let known = self.mx_verdict != MxVerdict::LookupError
            && !round.servers.iter().any(|s| matches!(s.answer, DnsAnswer::NxDomain { .. }));
        let mx = self.parts.first().map(|p| p.verdict);
        if !self.compared_with_gateway || !known || mx == Some(Verdict::Pass) {
            return;
        }
        let change = MxChange::to_gateway(&self.domain, round, gateway);
        if self.others() == Verdict::Pass {
            self.message_to_provider = message_to_provider(&self.domain, &change, Language::En);
        }
        self.records_to_set = change.set;
        self.records_to_remove = change.remove;
    }
}

fn rules(finding: &Finding) -> Option<FirewallRules> {
    let rules = finding.allow.as_ref()?.rules();
    Some(FirewallRules { code: finding.code, subject: finding.subject.clone(), rules })
}

/// The findings, each with the one that it follows from.
fn traced(findings: &[Finding], domain: &DomainName) -> Vec<Told> {
    let root = |finding| cause(finding, findings, domain).map(|f| Root { code: f.code, subject: f.subject.clone() });
    findings.iter().map(|finding| Told { finding: finding.clone(), follows_from: root(finding) }).collect()
}

fn gravest(findings: &[Finding]) -> Option<Code> {
    gather(findings.to_vec()).first().map(|finding| finding.code)
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

/// One sentence: where the domain stands, and how much there is to do.
fn summary(report: &Report) -> String {
    let domain = &report.domain;
    let todo = report.to_do().count();
    let only_the_mx = report.not_yet_moved() && report.mx_verdict == MxVerdict::ForeignOnly;
    match (report.verdict, report.others()) {
        (Verdict::Pass, _) if todo == 0 => {
            format!("{domain} passes: {}, nothing to do.", count(report.parts.len(), "check"))
        }
        (Verdict::Pass, _) => format!("{domain} passes, with {} worth a look.", count(todo, "thing")),
        (Verdict::Fail, Verdict::Pass) if only_the_mx && todo == 0 => format!(
            "{domain} is not connected yet: its MX does not name the gateway. Nothing that was checked stands in the way."
        ),
        (Verdict::Fail, Verdict::Pass) if only_the_mx => format!(
            "{domain} is not connected yet: its MX does not name the gateway. {} to look at before the MX is changed.",
            count(todo, "thing")
        ),
        (Verdict::Fail, Verdict::Inconclusive) if only_the_mx && report.parts.len() > 1 => format!(
            "{domain} is not connected yet, and not everything could be found out: {} to look at.",
            count(todo, "thing")
        ),
        (Verdict::Fail, _) if todo == 0 => format!("{domain} is not ready: see below."),
        (Verdict::Fail, _) => format!("{domain} is not ready: {} to do.", count(todo, "thing")),
        (Verdict::Inconclusive, _) if todo == 0 => {
            format!("{domain} could not be judged completely: run the check again in some minutes.")
        }
        (Verdict::Inconclusive, _) => {
            format!("{domain} could not be judged completely: {} to look at.", count(todo, "thing"))
        }
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
