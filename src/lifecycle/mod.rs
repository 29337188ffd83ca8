//! The two state machines that carry a customer from order to invoice, as plain functions.
//!
//! [`connection`] moves one domain's MX; [`subscription`] turns the first connected domain into a
//! trial, a decision and a charge. `decide(state, fact, now)` returns events, effects and nothing
//! else; `apply(state, event)` folds an event into the state; `timers(state, now)` names every
//! moment at which the engine must look again. No I/O, no async, no clock in here: time is an
//! argument, and a model checker walks these very functions.

pub mod calendar;
pub mod connection;
pub mod permit;
pub mod subscription;
pub mod table;
