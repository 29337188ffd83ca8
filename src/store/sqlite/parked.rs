//! Work that was given up: listed, and made due again when a person says so, with who it was. Nothing
//! is retried by itself.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::columns::{all, first, instant, name, run, small, us};
use super::reading::{bounded, listing};
use crate::store::{Listing, Page, ParkedRow, StoreResult};

/// Timers first, then effects in the order in which they came.
const PARKED: &str = "SELECT p.key, p.id, p.what, p.subject_id, s.domain, p.attempt, p.since, p.error, r.at, r.by FROM ( \
       SELECT 'a ' || subject_id || ' ' || kind AS key, 't:' || subject_id || ':' || kind AS id, \
              'timer ' || kind AS what, subject_id, attempt, parked_at AS since, coalesce(error, '') AS error \
         FROM timer WHERE parked_at IS NOT NULL \
       UNION ALL \
       SELECT 'b ' || printf('%019d', id), 'o:' || id, kind || ' ' || dedupe_key, subject_id, attempt, \
              coalesce(parked_at, created_at), detail FROM outbox WHERE status = 'parked') p \
     LEFT JOIN subject s ON s.id = p.subject_id \
     LEFT JOIN retry r ON r.key = p.id AND r.at = (SELECT max(at) FROM retry WHERE key = p.id)";

pub(super) fn list(connection: &Connection, page: &Page) -> StoreResult<Listing<ParkedRow>> {
    let limit = bounded(page);
    let rows = all(
        connection,
        &format!("{PARKED} WHERE p.key > ?1 ORDER BY p.key LIMIT ?2"),
        (page.after.as_deref().unwrap_or(""), limit + 1),
        |row| Ok((row.get::<_, String>(0)?, shown(row)?)),
    )?;
    let keyed = listing(rows, limit, |(key, _)| key.clone());
    Ok(Listing { rows: keyed.rows.into_iter().map(|(_, row)| row).collect(), next: keyed.next })
}

pub(super) fn retry(connection: &Connection, id: &str, at: Timestamp, by: &str) -> StoreResult<Option<ParkedRow>> {
    let Some(row) = first(connection, &format!("{PARKED} WHERE p.id = ?1"), [id], shown)? else { return Ok(None) };
    if let Some(number) = id.strip_prefix("o:") {
        run(
            connection,
            "UPDATE outbox SET status = 'pending', due_at = ?2, attempt = 0, parked_at = NULL \
             WHERE id = CAST(?1 AS INTEGER) AND status = 'parked'",
            (number, us(at)),
        )?;
    } else {
        run(
            connection,
            "UPDATE timer SET due_at = ?2, parked_at = NULL, attempt = 0 \
             WHERE 't:' || subject_id || ':' || kind = ?1 AND subject_id = ?3 AND parked_at IS NOT NULL",
            (id, us(at), &row.subject_id),
        )?;
    }
    run(
        connection,
        "INSERT INTO retry (key, at, by, error) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key, at) DO NOTHING",
        (id, us(at), by, &row.error),
    )?;
    Ok(Some(row))
}

fn shown(row: &Row<'_>) -> StoreResult<ParkedRow> {
    let domain: Option<String> = row.get(4)?;
    let retried_at: Option<i64> = row.get(8)?;
    let retried_by: Option<String> = row.get(9)?;
    Ok(ParkedRow {
        id: row.get(1)?,
        what: row.get(2)?,
        subject_id: row.get(3)?,
        domain: domain.as_deref().map(name).transpose()?,
        attempts: small(row.get(5)?)?,
        since: instant(row.get(6)?)?,
        error: row.get(7)?,
        retried: retried_at.map(instant).transpose()?.zip(retried_by),
    })
}
