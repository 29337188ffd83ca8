//! One outcome, all or nothing: a transition of an existing subject, and the parts that a new order
//! shares with it.

use jiff::Timestamp;
use rusqlite::Connection;

use super::columns::{first, int, json, number, run, us, word};
use super::{archive, ledger, mail};
use crate::store::{
    CommitOutcome, InboxKey, NewEvent, NewOutbox, Observation, RouteChange, StoreError, StoreResult, TimerSet,
    Transition,
};

/// Phases that a connection never leaves; the schema's `holder_of_domain` names the same ones.
const FINAL: &str = "('released', 'cancelled')";
const FINAL_PHASES: [&str; 2] = ["released", "cancelled"];

struct Before {
    version: u64,
    last_seq: u64,
    fence: u64,
    lease_kind: Option<String>,
    domain: Option<String>,
    held: bool,
    customer_id: String,
}

pub(super) fn transition(connection: &Connection, transition: &Transition) -> StoreResult<CommitOutcome> {
    let id = &transition.subject_id;
    let Some(before) = before(connection, id)? else { return Err(StoreError::NotFound) };
    if transition.claim.as_ref().is_some_and(|claim| claim.fence != before.fence) {
        return Ok(CommitOutcome::FenceLost);
    }
    if answered_before(connection, transition.inbox.as_ref())? || consumed_before(connection, transition)? {
        return Ok(CommitOutcome::Repeated);
    }
    if !mail::is_open(connection, transition.settles.as_ref())? {
        return Ok(CommitOutcome::Repeated);
    }
    if transition.version != before.version {
        return Ok(CommitOutcome::VersionConflict);
    }
    let last_seq = append_events(connection, id, before.last_seq, transition.at, &transition.events)?;
    let version = before.version + 1;
    run(
        connection,
        "UPDATE subject SET version = ?2, last_seq = ?3, machine_version = ?4, phase = ?5, state = ?6, state_since = ?7 \
         WHERE id = ?1",
        (
            id,
            int(version),
            int(last_seq),
            transition.machine_version,
            &transition.phase,
            &transition.state,
            us(transition.state_since),
        ),
    )?;
    for observation in &transition.observations {
        keep(connection, id, observation)?;
    }
    archive::keep(connection, id, &transition.archive)?;
    put_out(connection, id, transition.at, &transition.outbox)?;
    ledger::append(connection, &transition.entries, transition.at)?;
    if let Some(route) = transition.route.as_ref().filter(|_| !before.held) {
        desire(connection, route)?;
    }
    // Work that is under way elsewhere keeps its lease; its own commit names the next time.
    let busy = if transition.claim.is_some() { None } else { before.lease_kind.as_deref() };
    let timers: &[TimerSet] = if before.held { &[] } else { &transition.timers };
    let done = transition.claim.as_ref().map(|claim| claim.kind.as_str());
    rearm(connection, id, timers, &Rearm { busy, done, at: transition.at })?;
    if transition.claim.is_some() {
        end_lease(connection, id)?;
    }
    take_in(connection, transition)?;
    if let Some(settled) = &transition.settles {
        mail::approve(connection, settled, transition.at)?;
    }
    let ended = FINAL_PHASES.contains(&transition.phase.as_str());
    if let Some(domain) = before.domain.as_deref().filter(|_| ended && !before.held) {
        hand_over(connection, domain, &before.customer_id, transition.at)?;
    }
    Ok(CommitOutcome::Committed { version })
}

fn before(connection: &Connection, id: &str) -> StoreResult<Option<Before>> {
    first(
        connection,
        "SELECT version, last_seq, fence, lease_kind, domain, held_by IS NOT NULL, customer_id FROM subject WHERE id = ?1",
        [id],
        |row| {
            Ok(Before {
                version: number(row.get(0)?)?,
                last_seq: number(row.get(1)?)?,
                fence: number(row.get(2)?)?,
                lease_kind: row.get(3)?,
                domain: row.get(4)?,
                held: row.get(5)?,
                customer_id: row.get(6)?,
            })
        },
    )
}

