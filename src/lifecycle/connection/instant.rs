//! Arithmetic on instants that come from outside: it saturates where the calendar ends instead of
//! panicking, because a TTL or a date from the network is no reason to stop.

use jiff::{SignedDuration, Timestamp};

pub(super) const MINUTE: SignedDuration = SignedDuration::from_mins(1);
pub(super) const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub(super) const DAY: SignedDuration = SignedDuration::from_hours(24);

/// `at + by`, at most the last instant there is.
pub(super) fn after(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}
