//! Links to status pages, on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::SqliteStore;
use super::columns::{all, first, instant, run, us};
use crate::failpoint::Step;
use crate::store::{LINKS_LISTED, LinkRow, LinkStore, MAX_LINKS, NewLink, StoreError, StoreResult};

const COLUMNS: &str = "SELECT id, subject_id, partner_id, label, made_by, made_at, expires_at, revoked_at, revoked_by, \
     last_used_at FROM link";

#[async_trait]
impl LinkStore for SqliteStore {
    async fn create_link(&self, link: NewLink) -> StoreResult<()> {
        self.write(Step::ShareLink, move |db| create(db, &link)).await
    }

    async fn links(&self, subject_id: &str) -> StoreResult<Vec<LinkRow>> {
        let id = subject_id.to_owned();
        self.read(move |db| {
            let sql = format!("{COLUMNS} WHERE subject_id = ?1 ORDER BY made_at DESC, id LIMIT ?2");
            all(db, &sql, (id, LINKS_LISTED), read)
        })
        .await
    }

    async fn link_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<LinkRow>> {
        let hash = *hash;
        self.read(move |db| first(db, &format!("{COLUMNS} WHERE hash = ?1"), [&hash[..]], read)).await
    }

    async fn revoke_link(&self, subject_id: &str, id: &str, by: &str, at: Timestamp) -> StoreResult<bool> {
        let (subject, id, by) = (subject_id.to_owned(), id.to_owned(), by.to_owned());
        self.write(Step::ShareLink, move |db| {
            let touched = run(
                db,
                "UPDATE link SET revoked_by = CASE WHEN revoked_at IS NULL THEN ?4 ELSE revoked_by END, \
                 revoked_at = coalesce(revoked_at, ?3) WHERE id = ?1 AND subject_id = ?2",
                (&id, &subject, us(at), &by),
            )?;
            Ok(touched > 0)
        })
        .await
    }

    async fn link_used(&self, id: &str, at: Timestamp) -> StoreResult<()> {
        let id = id.to_owned();
        self.write(Step::ShareLink, move |db| {
            run(
                db,
                "UPDATE link SET last_used_at = ?2 WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at <= ?2 - 60000000)",
                (&id, us(at)),
            )?;
            Ok(())
        })
        .await
    }
}

fn create(db: &Connection, link: &NewLink) -> StoreResult<()> {
    let stored = run(
        db,
        "INSERT INTO link (id, hash, subject_id, partner_id, label, made_by, made_at, expires_at) \
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE (SELECT count(*) FROM link WHERE subject_id = ?3 \
         AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?7)) < ?9",
        (
            &link.id,
            &link.hash[..],
            &link.subject_id,
            &link.partner,
            &link.label,
            &link.made_by,
            us(link.made_at),
            link.expires_at.map(us),
            MAX_LINKS,
        ),
    )?;
    if stored == 0 { Err(too_many()) } else { Ok(()) }
}

fn too_many() -> StoreError {
    StoreError::Conflict(format!("{MAX_LINKS} links to this page are in force already; revoke one first"))
}

fn read(row: &Row<'_>) -> StoreResult<LinkRow> {
    let (expires_at, revoked_at): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    let (revoked_by, last_used_at): (Option<String>, Option<i64>) = (row.get(8)?, row.get(9)?);
    Ok(LinkRow {
        id: row.get(0)?,
        subject_id: row.get(1)?,
        partner: row.get(2)?,
        label: row.get(3)?,
        made_by: row.get(4)?,
        made_at: instant(row.get(5)?)?,
        expires_at: expires_at.map(instant).transpose()?,
        revoked: revoked_at.map(instant).transpose()?.map(|at| (at, revoked_by.unwrap_or_default())),
        last_used_at: last_used_at.map(instant).transpose()?,
    })
}
