//! A group of outcomes in one transaction: the subjects are locked in id order, each outcome is held
//! against its fence, its version and what was seen before, and those that pass are written table by
//! table. A refused one leaves no trace. The pieces that a new order shares with it are here, too.

mod write;

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::PgConnection;

pub(super) use write::{Rearm, desire, events, put_out, rearm};

use super::pool::Pool;
use super::{archive, journal, keys, ledger, mail};
use crate::store::value::{int, number, us};
use crate::store::{CommitOutcome, InboxKey, StoreError, StoreResult, Transition};

/// Phases that a connection never leaves; the schema's `holder_of_domain` names the same ones.
const FINAL_PHASES: [&str; 2] = ["released", "cancelled"];

/// A subject as it was found under its lock.
struct Before {
    version: u64,
    last_seq: u64,
    fence: u64,
    lease_kind: Option<String>,
    domain: Option<String>,
    held: bool,
    customer_id: String,
}

/// An outcome that will be stored.
struct Passed<'a> {
    transition: &'a Transition,
    before: &'a Before,
}

/// One answer an outcome, in their order.
///
/// # Errors
/// The transaction as a whole: nothing is stored.
pub(super) async fn group(pool: &Pool, transitions: &[Transition]) -> StoreResult<Vec<StoreResult<CommitOutcome>>> {
    let mut transaction = pool.begin().await?;
    let answers = group_within(&mut transaction, transitions).await?;
    if answers.iter().any(|answer| matches!(answer, Ok(CommitOutcome::Committed { .. }))) {
        transaction.commit().await?;
    }
    Ok(answers)
}

/// As [`group`], within a transaction of the caller's, who has to commit it where one is
/// [`CommitOutcome::Committed`].
pub(super) async fn group_within(
    db: &mut PgConnection,
    transitions: &[Transition],
) -> StoreResult<Vec<StoreResult<CommitOutcome>>> {
    let found = lock(db, transitions).await?;
    let seen = seen(db, transitions).await?;
    let wanted = transitions.iter().filter_map(|transition| transition.settles.as_ref().map(|mail| mail.id.as_str()));
    let open = mail::open(db, wanted.collect()).await?;
    let mut passed = Vec::new();
    let mut answers = Vec::with_capacity(transitions.len());
    for transition in transitions {
        let before = found.get(&transition.subject_id);
        let waits = transition.settles.as_ref().is_none_or(|mail| open.contains(&mail.id));
        let answer = if waits { judge(transition, before, &seen) } else { Ok(CommitOutcome::Repeated) };
        if let (Ok(CommitOutcome::Committed { .. }), Some(before)) = (&answer, before) {
            passed.push(Passed { transition, before });
        }
        answers.push(answer);
    }
    if !passed.is_empty() {
        store(db, &passed).await?;
    }
    Ok(answers)
}

