//! What is known of a subscription: a fold of its events.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Where a subscription stands. The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Requested,
    Onboarding,
    Trial,
    Negotiation,
    Active,
    Declined,
    Notice,
    Ended,
    Cancelled,
}

/// What was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    Trial,
    Paid,
}

/// The dates that were promised when the first domain was connected. Configuration never moves them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dates {
    /// C: the civil day of the connection in the business time zone.
    pub connected: Date,
    /// First day after the trial.
    pub trial_end: Date,
    /// N: the last moment for a decision is the start of this day.
    pub negotiation_end: Date,
}

/// The state of one subscription.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subscription {
    pub kind: OrderKind,
    pub phase: Phase,
    pub phase_since: Timestamp,
    /// Asked for in the order; `None` leaves it to the rule.
    pub preferred_group: Option<u8>,
    /// 15 or 30, set at connection.
    pub group: Option<u8>,
    pub dates: Option<Dates>,
    /// B: the first charged day, once activated.
    pub charged_from: Option<Date>,
    /// When a notice ends: the first day without service.
    pub notice_ends: Option<Date>,
    /// Which reminders went out, by key: each only once.
    pub reminded: Vec<String>,
    /// Domains connected now, and those still under way.
    pub domains_connected: u32,
    pub domains_open: u32,
}

/// One timer of a kind a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// The next date of the calendar: reminder, end of trial, end of negotiation, end of notice.
    Calendar,
}
