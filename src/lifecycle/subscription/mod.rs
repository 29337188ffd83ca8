//! The subscription of one customer: trial, negotiation, decision, charge, notice, end.
//!
//! Same shape as [`super::connection`]: [`decide`], `apply`, `timers` are plain functions; entries
//! for the ledger are *asked for* as effects, the ledger itself makes them.

mod event;
mod state;

pub use event::{Decision, Effect, Event, Fact, Notice};
pub use state::{Dates, OrderKind, Phase, Subscription, TimerKind};
