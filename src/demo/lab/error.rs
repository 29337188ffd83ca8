//! Why the laboratory could not be set up. Every text says what was being done.

use std::fmt::Display;

/// An error of the laboratory itself; what happens *inside* it is observed, not returned.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub struct LabError {
    what: String,
    why: String,
}

pub type LabResult<T> = Result<T, LabError>;

impl LabError {
    pub fn new(what: impl Into<String>, why: impl Display) -> Self {
        Self { what: what.into(), why: why.to_string() }
    }
}

/// Adds what was being done to any error.
pub trait While<T> {
    /// # Errors
    /// The error that was there before, with `what` in front of it.
    fn during(self, what: &str) -> LabResult<T>;
}

impl<T, E: Display> While<T> for Result<T, E> {
    fn during(self, what: &str) -> LabResult<T> {
        self.map_err(|why| LabError::new(what, why))
    }
}
