//! A whole SMTP dialogue with the own servers.

use fencepost_checks::smtp::{SmtpContext, judge};

use super::{Found, Job, JobError, seen};
use crate::lifecycle::connection::{Fact, Gate};

pub(super) async fn run(job: &Job<'_>) -> Result<Found, JobError> {
    let task = job.servers();
    let dialogues = job.parts.observer.smtp(&task).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let judged = judge(&dialogues, &SmtpContext { domain: task.domain, now });
    let evidence = seen::dialogues("smtp", &judged, &dialogues, now);
    let fact = job.gate_fact(Gate::Probe, &judged, &evidence, seen::oldest(&dialogues, now));
    Ok(Found::of(Fact::Gate(fact), vec![evidence, seen::findings("probe", &judged.findings, now)]))
}
