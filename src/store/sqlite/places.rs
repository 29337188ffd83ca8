//! Domains towards the gateway's places, on SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, Row};

use super::SqliteStore;
use super::columns::{all, from_json, from_word, instant, name, number};
use super::reading::{bounded, listing};
use crate::store::value::json;
use crate::store::{Listing, Page, PlaceCount, PlaceRow, PlaceStanding, PlaceStore, StoreResult, place_kind};

/// Whose mail goes through the gateway, or may any moment.
const LIVING: &str = "s.domain IS NOT NULL AND s.held_by IS NULL \
     AND s.phase IN ('ready', 'confirming', 'connected', 'drifted')";
/// The state is read only where there is no look.
const STANDING: &str =
    "coalesce(o.digest, CASE WHEN json_extract(s.state, '$.hosted') THEN 'hosted' ELSE 'unseen' END)";

#[async_trait]
impl PlaceStore for SqliteStore {
    async fn place_counts(&self, places: &[String]) -> StoreResult<Vec<PlaceCount>> {
        let places = json(&places)?;
        self.read(move |connection| counts(connection, &places)).await
    }

    async fn place_domains(
        &self,
        place: &str,
        standing: Option<PlaceStanding>,
        page: &Page,
    ) -> StoreResult<Listing<PlaceRow>> {
        let (kind, page) = (place_kind(place), page.clone());
        self.read(move |connection| domains(connection, &kind, standing, &page)).await
    }
}

fn counts(connection: &Connection, places: &str) -> StoreResult<Vec<PlaceCount>> {
    let sql = format!(
        "SELECT p.value, {STANDING} AS standing, count(*) FROM json_each(?1) p CROSS JOIN subject s \
         LEFT JOIN observation o ON o.subject_id = s.id AND o.kind = 'place:' || p.value \
         WHERE {LIVING} GROUP BY 1, 2 ORDER BY 1, 2"
    );
    all(connection, &sql, [places], |row| {
        Ok(PlaceCount { place: row.get(0)?, standing: from_word(row.get(1)?)?, domains: number(row.get(2)?)? })
    })
}

fn domains(
    connection: &Connection,
    kind: &str,
    standing: Option<PlaceStanding>,
    page: &Page,
) -> StoreResult<Listing<PlaceRow>> {
    let limit = bounded(page);
    let after = page.after.as_deref().unwrap_or("");
    let (after_domain, after_id) = after.split_once(' ').unwrap_or((after, ""));
    let sql = format!(
        "SELECT s.domain, s.id, s.customer_id, s.partner_id, s.phase, {STANDING} AS standing, o.first_at, o.last_at, o.body \
         FROM subject s LEFT JOIN observation o ON o.subject_id = s.id AND o.kind = ?1 \
         WHERE {LIVING} AND (s.domain, s.id) > (?2, ?3) AND (?4 IS NULL OR {STANDING} = ?4) \
         ORDER BY s.domain, s.id LIMIT {}",
        limit + 1
    );
    let standing = standing.map(PlaceStanding::as_str);
    let rows = all(connection, &sql, (kind, after_domain, after_id, standing), row)?;
    let keyed = listing(rows, limit, |(id, row)| format!("{} {id}", row.domain));
    Ok(Listing { rows: keyed.rows.into_iter().map(|(_, row)| row).collect(), next: keyed.next })
}

fn row(row: &Row<'_>) -> StoreResult<(String, PlaceRow)> {
    let (since, seen_at): (Option<i64>, Option<i64>) = (row.get(6)?, row.get(7)?);
    let body: Option<String> = row.get(8)?;
    let read = PlaceRow {
        domain: name(&row.get::<_, String>(0)?)?,
        customer_id: row.get(2)?,
        partner: row.get(3)?,
        phase: row.get(4)?,
        standing: from_word(row.get(5)?)?,
        since: since.map(instant).transpose()?,
        seen_at: seen_at.map(instant).transpose()?,
        detail: body.map(|body| from_json(&body)).transpose()?.unwrap_or_default(),
    };
    Ok((row.get(1)?, read))
}
