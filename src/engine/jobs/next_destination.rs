//! While a domain leaves: whether the place to which its mail will go accepts it from outsiders.

use fencepost_checks::smtp::{SmtpContext, judge};

use super::{Found, Job, JobError, seen};
use crate::lifecycle::connection::Fact;

pub(super) async fn run(job: &Job<'_>) -> Result<Found, JobError> {
    let task = job.servers();
    let dialogues = job.parts.observer.next_destination(&task).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let judged = judge(&dialogues, &SmtpContext { domain: task.domain, now });
    let evidence = seen::dialogues("next_destination", &judged, &dialogues, now);
    let fact = Fact::NextDestination { verdict: judged.verdict, at: seen::oldest(&dialogues, now) };
    Ok(Found::of(fact, vec![evidence, seen::findings("next_destination", &judged.findings, now)]))
}
