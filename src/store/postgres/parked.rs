//! Work that was given up: listed, and made due again when a person says so, with who it was. Nothing
//! is retried by itself.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::pool::Pool;
use super::reading::{bounded, listing};
use crate::store::value::{instant, name, small, us};
use crate::store::{Listing, Page, ParkedRow, StoreResult};

/// Timers first, then effects in the order in which they came.
macro_rules! parked {
    ($rest:literal) => {
        concat!(
            "SELECT p.key, p.id, p.what, p.subject_id, s.domain, p.attempt, p.since, p.error, r.at, r.by FROM ( \
               SELECT ('a ' || subject_id || ' ' || kind) COLLATE \"C\" AS key, 't:' || subject_id || ':' || kind AS id, \
                      'timer ' || kind AS what, subject_id, attempt, parked_at AS since, coalesce(error, '') AS error \
                 FROM timer WHERE parked_at IS NOT NULL \
               UNION ALL \
               SELECT ('b ' || lpad(id::text, 19, '0')) COLLATE \"C\", 'o:' || id, kind || ' ' || dedupe_key, subject_id, \
                      attempt, coalesce(parked_at, created_at), detail FROM outbox WHERE status = 'parked') p \
             LEFT JOIN subject s ON s.id = p.subject_id \
             LEFT JOIN retry r ON r.key = p.id AND r.at = (SELECT max(at) FROM retry WHERE key = p.id) ",
            $rest
        )
    };
}

pub(super) async fn list(pool: &Pool, page: &Page) -> StoreResult<Listing<ParkedRow>> {
    let limit = bounded(page);
    let rows = sqlx::query(parked!("WHERE p.key > $1 ORDER BY p.key LIMIT $2"))
        .bind(page.after.as_deref().unwrap_or(""))
        .bind(i64::from(limit) + 1)
        .fetch_all(&mut *pool.get().await?)
        .await?;
    let read = |row: &PgRow| Ok((row.try_get::<String, _>(0)?, shown(row)?));
    let rows = rows.iter().map(read).collect::<StoreResult<Vec<_>>>()?;
    let keyed = listing(rows, limit, |(key, _)| key.clone());
    Ok(Listing { rows: keyed.rows.into_iter().map(|(_, row)| row).collect(), next: keyed.next })
}

pub(super) async fn retry(pool: &Pool, id: &str, at: Timestamp, by: &str) -> StoreResult<Option<ParkedRow>> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    let found = sqlx::query(parked!("WHERE p.id = $1")).bind(id).fetch_optional(&mut *db).await?;
    let Some(row) = found.as_ref().map(shown).transpose()? else { return Ok(None) };
    let touched = if let Some(number) = id.strip_prefix("o:").and_then(|number| number.parse::<i64>().ok()) {
        sqlx::query(
            "UPDATE outbox SET status = 'pending', due_at = $2, attempt = 0, parked_at = NULL \
             WHERE id = $1 AND status = 'parked'",
        )
        .bind(number)
        .bind(us(at))
        .execute(&mut *db)
        .await?
    } else {
        sqlx::query(
            "UPDATE timer SET due_at = $2, parked_at = NULL, attempt = 0 \
             WHERE 't:' || subject_id || ':' || kind = $1 AND subject_id = $3 AND parked_at IS NOT NULL",
        )
        .bind(id)
        .bind(us(at))
        .bind(&row.subject_id)
        .execute(&mut *db)
        .await?
    };
    // Another node was asked the same a moment before.
    if touched.rows_affected() == 0 {
        return Ok(None);
    }
    sqlx::query("INSERT INTO retry (key, at, by, error) VALUES ($1, $2, $3, $4) ON CONFLICT (key, at) DO NOTHING")
        .bind(id)
        .bind(us(at))
        .bind(by)
        .bind(&row.error)
        .execute(&mut *db)
        .await?;
    transaction.commit().await?;
    Ok(Some(row))
}

fn shown(row: &PgRow) -> StoreResult<ParkedRow> {
    let domain: Option<String> = row.try_get(4)?;
    let retried_at: Option<i64> = row.try_get(8)?;
    let retried_by: Option<String> = row.try_get(9)?;
    Ok(ParkedRow {
        id: row.try_get(1)?,
        what: row.try_get(2)?,
        subject_id: row.try_get(3)?,
        domain: domain.as_deref().map(name).transpose()?,
        attempts: small(row.try_get(5)?)?,
        since: instant(row.try_get(6)?)?,
        error: row.try_get(7)?,
        retried: retried_at.map(instant).transpose()?.zip(retried_by),
    })
}
