//! What people are told, as a function of the state and the time.

use jiff::Timestamp;

use super::state::Connection;
use crate::status::{Answer, AnswerKind};

/// The one answer, its reason, and who has to act.
#[must_use]
pub fn answer(c: &Connection, now: Timestamp) -> Answer {
    let _ = (c, now);
    Answer { answer: AnswerKind::Wait, reason: String::new(), waiting_for: Vec::new() }
}

/// Whether the MX change may be relayed at this instant.
#[must_use]
pub fn mx_change_permitted(c: &Connection, now: Timestamp) -> bool {
    permit_valid_until(c).is_some_and(|until| now < until)
}

/// Until when the permit is valid, where there is one.
#[must_use]
pub fn permit_valid_until(c: &Connection) -> Option<Timestamp> {
    c.permit.as_ref().map(|p| p.valid_until)
}

/// The earliest close of the confirmation window; `None` while no stretch is being counted.
#[must_use]
pub fn earliest_close(c: &Connection) -> Option<Timestamp> {
    c.window.as_ref().map(|w| w.opened_at)
}

/// When the change is overdue: 72 hours after its first sight, never reset.
#[must_use]
pub fn escalates_at(c: &Connection) -> Option<Timestamp> {
    c.window.as_ref().map(|w| w.first_change_at)
}
