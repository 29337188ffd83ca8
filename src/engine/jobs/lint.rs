//! Policies around the domain that would lose mail once the MX has moved. MTA-STS has a memory:
//! after a policy that shuts the gateway out, senders may hold the old one for a while.

use fencepost_checks::lint::{LintContext, judge};
use fencepost_checks::observation::{DnsRound, LintObservation, TextLookup};
use fencepost_checks::{Code, Judgement};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Found, Job, seen};
use crate::lifecycle::connection::{Fact, Gate};

/// What was seen of the domain's MTA-STS policy over time (observation kind `sts`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StsMemory {
    /// A policy that does not name the gateway was seen.
    pub mismatch_seen: bool,
    /// Since when a policy that names it has been served after that.
    pub ok_since: Option<Timestamp>,
}

/// Senders look for an updated policy this often (RFC 8461 §3.3 and §5: daily).
const STS_REFRESH: SignedDuration = SignedDuration::from_hours(24);

pub(super) async fn run(job: &Job<'_>) -> Found {
    let order = &job.loaded.subject.order;
    let observed = job.parts.observer.lint(&job.loaded.connection.domain, &order.servers).await;
    let now = job.now();
    let round: Option<DnsRound> = job.kept.body("mx");
    let mut memory: StsMemory = job.kept.body("sts").unwrap_or_default();
    let judge_with = |memory: &StsMemory| {
        let context = LintContext {
            gateway_hosts: job.expected().gateway_hosts,
            gateway_egress: job.parts.config.gateway.egress.iter().map(|egress| egress.address).collect(),
            contacts: order.contacts.iter().map(|contact| contact.email.clone()).collect(),
            sts_ok_since: memory.ok_since,
            now,
        };
        judge(&observed, round.as_ref(), &context)
    };
    let first = judge_with(&memory);
    // A policy that was mended just now starts its waiting time in this very judgement.
    let judged = if memory.take_in(&first, observed.observed_at) { judge_with(&memory) } else { first };
    let evidence =
        seen::observation("lint", &judged.findings.iter().map(|f| f.code).collect::<Vec<_>>(), &observed, now);
    let fact = seen::gate_fact(Gate::Lint, &judged, &evidence, observed.observed_at.min(now));
    let memory = seen::observation("sts", &memory, &memory, now);
    Found::of(Fact::Gate(fact), vec![evidence, seen::findings("lint", &judged.findings, now), memory])
}

impl StsMemory {
    /// Whether what is remembered has changed.
    fn take_in(&mut self, judged: &Judgement, at: Timestamp) -> bool {
        let has = |code| judged.findings.iter().any(|finding| finding.code == code);
        let before = self.clone();
        if has(Code::StsMismatch) {
            *self = Self { mismatch_seen: true, ok_since: None };
        } else if self.mismatch_seen && !has(Code::StsUnknown) {
            self.ok_since = self.ok_since.or(Some(at));
        }
        *self != before
    }

    /// The instant after which no sender holds the policy that shuts the gateway out.
    pub(super) fn drained(&self, seen: Option<&LintObservation>) -> Option<Timestamp> {
        let ttl = match seen.map(|seen| &seen.mta_sts.record) {
            Some(TextLookup::Found { ttl, .. }) => i64::from(*ttl),
            _ => 0,
        };
        Some(self.ok_since? + STS_REFRESH + SignedDuration::from_secs(ttl))
    }
}

#[cfg(test)]
mod tests {
    use fencepost_checks::{Finding, Severity, Verdict};

    use super::*;

    fn judged(code: Code, at: Timestamp) -> Judgement {
        let finding = Finding::new(code, Severity::Info, "example.com", at);
        Judgement { verdict: Verdict::Pass, findings: vec![finding], retry_after: None }
    }

    #[test]
    fn only_a_mended_policy_has_a_waiting_time() {
        let (early, late) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1));
        let mut memory = StsMemory::default();
        assert!(!memory.take_in(&judged(Code::StsOk, early), early), "never bad: nothing to wait for");
        assert!(memory.take_in(&judged(Code::StsMismatch, early), early));
        assert!(memory.take_in(&judged(Code::StsWait, late), late));
        assert_eq!(memory.ok_since, Some(late));
        assert!(!memory.take_in(&judged(Code::StsUnknown, early), early), "a failed look breaks nothing");
        assert!(memory.take_in(&judged(Code::StsMismatch, late), late));
        assert_eq!(memory.ok_since, None, "it starts again");
    }
}
