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
use super::state::{Connection, CutOff, Departure, Gate, MxSeen, Phase, Release, ReleaseCause, RouteMode};
use super::{suspend, swap, window};

/// A route is removed only on knowledge no older than this.
const KNOWLEDGE: SignedDuration = HOUR;
/// Rounds, over a day, in which every server says that the domain does not exist.
const NX_ROUNDS: u32 = 3;
/// So long the route of such a domain is kept.
const KEPT_FOR_NXDOMAIN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Name servers that say nothing of use for so long leave the decision to a person.
const SILENT: SignedDuration = SignedDuration::from_hours(14 * 24);
/// A cut-off is announced so long ahead, and mail is deferred so long before it is refused.
const ANNOUNCED: SignedDuration = SignedDuration::from_hours(30 * 24);
const DEFERRED: SignedDuration = SignedDuration::from_hours(3 * 24);

/// Ends the service. Before a route existed, with nobody naming the gateway, the order is simply
/// cancelled; otherwise somebody may rely on the route or act on an old go-ahead.
pub(super) fn start(d: &mut Draft, cause: ReleaseCause, why: &str) {
    if d.c.phase == Phase::Releasing {
        return;
    }
    suspend::lift(d, "the end of the service");
    swap::drop_it(d, "The service ends.".to_owned());
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
    d.c.observed.next_destination_unclear = false;
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
    if release.departed_at.is_some() && comes_back(&d.c, &release) {
        d.emit(Event::Returned { published: ours_published(&d.c) });
        d.effect(Effect::DomainUse { in_use: true, at: d.now });
        d.want_route(while_named(&release, d.now));
        return true;
    }
    if release.departed_at.is_none() && cut_off(d, &release) {
        return true;
    }
    if !release.told_to_move && names_us(&d.c) && d.c.observed.next_destination_ok == Some(true) {
        d.emit(Event::ToldToMove);
        d.notify(Notice::MoveAway);
        return true;
    }
    let Some(mx) = mx else { return false };
    if release.departed_at.is_none() && ask_the_desk(d, &release, &mx) {
        return true;
    }
    // What the desk decided holds while nobody can tell otherwise.
    let decided = release.how == Departure::Decided && mx.silent_since.is_some();
    if !mx.gone && !decided {
        return false;
    }
    let Some(until) = release.route_needed_until else { return depart(d, &release, &mx) };
    if d.c.route != RouteMode::Absent {
        // T* may have grown since.
        let until = if decided { until } else { until.max(route_needed_until(&d.c, &release, &mx)) };
        return remove(d, until, &mx);
    }
    finish(d)
}

/// A round of this release showed nobody naming the gateway.
fn depart(d: &mut Draft, release: &Release, mx: &MxSeen) -> bool {
    if mx.last_at < release.since {
        return false;
    }
    if mx.nx_rounds == 0 {
        let route_needed_until = route_needed_until(&d.c, release, mx);
        d.emit(Event::Departed { route_needed_until, how: Departure::Moved, why: None });
        d.effect(Effect::DomainUse { in_use: false, at: d.now });
        return true;
    }
    // A domain that does not exist may have been forgotten to be paid for, and come back as it was.
    let long = mx.nx_since.is_some_and(|since| mx.last_at.duration_since(since) >= DAY);
    if mx.nx_rounds >= NX_ROUNDS && long {
        let route_needed_until = after(d.now, KEPT_FOR_NXDOMAIN);
        d.emit(Event::Departed { route_needed_until, how: Departure::Nxdomain, why: None });
        d.effect(Effect::DomainUse { in_use: false, at: d.now });
        return true;
    }
    false
}

/// The name servers have said nothing of use for a fortnight: a person decides.
fn ask_the_desk(d: &mut Draft, release: &Release, mx: &MxSeen) -> bool {
    if release.told_undecidable || !silent_for_long(mx) {
        return false;
    }
    d.emit(Event::ToldUndecidable);
    d.notify(Notice::ReleaseUndecidable);
    true
}

fn silent_for_long(mx: &MxSeen) -> bool {
    mx.silent_since.is_some_and(|since| mx.last_at.duration_since(since) >= SILENT)
}

/// The desk decides that the domain has left. Only where nobody can see it, and after a fortnight.
pub(super) fn decided(d: &mut Draft, why: &str) {
    let Some(release) = d.c.release.as_ref().filter(|_| d.c.phase == Phase::Releasing) else { return };
    if release.departed_at.is_some() || !d.c.observed.mx.as_ref().is_some_and(silent_for_long) {
        return;
    }
    let route_needed_until = after(d.now, DAY);
    d.emit(Event::Departed { route_needed_until, how: Departure::Decided, why: Some(why.to_owned()) });
    d.effect(Effect::DomainUse { in_use: false, at: d.now });
    d.hurry = true;
}

/// The MX never moved: announces the end, once.
pub(super) fn announce_cut_off(d: &mut Draft, why: &str) {
    let Some(release) = d.c.release.as_ref().filter(|_| d.c.phase == Phase::Releasing) else { return };
    if release.cut_off.is_some() || release.departed_at.is_some() || !names_us(&d.c) {
        return;
    }
    let defer_at = after(d.now, ANNOUNCED);
    let cut_off = CutOff { defer_at, reject_at: after(defer_at, DEFERRED) };
    d.emit(Event::CutOffAnnounced { cut_off, why: why.to_owned() });
    d.notify(Notice::CutOffAnnounced);
}

/// What the gateway does while the MX names it: as ever, until the announced days have come.
fn while_named(release: &Release, now: Timestamp) -> RouteMode {
    match release.cut_off {
        Some(cut_off) if now >= cut_off.reject_at => RouteMode::Reject,
        Some(cut_off) if now >= cut_off.defer_at => RouteMode::Defer,
        _ => release.serving,
    }
}

fn cut_off(d: &mut Draft, release: &Release) -> bool {
    let mode = while_named(release, d.now);
    if release.cut_off.is_none() || !names_us(&d.c) || d.c.route == mode {
        return false;
    }
    let begins = d.c.route == release.serving;
    d.want_route(mode);
    if begins {
        d.notify(Notice::CutOffBegun);
    }
    true
}

/// Whether somebody names the gateway again. After a decision of the desk only a round that tells counts.
fn comes_back(c: &Connection, release: &Release) -> bool {
    let blind = release.how == Departure::Decided && c.observed.mx.as_ref().is_some_and(|mx| mx.silent_since.is_some());
    names_us(c) && !blind
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
