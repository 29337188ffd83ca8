//! Effects that wait to be carried out, at least once, each under its own dedupe key.

use jiff::Timestamp;

use super::LeaseClock;
use super::claims::{clock, without_nul};
use super::pool::Pool;
use crate::store::value::{instant, int, number, small, us};
use crate::store::{ClaimRequest, NewOutbox, OutboxItem, OutboxOutcome, OutboxRow, StoreResult};

/// When it was due, then the item.
type Claimed = (i64, i64, String, String, String, String, i64, i64, i64, bool, String);
type Row = (i64, String, String, String, String, i64, Option<i64>, i64, Option<i64>, String, String, String);

/// Due items, at most one a subject, so that what concerns one subject goes out in its order.
pub(super) async fn claim(pool: &Pool, request: &ClaimRequest, clock: LeaseClock) -> StoreResult<Vec<OutboxItem>> {
    let mut rows: Vec<Claimed> = sqlx::query_as(concat!(
        "WITH ",
        clock!(),
        ", due AS MATERIALIZED ( \
           SELECT o.id, o.due_at, o.lease_until IS NOT NULL AS late FROM outbox o WHERE o.due_at <= (SELECT due FROM clock) \
             AND (SELECT 1 FROM outbox p WHERE p.subject_id = o.subject_id AND p.due_at IS NOT NULL \
                    AND (p.lease_until > (SELECT now FROM clock) \
                         OR (p.id < o.id AND p.due_at <= (SELECT due FROM clock))) LIMIT 1) IS NULL \
           ORDER BY o.due_at, o.id LIMIT $3 FOR UPDATE OF o SKIP LOCKED) \
         UPDATE outbox o SET fence = o.fence + 1, attempt = o.attempt + 1, lease_owner = $4, \
                lease_until = (SELECT now FROM clock) + $5, due_at = (SELECT now FROM clock) + $5 \
         FROM due d WHERE o.id = d.id \
         RETURNING d.due_at, o.id, o.subject_id, o.dedupe_key, o.kind, o.payload, o.fence, o.attempt, o.created_at, \
                   d.late, o.log"
    ))
    .bind(us(request.now))
    .bind(clock == LeaseClock::Database)
    .bind(i64::from(request.limit))
    .bind(&request.owner)
    .bind(i64::try_from(request.lease.as_micros()).unwrap_or(i64::MAX / 4))
    .fetch_all(&mut *pool.get().await?)
    .await?;
    rows.sort_by_key(|(due_at, id, ..)| (*due_at, *id));
    rows.into_iter().map(taken).collect()
}

fn taken(row: Claimed) -> StoreResult<OutboxItem> {
    let (_, id, subject_id, dedupe_key, kind, payload, fence, attempt, created_at, taken_over, log) = row;
    Ok(OutboxItem {
        id: number(id)?,
        subject_id,
        dedupe_key,
        kind,
        payload,
        fence: number(fence)?,
        attempt: small(attempt)?,
        created_at: instant(created_at)?,
        taken_over,
        log,
    })
}

/// Settles an item. Nothing happens, and `false` is returned, when it belongs to somebody else by now.
pub(super) async fn done(pool: &Pool, item: &OutboxItem, at: Timestamp, outcome: &OutboxOutcome) -> StoreResult<bool> {
    let untried = matches!(outcome, OutboxOutcome::Waiting { .. });
    let (status, due_at, sent_at, detail) = match outcome {
        OutboxOutcome::Sent { detail } => ("sent", None, Some(us(at)), detail),
        OutboxOutcome::Dropped { reason } => ("dropped", None, None, reason),
        OutboxOutcome::Retry { due_at, error } => ("pending", Some(us(*due_at)), None, error),
        OutboxOutcome::Waiting { due_at, reason } => ("pending", Some(us(*due_at)), None, reason),
        OutboxOutcome::Parked { error } => ("parked", None, None, error),
    };
    let parked_at = matches!(outcome, OutboxOutcome::Parked { .. }).then(|| us(at));
    let settled = sqlx::query(
        "UPDATE outbox SET status = $3, due_at = $4, sent_at = $5, detail = $6, \
                attempt = CASE WHEN $7 THEN 0 ELSE attempt END, parked_at = $8, log = $9, lease_owner = NULL, lease_until = NULL \
         WHERE id = $1 AND fence = $2",
    )
    .bind(int(item.id))
    .bind(int(item.fence))
    .bind(status)
    .bind(due_at)
    .bind(sent_at)
    .bind(without_nul(detail))
    .bind(untried)
    .bind(parked_at)
    .bind(without_nul(&item.log))
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// The newest `limit` effects of a kind of a subject, newest last.
pub(super) async fn effects(pool: &Pool, subject_id: &str, kind: &str, limit: u32) -> StoreResult<Vec<OutboxRow>> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, subject_id, dedupe_key, kind, payload, created_at, due_at, attempt, sent_at, status, detail, log \
         FROM outbox WHERE subject_id = $1 AND kind = $3 ORDER BY id DESC LIMIT $2",
    )
    .bind(subject_id)
    .bind(i64::from(limit))
    .bind(kind)
    .fetch_all(&mut *pool.get().await?)
    .await?;
    rows.into_iter().rev().map(shown).collect()
}

fn shown(row: Row) -> StoreResult<OutboxRow> {
    let (id, subject_id, dedupe_key, kind, payload, created_at, due_at, attempt, sent_at, status, detail, log) = row;
    let created_at = instant(created_at)?;
    Ok(OutboxRow {
        id: number(id)?,
        subject_id,
        dedupe_key,
        kind,
        payload,
        created_at,
        due_at: due_at.map_or(Ok(created_at), instant)?,
        attempt: small(attempt)?,
        sent_at: sent_at.map(instant).transpose()?,
        status,
        detail,
        log,
    })
}

/// Makes effects due once more, whatever became of them; those that still wait stay as they are.
pub(super) async fn send_again(pool: &Pool, subject_id: &str, effects: &[NewOutbox], at: Timestamp) -> StoreResult<()> {
    let mut transaction = pool.begin().await?;
    for effect in effects {
        sqlx::query(
            "INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, due_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (dedupe_key) DO UPDATE SET \
               status = 'pending', due_at = excluded.due_at, attempt = 0, parked_at = NULL \
             WHERE outbox.status <> 'pending'",
        )
        .bind(subject_id)
        .bind(&effect.dedupe_key)
        .bind(&effect.kind)
        .bind(&effect.payload)
        .bind(us(at))
        .bind(us(effect.due_at))
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}
