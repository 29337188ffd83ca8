//! What people read: customers, domains, histories. Every listing is scoped by partner in its SQL
//! and continues after the last key of the page before.

use fencepost_checks::DomainName;
use rusqlite::{Connection, Row};

use super::columns::{
    SUBJECT, SUBJECT_FROM, all, first, from_json, from_word, instant, int, name, number, subject, unreadable,
};
use crate::store::{
    Customer, DomainFilter, DomainRow, EventRow, InboxKey, Listing, Observation, Page, RouteRow, Scope, Stamp,
    Standing, StoreResult, Subject, SubjectKind,
};

/// The largest page.
const PAGE: u32 = 500;

pub(super) fn subject_by_id(connection: &Connection, id: &str) -> StoreResult<Option<Subject>> {
    first(connection, &format!("SELECT {SUBJECT} FROM {SUBJECT_FROM} WHERE s.id = ?1"), [id], subject)
}

pub(super) fn observations(connection: &Connection, subject_id: &str) -> StoreResult<Vec<Observation>> {
    all(
        connection,
        "SELECT kind, digest, first_at, last_at, body FROM observation WHERE subject_id = ?1 ORDER BY kind",
        [subject_id],
        |row| {
            Ok(Observation {
                kind: row.get(0)?,
                digest: row.get(1)?,
                first_at: instant(row.get(2)?)?,
                last_at: instant(row.get(3)?)?,
                body: row.get(4)?,
            })
        },
    )
}

pub(super) fn route(connection: &Connection, domain: &str) -> StoreResult<Option<RouteRow>> {
    first(connection, "SELECT domain, mode, servers, generation FROM route WHERE domain = ?1", [domain], |row| {
        Ok(RouteRow {
            domain: name(&row.get::<_, String>(0)?)?,
            mode: from_word(row.get(1)?)?,
            servers: from_json(&row.get::<_, String>(2)?)?,
            generation: number(row.get(3)?)?,
        })
    })
}

pub(super) fn answered(connection: &Connection, key: &str) -> StoreResult<Option<InboxKey>> {
    first(connection, "SELECT key, request_hash, response FROM inbox WHERE key = ?1", [key], |row| {
        Ok(InboxKey { key: row.get(0)?, request_hash: row.get(1)?, response: row.get(2)? })
    })
}

pub(super) fn customer(connection: &Connection, id: &str, scope: &Scope) -> StoreResult<Option<Customer>> {
    first(
        connection,
        "SELECT id, order_id, order_body, ordered_at FROM customer \
         WHERE (id = ?1 OR order_id = ?1) AND (?2 IS NULL OR partner_id = ?2)",
        (id, partner(scope)),
        |row| whole_customer(connection, row),
    )
}

pub(super) fn customers(connection: &Connection, scope: &Scope, page: &Page) -> StoreResult<Listing<Customer>> {
    let (after, limit) = (page.after.as_deref().unwrap_or(""), bounded(page));
    let read = |row: &Row<'_>| whole_customer(connection, row);
    const COLUMNS: &str = "SELECT id, order_id, order_body, ordered_at FROM customer WHERE id > ?1";
    let rows = match partner(scope) {
        None => all(connection, &format!("{COLUMNS} ORDER BY id LIMIT ?2"), (after, limit + 1), read)?,
        Some(partner) => all(
            connection,
            &format!("{COLUMNS} AND partner_id = ?3 ORDER BY id LIMIT ?2"),
            (after, limit + 1, partner),
            read,
        )?,
    };
    Ok(listing(rows, limit, |customer| customer.id.clone()))
}

pub(super) fn whole_customer(connection: &Connection, row: &Row<'_>) -> StoreResult<Customer> {
    let id: String = row.get(0)?;
    let sql = format!("SELECT {SUBJECT} FROM {SUBJECT_FROM} WHERE s.customer_id = ?1 ORDER BY s.kind, s.id");
    let subjects = all(connection, &sql, [&id], subject)?;
    let (mut subscriptions, connections): (Vec<_>, Vec<_>) =
        subjects.into_iter().partition(|s| s.kind == SubjectKind::Subscription);
    let subscription = subscriptions.pop().ok_or_else(|| unreadable(format!("customer {id} has no subscription")))?;
    Ok(Customer {
        id,
        order_id: row.get(1)?,
        order: from_json(&row.get::<_, String>(2)?)?,
        ordered_at: instant(row.get(3)?)?,
        subscription,
        connections,
    })
}

