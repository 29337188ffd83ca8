//! The confirmation window: from the first sight of the new MX to `connected`. An old answer starts
//! it again, a gap in the polling does not count, and 72 hours after the first change people are
//! told, whatever happened in between.

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::event::{Effect, Event, Notice};
use super::gates::{fails, needed, passed};
use super::instant::{DAY, HOUR, after};
use super::observe::{Round, all_old, ours_published};
use super::state::{Connection, Gate, Phase, RouteMode};

/// Shortest unbroken stretch.
const STRETCH: SignedDuration = DAY;
/// Longest time between two clean rounds of one stretch.
const GAP: SignedDuration = HOUR;
const ESCALATION: SignedDuration = SignedDuration::from_hours(72);
/// The desk accepts the MX as it is or has it rolled back.
pub(super) const DECISION: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Authoritative servers agree after this many clean rounds.
pub(super) const AGREED_ROUNDS: u32 = 3;
/// How long queues and misbehaving senders use the old path (RFC 5321 §4.5.4.1: four to five days).
const QUEUES: SignedDuration = SignedDuration::from_hours(5 * 24);

/// The earliest close of the window; `None` while no stretch is being counted.
#[must_use]
pub fn earliest_close(c: &Connection) -> Option<Timestamp> {
    let window = c.window.as_ref().filter(|window| window.running && c.phase == Phase::Confirming)?;
    let stretch = after(after(window.opened_at, STRETCH), window.extended_by);
    let t_star = c.observed.mx.as_ref().and_then(|mx| mx.t_star);
    Some(t_star.map_or(stretch, |t_star| t_star.max(stretch)))
}

/// When the change is overdue: 72 hours after its first sight, never reset.
#[must_use]
pub fn escalates_at(c: &Connection) -> Option<Timestamp> {
    c.window.as_ref().map(|window| after(window.first_change_at, ESCALATION))
}

/// When the desk has to accept the MX as it is or have it rolled back.
#[must_use]
pub fn decision_due_at(c: &Connection) -> Option<Timestamp> {
    c.window.as_ref().map(|window| after(window.first_change_at, DECISION))
}

/// From `ready`, when the new MX is seen on an authoritative server and no known hazard makes the
/// change lose mail. A permit is not asked for: the change has happened, and the path is live.
pub(super) fn enter(d: &mut Draft) -> bool {
    let lint_known = d.c.observed.lint.is_some();
    if !ours_published(&d.c) || !lint_known || fails(&d.c, Gate::Lint) {
        return false;
    }
    let first_sight = d.c.window.is_none();
    start(d, "The new MX was seen on an authoritative server.");
    if first_sight {
        d.notify(Notice::MxChangeSeen);
    }
    true
}

/// Enters `confirming` and begins to count if the last round allows it.
pub(super) fn start(d: &mut Draft, why: &str) {
    d.enter(Phase::Confirming, why);
    d.emit(Event::WindowOpened);
    if d.c.observed.mx.as_ref().is_none_or(|mx| mx.clean_rounds == 0) {
        d.emit(Event::WindowBroken { by: "Not every name server shows the new MX.".to_owned() });
    }
}

/// Counts a round of MX questions while `confirming`.
pub(super) fn count(d: &mut Draft, round: Round, clean_before: Option<Timestamp>, broken_by: Option<&str>) {
    let Some(window) = d.c.window.as_ref().filter(|_| d.c.phase == Phase::Confirming) else { return };
    match round {
        Round::Clean if window.running => {
            // A round that opened the stretch may have come late: what it saw counts from when it looked.
            let seen = clean_before.unwrap_or(window.opened_at);
            if d.now.duration_since(seen) > GAP {
                let by = d.now.duration_since(seen.max(window.opened_at));
                d.emit(Event::WindowExtended { by });
            }
        }
        Round::Clean => d.emit(Event::WindowOpened),
        Round::Bad if window.running => {
            let by = broken_by.unwrap_or("A name server gave something else than the new MX.").to_owned();
            d.emit(Event::WindowBroken { by });
        }
        Round::Bad | Round::Unknown => {}
    }
}

/// Every server shows the old MX again. A customer that was connected before has drifted instead.
pub(super) fn back_to_ready(d: &mut Draft) -> bool {
    if d.c.connected_at.is_some() || !all_old(&d.c) {
        return false;
    }
    if d.c.window.as_ref().is_some_and(|window| window.running) {
        d.emit(Event::WindowBroken { by: "Every name server shows the old MX again.".to_owned() });
    }
    d.enter(Phase::Ready, "Every name server shows the old MX again.");
    true
}

/// The route of an imported connection is written once its path is proven: an own server that was given
/// wrongly never takes the place of the one that works.
pub(super) fn adopt(d: &mut Draft) -> bool {
    if !d.c.import.is_some_and(|import| import.route_as_found) || !path_proven(&d.c, d.now) {
        return false;
    }
    d.rewrite_route(RouteMode::Deliver);
    true
}

/// To `connected`: the stretch is long enough, every sender has switched, the last look was clean
/// and recent, and the path was proven again.
pub(super) fn close(d: &mut Draft) -> bool {
    let Some(end) = earliest_close(&d.c) else { return false };
    let confirmed = d.c.observed.route_confirmed == Some(RouteMode::Deliver);
    if !agreed_since(&d.c, end, d.now) || !path_proven(&d.c, d.now) || !confirmed {
        return false;
    }
    let import = d.c.import;
    let first = d.c.connected_at.is_none();
    let t_star = d.c.observed.mx.as_ref().and_then(|mx| mx.t_star).map_or(d.now, |t_star| t_star.min(d.now));
    d.enter(Phase::Connected, "The confirmation window has closed.");
    if first {
        d.emit(Event::OldPathNeeded { until: after(t_star, QUEUES) });
        d.notify(Notice::Connected);
        d.effect(Effect::DomainConnected { at: d.now });
    } else if import.is_some_and(|import| !import.quiet) {
        d.notify(Notice::Connected);
    }
    true
}

/// A clean round at or after the end of the stretch, and lately: before it somebody may have changed
/// the MX without being seen.
fn agreed_since(c: &Connection, end: Timestamp, now: Timestamp) -> bool {
    c.observed.mx.as_ref().is_some_and(|mx| {
        mx.clean_rounds >= AGREED_ROUNDS
            && !mx.resolvers_stale
            && mx.last_clean_at.is_some_and(|at| at >= end && now.duration_since(at) <= GAP)
    })
}

/// Whether firewall, mail server and gateway passed within the last hours.
pub(super) fn path_proven(c: &Connection, now: Timestamp) -> bool {
    [Gate::Allowlist, Gate::Probe, Gate::Gateway].into_iter().all(|gate| !needed(c, gate) || passed(c, gate, now))
}

/// Desk and partner are told once that it takes too long.
pub(super) fn escalate(d: &mut Draft) -> bool {
    if d.c.told_overdue || escalates_at(&d.c).is_none_or(|at| d.now < at) {
        return false;
    }
    d.emit(Event::ToldOverdue);
    d.notify(Notice::Overdue);
    true
}

/// Once nobody needs the old path any more, the firewall may be closed to all but the gateway.
pub(super) fn tell_may_close(d: &mut Draft) -> bool {
    if d.c.told_may_close || d.c.old_path_needed_until.is_none_or(|at| d.now < at) {
        return false;
    }
    d.emit(Event::ToldMayClose);
    if !d.c.hosted {
        d.notify(Notice::MayCloseOldPath);
    }
    true
}
