//! The ledger, its head, closed runs and evidence exactly as the database has them, for whoever
//! verifies them: a damaged value is handed out as it is. Nothing is judged here.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::pool::Pool;
use crate::store::value::{int, number};
use crate::store::{KeptEvidence, RawEntry, RawHead, RawRun, StoreResult};

pub(super) async fn entries(pool: &Pool, after_seq: u64, limit: u32) -> StoreResult<Vec<RawEntry>> {
    let rows = sqlx::query(
        "SELECT seq, customer_id, kind, valid_from, recorded_at, body, prev_hash, hash FROM billing_entry \
         WHERE seq > $1 ORDER BY seq LIMIT $2",
    )
    .bind(int(after_seq))
    .bind(i64::from(limit))
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let read = |row: &PgRow| {
        Ok(RawEntry {
            seq: number(row.try_get(0)?)?,
            customer_id: text(row, 1)?,
            kind: text(row, 2)?,
            valid_from: text(row, 3)?,
            recorded_at: row.try_get(4)?,
            body: text(row, 5)?,
            prev_hash: row.try_get(6)?,
            hash: row.try_get(7)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn head(pool: &Pool) -> StoreResult<Option<RawHead>> {
    let found: Option<(i64, i64, Vec<u8>)> = sqlx::query_as("SELECT seq, recorded_at, hash FROM ledger_head")
        .fetch_optional(&mut *pool.get().await?)
        .await?;
    Ok(found.map(|(seq, recorded_at, hash)| RawHead { seq: Some(seq), recorded_at: Some(recorded_at), hash }))
}

pub(super) async fn runs(pool: &Pool) -> StoreResult<Vec<RawRun>> {
    let rows = sqlx::query(
        "SELECT run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash FROM invoicing_run \
         ORDER BY run_date",
    )
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let read = |row: &PgRow| {
        Ok(RawRun {
            run_date: text(row, 0)?,
            closed_at: row.try_get(1)?,
            closed_by: text(row, 2)?,
            head_seq: row.try_get(3)?,
            head_hash: row.try_get(4)?,
            lines: row.try_get(5)?,
            prev_hash: row.try_get::<Option<Vec<u8>>, _>(6)?.unwrap_or_default(),
            hash: row.try_get::<Option<Vec<u8>>, _>(7)?.unwrap_or_default(),
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn evidence(pool: &Pool, after: &str, limit: u32) -> StoreResult<Vec<KeptEvidence>> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT sha256, content FROM evidence WHERE sha256 > $1 ORDER BY sha256 LIMIT $2")
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&mut *pool.get().await?)
            .await?;
    Ok(rows.into_iter().map(|(sha256, content)| KeptEvidence { sha256, content }).collect())
}

fn text(row: &PgRow, column: usize) -> StoreResult<Vec<u8>> {
    Ok(row.try_get::<String, _>(column)?.into_bytes())
}
