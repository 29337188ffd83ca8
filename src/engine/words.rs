//! JSON in and out of the store. A value that cannot be read is a reason to park work, not to stop.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A stored value that this program cannot read or write.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(String);

impl Unreadable {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn newer(id: &str, version: u32) -> Self {
        Self(format!("{id} was written by a newer program (machine version {version})"))
    }
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self(format!("a stored value cannot be read: {error}"))
    }
}

pub(super) fn json<T: Serialize>(value: &T) -> Result<String, Unreadable> {
    Ok(serde_json::to_string(value)?)
}

pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    Ok(serde_json::from_str(text)?)
}

/// A unit variant by its serde name.
pub(super) fn word<T: Serialize>(value: &T) -> Result<String, Unreadable> {
    match serde_json::to_value(value)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(Unreadable::new(format!("{other} is no word"))),
    }
}

/// The tag of an internally tagged variant.
pub(super) fn tag<T: Serialize>(value: &T, key: &str) -> Result<String, Unreadable> {
    let value = serde_json::to_value(value)?;
    let word = value.get(key).and_then(serde_json::Value::as_str);
    word.map(str::to_owned).ok_or_else(|| Unreadable::new(format!("no `{key}` in {value}")))
}

/// The timer kind or notice of that name.
pub(super) fn named<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}
