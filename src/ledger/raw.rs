//! A ledger row as a database has it, with nothing taken for granted. Reading it names the field that
//! cannot be right, so that one damaged byte leads to its place and not to "something failed".

use jiff::Timestamp;
use serde_json::Value;

use super::{EntryDraft, Hash, StoredEntry};

/// A row of the ledger, text as bytes. A number that is none is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawEntry {
    pub seq: u64,
    pub customer_id: Vec<u8>,
    pub kind: Vec<u8>,
    pub valid_from: Vec<u8>,
    /// Microseconds since 1970.
    pub recorded_at: Option<i64>,
    /// JSON of the [`EntryDraft`].
    pub body: Vec<u8>,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

/// The row that says where the ledger ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawHead {
    pub seq: Option<i64>,
    pub recorded_at: Option<i64>,
    pub hash: Vec<u8>,
}

/// What is wrong with one field of a row.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {what}")]
pub struct FieldFault {
    pub field: &'static str,
    pub what: String,
}

impl FieldFault {
    pub(super) fn new(field: &'static str, what: impl Into<String>) -> Self {
        Self { field, what: what.into() }
    }
}

impl RawEntry {
    /// The entry that the row holds. Columns that repeat what the body says have to say the same.
    ///
    /// # Errors
    /// The first field that cannot be read, or that contradicts the body.
    pub fn read(&self) -> Result<StoredEntry, FieldFault> {
        let body = text("body", &self.body)?;
        let unreadable = |error: serde_json::Error| FieldFault::new("body", format!("is no billing entry: {error}"));
        let draft: EntryDraft = serde_json::from_str(body).map_err(unreadable)?;
        // Word for word what is written today; what an earlier program wrote is compared member by member.
        if serde_json::to_vec(&draft).map_err(unreadable)? != self.body {
            let value: Value = serde_json::from_str(body).map_err(unreadable)?;
            let again = serde_json::to_value(&draft).map_err(unreadable)?;
            if let Some(place) = difference(&value, &again) {
                return Err(FieldFault::new("body", format!("`{place}` is not what an entry has there")));
            }
        }
        same("customer_id", text("customer_id", &self.customer_id)?, &draft.customer_id)?;
        same("kind", text("kind", &self.kind)?, draft.kind.name())?;
        same("valid_from", text("valid_from", &self.valid_from)?, &draft.valid_from.to_string())?;
        Ok(StoredEntry {
            seq: self.seq,
            recorded_at: instant("recorded_at", self.recorded_at)?,
            draft,
            prev_hash: digest("prev_hash", &self.prev_hash)?,
            hash: digest("hash", &self.hash)?,
        })
    }
}

pub(super) fn text<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a str, FieldFault> {
    std::str::from_utf8(bytes).map_err(|error| FieldFault::new(field, format!("is no text: {error}")))
}

pub(super) fn instant(field: &'static str, micros: Option<i64>) -> Result<Timestamp, FieldFault> {
    let micros = micros.ok_or_else(|| FieldFault::new(field, "is no number"))?;
    Timestamp::from_microsecond(micros).map_err(|error| FieldFault::new(field, format!("is no instant: {error}")))
}

pub(super) fn digest(field: &'static str, bytes: &[u8]) -> Result<Hash, FieldFault> {
    bytes.try_into().map_err(|_| FieldFault::new(field, format!("has {} bytes, a SHA-256 has 32", bytes.len())))
}

fn same(field: &'static str, column: &str, body: &str) -> Result<(), FieldFault> {
    if column == body {
        return Ok(());
    }
    Err(FieldFault::new(field, format!("says {column:?}, the sealed body says {body:?}")))
}

/// Where `stored` says something that the entry read from it does not. A member that a later program
/// has and an earlier one did not write is no difference while it is empty.
fn difference(stored: &Value, read: &Value) -> Option<String> {
    match (stored, read) {
        (Value::Object(stored), Value::Object(read)) => {
            let beyond = stored.keys().find(|key| !read.contains_key(*key)).cloned();
            let inside = || {
                read.iter().find_map(|(key, value)| match stored.get(key) {
                    Some(old) => difference(old, value).map(|place| join(key, &place)),
                    None if value.is_null() => None,
                    None => Some(key.clone()),
                })
            };
            beyond.or_else(inside)
        }
        _ if stored == read => None,
        _ => Some(String::new()),
    }
}

fn join(key: &str, place: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{key}.{place}") }
}
