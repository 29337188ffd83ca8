//! When to look again. Derived from the state alone, so that a lost timer can be made again and a
//! replayed history asks the same questions at the same times.

#[cfg(test)]
mod tests;

use fencepost_checks::{DomainName, Verdict};
use jiff::{SignedDuration, Timestamp};

use super::gates::{needed, phase_of, seen_with_route};
use super::instant::{DAY, HOUR, MINUTE, after};
use super::permission::permit_valid_until;
use super::state::{Connection, Gate, GateSeen, MxSeen, Phase, RouteMode, SwapStage, TimerKind};
use super::window::{AGREED_ROUNDS, decision_due_at, earliest_close, escalates_at};

/// A gate that holds a permit up is looked at again long before its evidence is six hours old.
const RENEW: SignedDuration = SignedDuration::from_hours(2);
const WINDOW_FIREWALL: SignedDuration = SignedDuration::from_hours(4);
/// Hazards are looked for early, because they may take days to mend.
const LINT_AHEAD: SignedDuration = SignedDuration::from_hours(6);
/// After so many misses in a row, minutes; then every two hours, so that a day has room for a re-check that a
/// person asks for (a server is looked at twenty times a day at most).
const BACK_OFF: [i64; 6] = [1, 2, 5, 15, 30, 60];
const MX_CHANGING: SignedDuration = SignedDuration::from_mins(5);
const MX_WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// The complete set of moments to look again, at most one a kind. A moment in the past means now.
/// Empty only in final phases; a cancelled connection keeps `Route` until the gateway has let go.
#[must_use]
pub fn timers(c: &Connection, now: Timestamp) -> Vec<(TimerKind, Timestamp)> {
    let mut due = Vec::new();
    let mut set = |kind, at: Option<Timestamp>| due.extend(at.map(|at| (kind, at)));
    let at_work = !matches!(c.phase, Phase::Released | Phase::Cancelled);
    if at_work {
        set(TimerKind::Allowlist, gate(c, Gate::Allowlist, now));
        set(TimerKind::Probe, gate(c, Gate::Probe, now));
        set(TimerKind::Gateway, gate(c, Gate::Gateway, now));
        set(TimerKind::Lint, gate(c, Gate::Lint, now));
        set(TimerKind::Mx, Some(mx(c, now)));
        set(TimerKind::NextAllowlist, new_server(c, Gate::Allowlist, now));
        set(TimerKind::NextProbe, new_server(c, Gate::Probe, now));
    }
    if c.phase != Phase::Released {
        set(TimerKind::Route, route(c, now));
    }
    if at_work {
        set(TimerKind::NextDestination, next_destination(c, now));
        set(TimerKind::Deadline, deadline(c, now));
    }
    due
}

/// When a gate is looked at next; `None` when this phase does not ask it.
fn gate(c: &Connection, gate: Gate, now: Timestamp) -> Option<Timestamp> {
    if !needed(c, gate) || c.suspension.is_some() {
        return None;
    }
    if let Some(at) = switching(c, gate, now) {
        return Some(at);
    }
    let seen = c.observed.gate(gate);
    let calm = match (c.phase, gate) {
        (Phase::Allowlisting | Phase::Probing | Phase::Provisioning, Gate::Lint) => LINT_AHEAD,
        // With the route confirmed; a pass from before says nothing.
        (Phase::Provisioning, Gate::Gateway) => {
            let confirmed = c.observed.route_confirmed.filter(|mode| *mode == RouteMode::Deliver);
            confirmed.map(|_| if seen_with_route(c) { RENEW } else { MINUTE })?
        }
        (Phase::Allowlisting | Phase::Probing, gate) if phase_of(gate) == c.phase => RENEW,
        (Phase::Ready, _) | (Phase::Confirming, Gate::Probe | Gate::Gateway) => RENEW,
        (Phase::Confirming, Gate::Allowlist) => WINDOW_FIREWALL,
        (Phase::Connected | Phase::Drifted, Gate::Allowlist | Gate::Probe) => {
            // Any change begins anew, one that was taken back too.
            let calm = seen.map_or(DAY, |seen| {
                growing(seen.last_at, c.phase_since.max(seen.first_at), DAY, SignedDuration::from_hours(72))
            });
            // Somebody waits to deliver from an announced address.
            let awaited = gate == Gate::Allowlist && c.observed.egress.as_ref().is_some_and(|e| !e.pending.is_empty());
            spread(&c.domain, if awaited { calm.min(DAY) } else { calm })
        }
        _ => return None,
    };
    // Evidence from under another configuration holds nothing up; a connected domain's can wait its turn.
    let void = seen.filter(|seen| seen.setup != c.setup && c.phase < Phase::Connected);
    if let Some(seen) = void {
        return Some(seen.not_before.map_or(now, |not_before| not_before.max(now)));
    }
    Some(again(seen, calm, c.early_cutover_since.is_some(), now))
}