/// Whether the request was answered before.
///
/// # Errors
/// [`StoreError::KeyReused`] when its key came with another request.
pub(super) fn answered_before(connection: &Connection, inbox: Option<&InboxKey>) -> StoreResult<bool> {
    let Some(inbox) = inbox else { return Ok(false) };
    let seen: Option<String> =
        first(connection, "SELECT request_hash FROM inbox WHERE key = ?1", [&inbox.key], |row| Ok(row.get(0)?))?;
    match seen {
        None => Ok(false),
        Some(hash) if hash == inbox.request_hash => Ok(true),
        Some(_) => Err(StoreError::KeyReused),
    }
}

fn consumed_before(connection: &Connection, transition: &Transition) -> StoreResult<bool> {
    let Some(key) = &transition.consumes else { return Ok(false) };
    let seen =
        first(connection, "SELECT 1 FROM inbox WHERE key = ?1", [fact_key(key)], |row| Ok(row.get::<_, i64>(0)?))?;
    Ok(seen.is_some())
}

fn take_in(connection: &Connection, transition: &Transition) -> StoreResult<()> {
    if let Some(inbox) = &transition.inbox {
        remember(connection, inbox, transition.at)?;
    }
    if let Some(key) = &transition.consumes {
        let taken = InboxKey { key: fact_key(key), request_hash: String::new(), response: String::new() };
        remember(connection, &taken, transition.at)?;
    }
    Ok(())
}

/// Facts between subjects share the inbox with requests; no client can send a key with this start,
/// because those begin with the id of a token.
fn fact_key(key: &str) -> String {
    format!("fact:{key}")
}

pub(super) fn remember(connection: &Connection, inbox: &InboxKey, at: Timestamp) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO inbox (key, request_hash, response, at) VALUES (?1, ?2, ?3, ?4)",
        (&inbox.key, &inbox.request_hash, &inbox.response, us(at)),
    )?;
    Ok(())
}

/// Returns the seq of the last event.
pub(super) fn append_events(
    connection: &Connection,
    id: &str,
    last_seq: u64,
    at: Timestamp,
    events: &[NewEvent],
) -> StoreResult<u64> {
    let mut seq = last_seq;
    for event in events {
        seq += 1;
        run(
            connection,
            "INSERT INTO event (subject_id, seq, at, kind, body, cause) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (id, int(seq), us(at), &event.kind, &event.body, &event.cause),
        )?;
    }
    Ok(seq)
}

fn keep(connection: &Connection, id: &str, seen: &Observation) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO observation (subject_id, kind, digest, first_at, last_at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT (subject_id, kind) DO UPDATE SET \
           first_at = iif(digest = excluded.digest, first_at, excluded.first_at), \
           digest = excluded.digest, last_at = excluded.last_at, body = excluded.body",
        (id, &seen.kind, &seen.digest, us(seen.first_at), us(seen.last_at), &seen.body),
    )?;
    Ok(())
}

pub(super) fn put_out(connection: &Connection, id: &str, at: Timestamp, items: &[NewOutbox]) -> StoreResult<()> {
    for item in items {
        run(
            connection,
            "INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, due_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (dedupe_key) DO NOTHING",
            (id, &item.dedupe_key, &item.kind, &item.payload, us(at), us(item.due_at)),
        )?;
    }
    Ok(())
}

/// Every change of a desire has a generation of its own, also across connections of one domain.
pub(super) fn desire(connection: &Connection, route: &RouteChange) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO route (domain, mode, servers, generation) VALUES (?1, ?2, ?3, 1) \
         ON CONFLICT (domain) DO UPDATE SET mode = excluded.mode, servers = excluded.servers, generation = generation + 1",
        (route.domain.as_str(), word(&route.mode)?, json(&route.servers)?),
    )?;
    Ok(())
}

/// In which circumstances timers are replaced.
pub(super) struct Rearm<'a> {
    /// Work on this kind is under way elsewhere.
    pub busy: Option<&'a str>,
    /// Work on this kind has just been done.
    pub done: Option<&'a str>,
    pub at: Timestamp,
}

