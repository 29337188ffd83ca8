//! Whether every gateway address reaches the own server, and who else does. The matrix has a row a
//! server and a column a vantage; a vantage that was itself broken proves nothing.

mod announced;
mod cell;
mod matrix;
mod products;
mod row;
pub mod rules;
mod shut;
mod through;
mod words;

use std::collections::BTreeSet;
use std::net::IpAddr;

use jiff::Timestamp;

use crate::observation::{ConnectOutcome, SmtpDialogue, VantageRole};
use crate::{Actor, Code, DomainName, Finding, Judgement, Severity, Verdict};
use row::Row;

pub use announced::{AddressLook, Entry, entries};
pub use matrix::{Matrix, MatrixCell, MatrixRow, matrix};
pub use rules::{Allow, Product, Snippet, rules};

/// What the matrix is judged against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallContext {
    pub domain: DomainName,
    /// Every address from which the gateway delivers.
    pub egress: Vec<IpAddr>,
    /// Addresses from which it is going to deliver. They are asked for and looked at, and no verdict rests
    /// on them.
    pub announced: Vec<IpAddr>,
    /// The own mail is with a platform that cannot be firewalled.
    pub hosted: bool,
    /// The MX still names an own server, so the world must reach it.
    pub own_server_in_mx: bool,
    /// The old path is no longer needed.
    pub old_path_drained: bool,
    /// Ids of outsiders that did not reach our own reference server: what they saw does not count.
    /// [`unsound`] finds them.
    pub unsound: Vec<String>,
    pub now: Timestamp,
}

impl FirewallContext {
    /// Every address that the customer is asked to let in.
    pub fn asked(&self) -> impl Iterator<Item = IpAddr> {
        self.egress.iter().chain(&self.announced).copied()
    }

    fn is_announced(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| self.announced.contains(&address) && !self.egress.contains(&address))
    }
}

/// Outsiders that did not reach our own reference server whenever they were asked to: a way out that
/// is closed for everything proves nothing about the customer's firewall.
#[must_use]
pub fn unsound(reference: &[SmtpDialogue]) -> Vec<String> {
    let failed = |seen: &&SmtpDialogue| {
        seen.vantage.role == VantageRole::Outsider && !matches!(seen.connect, ConnectOutcome::Connected { .. })
    };
    let ids: BTreeSet<String> = reference.iter().filter(failed).map(|seen| seen.vantage.id.clone()).collect();
    ids.into_iter().collect()
}

/// Judges the matrix of servers and vantages. Standby servers only warn, unless there is no other.
/// `Fail` always comes with a blocking finding, and nothing else does.
#[must_use]
pub fn judge(dialogues: &[SmtpDialogue], context: &FirewallContext) -> Judgement {
    let delivers =
        |seen: &&SmtpDialogue| seen.vantage.role != VantageRole::Egress || !context.is_announced(seen.vantage.address);
    let rows = Row::all(dialogues.iter().filter(delivers));
    if rows.is_empty() {
        return nothing_seen(context);
    }
    let all_standby = rows.iter().all(|r| r.standby);
    let mut verdict = Verdict::Pass;
    let mut findings = Vec::new();
    for row in &rows {
        let (row_verdict, mut row_findings) = row.judge(context);
        if row.standby && !all_standby {
            soften(&mut row_findings);
        } else {
            verdict = verdict.max(row_verdict);
        }
        findings.append(&mut row_findings);
    }
    findings.extend(announced::findings(&Row::all(dialogues), context));
    // A blocking finding (mail is being lost now) outweighs everything.
    Judgement { verdict, findings, retry_after: None }
}

fn soften(findings: &mut [Finding]) {
    for finding in findings {
        finding.severity = finding.severity.min(Severity::Warning);
    }
}

fn nothing_seen(context: &FirewallContext) -> Judgement {
    if context.hosted {
        return Judgement {
            verdict: Verdict::Pass,
            findings: vec![through::unverifiable(context.domain.as_str(), context.now)],
            retry_after: None,
        };
    }
    let finding = Finding::new(Code::VantageFault, Severity::Warning, context.domain.as_str(), context.now)
        .detail("No mail server could be asked: there is no observation at all.")
        .remedy(
            Actor::Vendor,
            "Nothing for the customer to do: the operator of fencepost looks why no probe was sent.",
        );
    Judgement { verdict: Verdict::Inconclusive, findings: vec![finding], retry_after: None }
}