/// After a switch the new way is looked at as soon as the gateway has confirmed it.
fn switching(c: &Connection, gate: Gate, now: Timestamp) -> Option<Timestamp> {
    let switched = c.route_change.as_ref().is_some_and(|change| change.stage == SwapStage::Switching);
    if !switched || !matches!(gate, Gate::Probe | Gate::Gateway) || c.phase >= Phase::Releasing {
        return None;
    }
    let confirmed = c.observed.route_confirmed_at.filter(|_| c.observed.route_confirmed == Some(RouteMode::Deliver))?;
    let Some(seen) = c.observed.gate(gate).filter(|seen| seen.last_at >= confirmed) else { return Some(now) };
    let wait = if seen.verdict == Verdict::Pass { RENEW } else { back_off(seen.misses, true) };
    let due = after(seen.last_at.min(now), wait);
    Some(seen.not_before.map_or(due, |not_before| due.max(not_before)))
}

/// The own servers that shall replace the present ones.
fn new_server(c: &Connection, gate: Gate, now: Timestamp) -> Option<Timestamp> {
    let change = c.route_change.as_ref().filter(|change| change.stage == SwapStage::Verifying)?;
    let seen = match gate {
        Gate::Allowlist if change.hosted => return None,
        Gate::Allowlist => &c.observed.next_allowlist,
        _ => &c.observed.next_probe,
    };
    if c.suspension.is_some() || c.phase >= Phase::Releasing {
        return None;
    }
    Some(again(seen.as_ref(), RENEW, false, now))
}

fn again(seen: Option<&GateSeen>, calm: SignedDuration, urgent: bool, now: Timestamp) -> Timestamp {
    let Some(seen) = seen else { return now };
    let wait = if seen.verdict == Verdict::Pass { calm } else { back_off(seen.misses, urgent) };
    let due = after(seen.last_at.min(now), wait);
    let due = seen.not_after.map_or(due, |not_after| due.min(not_after));
    seen.not_before.map_or(due, |not_before| due.max(not_before))
}

