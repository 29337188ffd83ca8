//! Suspension: the desk holds a connection, with a reason. Nothing is asked of anybody and nothing goes
//! forward; the MX is still watched, and invoicing goes on, because only an evidenced entry changes it.
//! Mail is deferred only when asked for, and never for longer than senders try.

use jiff::SignedDuration;

use super::draft::Draft;
use super::event::{Event, Notice};
use super::instant::after;
use super::permission;
use super::state::{Phase, RouteMode, Suspension};

/// Senders give up after four to five days (RFC 5321 §4.5.4.1): two of them are left for what waits.
const LONGEST_DEFERRAL: SignedDuration = SignedDuration::from_hours(72);

/// Holds the connection, unless it is ending anyway.
pub(super) fn begin(d: &mut Draft, by: &str, reason: &str, defer: bool) {
    if d.c.suspension.is_some() || d.c.phase >= Phase::Releasing {
        return;
    }
    permission::revoke(d, "The connection is suspended.", Some(Notice::PermissionWithdrawn));
    let written = !d.c.import.is_some_and(|import| import.route_as_found);
    let defer = defer && written && d.c.route == RouteMode::Deliver;
    let suspension = Suspension {
        since: d.now,
        by: by.to_owned(),
        reason: reason.to_owned(),
        defer_until: defer.then(|| after(d.now, LONGEST_DEFERRAL)),
    };
    d.emit(Event::Suspended { suspension });
    if defer {
        d.want_route(RouteMode::Defer);
    }
    d.notify(Notice::Suspended);
}

/// Lets it go on where it stood; every look is made anew.
pub(super) fn end(d: &mut Draft, by: &str) {
    if d.c.suspension.is_none() {
        return;
    }
    lift(d, by);
    d.notify(Notice::Resumed);
    d.hurry = true;
}

/// As [`end`], without telling anybody: something else is told.
pub(super) fn lift(d: &mut Draft, by: &str) {
    let deferred = d.c.suspension.as_ref().is_some_and(|suspension| suspension.defer_until.is_some());
    if d.c.suspension.is_some() {
        d.emit(Event::Resumed { by: by.to_owned() });
    }
    if deferred {
        d.want_route(of_phase(d.c.phase));
    }
}

/// Mail is delivered again before senders give up.
pub(super) fn step(d: &mut Draft) -> bool {
    let until = d.c.suspension.as_ref().and_then(|suspension| suspension.defer_until);
    if until.is_none_or(|until| d.now < until) {
        return false;
    }
    d.emit(Event::DeferralEnded);
    d.want_route(of_phase(d.c.phase));
    true
}

/// What the gateway does without a suspension: own servers may have been replaced meanwhile, and the new
/// ones get no mail before they were seen to take it.
fn of_phase(phase: Phase) -> RouteMode {
    if phase < Phase::Provisioning { RouteMode::Defer } else { RouteMode::Deliver }
}
