//! The connection of one domain: from the order to a verified MX, and back out again.
//!
//! [`decide`] is the heart. It never acts: what has to be done is returned as effects, what has
//! happened as events, and the moments to look again come from [`timers`].

mod event;
mod fact;
mod state;

pub use event::{Decision, Effect, Event, Notice};
pub use fact::{Fact, GateFact, MxFact};
pub use state::{
    AcceptedMx, Connection, Gate, GateSeen, Health, MxSeen, Observed, Phase, Release, ReleaseCause, RouteMode,
    TimerKind, Window,
};
