//! The whole of fencepost on one machine: a laboratory on loopback addresses, people who only act
//! upon what real people would see, and the very engine that serves real customers.
//!
//! Nothing in here is a short cut: the engine is not told anything that it could not observe, and
//! the people read mails and pages, never the database.

mod agenda;
mod api;
pub mod cast;
pub mod lab;
mod notice;
mod story;
mod trouble;

pub use agenda::{Agenda, Busy};
