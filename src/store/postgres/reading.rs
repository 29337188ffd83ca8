//! What people read: customers, domains, histories. Every listing is scoped by partner in its SQL
//! and continues after the last key of the page before.

use std::collections::HashMap;

use fencepost_checks::DomainName;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::pool::Pool;
use crate::store::value::{from_json, from_word, instant, int, name, number, small, unreadable};
use crate::store::{
    Customer, DomainFilter, DomainRow, EventRow, InboxKey, Listing, Observation, Page, RouteRow, Scope, Stamp,
    Standing, StoreResult, Subject, SubjectKind,
};

/// The largest page.
const PAGE: u32 = 500;

/// What [`subject`] reads, and after it `$also`; `c` is the customer.
macro_rules! subjects {
    ($also:literal, $($rest:literal),+) => {
        concat!(
            "SELECT s.id, s.kind, s.partner_id, s.customer_id, s.domain, s.held_by, s.machine_version, s.state, \
             s.state_since, s.version, s.last_seq, c.order_body",
            $also,
            " FROM subject s JOIN customer c ON c.id = s.customer_id ",
            $($rest),+
        )
    };
}

fn subject(row: &PgRow) -> StoreResult<Subject> {
    let domain: Option<String> = row.try_get(4)?;
    Ok(Subject {
        id: row.try_get(0)?,
        kind: from_word(row.try_get(1)?)?,
        partner_id: row.try_get(2)?,
        customer_id: row.try_get(3)?,
        domain: domain.as_deref().map(name).transpose()?,
        held_by: row.try_get(5)?,
        machine_version: small(row.try_get(6)?)?,
        state: row.try_get(7)?,
        state_since: instant(row.try_get(8)?)?,
        version: number(row.try_get(9)?)?,
        last_seq: number(row.try_get(10)?)?,
        order: from_json(row.try_get(11)?)?,
    })
}

pub(super) async fn subject_by_id(pool: &Pool, id: &str) -> StoreResult<Option<Subject>> {
    let row = sqlx::query(subjects!("", "WHERE s.id = $1")).bind(id).fetch_optional(&mut *pool.get().await?).await?;
    row.as_ref().map(subject).transpose()
}