/// Replaces the timers. Parked ones stay visible until the same kind is armed again; the one that
/// is `busy` keeps its lease, or goes when it is no longer wanted. What was due already, because
/// somebody asked for every look at once, stays due until it is done.
pub(super) fn rearm(connection: &Connection, id: &str, timers: &[TimerSet], rearm: &Rearm<'_>) -> StoreResult<()> {
    let wanted = serde_json::Value::from(timers.iter().map(|t| t.kind.as_str()).collect::<Vec<_>>()).to_string();
    run(
        connection,
        "DELETE FROM timer WHERE subject_id = ?1 AND parked_at IS NULL \
         AND kind NOT IN (SELECT value FROM json_each(?2))",
        (id, &wanted),
    )?;
    for timer in timers.iter().filter(|t| rearm.busy != Some(t.kind.as_str())) {
        let done = rearm.done == Some(timer.kind.as_str());
        run(
            connection,
            "INSERT INTO timer (subject_id, kind, due_at) VALUES (?1, ?2, ?3) ON CONFLICT (subject_id, kind) \
             DO UPDATE SET due_at = iif(NOT ?4 AND due_at <= ?5, due_at, excluded.due_at), attempt = 0, \
             parked_at = NULL, error = NULL",
            (id, &timer.kind, us(timer.due_at), done, us(rearm.at)),
        )?;
    }
    Ok(())
}

pub(super) fn end_lease(connection: &Connection, id: &str) -> StoreResult<()> {
    run(
        connection,
        "UPDATE subject SET lease_kind = NULL, lease_owner = NULL, lease_until = NULL WHERE id = ?1",
        [id],
    )?;
    Ok(())
}

/// The living connection that holds a domain: its customer and its partner.
pub(super) fn holder(connection: &Connection, domain: &str) -> StoreResult<Option<(String, String)>> {
    let sql = format!(
        "SELECT customer_id, partner_id FROM subject \
         WHERE domain = ?1 AND held_by IS NULL AND phase NOT IN {FINAL}"
    );
    first(connection, &sql, [domain], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The customer of this partner whose connection of the domain lives, served or waiting.
pub(super) fn ordered_by(connection: &Connection, domain: &str, partner: &str) -> StoreResult<Option<String>> {
    let sql = format!("SELECT customer_id FROM subject WHERE domain = ?1 AND partner_id = ?2 AND phase NOT IN {FINAL}");
    first(connection, &sql, [domain, partner], |row| Ok(row.get(0)?))
}

/// Once the holder is gone, the connection that waited longest takes over; the rest wait for it.
fn hand_over(connection: &Connection, domain: &str, gone: &str, at: Timestamp) -> StoreResult<()> {
    if holder(connection, domain)?.is_some() {
        return Ok(());
    }
    let sql = format!(
        "SELECT id, customer_id FROM subject \
         WHERE domain = ?1 AND held_by IS NOT NULL AND phase NOT IN {FINAL} ORDER BY id LIMIT 1"
    );
    let next: Option<(String, String)> = first(connection, &sql, [domain], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let Some((id, customer_id)) = next else { return Ok(()) };
    run(connection, "UPDATE subject SET held_by = NULL, version = version + 1 WHERE id = ?1", [&id])?;
    run(
        connection,
        "UPDATE subject SET held_by = ?3 WHERE domain = ?1 AND held_by = ?2",
        (domain, gone, &customer_id),
    )?;
    run(
        connection,
        "INSERT INTO timer (subject_id, kind, due_at) VALUES (?1, 'deadline', ?2) \
         ON CONFLICT (subject_id, kind) DO UPDATE SET due_at = excluded.due_at",
        (&id, us(at)),
    )?;
    Ok(())
}

/// A re-order inherits what was learnt of the domain's TTLs, so that T\* rests on it.
pub(super) fn inherit_history(connection: &Connection, id: &str, domain: &str) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO observation (subject_id, kind, digest, first_at, last_at, body) \
         SELECT ?1, o.kind, o.digest, o.first_at, o.last_at, o.body FROM observation o \
         JOIN subject s ON s.id = o.subject_id WHERE s.domain = ?2 AND s.id <> ?1 AND o.kind = 'history' \
         ORDER BY o.last_at DESC LIMIT 1",
        (id, domain),
    )?;
    Ok(())
}
