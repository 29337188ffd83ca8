//! After the cut-over: an MX that is no longer as accepted, and an own server that no longer takes
//! mail. One bad round proves nothing; the route stays in any case.

use fencepost_checks::Verdict;
use jiff::SignedDuration;

use super::draft::Draft;
use super::event::{Event, Notice};
use super::gates::{fails, needed};
use super::state::{Gate, Health, Phase};
use super::window;

const BAD_ROUNDS: u32 = 3;
const BAD_FOR: SignedDuration = SignedDuration::from_mins(15);
const GOOD_ROUNDS: u32 = 2;

/// To `drifted`, after repeated bad rounds. Only of a domain that was connected: before that, a bad
/// round merely breaks the window.
pub(super) fn drift(d: &mut Draft) -> bool {
    let bad = d.c.observed.mx.as_ref().is_some_and(|mx| {
        mx.bad_rounds >= BAD_ROUNDS && mx.bad_since.is_some_and(|since| mx.last_at.duration_since(since) >= BAD_FOR)
    });
    if d.c.connected_at.is_none() || !bad {
        return false;
    }
    d.enter(Phase::Drifted, "The MX is no longer as accepted.");
    d.notify(Notice::Drift);
    true
}

/// Back to `confirming`, after two good rounds.
pub(super) fn repaired(d: &mut Draft) -> bool {
    if d.c.observed.mx.as_ref().is_none_or(|mx| mx.clean_rounds < GOOD_ROUNDS) {
        return false;
    }
    window::start(d, "The MX is as accepted again.");
    d.notify(Notice::Repaired);
    true
}

/// Whether the own server still takes what the gateway delivers. An inconclusive look changes nothing.
pub(super) fn health(d: &mut Draft) -> bool {
    let failing = fails(&d.c, Gate::Probe) || (needed(&d.c, Gate::Allowlist) && fails(&d.c, Gate::Allowlist));
    let passing = d.c.observed.probe.as_ref().is_some_and(|seen| seen.verdict == Verdict::Pass) && !failing;
    let (health, notice) = match d.c.health {
        Health::Good if failing => (Health::DeliveryFailing, Notice::DeliveryFailing),
        Health::DeliveryFailing if passing => (Health::Good, Notice::Repaired),
        Health::Good | Health::DeliveryFailing => return false,
    };
    d.emit(Event::HealthChanged { health });
    d.notify(notice);
    true
}
