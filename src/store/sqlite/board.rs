//! What the service desk works through, on SQLite.

use async_trait::async_trait;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::SqliteStore;
use super::columns::{SUBJECT, SUBJECT_FROM, all, us};
use super::reading::{NEXT_CHECK, bounded, domain_row, listing, partner, whole_customer};
use crate::store::board::{named_key, numbered_key, range};
use crate::store::{BoardStore, Customer, DomainRow, Listing, Page, PhaseCount, RunFilter, Scope, StoreResult};

/// As the index has it: in this order and in these words.
const RUNS: &str = "s.domain IS NOT NULL AND s.phase NOT IN ('connected', 'released', 'cancelled')";
const NAME: &str = "lower(json_extract(order_body, '$.customer_name'))";

#[async_trait]
impl BoardStore for SqliteStore {
    async fn runs(&self, scope: &Scope, filter: &RunFilter, page: &Page) -> StoreResult<Listing<DomainRow>> {
        let (scope, filter, page) = (scope.clone(), filter.clone(), page.clone());
        self.read(move |db| runs(db, &scope, &filter, &page)).await
    }

    async fn phase_counts(&self, scope: &Scope, phases: &[&str], most: u32) -> StoreResult<Vec<PhaseCount>> {
        let scope = scope.clone();
        let phases: Vec<String> = phases.iter().map(|phase| (*phase).to_owned()).collect();
        self.read(move |db| phases.into_iter().map(|phase| count(db, &scope, phase, most)).collect()).await
    }

    async fn customers_named(&self, scope: &Scope, begins: &str, page: &Page) -> StoreResult<Listing<Customer>> {
        let (scope, begins, page) = (scope.clone(), begins.to_owned(), page.clone());
        self.read(move |db| named(db, &scope, &begins, &page)).await
    }
}

fn runs(connection: &Connection, scope: &Scope, filter: &RunFilter, page: &Page) -> StoreResult<Listing<DomainRow>> {
    let limit = bounded(page);
    let (since, id) = numbered_key(page.after.as_deref());
    let mut values = vec![Value::from(since), Value::from(id)];
    let mut sql =
        format!("SELECT {SUBJECT}, {NEXT_CHECK} FROM {SUBJECT_FROM} WHERE {RUNS} AND (s.state_since, s.id) > (?1, ?2)");
    for (column, value) in [
        ("s.phase", filter.phase.as_deref()),
        ("s.partner_id", partner(scope)),
        ("s.partner_id", filter.partner.as_deref()),
    ] {
        if let Some(value) = value {
            values.push(Value::from(value.to_owned()));
            sql.push_str(&format!(" AND {column} = ?{}", values.len()));
        }
    }
    if let Some(begins) = &filter.begins {
        let (first, beyond) = range(begins);
        values.extend([Value::from(first), Value::from(beyond)]);
        let (first, beyond) = (values.len() - 1, values.len());
        let name = NAME.replace("order_body", "c.order_body");
        sql.push_str(&format!(
            " AND (s.domain >= ?{first} AND s.domain < ?{beyond} OR {name} >= ?{first} AND {name} < ?{beyond})"
        ));
    }
    sql.push_str(&format!(" ORDER BY s.state_since, s.id LIMIT {}", limit + 1));
    let rows = all(connection, &sql, params_from_iter(values), domain_row)?;
    Ok(listing(rows, limit, |row| format!("{} {}", us(row.connection.state_since), row.connection.id)))
}

fn count(connection: &Connection, scope: &Scope, phase: String, most: u32) -> StoreResult<PhaseCount> {
    // The second condition leads to the index of those under way.
    let also = if phase == "connected" { "" } else { "AND phase <> 'connected'" };
    let whose = partner(scope).map_or("?2 IS NULL", |_| "partner_id = ?2");
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM subject WHERE domain IS NOT NULL AND phase = ?1 {also} AND {whose} LIMIT {most})"
    );
    let found = all(connection, &sql, (&phase, partner(scope)), |row| Ok(row.get::<_, u32>(0)?))?;
    Ok(PhaseCount { domains: found.first().copied().unwrap_or(0), phase })
}

fn named(connection: &Connection, scope: &Scope, begins: &str, page: &Page) -> StoreResult<Listing<Customer>> {
    let limit = bounded(page);
    let (name, id) = named_key(page.after.as_deref());
    let (first, beyond) = range(begins);
    let whose = partner(scope).map_or("?5 IS NULL", |_| "partner_id = ?5");
    let sql = format!(
        "SELECT id, order_id, order_body, ordered_at, {NAME} FROM customer \
         WHERE {NAME} >= ?1 AND {NAME} < ?2 AND ({NAME}, id) > (?3, ?4) AND {whose} ORDER BY {NAME}, id LIMIT {}",
        limit + 1
    );
    let rows = all(connection, &sql, (first, beyond, name, id, partner(scope)), |row| {
        Ok((row.get::<_, String>(4)?, whole_customer(connection, row)?))
    })?;
    let keyed = listing(rows, limit, |(name, customer)| format!("{name} {}", customer.id));
    Ok(Listing { rows: keyed.rows.into_iter().map(|(_, customer)| customer).collect(), next: keyed.next })
}
