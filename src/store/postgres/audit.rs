//! The ledger, its head, closed runs and evidence exactly as the database has them, for whoever
//! verifies them: a damaged value is handed out as it is. Nothing is judged here.

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};

use super::pool::Pool;
use crate::ledger::journal::{RawEnd, RawLine};
use crate::store::value::{int, number};
use crate::store::{KeptEvidence, KeptLook, RawEntry, RawHead, RawRun, StoreResult};

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
    let sql = "SELECT run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash, \
        (SELECT j.digest FROM journal j WHERE j.kind = 'run' AND j.key = run_date) FROM invoicing_run ORDER BY run_date";
    sqlx::query(sql).fetch_all(&mut *pool.get().await?).await?.iter().map(run).collect()
}

/// Before there is a journal.
pub(super) async fn bare_runs(db: &mut PgConnection) -> StoreResult<Vec<RawRun>> {
    let sql = "SELECT run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash, NULL::bytea \
        FROM invoicing_run ORDER BY run_date";
    sqlx::query(sql).fetch_all(db).await?.iter().map(run).collect()
}

fn run(row: &PgRow) -> StoreResult<RawRun> {
    Ok(RawRun {
        run_date: text(row, 0)?,
        closed_at: row.try_get(1)?,
        closed_by: text(row, 2)?,
        head_seq: row.try_get(3)?,
        head_hash: row.try_get(4)?,
        lines: row.try_get(5)?,
        prev_hash: row.try_get::<Option<Vec<u8>>, _>(6)?.unwrap_or_default(),
        hash: row.try_get::<Option<Vec<u8>>, _>(7)?.unwrap_or_default(),
        line: row.try_get::<Option<Vec<u8>>, _>(8)?.unwrap_or_default(),
    })
}

pub(super) async fn evidence(pool: &Pool, after: &str, limit: u32) -> StoreResult<Vec<KeptEvidence>> {
    type Row = (String, Vec<u8>, i64, Option<Vec<u8>>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT sha256, content, kept_at, \
           (SELECT j.digest FROM journal j WHERE j.kind = 'evidence' AND j.key = e.sha256) \
         FROM evidence e WHERE sha256 > $1 ORDER BY sha256 LIMIT $2",
    )
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let read = |(sha256, content, kept_at, line): Row| KeptEvidence {
        sha256,
        content,
        kept_at: Some(kept_at),
        line: line.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(read).collect())
}

pub(super) async fn looks(pool: &Pool, after: (&str, &str), limit: u32) -> StoreResult<Vec<KeptLook>> {
    type Row = (String, String, String, i64, String, Option<Vec<u8>>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT subject_id, sha256, kind, observed_at, body, \
           (SELECT j.digest FROM journal j WHERE j.kind = 'look' AND j.key = a.subject_id || '/' || a.sha256) \
         FROM observation_archive a WHERE (subject_id, sha256) > ($1, $2) ORDER BY subject_id, sha256 LIMIT $3",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(i64::from(limit))
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let read = |(subject_id, sha256, kind, observed_at, body, line): Row| KeptLook {
        subject_id,
        sha256,
        kind: kind.into_bytes(),
        observed_at: Some(observed_at),
        body: body.into_bytes(),
        line: line.unwrap_or_default(),
    };
    Ok(rows.into_iter().map(read).collect())
}

pub(super) async fn journal(pool: &Pool, after_seq: u64, limit: u32) -> StoreResult<Vec<RawLine>> {
    type Row = (i64, String, String, Vec<u8>, Vec<u8>, bool);
    // The name of a look ends in a slash and 64 hex digits.
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT seq, kind, key, digest, hash, CASE kind \
           WHEN 'evidence' THEN EXISTS (SELECT 1 FROM evidence e WHERE e.sha256 = j.key) \
           WHEN 'run' THEN EXISTS (SELECT 1 FROM invoicing_run r WHERE r.run_date = j.key) \
           ELSE EXISTS (SELECT 1 FROM observation_archive a \
                        WHERE a.subject_id = left(j.key, -65) AND a.sha256 = right(j.key, 64)) END \
         FROM journal j WHERE seq > $1 ORDER BY seq LIMIT $2",
    )
    .bind(int(after_seq))
    .bind(i64::from(limit))
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let read = |(seq, kind, key, digest, hash, there): Row| {
        Ok(RawLine { seq: number(seq)?, kind: kind.into_bytes(), key: key.into_bytes(), digest, hash, there })
    };
    rows.into_iter().map(read).collect()
}

pub(super) async fn journal_end(pool: &Pool) -> StoreResult<Option<RawEnd>> {
    let found: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, hash FROM journal_end").fetch_optional(&mut *pool.get().await?).await?;
    Ok(found.map(|(seq, hash)| RawEnd { seq: Some(seq), hash }))
}

fn text(row: &PgRow, column: usize) -> StoreResult<Vec<u8>> {
    Ok(row.try_get::<String, _>(column)?.into_bytes())
}
