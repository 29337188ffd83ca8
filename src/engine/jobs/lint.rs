//! Policies around the domain that would lose mail once the MX has moved. MTA-STS has a memory:
//! after a policy that shuts the gateway out, senders may hold the old one for a while.

use fencepost_checks::lint::sts::StsWatch;
use fencepost_checks::lint::{LintContext, judge};
use fencepost_checks::observation::{DnsRound, LintObservation, SmtpDialogue};

use super::{Found, Job, JobError, seen};
use crate::lifecycle::connection::{Fact, Gate, Phase};

pub(super) async fn run(job: &Job<'_>) -> Result<Found, JobError> {
    let order = &job.loaded.subject.order;
    let mut observed = job.parts.observer.lint(&job.servers()).await;
    if let Some(test) = &mut observed.sender_test {
        test.dialogues = job.weigh(std::mem::take(&mut test.dialogues)).await?;
    }
    let now = job.now();
    let round: Option<DnsRound> = job.kept.body("mx");
    let expected = job.expected();
    let mut sts: StsWatch = job.kept.body("sts").unwrap_or_default();
    // A policy that was mended just now starts its waiting time in this very judgement.
    sts.observe(&observed, &expected);
    let context = LintContext {
        gateway_hosts: expected.gateway_hosts,
        suffixes: expected.suffixes,
        gateway_egress: job.parts.config.gateway.asked(),
        contacts: order.contacts.iter().map(|contact| contact.email.clone()).collect(),
        sts: sts.clone(),
        dialogues: visited(job),
        now,
    };
    let judged = judge(&observed, round.as_ref(), &context);
    let evidence =
        seen::observation("lint", &judged.findings.iter().map(|f| f.code).collect::<Vec<_>>(), &observed, now);
    let fact = job.gate_fact(Gate::Lint, &judged, &evidence, observed.observed_at.min(now));
    let sts = seen::observation("sts", &sts, &sts, now);
    let mut kept = vec![evidence, seen::findings("lint", &judged.findings, now), sts];
    if before_change(job) {
        // For the rollback card: how things stood before the change.
        let before = LintObservation { sender_test: None, ..observed };
        let says = (&before.mta_sts, &before.spf, &before.exchange_tlsa);
        kept.push(seen::observation("before", &says, &before, now));
    }
    Ok(Found::of(Fact::Gate(fact), kept))
}

/// Whether nothing of the change has been seen yet.
fn before_change(job: &Job<'_>) -> bool {
    let connection = &job.loaded.connection;
    let early = matches!(
        connection.phase,
        Phase::Ordered | Phase::Allowlisting | Phase::Probing | Phase::Provisioning | Phase::Ready
    );
    early && connection.window.is_none() && !connection.observed.mx.as_ref().is_some_and(|mx| mx.ours_published)
}

/// The last dialogues with the gateway's hosts and with the own servers.
fn visited(job: &Job<'_>) -> Vec<SmtpDialogue> {
    let mut dialogues: Vec<SmtpDialogue> = job.kept.body("gateway").unwrap_or_default();
    dialogues.extend(job.kept.body::<Vec<SmtpDialogue>>("smtp").unwrap_or_default());
    dialogues
}
