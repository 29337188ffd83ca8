//! Real processes that are stopped in the middle of their work: at every fail point, by SIGKILL at
//! random instants, by SIGSTOP past their lease, by a full disk. Afterwards everything must be as if
//! nothing had happened.
//!
//! Whatever is random comes from a seed that is printed (`seed 4711`) and can be set again:
//! `FENCEPOST_SEED=4711 cargo test --test crash -- --nocapture kill`. Interleavings of real processes
//! are the scheduler's, so a seed repeats the blows and not their every effect; what repeats to the
//! byte is the simulation (`tests/simulation`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod agents;
mod books;
mod canary;
mod database;
mod dice;
mod frozen;
mod full_disk;
#[allow(dead_code, reason = "shared with other tests, which use more of it")]
#[path = "../lab/hostile_smtp.rs"]
mod hostile_smtp;
mod kill;
mod late;
mod mails;
mod points;
mod postfix;
#[path = "../lab/postgres.rs"]
mod postgres_server;
mod restart;
mod role;
mod stage;
