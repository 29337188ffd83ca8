//! Reading rows of SQLite.

use rusqlite::Row;

pub(super) use crate::store::value::{
    from_json, from_word, hash, instant, int, json, name, number, small, unreadable, us, word,
};
use crate::store::{StoreResult, Subject};

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