/// What [`domain_row`] reads after the columns of the subject.
pub(super) const NEXT_CHECK: &str = "(SELECT min(t.due_at) FROM timer t WHERE t.subject_id = s.id)";

/// Of the connections of a domain: the living holder, then whoever waits, then the newest of the ended ones.
const FOREMOST: &str = "WHERE s.domain = ?1 AND (?2 IS NULL OR s.partner_id = ?2) \
     ORDER BY s.phase IN ('released', 'cancelled'), s.held_by IS NOT NULL, s.id DESC LIMIT 1";

pub(super) fn domain(connection: &Connection, domain: &DomainName, scope: &Scope) -> StoreResult<Option<DomainRow>> {
    let sql = format!("SELECT {SUBJECT}, {NEXT_CHECK} FROM {SUBJECT_FROM} {FOREMOST}");
    first(connection, &sql, (domain.as_str(), partner(scope)), domain_row)
}

pub(super) fn standing(connection: &Connection, name: &DomainName, scope: &Scope) -> StoreResult<Option<Standing>> {
    let Some(row) = domain(connection, name, scope)? else { return Ok(None) };
    let observations = observations(connection, &row.connection.id)?;
    Ok(Some(Standing { row, observations }))
}

pub(super) fn stamp(connection: &Connection, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Stamp>> {
    let sql = format!("SELECT s.id, s.version, {NEXT_CHECK}, s.held_by FROM subject s {FOREMOST}");
    first(connection, &sql, (domain.as_str(), partner(scope)), |row| {
        Ok(Stamp {
            connection_id: row.get(0)?,
            version: number(row.get(1)?)?,
            next_check_at: row.get::<_, Option<i64>>(2)?.map(instant).transpose()?,
            held_by: row.get(3)?,
        })
    })
}

pub(super) fn domains(
    connection: &Connection,
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
    let wanted = partner(scope).map_or("", |_| "AND s.partner_id = ?6");
    let phase = match filter.phase.as_deref() {
        None => "?5 IS NULL",
        Some("connected") => "s.phase = ?5",
        // The second condition leads to the index of those under way.
        Some(_) => "s.phase = ?5 AND s.phase <> 'connected'",
    };
    let sql = format!(
        "SELECT {SUBJECT}, {NEXT_CHECK} FROM {SUBJECT_FROM} WHERE s.domain IS NOT NULL \
         AND (s.domain, s.id) > (?1, ?2) AND s.domain >= ?3 AND s.domain < ?4 AND {phase} {wanted} \
         ORDER BY s.domain, s.id LIMIT {}",
        limit + 1
    );
    let phase = &filter.phase;
    let rows = match partner(scope) {
        None => all(connection, &sql, (after_domain, after_id, &prefix, &beyond, phase), domain_row)?,
        Some(partner) => all(connection, &sql, (after_domain, after_id, &prefix, &beyond, phase, partner), domain_row)?,
    };
    Ok(listing(rows, limit, |row| {
        let domain = row.connection.domain.as_ref().map_or("", |domain| domain.as_str());
        format!("{domain} {}", row.connection.id)
    }))
}

pub(super) fn domain_row(row: &Row<'_>) -> StoreResult<DomainRow> {
    let connection = subject(row)?;
    let next: Option<i64> = row.get(12)?;
    Ok(DomainRow {
        customer_id: connection.customer_id.clone(),
        held_by: connection.held_by.clone(),
        next_check_at: next.map(instant).transpose()?,
        connection,
    })
}

pub(super) fn events(
    connection: &Connection,
    subject_id: &str,
    after_seq: u64,
    limit: u32,
) -> StoreResult<Vec<EventRow>> {
    all(
        connection,
        "SELECT seq, at, kind, body, cause FROM event WHERE subject_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
        (subject_id, int(after_seq), limit),
        |row| {
            Ok(EventRow {
                seq: number(row.get(0)?)?,
                at: instant(row.get(1)?)?,
                kind: row.get(2)?,
                body: row.get(3)?,
                cause: row.get(4)?,
            })
        },
    )
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
