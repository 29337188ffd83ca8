//! What the service desk works through, on PostgreSQL.

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder, Row};

use super::PostgresStore;
use super::pool::Pool;
use super::reading::{bounded, domain_row, listing, partner, whole_customers};
use crate::store::board::{named_key, numbered_key, range};
use crate::store::value::{int, us};
use crate::store::{BoardStore, Customer, DomainRow, Listing, Page, PhaseCount, RunFilter, Scope, StoreResult};

/// As the index has it, of a customer `c`.
macro_rules! name {
    () => {
        "lower((c.order_body::jsonb ->> 'customer_name') COLLATE \"C\")"
    };
}

#[async_trait]
impl BoardStore for PostgresStore {
    async fn runs(&self, scope: &Scope, filter: &RunFilter, page: &Page) -> StoreResult<Listing<DomainRow>> {
        self.pool.bounded(runs(&self.pool, scope, filter, page)).await
    }

    async fn phase_counts(&self, scope: &Scope, phases: &[&str], most: u32) -> StoreResult<Vec<PhaseCount>> {
        self.pool.bounded(counts(&self.pool, scope, phases, most)).await
    }

    async fn customers_named(&self, scope: &Scope, begins: &str, page: &Page) -> StoreResult<Listing<Customer>> {
        self.pool.bounded(named(&self.pool, scope, begins, page)).await
    }
}

async fn runs(pool: &Pool, scope: &Scope, filter: &RunFilter, page: &Page) -> StoreResult<Listing<DomainRow>> {
    let limit = bounded(page);
    let (since, id) = numbered_key(page.after.as_deref());
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(
        "SELECT s.id, s.kind, s.partner_id, s.customer_id, s.domain, s.held_by, s.machine_version, s.state, \
         s.state_since, s.version, s.last_seq, c.order_body, \
         (SELECT min(t.due_at) FROM timer t WHERE t.subject_id = s.id) \
         FROM subject s JOIN customer c ON c.id = s.customer_id \
         WHERE s.domain IS NOT NULL AND s.phase NOT IN ('connected', 'released', 'cancelled') AND (s.state_since, s.id) > (",
    );
    sql.push_bind(since).push(", ").push_bind(id).push(")");
    if let Some(phase) = &filter.phase {
        sql.push(" AND s.phase = ").push_bind(phase);
    }
    for whose in [partner(scope), filter.partner.as_deref()].into_iter().flatten() {
        sql.push(" AND s.partner_id = ").push_bind(whose.to_owned());
    }
    if let Some(begins) = &filter.begins {
        let (first, beyond) = range(begins);
        sql.push(" AND (s.domain >= ").push_bind(first.clone()).push(" AND s.domain < ").push_bind(beyond.clone());
        sql.push(concat!(" OR ", name!(), " >= ")).push_bind(first);
        sql.push(concat!(" AND ", name!(), " < ")).push_bind(beyond).push(")");
    }
    sql.push(" ORDER BY s.state_since, s.id LIMIT ").push_bind(i64::from(limit) + 1);
    let rows = sql.build().fetch_all(&mut *pool.get().await?).await?;
    let rows = rows.iter().map(domain_row).collect::<StoreResult<Vec<_>>>()?;
    Ok(listing(rows, limit, |row| format!("{} {}", us(row.connection.state_since), row.connection.id)))
}

async fn counts(pool: &Pool, scope: &Scope, phases: &[&str], most: u32) -> StoreResult<Vec<PhaseCount>> {
    let mut counts = Vec::with_capacity(phases.len());
    let mut db = pool.get().await?;
    for phase in phases {
        // The second condition leads to the index of those under way.
        let query = match *phase {
            "connected" => sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM (SELECT 1 FROM subject WHERE domain IS NOT NULL AND phase = $1 \
                 AND ($2::text IS NULL OR partner_id = $2) LIMIT $3) AS found",
            ),
            _ => sqlx::query_scalar::<_, i64>(
                "SELECT count(*) FROM (SELECT 1 FROM subject WHERE domain IS NOT NULL AND phase = $1 \
                 AND phase <> 'connected' AND ($2::text IS NULL OR partner_id = $2) LIMIT $3) AS found",
            ),
        };
        let found = query.bind(*phase).bind(partner(scope)).bind(int(most.into())).fetch_one(&mut *db).await?;
        counts.push(PhaseCount { phase: (*phase).to_owned(), domains: u32::try_from(found).unwrap_or(most) });
    }
    Ok(counts)
}

async fn named(pool: &Pool, scope: &Scope, begins: &str, page: &Page) -> StoreResult<Listing<Customer>> {
    let limit = bounded(page);
    let (name, id) = named_key(page.after.as_deref());
    let (first, beyond) = range(begins);
    let mut sql: QueryBuilder<Postgres> = QueryBuilder::new(concat!(
        "SELECT c.id, c.order_id, c.order_body, c.ordered_at, ",
        name!(),
        " FROM customer c WHERE (",
        name!(),
        ", c.id) > ("
    ));
    sql.push_bind(name).push(", ").push_bind(id).push(concat!(") AND ", name!(), " >= ")).push_bind(first);
    sql.push(concat!(" AND ", name!(), " < ")).push_bind(beyond);
    if let Some(whose) = partner(scope) {
        sql.push(" AND c.partner_id = ").push_bind(whose.to_owned());
    }
    sql.push(concat!(" ORDER BY ", name!(), ", c.id LIMIT ")).push_bind(i64::from(limit) + 1);
    let rows = sql.build().fetch_all(&mut *pool.get().await?).await?;
    let names = rows.iter().map(|row: &PgRow| Ok(row.try_get::<String, _>(4)?)).collect::<StoreResult<Vec<_>>>()?;
    let customers = whole_customers(pool, &rows).await?;
    let keyed = listing(names.into_iter().zip(customers).collect(), limit, |(name, customer)| {
        format!("{name} {}", customer.id)
    });
    Ok(Listing { rows: keyed.rows.into_iter().map(|(_, customer)| customer).collect(), next: keyed.next })
}
