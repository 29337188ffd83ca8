//! The canary beside the gateway's gate: plans a token, sends the message one look later, and judges
//! what came back. The token is committed before the message leaves, so that no notice can come for
//! one that nobody knows.

use fencepost_checks::canary::{AGAIN, Action, Canary, CanaryContext, Notice, Step, judge, next};
use fencepost_checks::{Judgement, Verdict};
use jiff::Timestamp;

use super::{Job, seen};
use crate::config::CanaryMode;
use crate::engine::canary;
use crate::engine::ports::{CanaryLetter, ServerTask};
use crate::lifecycle::connection::{Phase, RouteMode};
use crate::store::Observation;

/// Adds what is known of the canary to the gateway's judgement, and brings the canary on its way; what
/// has to be kept of it.
pub(super) async fn look(
    job: &Job<'_>,
    task: &ServerTask,
    judged: &mut Judgement,
    now: Timestamp,
) -> Option<Observation> {
    let probe = &job.parts.config.probe;
    let sender = probe.canary_sender.as_ref().filter(|_| probe.canary != CanaryMode::Off)?;
    let connection = &job.loaded.connection;
    let in_front = matches!(connection.phase, Phase::Provisioning | Phase::Ready);
    let live = connection.observed.route_confirmed == Some(RouteMode::Deliver);
    if !in_front || !live {
        return None;
    }
    let about = seen::digest(&(&job.expected().gateway_hosts, &task.servers, &task.test_mailbox, sender));
    let mut canary: Option<Canary> = job.kept.body(canary::SENT);
    let notice: Option<Notice> = job.kept.body(canary::NOTICE);
    let step = next(canary.as_ref(), notice.as_ref(), &about, now);
    match step {
        Step::Plan => {
            let token = canary::token(&job.loaded.subject.id);
            canary = token.map(|token| Canary { token, about, planned_at: now, dialogue: None });
        }
        // Where the mailbox is not accepted, there is nothing to send to.
        Step::Send if judged.verdict == Verdict::Pass => {
            if let Some(canary) = &mut canary {
                let letter = CanaryLetter {
                    token: canary.token.clone(),
                    sender: sender.clone(),
                    mailbox: task.test_mailbox.clone(),
                    at: now,
                };
                canary.dialogue = Some(job.parts.observer.canary(&letter).await);
            }
        }
        Step::Send | Step::Wait => {}
    }
    let required = probe.canary == CanaryMode::Required;
    let mailbox = task.test_mailbox.clone();
    let context = CanaryContext { domain: task.domain.clone(), mailbox, required, now: job.now() };
    let found = judge(canary.as_ref(), notice.as_ref(), &context);
    judged.findings.extend(found.findings);
    if required {
        judged.verdict = judged.verdict.max(found.verdict);
    } else if step == Step::Plan {
        // Looks again within a minute, and sends: otherwise the permit would be there before the first message.
        judged.verdict = judged.verdict.max(Verdict::Inconclusive);
    }
    let failed = |n: &Notice| n.action == Action::Failed && canary.as_ref().is_some_and(|c| c.token == n.token);
    if judged.verdict == Verdict::Pass && notice.as_ref().is_some_and(failed) {
        // Another one is due then, although the gate is well.
        judged.retry_after = Some(AGAIN);
    }
    let canary = canary.filter(|_| step != Step::Wait)?;
    Some(seen::observation(canary::SENT, &(&canary.token, canary.sent_at()), &canary, now))
}
