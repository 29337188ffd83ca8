//! Why a run did not go as it should, in words for whoever reads the story.

use std::fmt::Display;

/// Something that must not happen in the demonstration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

pub type Outcome<T> = Result<T, Trouble>;

impl Trouble {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<super::lab::LabError> for Trouble {
    fn from(error: super::lab::LabError) -> Self {
        Self(error.to_string())
    }
}

/// Adds what was being done to an error.
pub trait Doing<T> {
    /// # Errors
    /// The error that was there before, with `what` in front of it.
    fn doing(self, what: &str) -> Outcome<T>;
}

impl<T, E: Display> Doing<T> for Result<T, E> {
    fn doing(self, what: &str) -> Outcome<T> {
        self.map_err(|error| Trouble(format!("{what}: {error}")))
    }
}
