//! The connection of one domain: from the order to a verified MX, and back out again.
//!
//! [`decide`] is the heart. It never acts: what has to be done is returned as effects, what has
//! happened as events, and the moments to look again come from [`timers`].

mod answer;
mod decide;
mod draft;
mod drift;
mod early;
mod event;
mod evolve;
mod fact;
mod gates;
mod instant;
mod observe;
mod permission;
mod places;
mod release;
mod state;
mod suspend;
mod swap;
mod timers;
mod transitions;
mod window;

pub use answer::{answer, answer_in};
pub use decide::{decide, import, open};
pub use event::{Decision, Effect, Event, Notice};
pub use evolve::{apply, evolve};
pub use fact::{EgressFact, Fact, GateFact, MxFact};
pub use permission::{mx_change_permitted, permit_valid_until};
pub use state::{
    AcceptedMx, Connection, CutOff, Departure, EgressSeen, Gate, GateSeen, Health, Import, MxSeen, Observed, Phase,
    Release, ReleaseCause, RouteMode, RouteSwap, Suspension, SwapStage, TimerKind, Window,
};
pub use timers::timers;
pub use transitions::table;
pub use window::{decision_due_at, earliest_close, escalates_at};

/// Grows whenever an event or a rule changes its meaning; stored with every subject.
pub const MACHINE_VERSION: u32 = 3;
