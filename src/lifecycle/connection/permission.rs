//! When the permit is issued, until when it is valid, and what takes it back.

use fencepost_checks::mx::MxVerdict;
use jiff::Timestamp;

use super::draft::Draft;
use super::event::{Event, Notice};
use super::gates::{fails, gateway_accepts, needed, passed};
use super::instant::after;
use super::observe::ours_published;
use super::state::{Connection, Gate, Phase};
use crate::lifecycle::permit::VALIDITY;

const EVIDENCE: [Gate; 4] = [Gate::Allowlist, Gate::Probe, Gate::Gateway, Gate::Lint];

/// Whether the MX change may be relayed at this instant.
#[must_use]
pub fn mx_change_permitted(c: &Connection, now: Timestamp) -> bool {
    c.phase == Phase::Ready
        && c.early_cutover_since.is_none()
        && !ours_published(c)
        // Evidence dated ahead of a clock that was set back is no evidence.
        && permit_valid_until(c).is_some_and(|until| now < until && until <= after(now, VALIDITY))
}

/// Until when the permit is valid, where there is one: six hours after the oldest pass of the gates
/// it rests on.
#[must_use]
pub fn permit_valid_until(c: &Connection) -> Option<Timestamp> {
    c.permit.as_ref()?;
    oldest_pass(c).map(|at| after(at, VALIDITY))
}

/// `None` when a needed gate never passed under this configuration.
fn oldest_pass(c: &Connection) -> Option<Timestamp> {
    let mut oldest = Timestamp::MAX;
    for gate in EVIDENCE.into_iter().filter(|gate| needed(c, *gate)) {
        oldest = oldest.min(c.observed.gate(gate).filter(|seen| seen.setup == c.setup)?.last_pass_at?);
    }
    Some(oldest)
}

impl Connection {
    /// Whether some gate that a permit rests on was last seen under another configuration.
    #[must_use]
    pub fn reconfigured(&self) -> bool {
        let gates = EVIDENCE.into_iter().filter(|gate| needed(self, *gate));
        gates.filter_map(|gate| self.observed.gate(gate)).any(|seen| seen.setup != self.setup)
    }
}

/// Issues a permit when every gate has passed lately and the MX is known and still the old one.
pub(super) fn issue(d: &mut Draft) -> bool {
    let c = &d.c;
    let proven = needed_gates_passed(c, d.now) && gateway_accepts(c, d.now);
    // An MX that cannot be read is not known to be the old one.
    let mx_known = c.observed.mx.as_ref().is_some_and(|mx| mx.verdict != MxVerdict::LookupError);
    if c.permit.is_some() || !proven || !mx_known || ours_published(c) {
        return false;
    }
    let Some(oldest) = oldest_pass(c) else { return false };
    let number = c.permits_issued.saturating_add(1);
    let evidence = EVIDENCE
        .into_iter()
        .filter(|gate| needed(c, *gate))
        .filter_map(|gate| c.observed.gate(gate))
        .map(|seen| seen.evidence.clone())
        .collect();
    d.emit(Event::PermitIssued { number, valid_until: after(oldest, VALIDITY), evidence });
    d.notify_under_permit(Notice::MxChangeMayBeRelayed, number);
    true
}

fn needed_gates_passed(c: &Connection, now: Timestamp) -> bool {
    EVIDENCE.into_iter().all(|gate| !needed(c, gate) || passed(c, gate, now))
}

/// Notes that the permit has run out. Whoever holds yesterday's go-ahead has to hear of it.
pub(super) fn expire(d: &mut Draft) {
    let Some(number) = d.c.permit.as_ref().map(|permit| permit.number) else { return };
    if d.c.reconfigured() {
        revoke(d, "The gateway was configured anew; every check is made again.", Some(Notice::PermissionWithdrawn));
    } else if permit_valid_until(&d.c).is_none_or(|until| d.now >= until) {
        d.emit(Event::PermitExpired { number });
        d.notify(Notice::PermissionWithdrawn);
    }
}

/// A new hazard takes the permit back; the phase stays.
pub(super) fn revoke_for_hazard(d: &mut Draft) -> bool {
    d.c.permit.is_some()
        && fails(&d.c, Gate::Lint)
        && revoke(d, "A hazard was found: the change would lose mail.", Some(Notice::PermissionWithdrawn))
}

/// Takes the permit back, if there is one.
pub(super) fn revoke(d: &mut Draft, why: &str, notice: Option<Notice>) -> bool {
    let Some(number) = d.c.permit.as_ref().map(|permit| permit.number) else { return false };
    d.emit(Event::PermitRevoked { number, why: why.to_owned() });
    if let Some(notice) = notice {
        d.notify(notice);
    }
    true
}
