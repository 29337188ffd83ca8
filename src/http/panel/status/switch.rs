//! The time of the change: until when senders may use the old way, how the confirmation window stands, and how
//! everything stood before.

use jiff::Timestamp;

use crate::http::panel::words::{Times, When};
use crate::status::{DomainStatus, RecordLine, RollbackCard};

/// When what was changed counts for everybody.
pub(in crate::http::panel) struct Switch {
    pub all_switched: Option<When>,
    /// It is in the past.
    pub is_over: bool,
    /// Its lower bounds, the latest first.
    pub terms: Vec<(When, String)>,
    pub old_path_until: Option<When>,
    pub window: Option<Window>,
    /// Before the change: when it would be fast, and why then.
    pub fast_after: Option<(When, String)>,
}

pub(in crate::http::panel) struct Window {
    pub opened: When,
    pub rounds: u32,
    pub closes: Option<When>,
    /// How much of it has passed, and how long it is, minutes.
    pub passed: i64,
    pub length: i64,
    pub escalates: When,
    pub broken_by: Option<String>,
}

impl Switch {
    pub(super) fn of(status: &DomainStatus, times: &Times) -> Option<Self> {
        let now = status.as_of;
        let switch = Self {
            all_switched: status.all_senders_switched_by.map(|at| times.show(at)),
            is_over: status.all_senders_switched_by.is_some_and(|at| at <= now),
            terms: status.switch_terms.iter().map(|term| (times.show(term.at), term.because.clone())).collect(),
            old_path_until: status.old_path_needed_until.map(|at| times.show(at)),
            window: status.window.as_ref().map(|window| Window {
                opened: times.show(window.opened_at),
                rounds: window.clean_rounds,
                closes: window.earliest_close.map(|at| times.show(at)),
                passed: minutes(window.opened_at, now).max(0),
                length: window.earliest_close.map_or(0, |close| minutes(window.opened_at, close)).max(1),
                escalates: times.show(window.escalates_at),
                broken_by: window.broken_by.clone(),
            }),
            fast_after: status
                .fastest_change_after
                .map(|at| (times.show(at), status.fastest_change_because.clone().unwrap_or_default())),
        };
        let says = switch.all_switched.is_some() || switch.window.is_some() || switch.fast_after.is_some();
        says.then_some(switch)
    }
}

fn minutes(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_mins()
}

/// How things stood before the change.
pub(in crate::http::panel) struct Rollback {
    pub lines: String,
    pub card: RollbackCard,
    pub seen: Option<When>,
}

impl Rollback {
    pub(super) fn of(status: &DomainStatus, times: &Times) -> Option<Self> {
        let card = status.rollback.clone()?;
        let lines = card.records.iter().map(zone_line).collect();
        Some(Self { lines, seen: card.seen_at.map(|at| times.show(at)), card })
    }
}

fn zone_line(record: &RecordLine) -> String {
    let ttl = record.ttl.map(|ttl| format!("{ttl} ")).unwrap_or_default();
    format!("{} {ttl}IN MX {} {}\n", record.name, record.preference, record.exchange)
}
