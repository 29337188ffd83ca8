//! The subscription of one customer: trial, negotiation, decision, charge, notice, end.
//!
//! Same shape as [`super::connection`]: [`decide`], [`evolve`] and [`timers`] are plain functions;
//! entries for the ledger are *asked for* as effects, the ledger itself makes them.

mod advance;
mod after_end;
mod consequences;
mod decide;
mod discrepancy;
mod entries;
mod event;
mod evolve;
mod extension;
#[cfg(test)]
pub(crate) mod golden_year;
mod report;
mod state;
#[cfg(test)]
mod stories;
mod takeover;
mod timers;
mod transitions;
#[cfg(test)]
mod walk;

pub use consequences::{consequences, standing_word};
pub use decide::{Terms, decide, open};
pub use entries::RULES_VERSION;
pub use event::{Decision, Effect, Event, Fact, Notice};
pub use evolve::{apply, evolve};
pub use extension::refusal as no_extension;
pub use report::{next_report, report_due};
pub use state::{
    AfterEnd, Dates, Discrepancy, DiscrepancyKind, DomainSeen, MailboxesSeen, OrderKind, Phase, Subscription, TimerKind,
};
pub use takeover::{Source, take_over};
pub use timers::{timers, waiting_for};
pub use transitions::table;

/// Grows whenever an event or a rule changes its meaning; stored with every subject.
pub const MACHINE_VERSION: u32 = 2;
