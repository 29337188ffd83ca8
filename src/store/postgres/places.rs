//! Domains towards the gateway's places, on PostgreSQL.

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::PostgresStore;
use super::pool::Pool;
use super::reading::{bounded, listing};
use crate::store::value::{from_json, from_word, instant, name, number};
use crate::store::{Listing, Page, PlaceCount, PlaceRow, PlaceStanding, PlaceStore, StoreResult, place_kind};

/// Whose mail goes through the gateway, or may any moment; the state is read only where there is no look.
macro_rules! places {
    ($columns:literal, $from:literal, $rest:literal) => {
        concat!(
            "SELECT * FROM (SELECT ",
            $columns,
            ", coalesce(o.digest, CASE WHEN (s.state::jsonb ->> 'hosted')::boolean THEN 'hosted' ELSE 'unseen' END) \
               AS standing FROM ",
            $from,
            " WHERE s.domain IS NOT NULL AND s.held_by IS NULL \
               AND s.phase IN ('ready', 'confirming', 'connected', 'drifted')) living ",
            $rest
        )
    };
}

#[async_trait]
impl PlaceStore for PostgresStore {
    async fn place_counts(&self, places: &[String]) -> StoreResult<Vec<PlaceCount>> {
        self.pool.bounded(counts(&self.pool, places)).await
    }

    async fn place_domains(
        &self,
        place: &str,
        standing: Option<PlaceStanding>,
        page: &Page,
    ) -> StoreResult<Listing<PlaceRow>> {
        self.pool.bounded(domains(&self.pool, place, standing, page)).await
    }
}

async fn counts(pool: &Pool, places: &[String]) -> StoreResult<Vec<PlaceCount>> {
    const SQL: &str = concat!(
        "SELECT place, standing, count(*) FROM (",
        places!(
            "p.place",
            "unnest($1::text[]) p (place) CROSS JOIN subject s LEFT JOIN observation o \
             ON o.subject_id = s.id AND o.kind = 'place:' || p.place",
            ""
        ),
        ") each GROUP BY 1, 2 ORDER BY place COLLATE \"C\", standing COLLATE \"C\""
    );
    let rows = sqlx::query(SQL).bind(places).fetch_all(&mut *pool.get().await?).await?;
    let read = |row: &PgRow| {
        Ok(PlaceCount {
            place: row.try_get(0)?,
            standing: from_word(row.try_get(1)?)?,
            domains: number(row.try_get(2)?)?,
        })
    };
    rows.iter().map(read).collect()
}

async fn domains(
    pool: &Pool,
    place: &str,
    standing: Option<PlaceStanding>,
    page: &Page,
) -> StoreResult<Listing<PlaceRow>> {
    let limit = bounded(page);
    let after = page.after.as_deref().unwrap_or("");
    let (after_domain, after_id) = after.split_once(' ').unwrap_or((after, ""));
    let rows = sqlx::query(places!(
        "s.domain, s.id, s.customer_id, s.partner_id, s.phase, o.first_at, o.last_at, o.body",
        "subject s LEFT JOIN observation o ON o.subject_id = s.id AND o.kind = $1",
        "WHERE (domain, id) > ($2, $3) AND ($4::text IS NULL OR standing = $4) ORDER BY domain, id LIMIT $5"
    ))
    .bind(place_kind(place))
    .bind(after_domain)
    .bind(after_id)
    .bind(standing.map(PlaceStanding::as_str))
    .bind(i64::from(limit) + 1)
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let rows = rows.iter().map(row).collect::<StoreResult<Vec<_>>>()?;
    let keyed = listing(rows, limit, |(id, row)| format!("{} {id}", row.domain));
    Ok(Listing { rows: keyed.rows.into_iter().map(|(_, row)| row).collect(), next: keyed.next })
}

fn row(row: &PgRow) -> StoreResult<(String, PlaceRow)> {
    let (since, seen_at): (Option<i64>, Option<i64>) = (row.try_get(5)?, row.try_get(6)?);
    let body: Option<String> = row.try_get(7)?;
    let read = PlaceRow {
        domain: name(&row.try_get::<String, _>(0)?)?,
        customer_id: row.try_get(2)?,
        partner: row.try_get(3)?,
        phase: row.try_get(4)?,
        standing: from_word(row.try_get(8)?)?,
        since: since.map(instant).transpose()?,
        seen_at: seen_at.map(instant).transpose()?,
        detail: body.map(|body| from_json(&body)).transpose()?.unwrap_or_default(),
    };
    Ok((row.try_get(1)?, read))
}
