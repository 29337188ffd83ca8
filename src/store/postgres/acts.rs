//! Who did what, on PostgreSQL.

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};

use super::PostgresStore;
use super::pool::Pool;
use super::reading::{bounded, listing};
use crate::failpoint::{Step, around};
use crate::store::value::{from_word, instant, us, word};
use crate::store::{Act, ActFilter, ActStore, Listing, Page, StoreResult};

#[async_trait]
impl ActStore for PostgresStore {
    async fn record_acts(&self, acts: Vec<Act>) -> StoreResult<()> {
        around(Step::RecordAct, self.pool.bounded(insert(&self.pool, &acts))).await
    }

    async fn acts(&self, filter: &ActFilter, page: &Page) -> StoreResult<Listing<Act>> {
        self.pool.bounded(list(&self.pool, filter, page)).await
    }
}

async fn insert(pool: &Pool, acts: &[Act]) -> StoreResult<()> {
    if acts.is_empty() {
        return Ok(());
    }
    let texts = |read: fn(&Act) -> &str| acts.iter().map(|act| read(act).to_owned()).collect::<Vec<String>>();
    let parts = acts.iter().map(|act| word(&act.part)).collect::<StoreResult<Vec<_>>>()?;
    let outcomes = acts.iter().map(|act| word(&act.outcome)).collect::<StoreResult<Vec<_>>>()?;
    sqlx::query(
        "INSERT INTO act (id, at, actor, who, role, action, part, subject_kind, subject, detail, outcome, request_id) \
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
         $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])",
    )
    .bind(texts(|act| &act.id))
    .bind(acts.iter().map(|act| us(act.at)).collect::<Vec<i64>>())
    .bind(texts(|act| &act.actor))
    .bind(texts(|act| &act.who))
    .bind(texts(|act| &act.role))
    .bind(texts(|act| &act.action))
    .bind(parts)
    .bind(texts(|act| &act.subject_kind))
    .bind(texts(|act| &act.subject))
    .bind(texts(|act| &act.detail))
    .bind(outcomes)
    .bind(texts(|act| &act.request_id))
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(())
}

async fn list(pool: &Pool, filter: &ActFilter, page: &Page) -> StoreResult<Listing<Act>> {
    let limit = bounded(page);
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(
        "SELECT id, at, actor, who, role, action, part, subject_kind, subject, detail, outcome, request_id \
         FROM act WHERE TRUE",
    );
    if let Some(after) = &page.after {
        sql.push(" AND id < ").push_bind(after);
    }
    if let Some(actor) = &filter.actor {
        sql.push(" AND (actor = ").push_bind(actor).push(" OR who = ").push_bind(actor).push(")");
    }
    if let Some(action) = &filter.action {
        sql.push(" AND action = ").push_bind(action);
    }
    if let Some(subject) = &filter.subject {
        sql.push(" AND subject = ").push_bind(subject);
    }
    if let Some(part) = filter.part {
        sql.push(" AND part = ").push_bind(word(&part)?);
    }
    if let Some(outcome) = filter.outcome {
        sql.push(" AND outcome = ").push_bind(word(&outcome)?);
    }
    if let Some(from) = filter.from {
        sql.push(" AND at >= ").push_bind(us(from));
    }
    if let Some(until) = filter.until {
        sql.push(" AND at < ").push_bind(us(until));
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(i64::from(limit) + 1);
    let rows = sql.build().fetch_all(&mut *pool.get().await?).await?;
    let rows = rows.iter().map(act).collect::<StoreResult<Vec<_>>>()?;
    Ok(listing(rows, limit, |act| act.id.clone()))
}

fn act(row: &PgRow) -> StoreResult<Act> {
    Ok(Act {
        id: row.try_get(0)?,
        at: instant(row.try_get(1)?)?,
        actor: row.try_get(2)?,
        who: row.try_get(3)?,
        role: row.try_get(4)?,
        action: row.try_get(5)?,
        part: from_word(row.try_get(6)?)?,
        subject_kind: row.try_get(7)?,
        subject: row.try_get(8)?,
        detail: row.try_get(9)?,
        outcome: from_word(row.try_get(10)?)?,
        request_id: row.try_get(11)?,
    })
}
