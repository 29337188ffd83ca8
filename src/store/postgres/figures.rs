//! How much there is to do, for metrics, and a write that only shows whether writing works. Counting
//! is bounded, so that a long queue does not make it slow.

use jiff::Timestamp;

use super::pool::Pool;
use crate::store::value::{instant, number, us};
use crate::store::{Figures, StoreResult};

pub(super) async fn figures(pool: &Pool, now: Timestamp) -> StoreResult<Figures> {
    type Row = (i64, Option<i64>, i64, i64, Option<i64>, i64, i64);
    let row: Row = sqlx::query_as(
        "SELECT \
           (SELECT count(*) FROM (SELECT 1 FROM timer t JOIN subject s ON s.id = t.subject_id \
              WHERE t.due_at <= $1 AND s.lease_until IS NULL LIMIT $2) c), \
           (SELECT t.due_at FROM timer t JOIN subject s ON s.id = t.subject_id \
              WHERE t.due_at <= $1 AND s.lease_until IS NULL ORDER BY t.due_at LIMIT 1), \
           (SELECT count(*) FROM (SELECT 1 FROM subject WHERE lease_until > $1 LIMIT $2) c), \
           (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE due_at <= $1 AND lease_until IS NULL LIMIT $2) c), \
           (SELECT due_at FROM outbox WHERE due_at <= $1 AND lease_until IS NULL ORDER BY due_at LIMIT 1), \
           (SELECT count(*) FROM (SELECT 1 FROM timer WHERE parked_at <= $1 LIMIT $2) c), \
           (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE status = 'parked' AND created_at <= $1 LIMIT $2) c)",
    )
    .bind(us(now))
    .bind(i64::from(Figures::COUNTED))
    .fetch_one(&mut *pool.get().await?)
    .await?;
    Ok(Figures {
        timers_due: number(row.0)?,
        oldest_timer_due: row.1.map(instant).transpose()?,
        leases: number(row.2)?,
        effects_due: number(row.3)?,
        oldest_effect_due: row.4.map(instant).transpose()?,
        parked_timers: number(row.5)?,
        parked_effects: number(row.6)?,
    })
}

pub(super) async fn heartbeat(pool: &Pool, at: Timestamp) -> StoreResult<()> {
    sqlx::query("INSERT INTO heartbeat (one, at) VALUES (1, $1) ON CONFLICT (one) DO UPDATE SET at = excluded.at")
        .bind(us(at))
        .execute(&mut *pool.get().await?)
        .await?;
    Ok(())
}
