//! When to look again.

use jiff::Timestamp;

use super::state::{Connection, TimerKind};

/// The complete set of moments to look again, at most one a kind, derived from the state alone. A
/// moment in the past means now.
#[must_use]
pub fn timers(c: &Connection, now: Timestamp) -> Vec<(TimerKind, Timestamp)> {
    let _ = c;
    vec![(TimerKind::Mx, now)]
}
