//! Facts, events and effects of a subscription.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::state::{Dates, DiscrepancyKind, Phase};
use crate::ledger::{EntryDraft, EntryKind};

/// One thing that became known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    Registered {
        by: String,
    },
    DomainConnected {
        domain: String,
        at: Timestamp,
    },
    DomainReleased {
        domain: String,
        at: Timestamp,
    },
    DomainCancelled {
        domain: String,
        at: Timestamp,
    },
    /// "Customer" or "no customer", with the mail or document that says so. `evidence` is the SHA-256
    /// (hex) of the kept document, optionally followed by a blank and its name.
    Decided {
        customer: bool,
        group: Option<u8>,
        by: String,
        received: Timestamp,
        evidence: String,
    },
    /// Service is ended by the customer or partner; notice runs from the receipt of the mail.
    NoticeGiven {
        by: String,
        received: Timestamp,
        evidence: String,
    },
    NoticeWithdrawn {
        by: String,
        received: Timestamp,
        evidence: String,
    },
    /// Whether anybody still names the gateway, of a domain that is being released.
    DomainUse {
        domain: String,
        in_use: bool,
        at: Timestamp,
    },
    /// Further domains join; the trial goes on as it is, and nothing that is charged changes by itself.
    DomainsOrdered {
        domains: Vec<String>,
        by: String,
    },
    /// Another partner takes the customer over from that day on. `evidence` as with [`Fact::Decided`].
    PartnerChanged {
        partner: String,
        from: Date,
        by: String,
        evidence: String,
    },
    /// The desk lets a trial go on; `until` is the first day after it. `evidence` as with [`Fact::Decided`].
    TrialExtended {
        until: Date,
        by: String,
        received: Timestamp,
        evidence: String,
    },
    /// So many mailboxes are in operation; `charged` is the basis in the ledger on that day. Nothing that is
    /// charged follows from it.
    MailboxesSeen {
        count: u32,
        charged: u32,
        by: String,
    },
    /// A proposal that was made of a mail was approved: a word of the customer, terms, or both at once.
    MailApproved {
        /// "Customer" or "no customer".
        decision: Option<bool>,
        notice: bool,
        /// Each with the day from which it holds.
        terms: Vec<(EntryKind, Date)>,
        by: String,
        received: Timestamp,
        evidence: String,
    },
    /// The day of a monthly report may have come.
    ReportDue,
    /// Only time has passed.
    Due,
}

/// One line of a subscription's history.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    PhaseEntered {
        phase: Phase,
        why: String,
    },
    DatesPromised {
        dates: Dates,
        group: u8,
    },
    /// The trial goes on: other dates are promised, and the reminders in `again` come anew for them.
    TrialExtended {
        dates: Dates,
        again: Vec<String>,
        by: String,
        evidence: String,
    },
    MailboxesSeen {
        count: u32,
        charged: u32,
        by: String,
    },
    /// Operation and accounting differ, until an entry decides.
    DiscrepancyOpened {
        what: DiscrepancyKind,
    },
    DiscrepancyClosed {
        what: DiscrepancyKind,
        why: String,
    },
    Reminded {
        key: String,
    },
    /// The customer's word: "customer", "no customer", or a notice (also `false`) or its withdrawal.
    Decided {
        customer: bool,
        by: String,
        received: Timestamp,
        evidence: String,
    },
    Activated {
        charged_from: Date,
        why: String,
    },
    /// An activation was taken back: nothing is charged.
    Deactivated {
        why: String,
    },
    GroupSet {
        group: u8,
    },
    NoticeRuns {
        ends: Date,
    },
    NoticeWithdrawn,
    /// Price, mailbox basis or group, as approved.
    TermsChanged {
        terms: Vec<(EntryKind, Date)>,
        by: String,
        evidence: String,
    },
    DomainCounted {
        domain: String,
        connected: bool,
        at: Timestamp,
    },
    /// The MX left, or came back.
    UseSeen {
        domain: String,
        in_use: bool,
        at: Timestamp,
    },
    /// The MX still names the gateway although the service has ended: it was said what follows. With
    /// `charge_from`, the use is charged from that day on.
    UsedAfterEnd {
        ended: Date,
        charge_from: Option<Date>,
    },
    /// Use after the end is charged from that day on.
    UseCharged {
        charged_from: Date,
    },
    /// Use after the end is over.
    UseEnded {
        charged_until: Option<Date>,
    },
    /// `further`: so many more than were ordered before; the others come again.
    DomainsOrdered {
        domains: Vec<String>,
        further: u32,
    },
    PartnerChanged {
        partner: String,
        from: Date,
        by: String,
    },
    /// Monthly reports begin with the month after that day.
    ReportsBegin {
        after: Date,
    },
    /// The monthly report of that day was made.
    Reported {
        on: Date,
    },
}

/// Something for others to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "a decision has a handful of effects and lives for one commit")]
pub enum Effect {
    Notify {
        notice: Notice,
    },
    /// Appended to the ledger in the same commit.
    Ledger {
        entry: EntryDraft,
    },
    /// Every connection of the customer begins its release.
    ReleaseDomains {
        cause: crate::lifecycle::connection::ReleaseCause,
    },
    /// The end is announced for every connection that still names the gateway.
    CutOffDomains,
    /// Every releasing connection of the customer stays after all.
    KeepDomains,
    /// The monthly report of that day goes out.
    Report {
        on: Date,
    },
}

/// Every message that a subscription can cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    TrialStarted,
    TrialExtended,
    TrialReminder,
    TrialEnded,
    DecisionNeeded,
    /// A week ahead: without a decision the customer is invoiced.
    WillBeInvoiced,
    /// A week ahead: without a decision something else than a charge follows.
    LastCall,
    /// To the desk: nobody has decided.
    DecisionOverdue,
    Invoiced,
    ThankYou,
    NoticeConfirmed,
    NoticeWithdrawn,
    /// The MX still names the gateway after the end: what follows, and how to avoid it.
    UsedAfterEnd,
    /// Use after the end is charged from now on.
    UseInvoiced,
    /// To the partner that takes a customer over.
    PartnerChanged,
}

/// What `decide` returns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
}
