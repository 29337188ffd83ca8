//! Strangers at the own servers, where the configuration asks for them: after the firewall let the gateway in,
//! once and then weekly. Part of no gate.

use fencepost_checks::smtp::{SmtpContext, strangers::judge};
use jiff::SignedDuration;

use super::{Job, JobError, Whose, seen};
use crate::engine::ports::ServerTask;
use crate::store::Observation;

const EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is to be kept of it; nothing where it is not asked for, or was asked lately of these servers.
pub(super) async fn look(job: &Job<'_>, task: &ServerTask, whose: Whose) -> Result<Vec<Observation>, JobError> {
    let begun = job.now();
    let kind = whose.kind("strangers");
    let about = seen::digest(&task.servers);
    let lately = job.kept.0.iter().find(|kept| kept.kind == kind && kept.digest == about);
    if lately.is_some_and(|kept| begun.duration_since(kept.last_at) < EVERY) {
        return Ok(Vec::new());
    }
    let dialogues = job.weigh(job.parts.observer.strangers(task).await).await?;
    if dialogues.is_empty() {
        return Ok(Vec::new());
    }
    let now = job.now();
    let judged = judge(&dialogues, &SmtpContext { domain: task.domain.clone(), now });
    let evidence = Observation { digest: about, ..seen::dialogues(&kind, &judged, &dialogues, now) };
    Ok(vec![evidence, seen::findings(&kind, &judged.findings, now)])
}
