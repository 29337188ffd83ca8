//! What is known of a subscription: a fold of its events.

use std::collections::BTreeMap;

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
    /// The last word of the customer on whether it stays.
    pub decided: Option<bool>,
    /// When the mail of the last word was received: an older one that comes late changes nothing.
    pub last_word: Option<Timestamp>,
    /// Evidence that was acted upon, newest last: the same mail delivered again changes nothing.
    pub acted_on: Vec<String>,
    /// Which reminders went out, by key: each only once.
    pub reminded: Vec<String>,
    /// When the customer was told that it will be invoiced; nobody is charged by rule without it.
    pub warned_at: Option<Timestamp>,
    /// The day of the last monthly report, or that from which on there are reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<Date>,
    /// Use after the end of the service, once it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_end: Option<AfterEnd>,
    /// The partner that took the customer over; `None`: the one who ordered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// Mailboxes in operation, as they were last said to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mailboxes_seen: Option<MailboxesSeen>,
    /// Where operation and accounting differ, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub discrepancies: Vec<Discrepancy>,
    /// How many domains were ordered.
    pub domains_ordered: u32,
    /// Those that were heard of, by name.
    pub domains: BTreeMap<String, DomainSeen>,
}

/// Use of the service after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AfterEnd {
    pub ended: Date,
    /// From then on it is charged, when it still goes on; `None`: it is not.
    pub charge_from: Option<Date>,
    /// The first charged day, once it is charged.
    pub charged_from: Option<Date>,
}

/// A number of mailboxes that somebody set in the panel.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MailboxesSeen {
    pub count: u32,
    /// The charged basis then.
    pub charged: u32,
    pub at: Timestamp,
    pub by: String,
}

/// Something in which operation and accounting differ. Only an entry ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Discrepancy {
    pub what: DiscrepancyKind,
    pub since: Timestamp,
}

/// The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DiscrepancyKind {
    /// Another number of mailboxes is in operation than is charged.
    MailboxesDiffer,
    /// The last domain has gone, and the customer is charged.
    ChargedWithoutDomain,
}

impl DiscrepancyKind {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MailboxesDiffer => "MAILBOXES_DIFFER",
            Self::ChargedWithoutDomain => "CHARGED_WITHOUT_DOMAIN",
        }
    }
}

/// What was last heard of a domain, and of when that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DomainSeen {
    pub connected: bool,
    pub at: Timestamp,
    /// Ordered then, and not heard of since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaited: bool,
    /// Its MX was seen to name the gateway no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left: bool,
}

impl Phase {
    /// The name in interfaces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Onboarding => "onboarding",
            Self::Trial => "trial",
            Self::Negotiation => "negotiation",
            Self::Active => "active",
            Self::Declined => "declined",
            Self::Notice => "notice",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// Nothing follows.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ended | Self::Cancelled)
    }
}

impl Subscription {
    /// Domains connected now.
    #[must_use]
    pub fn domains_connected(&self) -> u32 {
        u32::try_from(self.domains.values().filter(|d| d.connected).count()).unwrap_or(u32::MAX)
    }

    /// Whether the MX of a connected domain names the gateway, as far as is known.
    #[must_use]
    pub fn in_use(&self) -> bool {
        self.domains.values().any(|domain| domain.connected && !domain.left)
    }

    /// Whether it stays open that operation and accounting differ in this.
    #[must_use]
    pub fn is_open(&self, what: DiscrepancyKind) -> bool {
        self.discrepancies.iter().any(|open| open.what == what)
    }

    /// Domains still under way.
    #[must_use]
    pub fn domains_open(&self) -> u32 {
        let heard_of = self.domains.values().filter(|domain| !domain.awaited).count();
        self.domains_ordered.saturating_sub(u32::try_from(heard_of).unwrap_or(u32::MAX))
    }
}

/// One timer of a kind a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// The next date of the calendar: reminder, end of trial, end of negotiation, end of notice.
    Calendar,
    /// The monthly report, which is made of what was observed: whoever takes it up looks that up first.
    Report,
}