pub(super) async fn observations(pool: &Pool, subject_id: &str) -> StoreResult<Vec<Observation>> {
    let rows = sqlx::query(
        "SELECT kind, digest, first_at, last_at, body FROM observation WHERE subject_id = $1 ORDER BY kind",
    )
    .bind(subject_id)
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let read = |row: &PgRow| {
        Ok(Observation {
            kind: row.try_get(0)?,
            digest: row.try_get(1)?,
            first_at: instant(row.try_get(2)?)?,
            last_at: instant(row.try_get(3)?)?,
            body: row.try_get(4)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn route(pool: &Pool, domain: &str) -> StoreResult<Option<RouteRow>> {
    let row = sqlx::query("SELECT domain, mode, servers, generation FROM route WHERE domain = $1")
        .bind(domain)
        .fetch_optional(&mut *pool.get().await?)
        .await?;
    let read = |row: PgRow| {
        Ok(RouteRow {
            domain: name(row.try_get(0)?)?,
            mode: from_word(row.try_get(1)?)?,
            servers: from_json(row.try_get(2)?)?,
            generation: number(row.try_get(3)?)?,
        })
    };
    row.map(read).transpose()
}

pub(super) async fn answered(pool: &Pool, key: &str) -> StoreResult<Option<InboxKey>> {
    let row: Option<(String, String, String)> =
        sqlx::query_as("SELECT key, request_hash, response FROM inbox WHERE key = $1")
            .bind(key)
            .fetch_optional(&mut *pool.get().await?)
            .await?;
    Ok(row.map(|(key, request_hash, response)| InboxKey { key, request_hash, response }))
}

pub(super) async fn customer(pool: &Pool, id: &str, scope: &Scope) -> StoreResult<Option<Customer>> {
    let row = sqlx::query(
        "SELECT id, order_id, order_body, ordered_at FROM customer WHERE (id = $1 OR order_id = $1) \
         AND ($2 IS NULL OR partner_id = $2)",
    )
    .bind(id)
    .bind(partner(scope))
    .fetch_optional(&mut *pool.get().await?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(whole_customers(pool, &[row]).await?.pop())
}

pub(super) async fn customers(pool: &Pool, scope: &Scope, page: &Page) -> StoreResult<Listing<Customer>> {
    let (after, limit) = (page.after.as_deref().unwrap_or(""), bounded(page));
    let query = match partner(scope) {
        None => {
            sqlx::query("SELECT id, order_id, order_body, ordered_at FROM customer WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(after)
                .bind(i64::from(limit) + 1)
        }
        Some(partner) => sqlx::query(
            "SELECT id, order_id, order_body, ordered_at FROM customer WHERE id > $1 AND partner_id = $3 \
             ORDER BY id LIMIT $2",
        )
        .bind(after)
        .bind(i64::from(limit) + 1)
        .bind(partner),
    };
    let rows = query.fetch_all(&mut *pool.get().await?).await?;
    Ok(listing(whole_customers(pool, &rows).await?, limit, |customer| customer.id.clone()))
}

/// Customers with their subjects, in the order of `rows`.
pub(super) async fn whole_customers(pool: &Pool, rows: &[PgRow]) -> StoreResult<Vec<Customer>> {
    let ids = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<String>>>()?;
    let found = sqlx::query(subjects!("", "WHERE s.customer_id = ANY($1) ORDER BY s.customer_id, s.kind, s.id"))
        .bind(&ids)
        .fetch_all(&mut *pool.get().await?)
        .await?;
    let mut of_customer: HashMap<String, Vec<Subject>> = HashMap::new();
    for row in &found {
        let subject = subject(row)?;
        of_customer.entry(subject.customer_id.clone()).or_default().push(subject);
    }
    let mut whole = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(ids) {
        let (mut subscriptions, connections): (Vec<_>, Vec<_>) = of_customer
            .remove(&id)
            .unwrap_or_default()
            .into_iter()
            .partition(|subject| subject.kind == SubjectKind::Subscription);
        let subscription =
            subscriptions.pop().ok_or_else(|| unreadable(format!("customer {id} has no subscription")))?;
        whole.push(Customer {
            id,
            order_id: row.try_get(1)?,
            order: from_json(row.try_get(2)?)?,
            ordered_at: instant(row.try_get(3)?)?,
            subscription,
            connections,
        });
    }
    Ok(whole)
}

/// The living holder comes first, then whoever waits, then the newest of the ended ones.
pub(super) async fn domain(pool: &Pool, domain: &DomainName, scope: &Scope) -> StoreResult<Option<DomainRow>> {
    let row = sqlx::query(subjects!(
        ", (SELECT min(t.due_at) FROM timer t WHERE t.subject_id = s.id)",
        "WHERE s.domain = $1 AND ($2 IS NULL OR s.partner_id = $2) \
         ORDER BY s.phase IN ('released', 'cancelled'), s.held_by IS NOT NULL, s.id DESC LIMIT 1"
    ))
    .bind(domain.as_str())
    .bind(partner(scope))
    .fetch_optional(&mut *pool.get().await?)
    .await?;
    row.as_ref().map(domain_row).transpose()
}

pub(super) async fn standing(pool: &Pool, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Standing>> {
    // One statement, so that state and observations are of one instant.
    let row = sqlx::query(subjects!(
        ", (SELECT min(t.due_at) FROM timer t WHERE t.subject_id = s.id), o.kinds, o.digests, o.firsts, o.lasts, o.bodies",
        "LEFT JOIN LATERAL (SELECT array_agg(kind ORDER BY kind) AS kinds, array_agg(digest ORDER BY kind) AS digests, \
             array_agg(first_at ORDER BY kind) AS firsts, array_agg(last_at ORDER BY kind) AS lasts, \
             array_agg(body ORDER BY kind) AS bodies FROM observation WHERE subject_id = s.id) o ON true \
         WHERE s.domain = $1 AND ($2 IS NULL OR s.partner_id = $2) \
         ORDER BY s.phase IN ('released', 'cancelled'), s.held_by IS NOT NULL, s.id DESC LIMIT 1"
    ))
    .bind(domain.as_str())
    .bind(partner(scope))
    .fetch_optional(&mut *pool.get().await?)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Standing { observations: gathered(&row)?, row: domain_row(&row)? }))
}

/// The observations that [`standing`] gathers behind the columns of the domain.
fn gathered(row: &PgRow) -> StoreResult<Vec<Observation>> {
    let Some(kinds) = row.try_get::<Option<Vec<String>>, _>(13)? else { return Ok(Vec::new()) };
    let digests: Vec<String> = row.try_get(14)?;
    let instants: (Vec<i64>, Vec<i64>) = (row.try_get(15)?, row.try_get(16)?);
    let bodies: Vec<String> = row.try_get(17)?;
    let texts = kinds.into_iter().zip(digests).zip(bodies);
    texts
        .zip(instants.0.into_iter().zip(instants.1))
        .map(|(((kind, digest), body), (first, last))| {
            Ok(Observation { kind, digest, first_at: instant(first)?, last_at: instant(last)?, body })
        })
        .collect()
}

pub(super) async fn stamp(pool: &Pool, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Stamp>> {
    let row = sqlx::query(
        "SELECT s.id, s.version, (SELECT min(t.due_at) FROM timer t WHERE t.subject_id = s.id), s.held_by FROM subject s \
         WHERE s.domain = $1 AND ($2 IS NULL OR s.partner_id = $2) \
         ORDER BY s.phase IN ('released', 'cancelled'), s.held_by IS NOT NULL, s.id DESC LIMIT 1",
    )
    .bind(domain.as_str())
    .bind(partner(scope))
    .fetch_optional(&mut *pool.get().await?)
    .await?;
    let read = |row: PgRow| {
        Ok(Stamp {
            connection_id: row.try_get(0)?,
            version: number(row.try_get(1)?)?,
            next_check_at: row.try_get::<Option<i64>, _>(2)?.map(instant).transpose()?,
            held_by: row.try_get(3)?,
        })
    };
    row.map(read).transpose()
}

macro_rules! domains {
    ($wanted:literal) => {
        subjects!(
            ", (SELECT min(t.due_at) FROM timer t WHERE t.subject_id = s.id)",
            "WHERE s.domain IS NOT NULL AND (s.domain, s.id) > ($1, $2) AND s.domain >= $3 AND s.domain < $4 \
             AND ",
            $wanted,
            " ORDER BY s.domain, s.id LIMIT $6"
        )
    };
}

pub(super) async fn domains(
    pool: &Pool,
    scope: &Scope,
    filter: &DomainFilter,
    page: &Page,
) -> StoreResult<Listing<DomainRow>> {
    let limit = bounded(page);
    let after = page.after.as_deref().unwrap_or("");
    let (after_domain, after_id) = after.split_once(' ').unwrap_or((after, ""));
    let prefix = filter.prefix.as_deref().unwrap_or("").to_ascii_lowercase();
    // A name is ASCII, so everything that begins with the prefix lies before prefix + U+007F.
    let beyond = format!("{prefix}\u{7f}");
    let partner = partner(scope);
    let sql = match (filter.phase.as_deref(), partner) {
        // The second condition leads to the index of those under way: few, whoever their partner is.
        (Some(phase), _) if phase != "connected" => {
            domains!("s.phase = $5 AND s.phase <> 'connected' AND ($7::text IS NULL OR s.partner_id = $7)")
        }
        (_, None) => domains!("($5::text IS NULL OR s.phase = $5) AND $7::text IS NULL"),
        (_, Some(_)) => domains!("($5::text IS NULL OR s.phase = $5) AND s.partner_id = $7"),
    };
    let rows = sqlx::query(sql)
        .bind(after_domain)
        .bind(after_id)
        .bind(&prefix)
        .bind(&beyond)
        .bind(&filter.phase)
        .bind(i64::from(limit) + 1)
        .bind(partner)
        .fetch_all(&mut *pool.get().await?)
        .await?;
    let rows = rows.iter().map(domain_row).collect::<StoreResult<Vec<_>>>()?;
    Ok(listing(rows, limit, |row| {
        let domain = row.connection.domain.as_ref().map_or("", |domain| domain.as_str());
        format!("{domain} {}", row.connection.id)
    }))
}

pub(super) fn domain_row(row: &PgRow) -> StoreResult<DomainRow> {
    let connection = subject(row)?;
    let next: Option<i64> = row.try_get(12)?;
    Ok(DomainRow {
        customer_id: connection.customer_id.clone(),
        held_by: connection.held_by.clone(),
        next_check_at: next.map(instant).transpose()?,
        connection,
    })
}

pub(super) async fn events(pool: &Pool, subject_id: &str, after_seq: u64, limit: u32) -> StoreResult<Vec<EventRow>> {
    let rows = sqlx::query(
        "SELECT seq, at, kind, body, cause FROM event WHERE subject_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
    )
    .bind(subject_id)
    .bind(int(after_seq))
    .bind(i64::from(limit))
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let read = |row: &PgRow| {
        Ok(EventRow {
            seq: number(row.try_get(0)?)?,
            at: instant(row.try_get(1)?)?,
            kind: row.try_get(2)?,
            body: row.try_get(3)?,
            cause: row.try_get(4)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) fn partner(scope: &Scope) -> Option<&str> {
    match scope {
        Scope::All => None,
        Scope::Partner(partner) => Some(partner),
    }
}

pub(super) fn bounded(page: &Page) -> u32 {
    page.limit.clamp(1, PAGE)
}

/// `rows` holds one more than the page where there is more.
pub(super) fn listing<T>(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> String) -> Listing<T> {
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = if more { rows.last().map(key) } else { None };
    Listing { rows, next }
}