async fn store(db: &mut PgConnection, passed: &[Passed<'_>]) -> StoreResult<()> {
    write::subjects(db, passed).await?;
    let of_events = passed.iter().map(|p| (&*p.transition.subject_id, p.before.last_seq, p.transition.at));
    write::events(db, of_events.zip(passed.iter().map(|p| &*p.transition.events))).await?;
    write::observations(db, passed).await?;
    let mut lines = Vec::new();
    for Passed { transition, .. } in passed {
        lines.extend(archive::keep(db, &transition.subject_id, &transition.archive).await?);
        if let Some(settled) = &transition.settles {
            mail::approve(db, settled, transition.at).await?;
        }
    }
    let items = passed.iter().map(|p| (&*p.transition.subject_id, p.transition.at, &*p.transition.outbox));
    write::put_out(db, items).await?;
    let routes = passed.iter().filter(|p| !p.before.held).filter_map(|p| p.transition.route.as_ref());
    write::desire(db, routes).await?;
    write::rearm(db, passed.iter().map(Passed::rearm)).await?;
    take_in(db, passed).await?;
    for Passed { transition, before } in passed {
        let ended = FINAL_PHASES.contains(&transition.phase.as_str());
        if let Some(domain) = before.domain.as_deref().filter(|_| ended && !before.held) {
            hand_over(db, domain, &before.customer_id, transition.at).await?;
        }
    }
    ledger::append(db, passed.iter().map(|p| (p.transition.at, p.transition.entries.clone()))).await?;
    journal::add(db, lines).await
}

/// The subjects under lock, in an order that is the same for everybody.
async fn lock(db: &mut PgConnection, transitions: &[Transition]) -> StoreResult<HashMap<String, Before>> {
    type Row = (String, i64, i64, i64, Option<String>, Option<String>, bool, String);
    let ids: Vec<&str> = transitions.iter().map(|t| t.subject_id.as_str()).collect();
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, version, last_seq, fence, lease_kind, domain, held_by IS NOT NULL, customer_id FROM subject \
         WHERE id = ANY($1) ORDER BY id FOR UPDATE",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    let read = |(id, version, last_seq, fence, lease_kind, domain, held, customer_id): Row| {
        let before = Before {
            version: number(version)?,
            last_seq: number(last_seq)?,
            fence: number(fence)?,
            lease_kind,
            domain,
            held,
            customer_id,
        };
        Ok((id, before))
    };
    rows.into_iter().map(read).collect()
}

/// What the inbox has under the keys of these outcomes: the hash of the request that came first.
async fn seen(db: &mut PgConnection, transitions: &[Transition]) -> StoreResult<HashMap<String, String>> {
    let mut keys: Vec<String> = Vec::new();
    for transition in transitions {
        keys.extend(transition.inbox.iter().map(|inbox| inbox.key.clone()));
        keys.extend(transition.consumes.iter().map(|key| fact_key(key)));
    }
    hashes(db, keys).await
}

async fn hashes(db: &mut PgConnection, keys: Vec<String>) -> StoreResult<HashMap<String, String>> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT key, request_hash FROM inbox WHERE key = ANY($1)").bind(keys).fetch_all(db).await?;
    Ok(rows.into_iter().collect())
}

fn judge(
    transition: &Transition,
    before: Option<&Before>,
    seen: &HashMap<String, String>,
) -> StoreResult<CommitOutcome> {
    let before = before.ok_or(StoreError::NotFound)?;
    if transition.claim.as_ref().is_some_and(|claim| claim.fence != before.fence) {
        return Ok(CommitOutcome::FenceLost);
    }
    if let Some(inbox) = &transition.inbox
        && answered(inbox, seen)?
    {
        return Ok(CommitOutcome::Repeated);
    }
    if transition.consumes.as_ref().is_some_and(|key| seen.contains_key(&fact_key(key))) {
        return Ok(CommitOutcome::Repeated);
    }
    if transition.version != before.version {
        return Ok(CommitOutcome::VersionConflict);
    }
    Ok(CommitOutcome::Committed { version: before.version + 1 })
}

fn answered(inbox: &InboxKey, seen: &HashMap<String, String>) -> StoreResult<bool> {
    match seen.get(&inbox.key) {
        None => Ok(false),
        Some(hash) if *hash == inbox.request_hash => Ok(true),
        Some(_) => Err(StoreError::KeyReused),
    }
}

/// Whether the request was answered before.
///
/// # Errors
/// [`StoreError::KeyReused`] when its key came with another request.
pub(super) async fn answered_before(db: &mut PgConnection, inbox: Option<&InboxKey>) -> StoreResult<bool> {
    let Some(inbox) = inbox else { return Ok(false) };
    answered(inbox, &hashes(db, vec![inbox.key.clone()]).await?)
}

