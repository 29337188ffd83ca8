//! The way out. People are asked to move the MX only when the next destination takes mail; the route
//! goes only when nobody names the gateway any more and every sender has noticed; and the connection
//! is released only when the gateway has confirmed it.

use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::event::{Effect, Event, Notice};
use super::gates::fails;
use super::instant::{DAY, HOUR, after};
use super::observe::{names_us, ours_published};
use super::permission;
use super::state::{Connection, Gate, MxSeen, Phase, Release, ReleaseCause, RouteMode};
use super::window;

/// A route is removed only on knowledge no older than this.
const KNOWLEDGE: SignedDuration = HOUR;

/// Ends the service. Before a route existed, with nobody naming the gateway, the order is simply
/// cancelled; otherwise somebody may rely on the route or act on an old go-ahead.
pub(super) fn start(d: &mut Draft, cause: ReleaseCause, why: &str) {
    if d.c.phase == Phase::Releasing {
        return;
    }
    if d.c.phase < Phase::Provisioning && !d.c.was_provisioned && !names_us(&d.c) {
        d.enter(Phase::Cancelled, why);
        d.want_route(RouteMode::Absent);
        d.effect(Effect::DomainCancelled { at: d.now });
        return;
    }
    // STOP says more than "permission withdrawn", one message is enough.
    permission::revoke(d, why, None);
    d.emit(Event::ReleaseStarted { cause });
    d.enter(Phase::Releasing, why);
    d.c.observed.next_destination_ok = None;
    d.c.observed.next_destination_at = None;
    if d.c.connected_at.is_none() {
        d.notify(Notice::Stop);
    }
    d.hurry = true;
}

/// The customer stays after all: back to where the path can be proven again.
pub(super) fn withdraw(d: &mut Draft, by: &str) {
    let Some(serving) = d.c.release.as_ref().filter(|_| d.c.phase == Phase::Releasing).map(|r| r.serving) else {
        return;
    };
    let why = format!("{by} withdrew the end of the service.");
    d.emit(Event::ReleaseWithdrawn);
    d.want_route(serving);
    let live = serving == RouteMode::Deliver && ours_published(&d.c) && !fails(&d.c, Gate::Lint);
    if d.c.connected_at.is_some() || live {
        window::start(d, &why);
    } else if serving == RouteMode::Deliver {
        d.enter(Phase::Provisioning, why);
    } else {
        d.enter(Phase::Allowlisting, why);
    }
    d.hurry = true;
}

/// The rules of `releasing`.
pub(super) fn step(d: &mut Draft) -> bool {
    let (Some(release), mx) = (d.c.release.clone(), d.c.observed.mx.clone()) else { return false };
    if release.departed_at.is_some() && names_us(&d.c) {
        d.emit(Event::Returned { published: ours_published(&d.c) });
        d.want_route(release.serving);
        return true;
    }
    if !release.told_to_move && names_us(&d.c) && d.c.observed.next_destination_ok == Some(true) {
        d.emit(Event::ToldToMove);
        d.notify(Notice::MoveAway);
        return true;
    }
    let Some(mx) = mx.filter(|mx| mx.gone) else { return false };
    let Some(until) = release.route_needed_until else { return depart(d, &release, &mx) };
    if d.c.route != RouteMode::Absent {
        // T* may have grown since.
        let until = until.max(route_needed_until(&d.c, &release, &mx));
        return remove(d, until, &mx);
    }
    finish(d)
}

/// A round of this release showed nobody naming the gateway.
fn depart(d: &mut Draft, release: &Release, mx: &MxSeen) -> bool {
    if mx.last_at < release.since {
        return false;
    }
    d.emit(Event::Departed { route_needed_until: route_needed_until(&d.c, release, mx) });
    true
}

/// T* of the departure, a day after it where that is unknown. Whoever got a go-ahead and not yet the
/// STOP has a day to act on it and be caught by the route.
fn route_needed_until(c: &Connection, release: &Release, mx: &MxSeen) -> Timestamp {
    let gone_since = mx.gone_since.unwrap_or(mx.last_at);
    // A T* before the departure belongs to the arrival.
    let left = mx.t_star.filter(|t_star| *t_star >= gone_since).unwrap_or_else(|| after(gone_since, DAY));
    if c.permits_issued > 0 && c.connected_at.is_none() { left.max(after(release.since, DAY)) } else { left }
}

fn remove(d: &mut Draft, until: Timestamp, mx: &MxSeen) -> bool {
    if d.now < until || mx.last_at < until || d.now.duration_since(mx.last_at) > KNOWLEDGE {
        return false;
    }
    d.want_route(RouteMode::Absent);
    true
}

fn finish(d: &mut Draft) -> bool {
    if d.c.observed.route_confirmed != Some(RouteMode::Absent) {
        return false;
    }
    d.enter(Phase::Released, "Nobody names the gateway any more and the route is gone.");
    d.notify(Notice::Released);
    d.effect(Effect::DomainReleased { at: d.now });
    true
}
