//! The imperative shell around the lifecycle: claims what is due, observes through its ports,
//! decides with pure functions, commits once, and carries out effects.
//!
//! The ports are owned here; `probe`, `gateway` and `notify` implement them and never import each
//! other.

pub mod ports;