fn back_off(misses: u32, urgent: bool) -> SignedDuration {
    let index = usize::try_from(misses.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = BACK_OFF.get(index).map_or(HOUR * 2, |minutes| SignedDuration::from_mins(*minutes));
    if urgent { wait.min(MX_CHANGING) } else { wait }
}

fn mx(c: &Connection, now: Timestamp) -> Timestamp {
    let Some(seen) = &c.observed.mx else { return now };
    let wait = match c.phase {
        Phase::Ordered | Phase::Allowlisting | Phase::Probing | Phase::Provisioning => {
            if c.early_cutover_since.is_some() { MX_CHANGING } else { spread(&c.domain, HOUR) }
        }
        Phase::Ready => MX_CHANGING,
        Phase::Confirming => in_window(c, seen),
        Phase::Connected if seen.clean_rounds > 0 => {
            let stable_since = c.phase_since.max(seen.first_at);
            spread(&c.domain, growing(seen.last_at, stable_since, HOUR, DAY))
        }
        // Something is changing: soon at first, then ever more rarely.
        Phase::Drifted if seen.clean_rounds > 0 => MX_CHANGING,
        Phase::Connected | Phase::Drifted => growing(seen.last_at, seen.first_at, MX_CHANGING, HOUR),
        Phase::Releasing => growing(seen.last_at, c.phase_since, MX_WINDOW, HOUR),
        Phase::Released | Phase::Cancelled => DAY,
    };
    after(seen.last_at.min(now), wait)
}

fn in_window(c: &Connection, seen: &MxSeen) -> SignedDuration {
    let running = c.window.as_ref().is_some_and(|window| window.running);
    match (running, seen.clean_rounds >= AGREED_ROUNDS) {
        (true, true) => MX_WINDOW,
        (true, false) => MINUTE,
        (false, _) => growing(seen.last_at, c.phase_since, MINUTE, MX_CHANGING),
    }
}

/// Brings the route in line. The engine repeats a failed attempt; looks made meanwhile for other
/// reasons do not bring it forward.
fn route(c: &Connection, now: Timestamp) -> Option<Timestamp> {
    let as_found = c.import.is_some_and(|import| import.route_as_found) && c.phase < Phase::Releasing;
    if c.observed.route_confirmed == Some(c.route) || as_found {
        return None;
    }
    Some(after(now, growing(now, c.route_since, SignedDuration::ZERO, SignedDuration::from_mins(10))))
}

fn next_destination(c: &Connection, now: Timestamp) -> Option<Timestamp> {
    let release = c.release.as_ref().filter(|release| c.phase == Phase::Releasing && release.departed_at.is_none())?;
    let wait = if release.told_to_move { SignedDuration::from_hours(6) } else { SignedDuration::from_mins(30) };
    Some(c.observed.next_destination_at.map_or(now, |at| after(at, wait)))
}

/// The next moment at which time alone changes something.
fn deadline(c: &Connection, now: Timestamp) -> Option<Timestamp> {
    let mut moments = Vec::new();
    // Something has to be decided then, even if nobody looked in time.
    moments.extend(permit_valid_until(c));
    let goes_on = c.suspension.is_none();
    if c.phase == Phase::Confirming && goes_on {
        moments.extend(escalates_at(c).filter(|_| !c.told_overdue));
        moments.extend([earliest_close(c), decision_due_at(c)].into_iter().flatten().filter(|at| *at > now));
    }
    if c.phase == Phase::Connected && goes_on {
        moments.extend(c.old_path_needed_until.filter(|_| !c.told_may_close));
    }
    moments.extend(c.suspension.as_ref().and_then(|suspension| suspension.defer_until));
    if let Some(cut_off) = c.release.as_ref().filter(|release| release.departed_at.is_none()).and_then(|r| r.cut_off) {
        moments.extend([cut_off.defer_at, cut_off.reject_at].into_iter().filter(|at| *at > now));
    }
    if c.phase == Phase::Releasing {
        moments.extend(c.release.as_ref().and_then(|release| release.route_needed_until).filter(|at| *at > now));
    }
    moments.into_iter().min()
}

/// Half of the time that has passed since `since`, so that looks come at 1.5 times the age of the
/// one before, within bounds.
fn growing(at: Timestamp, since: Timestamp, least: SignedDuration, most: SignedDuration) -> SignedDuration {
    (at.duration_since(since) / 2).clamp(least, most)
}

/// Up to a tenth more or less, the same for a domain each time: many domains connected together are
/// not looked at together for ever (FNV-1a, because it must never change with the compiler).
fn spread(domain: &DomainName, wait: SignedDuration) -> SignedDuration {
    let hash = domain
        .as_str()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let percent = i64::try_from((hash >> 32) % 21).unwrap_or(0) - 10;
    SignedDuration::from_secs(wait.as_secs() + wait.as_secs() / 100 * percent)
}
