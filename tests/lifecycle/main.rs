//! The connection's state machine, tested from outside: walked exhaustively, driven through long
//! random histories, and told as stories.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod histories;
mod model;
mod oracle;
mod script;
mod stories;
