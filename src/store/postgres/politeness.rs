//! Turns and allowances on PostgreSQL. Whoever decides about a target holds its advisory lock, so that two
//! nodes never give the same turn away, and asks the database's clock under it, so that nodes whose clocks
//! differ keep the same pauses. A turn that is lost on the way ends with its lease.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::claims::now;
use super::pool::Pool;
use super::{LeaseClock, PostgresStore, keys};
use crate::failpoint::Step;
use crate::store::politeness::{Kept, Visits, decide, grant};
use crate::store::value::{instant, small, us};
use crate::store::{Allowance, Drawn, PolitenessStore, Spread, StoreResult, TurnAnswer, TurnRequest};

#[async_trait]
impl PolitenessStore for PostgresStore {
    async fn take_turn(&self, request: TurnRequest) -> StoreResult<TurnAnswer> {
        self.write(Step::Manners, take(&self.pool, request, self.clock)).await
    }

    async fn end_turn(&self, target: &str, holder: &str, at: Timestamp) -> StoreResult<()> {
        self.write(Step::Manners, end(&self.pool, target, holder, at, self.clock)).await
    }

    async fn spread_overdue(&self, spread: Spread) -> StoreResult<u64> {
        self.write(Step::Manners, spread_overdue(&self.pool, spread, self.clock)).await
    }

    async fn draw(&self, target: &str, wanted: u32, allowance: Allowance, now: Timestamp) -> StoreResult<Drawn> {
        self.write(Step::Manners, draw(&self.pool, target, (wanted, allowance), now, self.clock)).await
    }
}

async fn take(pool: &Pool, request: TurnRequest, clock: LeaseClock) -> StoreResult<TurnAnswer> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    keys::lock(db, &[format!("turn:{}", request.target)]).await?;
    let request = TurnRequest { now: now(db, clock, request.now).await?, ..request };
    let (answer, visits) = decide(&kept(db, &request).await?, &request);
    if answer == TurnAnswer::Yours {
        sqlx::query(
            "INSERT INTO turn (target, holder, until, left_by) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (target) DO UPDATE SET holder = excluded.holder, until = excluded.until, left_by = excluded.left_by",
        )
        .bind(&request.target)
        .bind(&request.holder)
        .bind(us(request.now + request.lease))
        .bind(&request.vantage)
        .execute(&mut *db)
        .await?;
        sqlx::query(
            "INSERT INTO turn_visit (target, vantage, since, looks, look_at, last_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (target, vantage) DO UPDATE SET since = excluded.since, looks = excluded.looks, \
             look_at = excluded.look_at, last_at = excluded.last_at",
        )
        .bind(&request.target)
        .bind(&request.vantage)
        .bind(us(visits.since))
        .bind(i64::from(visits.looks))
        .bind(us(visits.look_at))
        .bind(us(visits.last_at))
        .execute(&mut *db)
        .await?;
    }
    transaction.commit().await?;
    Ok(answer)
}

async fn kept(db: &mut PgConnection, request: &TurnRequest) -> StoreResult<Kept> {
    type Turn = (Option<String>, Option<i64>, Option<String>, Option<i64>);
    let turn: Option<Turn> = sqlx::query_as("SELECT holder, until, left_by, left_at FROM turn WHERE target = $1")
        .bind(&request.target)
        .fetch_optional(&mut *db)
        .await?;
    let (holder, until, left_by, left_at) = turn.unwrap_or_default();
    let visits: Option<(i64, i64, i64, i64)> =
        sqlx::query_as("SELECT since, looks, look_at, last_at FROM turn_visit WHERE target = $1 AND vantage = $2")
            .bind(&request.target)
            .bind(&request.vantage)
            .fetch_optional(&mut *db)
            .await?;
    let visits = match visits {
        Some((since, looks, look_at, last_at)) => Some(Visits {
            since: instant(since)?,
            looks: small(looks)?,
            look_at: instant(look_at)?,
            last_at: instant(last_at)?,
        }),
        None => None,
    };
    let (until, left_at) = (until.map(instant).transpose()?, left_at.map(instant).transpose()?);
    Ok(Kept { holder, until, left_by, left_at, visits })
}

async fn end(pool: &Pool, target: &str, holder: &str, at: Timestamp, clock: LeaseClock) -> StoreResult<()> {
    let mut db = pool.get().await?;
    let at = now(&mut db, clock, at).await?;
    sqlx::query("UPDATE turn SET holder = NULL, until = NULL, left_at = $3 WHERE target = $1 AND holder = $2")
        .bind(target)
        .bind(holder)
        .bind(us(at))
        .execute(&mut *db)
        .await?;
    Ok(())
}

async fn spread_overdue(pool: &Pool, spread: Spread, clock: LeaseClock) -> StoreResult<u64> {
    let mut db = pool.get().await?;
    let spread = Spread { now: now(&mut db, clock, spread.now).await?, ..spread };
    let (before, pace, most) = spread.numbers();
    let touched = sqlx::query(
        "WITH late AS ( \
           SELECT t.subject_id AS subject, t.kind AS kind, t.due_at AS due_at FROM timer t JOIN subject s ON s.id = t.subject_id \
           WHERE t.due_at < $1 AND s.phase = 'connected' AND s.lease_until IS NULL AND t.kind IN ('mx', 'allowlist', 'probe') \
           FOR UPDATE OF t SKIP LOCKED), \
         n AS (SELECT subject, kind, count(*) OVER () AS count, \
                 row_number() OVER (ORDER BY due_at, subject, kind) - 1 AS place FROM late) \
         UPDATE timer SET due_at = $2 + n.place * least($3, $4 / n.count) FROM n \
         WHERE timer.subject_id = n.subject AND timer.kind = n.kind",
    )
    .bind(us(before))
    .bind(us(spread.now))
    .bind(pace)
    .bind(most)
    .execute(&mut *db)
    .await?;
    Ok(touched.rows_affected())
}

async fn draw(
    pool: &Pool,
    target: &str,
    (wanted, allowance): (u32, Allowance),
    asked_at: Timestamp,
    clock: LeaseClock,
) -> StoreResult<Drawn> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    keys::lock(db, &[format!("allowance:{target}")]).await?;
    let kept: Option<(i64, i64)> = sqlx::query_as("SELECT since, drawn FROM allowance WHERE target = $1")
        .bind(target)
        .fetch_optional(&mut *db)
        .await?;
    let kept = match kept {
        Some((since, drawn)) => Some((instant(since)?, small(drawn)?)),
        None => None,
    };
    let now = now(db, clock, asked_at).await?;
    let (answer, (since, drawn)) = grant(kept, wanted, allowance, now);
    sqlx::query(
        "INSERT INTO allowance (target, since, drawn) VALUES ($1, $2, $3) \
         ON CONFLICT (target) DO UPDATE SET since = excluded.since, drawn = excluded.drawn",
    )
    .bind(target)
    .bind(us(since))
    .bind(i64::from(drawn))
    .execute(&mut *db)
    .await?;
    transaction.commit().await?;
    Ok(answer)
}
