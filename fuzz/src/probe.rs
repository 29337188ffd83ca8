//! See `lib.rs`.

pub mod bulk;
pub mod dns;
#[path = "../../src/probe/escape.rs"]
mod escape;
pub mod smtp;
