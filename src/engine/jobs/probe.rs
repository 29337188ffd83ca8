//! A whole SMTP dialogue with the own servers.

use fencepost_checks::Verdict;
use fencepost_checks::observation::SmtpDialogue;
use fencepost_checks::smtp::{SmtpContext, judge};
use jiff::{SignedDuration, Timestamp};

use super::{Found, Job, JobError, Whose, seen};
use crate::lifecycle::connection::Gate;

pub(super) async fn run(job: &Job<'_>, whose: Whose) -> Result<Found, JobError> {
    let task = job.servers_of(whose);
    let dialogues = job.parts.observer.smtp(&task).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let mut judged = judge(&dialogues, &SmtpContext { domain: task.domain, now });
    if judged.verdict == Verdict::Pass && dialogues.iter().any(|dialogue| expires_soon(dialogue, now)) {
        // Looked at daily, so that the day on which it is renewed, or is not, is seen.
        judged.retry_after = Some(SignedDuration::from_hours(24));
    }
    let evidence = seen::dialogues(&whose.kind("smtp"), &judged, &dialogues, now);
    let fact = job.gate_fact(Gate::Probe, &judged, &evidence, seen::oldest(&dialogues, now));
    Ok(Found::of(whose.fact(fact), vec![evidence, seen::findings(&whose.kind("probe"), &judged.findings, now)]))
}

/// Less than 14 days are left of the certificate.
fn expires_soon(dialogue: &SmtpDialogue, now: Timestamp) -> bool {
    let soon = now.checked_add(SignedDuration::from_hours(14 * 24)).unwrap_or(Timestamp::MAX);
    dialogue.tls.as_ref().is_some_and(|tls| tls.not_after < soon)
}
