//! The gateway's own MX hosts, asked from outside whether they take mail for the domain; and with them
//! the canary, where one is asked for.

use fencepost_checks::gateway::{GatewayContext, judge};

use super::{Found, Job, JobError, canary, seen};
use crate::lifecycle::connection::{Fact, Gate};

pub(super) async fn run(job: &Job<'_>) -> Result<Found, JobError> {
    let task = job.servers();
    let dialogues = job.parts.observer.gateway(&task.domain, &task.test_mailbox).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let context = GatewayContext { domain: task.domain.clone(), mx_hosts: job.expected().gateway_hosts, now };
    let mut judged = judge(&dialogues, &context);
    let canary = canary::look(job, &task, &mut judged, now).await;
    let evidence = seen::dialogues("gateway", &judged, &dialogues, now);
    let fact = job.gate_fact(Gate::Gateway, &judged, &evidence, seen::oldest(&dialogues, now));
    let findings = seen::findings("gateway", &judged.findings, now);
    Ok(Found::of(Fact::Gate(fact), [Some(evidence), Some(findings), canary].into_iter().flatten().collect()))
}
