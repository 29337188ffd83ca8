//! How values stand in columns, the same in every store, so that identical histories are identical
//! bytes: instants as microseconds, enumerations by their serde name, the rest as JSON.

use fencepost_checks::DomainName;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{StoreError, StoreResult};

pub(super) fn us(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn instant(us: i64) -> StoreResult<Timestamp> {
    Timestamp::from_microsecond(us).map_err(unreadable)
}

/// An unsigned number as a database keeps it.
pub(super) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn number(int: i64) -> StoreResult<u64> {
    u64::try_from(int).map_err(unreadable)
}

pub(super) fn small(int: i64) -> StoreResult<u32> {
    u32::try_from(int).map_err(unreadable)
}

pub(super) fn json<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(unreadable)
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(unreadable)
}

/// A unit variant by its serde name.
pub(super) fn word<T: Serialize>(value: &T) -> StoreResult<String> {
    match serde_json::to_value(value).map_err(unreadable)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(unreadable(format!("{other} is no word"))),
    }
}

pub(super) fn from_word<T: DeserializeOwned>(word: String) -> StoreResult<T> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(unreadable)
}

pub(super) fn name(text: &str) -> StoreResult<DomainName> {
    DomainName::parse(text).map_err(unreadable)
}

pub(super) fn hash(bytes: &[u8]) -> StoreResult<[u8; 32]> {
    bytes.try_into().map_err(unreadable)
}

pub(super) fn unreadable(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Database { what: "a stored value cannot be read", source: source.into() }
}
