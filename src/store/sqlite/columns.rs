//! How values stand in columns: instants as microseconds, enumerations by their serde name, the
//! rest as JSON.

use fencepost_checks::DomainName;
use jiff::Timestamp;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{StoreError, StoreResult, Subject};

pub(super) fn us(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(super) fn instant(us: i64) -> StoreResult<Timestamp> {
    Timestamp::from_microsecond(us).map_err(unreadable)
}

/// An unsigned number as SQLite keeps it.
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

/// What [`subject`] reads; `c` is the customer.
pub(super) const SUBJECT: &str = "s.id, s.kind, s.partner_id, s.customer_id, s.domain, s.held_by, s.machine_version, \
     s.state, s.state_since, s.version, s.last_seq, c.order_body";

pub(super) const SUBJECT_FROM: &str = "subject s JOIN customer c ON c.id = s.customer_id";

pub(super) fn subject(row: &Row<'_>) -> StoreResult<Subject> {
    let domain: Option<String> = row.get(4)?;
    Ok(Subject {
        id: row.get(0)?,
        kind: from_word(row.get(1)?)?,
        partner_id: row.get(2)?,
        customer_id: row.get(3)?,
        domain: domain.as_deref().map(name).transpose()?,
        held_by: row.get(5)?,
        machine_version: small(row.get(6)?)?,
        state: row.get(7)?,
        state_since: instant(row.get(8)?)?,
        version: number(row.get(9)?)?,
        last_seq: number(row.get(10)?)?,
        order: from_json(&row.get::<_, String>(11)?)?,
    })
}

/// Reads every row with `read`.
pub(super) fn all<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    mut read: impl FnMut(&Row<'_>) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(read(row)?);
    }
    Ok(out)
}

/// Reads the first row with `read`.
pub(super) fn first<T>(
    connection: &rusqlite::Connection,
    sql: &str,
    params: impl rusqlite::Params,
    read: impl FnOnce(&Row<'_>) -> StoreResult<T>,
) -> StoreResult<Option<T>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(read).transpose()
}

/// Executes a cached statement; the number of rows it touched.
pub(super) fn run(connection: &rusqlite::Connection, sql: &str, params: impl rusqlite::Params) -> StoreResult<usize> {
    Ok(connection.prepare_cached(sql)?.execute(params)?)
}
