//! Bearer tokens, by the hash of their secret.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::columns::{all, first, from_word, instant, run, us, word};
use crate::store::{NewToken, StoreResult, TokenRow};

const COLUMNS: &str = "SELECT id, role, partner_id, label, created_at, expires_at, revoked_at FROM token";

pub(super) fn create(connection: &Connection, token: &NewToken) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO token (id, hash, role, partner_id, label, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        (
            &token.id,
            &token.hash[..],
            word(&token.role)?,
            &token.partner,
            &token.label,
            us(token.created_at),
            token.expires_at.map(us),
        ),
    )?;
    Ok(())
}

pub(super) fn list(connection: &Connection) -> StoreResult<Vec<TokenRow>> {
    all(connection, &format!("{COLUMNS} ORDER BY created_at, id"), [], read)
}

pub(super) fn by_hash(connection: &Connection, hash: &[u8; 32]) -> StoreResult<Option<TokenRow>> {
    first(connection, &format!("{COLUMNS} WHERE hash = ?1"), [&hash[..]], read)
}

pub(super) fn by_id(connection: &Connection, id: &str) -> StoreResult<Option<TokenRow>> {
    first(connection, &format!("{COLUMNS} WHERE id = ?1"), [id], read)
}

pub(super) fn revoke(connection: &Connection, id: &str, at: Timestamp) -> StoreResult<bool> {
    let touched =
        run(connection, "UPDATE token SET revoked_at = coalesce(revoked_at, ?2) WHERE id = ?1", (id, us(at)))?;
    Ok(touched > 0)
}

fn read(row: &Row<'_>) -> StoreResult<TokenRow> {
    let expires_at: Option<i64> = row.get(5)?;
    let revoked_at: Option<i64> = row.get(6)?;
    Ok(TokenRow {
        id: row.get(0)?,
        role: from_word(row.get(1)?)?,
        partner: row.get(2)?,
        label: row.get(3)?,
        created_at: instant(row.get(4)?)?,
        expires_at: expires_at.map(instant).transpose()?,
        revoked_at: revoked_at.map(instant).transpose()?,
    })
}
