//! Bearer tokens, by the hash of their secret.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::pool::Pool;
use crate::store::value::{from_word, instant, us, word};
use crate::store::{NewToken, StoreResult, TokenRow};

type Row = (String, String, Option<String>, String, i64, Option<i64>, Option<i64>);

macro_rules! columns {
    () => {
        "SELECT id, role, partner_id, label, created_at, expires_at, revoked_at FROM token"
    };
}

pub(super) async fn create(pool: &Pool, token: &NewToken) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO token (id, hash, role, partner_id, label, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&token.id)
    .bind(&token.hash[..])
    .bind(word(&token.role)?)
    .bind(&token.partner)
    .bind(&token.label)
    .bind(us(token.created_at))
    .bind(token.expires_at.map(us))
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(())
}

pub(super) async fn list(pool: &Pool) -> StoreResult<Vec<TokenRow>> {
    let rows: Vec<Row> =
        sqlx::query_as(concat!(columns!(), " ORDER BY created_at, id")).fetch_all(&mut *pool.get().await?).await?;
    rows.into_iter().map(read).collect()
}

pub(super) async fn by_hash(pool: &Pool, hash: &[u8; 32]) -> StoreResult<Option<TokenRow>> {
    let row: Option<Row> = sqlx::query_as(concat!(columns!(), " WHERE hash = $1"))
        .bind(&hash[..])
        .fetch_optional(&mut *pool.get().await?)
        .await?;
    row.map(read).transpose()
}

pub(super) async fn by_id(db: &mut PgConnection, id: &str) -> StoreResult<Option<TokenRow>> {
    let row: Option<Row> = sqlx::query_as(concat!(columns!(), " WHERE id = $1")).bind(id).fetch_optional(db).await?;
    row.map(read).transpose()
}

pub(super) async fn revoke(pool: &Pool, id: &str, at: Timestamp) -> StoreResult<bool> {
    let touched = sqlx::query("UPDATE token SET revoked_at = coalesce(revoked_at, $2) WHERE id = $1")
        .bind(id)
        .bind(us(at))
        .execute(&mut *pool.get().await?)
        .await?;
    Ok(touched.rows_affected() > 0)
}

fn read((id, role, partner, label, created_at, expires_at, revoked_at): Row) -> StoreResult<TokenRow> {
    Ok(TokenRow {
        id,
        role: from_word(role)?,
        partner,
        label,
        created_at: instant(created_at)?,
        expires_at: expires_at.map(instant).transpose()?,
        revoked_at: revoked_at.map(instant).transpose()?,
    })
}
