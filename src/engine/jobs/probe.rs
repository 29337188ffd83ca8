//! A whole SMTP dialogue with the own servers.

use fencepost_checks::smtp::{SmtpContext, judge};

use super::{Found, Job, JobError, Whose, seen};
use crate::lifecycle::connection::Gate;

pub(super) async fn run(job: &Job<'_>, whose: Whose) -> Result<Found, JobError> {
    let task = job.servers_of(whose);
    let dialogues = job.parts.observer.smtp(&task).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let judged = judge(&dialogues, &SmtpContext { domain: task.domain, now });
    let evidence = seen::dialogues(&whose.kind("smtp"), &judged, &dialogues, now);
    let fact = job.gate_fact(Gate::Probe, &judged, &evidence, seen::oldest(&dialogues, now));
    Ok(Found::of(whose.fact(fact), vec![evidence, seen::findings(&whose.kind("probe"), &judged.findings, now)]))
}
