//! The gates in front of the permit: firewall, mail server, gateway. Forward when the gate of the
//! phase has passed lately, back when an earlier one fails. The route defers until allowlist and
//! probe have passed, and again when one of them fails.

use fencepost_checks::Verdict;
use jiff::Timestamp;

use super::draft::Draft;
use super::event::Notice;
use super::instant::after;
use super::permission;
use super::state::{Connection, Gate, GateSeen, Phase, RouteMode};
use crate::lifecycle::permit::VALIDITY;

/// The desk registered the customer.
pub(super) fn register(d: &mut Draft, by: &str) {
    if d.c.phase != Phase::Ordered {
        return;
    }
    d.enter(Phase::Allowlisting, format!("{by} registered the customer."));
    if !d.c.hosted {
        d.notify(Notice::FirewallInstructions);
    }
}

/// To the phase of an earlier gate that fails.
pub(super) fn go_back(d: &mut Draft) -> bool {
    let failing = [Gate::Allowlist, Gate::Probe, Gate::Gateway]
        .into_iter()
        .find(|gate| phase_of(*gate) < d.c.phase && needed(&d.c, *gate) && fails(&d.c, *gate));
    let Some(gate) = failing else { return false };
    let why = failure(gate);
    permission::revoke(d, why, Some(Notice::PermissionWithdrawn));
    d.enter(phase_of(gate), why);
    if d.c.phase < Phase::Provisioning {
        d.want_route(RouteMode::Defer);
    }
    true
}

/// To the next phase, when the gate of this one has passed.
pub(super) fn go_on(d: &mut Draft) -> bool {
    match d.c.phase {
        Phase::Allowlisting if d.c.hosted => {
            d.enter(Phase::Probing, "A hosted platform has no firewall to open.");
        }
        Phase::Allowlisting if passed(&d.c, Gate::Allowlist, d.now) => {
            d.enter(Phase::Probing, "Every gateway address reaches every mail server.");
        }
        Phase::Probing if passed(&d.c, Gate::Probe, d.now) => {
            d.enter(Phase::Provisioning, "The mail server accepts mail for the domain.");
            d.want_route(RouteMode::Deliver);
        }
        Phase::Provisioning if gateway_accepts(&d.c, d.now) => {
            d.enter(Phase::Ready, "Every gateway MX host accepts mail for the domain.");
        }
        _ => return false,
    }
    true
}

/// Hosted platforms have no allowlist gate.
pub(super) fn needed(c: &Connection, gate: Gate) -> bool {
    gate != Gate::Allowlist || !c.hosted
}

/// The phase that waits for this gate. A lint hazard keeps `ready` from issuing a permit.
pub(super) fn phase_of(gate: Gate) -> Phase {
    match gate {
        Gate::Allowlist => Phase::Allowlisting,
        Gate::Probe => Phase::Probing,
        Gate::Gateway => Phase::Provisioning,
        Gate::Lint => Phase::Ready,
    }
}

pub(super) fn fails(c: &Connection, gate: Gate) -> bool {
    c.observed.gate(gate).is_some_and(|seen| seen.verdict == Verdict::Fail)
}

/// Passed at the last look, under this configuration, and that look is no older than a permit may be.
pub(super) fn passed(c: &Connection, gate: Gate, now: Timestamp) -> bool {
    fresh(c, c.observed.gate(gate), now)
}

/// As [`passed`], of any look.
pub(super) fn fresh(c: &Connection, seen: Option<&GateSeen>, now: Timestamp) -> bool {
    seen.filter(|seen| seen.verdict == Verdict::Pass && seen.setup == c.setup)
        .and_then(|seen| seen.last_pass_at)
        .is_some_and(|at| now < after(at, VALIDITY))
}

/// The gateway's acceptance counts only with the live route in place: an earlier look saw something
/// else.
pub(super) fn gateway_accepts(c: &Connection, now: Timestamp) -> bool {
    passed(c, Gate::Gateway, now) && seen_with_route(c)
}

/// The last look at the gateway was made after it had confirmed the live route.
pub(super) fn seen_with_route(c: &Connection) -> bool {
    let pass = c.observed.gateway.as_ref().and_then(|seen| seen.last_pass_at);
    let confirmed = c.observed.route_confirmed_at.filter(|_| c.observed.route_confirmed == Some(RouteMode::Deliver));
    matches!((pass, confirmed), (Some(pass), Some(confirmed)) if pass >= confirmed)
}

fn failure(gate: Gate) -> &'static str {
    match gate {
        Gate::Allowlist => "The firewall no longer lets every gateway address in.",
        Gate::Probe => "The mail server no longer accepts mail for the domain.",
        Gate::Gateway => "The gateway no longer accepts mail for the domain.",
        Gate::Lint => "The change would lose mail.",
    }
}
