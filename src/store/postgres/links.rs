//! Links to status pages, on PostgreSQL.

use async_trait::async_trait;
use jiff::Timestamp;

use super::PostgresStore;
use super::pool::Pool;
use crate::failpoint::Step;
use crate::store::value::{instant, us};
use crate::store::{LINKS_LISTED, LinkRow, LinkStore, MAX_LINKS, NewLink, StoreError, StoreResult};

type Row = (String, String, String, String, String, i64, Option<i64>, Option<i64>, Option<String>, Option<i64>);

macro_rules! columns {
    () => {
        "SELECT id, subject_id, partner_id, label, made_by, made_at, expires_at, revoked_at, revoked_by, last_used_at FROM link"
    };
}

#[async_trait]
impl LinkStore for PostgresStore {
    async fn create_link(&self, link: NewLink) -> StoreResult<()> {
        self.write(Step::ShareLink, create(&self.pool, &link)).await
    }

    async fn links(&self, subject_id: &str) -> StoreResult<Vec<LinkRow>> {
        self.pool.bounded(of(&self.pool, subject_id)).await
    }

    async fn link_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<LinkRow>> {
        self.pool.bounded(by_hash(&self.pool, hash)).await
    }

    async fn revoke_link(&self, subject_id: &str, id: &str, by: &str, at: Timestamp) -> StoreResult<bool> {
        self.write(Step::ShareLink, revoke(&self.pool, subject_id, id, by, at)).await
    }

    async fn link_used(&self, id: &str, at: Timestamp) -> StoreResult<()> {
        self.write(Step::ShareLink, used(&self.pool, id, at)).await
    }
}

async fn create(pool: &Pool, link: &NewLink) -> StoreResult<()> {
    let stored = sqlx::query(
        "INSERT INTO link (id, hash, subject_id, partner_id, label, made_by, made_at, expires_at) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE (SELECT count(*) FROM link WHERE subject_id = $3 \
         AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $7)) < $9",
    )
    .bind(&link.id)
    .bind(&link.hash[..])
    .bind(&link.subject_id)
    .bind(&link.partner)
    .bind(&link.label)
    .bind(&link.made_by)
    .bind(us(link.made_at))
    .bind(link.expires_at.map(us))
    .bind(i64::from(MAX_LINKS))
    .execute(&mut *pool.get().await?)
    .await?;
    if stored.rows_affected() == 0 {
        let why = format!("{MAX_LINKS} links to this page are in force already; revoke one first");
        return Err(StoreError::Conflict(why));
    }
    Ok(())
}

async fn of(pool: &Pool, subject_id: &str) -> StoreResult<Vec<LinkRow>> {
    let rows: Vec<Row> =
        sqlx::query_as(concat!(columns!(), " WHERE subject_id = $1 ORDER BY made_at DESC, id LIMIT $2"))
            .bind(subject_id)
            .bind(i64::from(LINKS_LISTED))
            .fetch_all(&mut *pool.get().await?)
            .await?;
    rows.into_iter().map(read).collect()
}

async fn by_hash(pool: &Pool, hash: &[u8; 32]) -> StoreResult<Option<LinkRow>> {
    let row: Option<Row> = sqlx::query_as(concat!(columns!(), " WHERE hash = $1"))
        .bind(&hash[..])
        .fetch_optional(&mut *pool.get().await?)
        .await?;
    row.map(read).transpose()
}

async fn revoke(pool: &Pool, subject_id: &str, id: &str, by: &str, at: Timestamp) -> StoreResult<bool> {
    let touched = sqlx::query(
        "UPDATE link SET revoked_by = CASE WHEN revoked_at IS NULL THEN $4 ELSE revoked_by END, \
         revoked_at = coalesce(revoked_at, $3) WHERE id = $1 AND subject_id = $2",
    )
    .bind(id)
    .bind(subject_id)
    .bind(us(at))
    .bind(by)
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(touched.rows_affected() > 0)
}

async fn used(pool: &Pool, id: &str, at: Timestamp) -> StoreResult<()> {
    sqlx::query(
        "UPDATE link SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $2 - 60000000)",
    )
    .bind(id)
    .bind(us(at))
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(())
}

fn read(row: Row) -> StoreResult<LinkRow> {
    let (id, subject_id, partner, label, made_by, made_at, expires_at, revoked_at, revoked_by, last_used_at) = row;
    Ok(LinkRow {
        id,
        subject_id,
        partner,
        label,
        made_by,
        made_at: instant(made_at)?,
        expires_at: expires_at.map(instant).transpose()?,
        revoked: revoked_at.map(instant).transpose()?.map(|at| (at, revoked_by.unwrap_or_default())),
        last_used_at: last_used_at.map(instant).transpose()?,
    })
}
