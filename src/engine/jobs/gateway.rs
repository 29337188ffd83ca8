//! The gateway's own MX hosts, asked from outside whether they take mail for the domain.

use fencepost_checks::gateway::{GatewayContext, judge};

use super::{Found, Job, JobError, seen};
use crate::lifecycle::connection::{Fact, Gate};

pub(super) async fn run(job: &Job<'_>) -> Result<Found, JobError> {
    let task = job.servers();
    let dialogues = job.parts.observer.gateway(&task.domain, &task.test_mailbox).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let context = GatewayContext { domain: task.domain, mx_hosts: job.expected().gateway_hosts, now };
    let judged = judge(&dialogues, &context);
    let evidence = seen::dialogues("gateway", &judged, &dialogues, now);
    let fact = job.gate_fact(Gate::Gateway, &judged, &evidence, seen::oldest(&dialogues, now));
    Ok(Found::of(Fact::Gate(fact), vec![evidence, seen::findings("gateway", &judged.findings, now)]))
}
