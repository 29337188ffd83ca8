//! Policies around the domain that would lose mail once the MX has moved. MTA-STS has a memory:
//! after a policy that shuts the gateway out, senders may hold the old one for a while.

use fencepost_checks::lint::sts::StsWatch;
use fencepost_checks::lint::{LintContext, judge};
use fencepost_checks::observation::DnsRound;

use super::{Found, Job, seen};
use crate::lifecycle::connection::{Fact, Gate};

/// Observation kind of what was seen of the domain's MTA-STS policy over time.
pub(super) const STS: &str = "sts";

pub(super) async fn run(job: &Job<'_>) -> Found {
    let order = &job.loaded.subject.order;
    let observed = job.parts.observer.lint(&job.loaded.connection.domain, &order.servers).await;
    let now = job.now();
    let round: Option<DnsRound> = job.kept.body("mx");
    let gateway_hosts = job.expected().gateway_hosts;
    // First remembered, then judged: a policy that was mended just now starts its waiting time here.
    let mut watch: StsWatch = job.kept.body(STS).unwrap_or_default();
    watch.observe(&observed, &gateway_hosts);
    let context = LintContext {
        gateway_hosts,
        gateway_egress: job.parts.config.gateway.egress.iter().map(|egress| egress.address).collect(),
        contacts: order.contacts.iter().map(|contact| contact.email.clone()).collect(),
        sts_ok_since: watch.ok_since(),
        now,
    };
    let judged = judge(&observed, round.as_ref(), &context);
    let evidence =
        seen::observation("lint", &judged.findings.iter().map(|f| f.code).collect::<Vec<_>>(), &observed, now);
    let fact = seen::gate_fact(Gate::Lint, &judged, &evidence, observed.observed_at.min(now));
    let memory = seen::observation(STS, &watch, &watch, now);
    Found::of(Fact::Gate(fact), vec![evidence, seen::findings("lint", &judged.findings, now), memory])
}
