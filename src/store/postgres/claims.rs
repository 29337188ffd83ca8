//! Due work is claimed by raising the subject's fence and moving the timer to the end of the lease:
//! work whose owner died becomes due again by the same index, nobody has to rescue it. Rows that
//! another node is just claiming are passed over, never waited for.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::LeaseClock;
use super::pool::Pool;
use crate::store::value::{instant, int, number, small, us};
use crate::store::{Claim, ClaimRequest, StoreResult};

/// `$1` the caller's time, `$2` whether the database's clock decides. Due is what is due for both, so
/// that a node whose clock is behind does not find work that it takes for undue, again and again.
macro_rules! clock {
    () => {
        "clock AS MATERIALIZED (SELECT least($1, ours) AS due, CASE WHEN $2 THEN ours ELSE $1 END AS now FROM \
         (SELECT CASE WHEN $2 THEN (extract(epoch FROM clock_timestamp()) * 1000000)::bigint ELSE $1 END AS ours) c)"
    };
}
pub(super) use clock;

/// What the clock says that decides, for statements that are judged here.
pub(super) async fn now(db: &mut PgConnection, clock: LeaseClock, callers: Timestamp) -> StoreResult<Timestamp> {
    match clock {
        LeaseClock::Caller => Ok(callers),
        LeaseClock::Database => instant(
            sqlx::query_scalar("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
                .fetch_one(db)
                .await?,
        ),
    }
}

/// Ends the lease where the fence is still ours; the rest of the statement follows from it.
macro_rules! released {
    () => {
        "WITH ours AS (UPDATE subject SET lease_kind = NULL, lease_owner = NULL, lease_until = NULL \
         WHERE id = $1 AND fence = $2 RETURNING id) "
    };
}
pub(super) async fn claim(pool: &Pool, request: &ClaimRequest, clock: LeaseClock) -> StoreResult<Vec<Claim>> {
    type Row = (String, String, i64, i64, i64, bool);
    let rows: Vec<Row> = sqlx::query_as(concat!(
        "WITH ",
        clock!(),
        // The earliest timer of each subject that nobody works on. Both rows are locked, so that what
        // is read here is still true when the lease is written.
        ", due AS MATERIALIZED ( \
           SELECT t.subject_id, t.kind, t.due_at, s.lease_until IS NOT NULL AS late FROM timer t JOIN subject s ON s.id = t.subject_id \
           WHERE t.due_at <= (SELECT due FROM clock) \
             AND (s.lease_until IS NULL OR s.lease_until <= (SELECT now FROM clock)) \
             AND ($6 IS NULL OR (s.phase = 'connected') = $6) \
             AND t.kind = (SELECT e.kind FROM timer e WHERE e.subject_id = t.subject_id AND e.due_at IS NOT NULL \
                           ORDER BY e.due_at, e.kind LIMIT 1) \
           ORDER BY t.due_at, t.subject_id, t.kind LIMIT $3 FOR UPDATE OF s, t SKIP LOCKED), \
         leased AS ( \
           UPDATE subject s SET fence = s.fence + 1, lease_kind = d.kind, lease_owner = $4, \
                  lease_until = (SELECT now FROM clock) + $5 \
           FROM due d WHERE s.id = d.subject_id RETURNING s.id, s.fence), \
         moved AS ( \
           UPDATE timer t SET due_at = (SELECT now FROM clock) + $5, attempt = t.attempt + 1 \
           FROM due d WHERE t.subject_id = d.subject_id AND t.kind = d.kind RETURNING t.subject_id, t.attempt) \
         SELECT d.subject_id, d.kind, d.due_at, m.attempt, l.fence, d.late FROM due d \
         JOIN leased l ON l.id = d.subject_id JOIN moved m ON m.subject_id = d.subject_id \
         ORDER BY d.due_at, d.subject_id"
    ))
    .bind(us(request.now))
    .bind(clock == LeaseClock::Database)
    .bind(i64::from(request.limit))
    .bind(&request.owner)
    .bind(i64::try_from(request.lease.as_micros()).unwrap_or(i64::MAX / 4))
    .bind(request.share.connected())
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let claim = |(subject_id, kind, due_at, attempt, fence, taken_over): Row| {
        let (due_at, attempt, fence) = (instant(due_at)?, small(attempt)?, number(fence)?);
        Ok(Claim { subject_id, kind, due_at, attempt, fence, taken_over })
    };
    rows.into_iter().map(claim).collect()
}

/// When something can be claimed next: what is due of a subject that is worked on counts from the
/// end of its lease.
pub(super) async fn next_due(pool: &Pool) -> StoreResult<Option<Timestamp>> {
    let earliest: Option<i64> = sqlx::query_scalar(
        "SELECT least( \
           (SELECT t.due_at FROM timer t JOIN subject s ON s.id = t.subject_id \
            WHERE t.due_at IS NOT NULL AND s.lease_until IS NULL ORDER BY t.due_at LIMIT 1), \
           (SELECT min(lease_until) FROM subject WHERE lease_until IS NOT NULL), \
           (SELECT o.due_at FROM outbox o WHERE o.due_at IS NOT NULL AND (SELECT 1 FROM outbox p \
              WHERE p.subject_id = o.subject_id AND p.due_at IS NOT NULL AND p.lease_until IS NOT NULL LIMIT 1) IS NULL \
            ORDER BY o.due_at LIMIT 1), \
           (SELECT min(lease_until) FROM outbox WHERE lease_until IS NOT NULL))",
    )
    .fetch_one(&mut *pool.get().await?)
    .await?;
    earliest.map(instant).transpose()
}

/// Gives a claim up. Nothing happens when it belongs to somebody else by now.
pub(super) async fn abandon(pool: &Pool, claim: &Claim, due_at: Timestamp, error: &str) -> StoreResult<()> {
    settle(
        pool,
        concat!(
            released!(),
            "UPDATE timer t SET due_at = $4, error = $5 FROM ours \
             WHERE t.subject_id = ours.id AND t.kind = $3 AND t.parked_at IS NULL"
        ),
        claim,
        due_at,
        error,
    )
    .await
}

pub(super) async fn park(pool: &Pool, claim: &Claim, at: Timestamp, error: &str) -> StoreResult<()> {
    settle(
        pool,
        concat!(
            released!(),
            "UPDATE timer t SET due_at = NULL, parked_at = $4, error = $5 FROM ours \
             WHERE t.subject_id = ours.id AND t.kind = $3"
        ),
        claim,
        at,
        error,
    )
    .await
}

async fn settle(pool: &Pool, sql: &'static str, claim: &Claim, at: Timestamp, error: &str) -> StoreResult<()> {
    sqlx::query(sql)
        .bind(&claim.subject_id)
        .bind(int(claim.fence))
        .bind(&claim.kind)
        .bind(us(at))
        .bind(without_nul(error))
        .execute(&mut *pool.get().await?)
        .await?;
    Ok(())
}

/// PostgreSQL keeps every character but this one; what a server answered may hold it.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}
