//! PostgreSQL as its administrators see it: a dump that is restored, and connections that prove to whom
//! they lead. Real servers, and the program as it is run.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

#[path = "../lab/postgres.rs"]
mod postgres;
mod restore;
mod tls;
