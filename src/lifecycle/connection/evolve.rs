//! Folding events into the state.

use jiff::Timestamp;

use super::event::{Decision, Event};
use super::state::Connection;

/// The state after a decision.
#[must_use]
pub fn evolve(c: &Connection, decision: &Decision, now: Timestamp) -> Connection {
    let mut next = c.clone();
    for event in &decision.events {
        apply(&mut next, event, now);
    }
    next.observed = decision.observed.clone();
    next
}

/// Folds one event that was recorded at `at`.
pub fn apply(c: &mut Connection, event: &Event, at: Timestamp) {
    if let Event::PhaseEntered { phase, .. } = event {
        c.phase = *phase;
        c.phase_since = at;
    }
}
