//! When somebody has been waited for too long. Only people look at this: no timer and no notice comes of it.
//! The one limit that the lifecycle has itself, that of the confirmation window, is taken from there.

use fencepost_checks::Actor;
use jiff::{SignedDuration, Timestamp};

use super::{DomainStatus, Waiting};

/// A wait that is longer than its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Overdue {
    pub who: Actor,
    pub since: Timestamp,
    pub limit: SignedDuration,
    /// Beyond the limit.
    pub by: SignedDuration,
}

/// For how long each is waited for before somebody asks; `None` where waiting is all there is to do.
#[must_use]
pub const fn limit(who: Actor) -> Option<SignedDuration> {
    match who {
        // What we do ourselves is done within half a working day.
        Actor::Desk | Actor::Vendor => Some(SignedDuration::from_hours(4)),
        Actor::Partner | Actor::DnsProvider => Some(SignedDuration::from_hours(48)),
        Actor::Customer => Some(SignedDuration::from_hours(72)),
        Actor::Time | Actor::Nobody => None,
    }
}

/// A suspension is meant to last; after a week somebody looks whether it still is.
const SUSPENDED: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The wait that has gone furthest beyond its limit.
#[must_use]
pub fn overdue(status: &DomainStatus, now: Timestamp) -> Option<Overdue> {
    let of = |wait: &Waiting| {
        let suspended = status.suspension.is_some() && wait.who == Actor::Desk;
        let most = if suspended { Some(SUSPENDED) } else { limit(wait.who) };
        most.map(|most| (wait.who, wait.since, most))
    };
    let window = status.window.as_ref().map(|window| {
        let who = status.waiting_for.first().map_or(Actor::Nobody, |wait| wait.who);
        (who, window.opened_at, window.escalates_at.duration_since(window.opened_at))
    });
    // The window is the limit while there is one: whoever is waited for meanwhile is waited for since then.
    let waits = status.waiting_for.iter().filter(|wait| window.is_none() || wait.who == Actor::Desk);
    let all = waits.filter_map(of).chain(window);
    all.filter_map(|(who, since, limit)| {
        let by = now.duration_since(since) - limit;
        by.is_positive().then_some(Overdue { who, since, limit, by })
    })
    .max_by_key(|overdue| overdue.by)
}