async fn take_in(db: &mut PgConnection, passed: &[Passed<'_>]) -> StoreResult<()> {
    let mut taken = Vec::new();
    for Passed { transition, .. } in passed {
        taken.extend(transition.inbox.iter().map(|inbox| (inbox.clone(), transition.at)));
        taken.extend(transition.consumes.iter().map(|key| {
            let key = InboxKey { key: fact_key(key), request_hash: String::new(), response: String::new() };
            (key, transition.at)
        }));
    }
    remember(db, &taken).await
}

/// Facts between subjects share the inbox with requests; no client can send a key with this start,
/// because those begin with the id of a token.
fn fact_key(key: &str) -> String {
    format!("fact:{key}")
}

pub(super) async fn remember(db: &mut PgConnection, taken: &[(InboxKey, Timestamp)]) -> StoreResult<()> {
    if taken.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO inbox (key, request_hash, response, at) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[])",
    )
    .bind(taken.iter().map(|(inbox, _)| inbox.key.as_str()).collect::<Vec<_>>())
    .bind(taken.iter().map(|(inbox, _)| inbox.request_hash.as_str()).collect::<Vec<_>>())
    .bind(taken.iter().map(|(inbox, _)| inbox.response.as_str()).collect::<Vec<_>>())
    .bind(taken.iter().map(|(_, at)| us(*at)).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// The living connection that holds a domain: its customer and its partner.
pub(super) async fn holder(db: &mut PgConnection, domain: &str) -> StoreResult<Option<(String, String)>> {
    let found = sqlx::query_as(
        "SELECT customer_id, partner_id FROM subject \
         WHERE domain = $1 AND held_by IS NULL AND phase NOT IN ('released', 'cancelled')",
    )
    .bind(domain)
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// The customer of this partner whose connection of the domain lives, served or waiting.
pub(super) async fn ordered_by(db: &mut PgConnection, domain: &str, partner: &str) -> StoreResult<Option<String>> {
    let found = sqlx::query_scalar(
        "SELECT customer_id FROM subject WHERE domain = $1 AND partner_id = $2 AND phase NOT IN ('released', 'cancelled')",
    )
    .bind(domain)
    .bind(partner)
    .fetch_optional(db)
    .await?;
    Ok(found)
}

/// Once the holder is gone, the connection that waited longest takes over; the rest wait for it. The
/// lock keeps an order from coming in between that would wait for the one that is gone.
async fn hand_over(db: &mut PgConnection, domain: &str, gone: &str, at: Timestamp) -> StoreResult<()> {
    keys::lock_domain(db, domain).await?;
    if holder(db, domain).await?.is_some() {
        return Ok(());
    }
    let next: Option<(String, String)> = sqlx::query_as(
        "SELECT id, customer_id FROM subject WHERE domain = $1 AND held_by IS NOT NULL \
         AND phase NOT IN ('released', 'cancelled') ORDER BY id LIMIT 1 FOR UPDATE",
    )
    .bind(domain)
    .fetch_optional(&mut *db)
    .await?;
    let Some((id, customer_id)) = next else { return Ok(()) };
    sqlx::query("UPDATE subject SET held_by = NULL, version = version + 1 WHERE id = $1")
        .bind(&id)
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE subject SET held_by = $3 WHERE domain = $1 AND held_by = $2")
        .bind(domain)
        .bind(gone)
        .bind(&customer_id)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "INSERT INTO timer (subject_id, kind, due_at) VALUES ($1, 'deadline', $2) \
         ON CONFLICT (subject_id, kind) DO UPDATE SET due_at = excluded.due_at",
    )
    .bind(&id)
    .bind(us(at))
    .execute(db)
    .await?;
    Ok(())
}

/// A re-order inherits what was learnt of the domain's TTLs, so that T\* rests on it.
pub(super) async fn inherit_history(db: &mut PgConnection, id: &str, domain: &str) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO observation (subject_id, kind, digest, first_at, last_at, body) \
         SELECT $1, o.kind, o.digest, o.first_at, o.last_at, o.body FROM observation o \
         JOIN subject s ON s.id = o.subject_id WHERE s.domain = $2 AND s.id <> $1 AND o.kind = 'history' \
         ORDER BY o.last_at DESC LIMIT 1",
    )
    .bind(id)
    .bind(domain)
    .execute(db)
    .await?;
    Ok(())
}

/// The seq of the last of `count` events after `last`.
fn after(last: u64, count: usize) -> i64 {
    int(last + count as u64)
}
