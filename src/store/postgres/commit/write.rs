//! The set-based statements: each writes what many outcomes say about one table. Nothing here decides
//! whether an outcome holds; whoever calls has locked the subjects.

use std::collections::HashSet;

use jiff::Timestamp;
use sqlx::PgConnection;

use super::{Passed, after};
use crate::store::value::{int, json, us, word};
use crate::store::{NewEvent, NewOutbox, RouteChange, StoreResult, TimerSet};

pub(super) async fn subjects(db: &mut PgConnection, passed: &[Passed<'_>]) -> StoreResult<()> {
    let of = |read: fn(&Passed<'_>) -> i64| passed.iter().map(read).collect::<Vec<i64>>();
    sqlx::query(
        "UPDATE subject s SET version = n.version, last_seq = n.last_seq, machine_version = n.machine_version, \
           phase = n.phase, state = n.state, state_since = n.state_since, \
           lease_kind = CASE WHEN n.done THEN NULL ELSE s.lease_kind END, \
           lease_owner = CASE WHEN n.done THEN NULL ELSE s.lease_owner END, \
           lease_until = CASE WHEN n.done THEN NULL ELSE s.lease_until END \
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::bigint[], \
                     $8::bool[]) \
           n(id, version, last_seq, machine_version, phase, state, state_since, done) WHERE s.id = n.id",
    )
    .bind(passed.iter().map(|p| p.transition.subject_id.as_str()).collect::<Vec<_>>())
    .bind(of(|p| int(p.before.version + 1)))
    .bind(of(|p| after(p.before.last_seq, p.transition.events.len())))
    .bind(of(|p| i64::from(p.transition.machine_version)))
    .bind(passed.iter().map(|p| p.transition.phase.as_str()).collect::<Vec<_>>())
    .bind(passed.iter().map(|p| p.transition.state.as_str()).collect::<Vec<_>>())
    .bind(of(|p| us(p.transition.state_since)))
    .bind(passed.iter().map(|p| p.transition.claim.is_some()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

/// Each subject with its last seq, the moment, and its new events.
pub(in crate::store::postgres) async fn events<'a>(
    db: &mut PgConnection,
    of_subjects: impl IntoIterator<Item = ((&'a str, u64, Timestamp), &'a [NewEvent])>,
) -> StoreResult<()> {
    let (mut ids, mut seqs, mut ats) = (Vec::new(), Vec::new(), Vec::new());
    let (mut kinds, mut bodies, mut causes) = (Vec::new(), Vec::new(), Vec::new());
    for ((id, last, at), events) in of_subjects {
        for (index, event) in events.iter().enumerate() {
            ids.push(id);
            seqs.push(after(last, index + 1));
            ats.push(us(at));
            kinds.push(event.kind.as_str());
            bodies.push(event.body.as_str());
            causes.push(event.cause.as_str());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO event (subject_id, seq, at, kind, body, cause) \
         SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[])",
    )
    .bind(ids)
    .bind(seqs)
    .bind(ats)
    .bind(kinds)
    .bind(bodies)
    .bind(causes)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn observations(db: &mut PgConnection, passed: &[Passed<'_>]) -> StoreResult<()> {
    let (mut ids, mut kinds, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    let (mut firsts, mut lasts, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
    for Passed { transition, .. } in passed {
        let mut told = HashSet::new();
        // One statement touches a row once: of several looks of one kind the last one counts.
        let newest = transition.observations.iter().rev().filter(|seen| told.insert(seen.kind.as_str()));
        for seen in newest {
            ids.push(transition.subject_id.as_str());
            kinds.push(seen.kind.as_str());
            digests.push(seen.digest.as_str());
            firsts.push(us(seen.first_at));
            lasts.push(us(seen.last_at));
            bodies.push(seen.body.as_str());
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO observation AS o (subject_id, kind, digest, first_at, last_at, body) \
         SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[]) \
         ON CONFLICT (subject_id, kind) DO UPDATE SET \
           first_at = CASE WHEN o.digest = excluded.digest THEN o.first_at ELSE excluded.first_at END, \
           digest = excluded.digest, last_at = excluded.last_at, body = excluded.body",
    )
    .bind(ids)
    .bind(kinds)
    .bind(digests)
    .bind(firsts)
    .bind(lasts)
    .bind(bodies)
    .execute(db)
    .await?;
    Ok(())
}

/// Ids are given in the order of the items, so that what concerns one subject goes out in its order.
pub(in crate::store::postgres) async fn put_out<'a>(
    db: &mut PgConnection,
    of_subjects: impl IntoIterator<Item = (&'a str, Timestamp, &'a [NewOutbox])>,
) -> StoreResult<()> {
    let (mut ids, mut dedupe_keys, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    let (mut payloads, mut ats, mut dues) = (Vec::new(), Vec::new(), Vec::new());
    let mut told = HashSet::new();
    for (id, at, items) in of_subjects {
        for item in items.iter().filter(|item| told.insert(item.dedupe_key.as_str())) {
            ids.push(id);
            dedupe_keys.push(item.dedupe_key.as_str());
            kinds.push(item.kind.as_str());
            payloads.push(item.payload.as_str());
            ats.push(us(at));
            dues.push(us(item.due_at));
        }
    }
    if ids.is_empty() {
        return Ok(());
    }
    // What is there already takes no number from the sequence either.
    sqlx::query(
        "INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, due_at) \
         SELECT n.id, n.key, n.kind, n.payload, n.at, n.due \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[]) WITH ORDINALITY \
           n(id, key, kind, payload, at, due, place) \
         WHERE (SELECT 1 FROM outbox o WHERE o.dedupe_key = n.key LIMIT 1) IS NULL ORDER BY n.place \
         ON CONFLICT (dedupe_key) DO NOTHING",
    )
    .bind(ids)
    .bind(dedupe_keys)
    .bind(kinds)
    .bind(payloads)
    .bind(ats)
    .bind(dues)
    .execute(db)
    .await?;
    Ok(())
}

/// Every change of a desire has a generation of its own, also across connections of one domain.
pub(in crate::store::postgres) async fn desire<'a>(
    db: &mut PgConnection,
    routes: impl IntoIterator<Item = &'a RouteChange>,
) -> StoreResult<()> {
    let (mut domains, mut modes, mut servers) = (Vec::new(), Vec::new(), Vec::new());
    for route in routes {
        domains.push(route.domain.as_str());
        modes.push(word(&route.mode)?);
        servers.push(json(&route.servers)?);
    }
    if domains.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO route AS r (domain, mode, servers, generation) \
         SELECT n.domain, n.mode, n.servers, 1 FROM unnest($1::text[], $2::text[], $3::text[]) \
           n(domain, mode, servers) ORDER BY n.domain \
         ON CONFLICT (domain) DO UPDATE SET mode = excluded.mode, servers = excluded.servers, \
           generation = r.generation + 1",
    )
    .bind(domains)
    .bind(modes)
    .bind(servers)
    .execute(db)
    .await?;
    Ok(())
}

/// The timers of one subject as they shall be, and in which circumstances.
pub(in crate::store::postgres) struct Rearm<'a> {
    pub id: &'a str,
    pub timers: &'a [TimerSet],
    /// Work on this kind is under way elsewhere.
    pub busy: Option<&'a str>,
    /// Work on this kind has just been done.
    pub done: Option<&'a str>,
    pub at: Timestamp,
}

impl Passed<'_> {
    pub(super) fn rearm(&self) -> Rearm<'_> {
        let claim = self.transition.claim.as_ref();
        Rearm {
            id: &self.transition.subject_id,
            timers: if self.before.held { &[] } else { &self.transition.timers },
            // Work that is under way elsewhere keeps its lease; its own commit names the next time.
            busy: if claim.is_some() { None } else { self.before.lease_kind.as_deref() },
            done: claim.map(|claim| claim.kind.as_str()),
            at: self.transition.at,
        }
    }
}

/// Replaces the timers. Parked ones stay visible until the same kind is armed again; the one that
/// is `busy` keeps its lease, or goes when it is no longer wanted. What was due already, because
/// somebody asked for every look at once, stays due until it is done.
pub(in crate::store::postgres) async fn rearm<'a>(
    db: &mut PgConnection,
    of_subjects: impl IntoIterator<Item = Rearm<'a>>,
) -> StoreResult<()> {
    let mut ids = Vec::new();
    let (mut wanted_ids, mut wanted_kinds) = (Vec::new(), Vec::new());
    let (mut armed_ids, mut armed_kinds) = (Vec::new(), Vec::new());
    let (mut dues, mut dones, mut ats) = (Vec::new(), Vec::new(), Vec::new());
    for Rearm { id, timers, busy, done, at } in of_subjects {
        ids.push(id);
        for timer in timers {
            wanted_ids.push(id);
            wanted_kinds.push(timer.kind.as_str());
            if busy != Some(timer.kind.as_str()) {
                armed_ids.push(id);
                armed_kinds.push(timer.kind.as_str());
                dues.push(us(timer.due_at));
                dones.push(done == Some(timer.kind.as_str()));
                ats.push(us(at));
            }
        }
    }
    sqlx::query(
        "WITH gone AS (DELETE FROM timer t USING unnest($1::text[]) n(id) \
           WHERE t.subject_id = n.id AND t.parked_at IS NULL \
             AND (t.subject_id, t.kind) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))) \
         INSERT INTO timer (subject_id, kind, due_at) \
         SELECT n.id, n.kind, CASE WHEN NOT n.done AND t.due_at <= n.at THEN t.due_at ELSE n.due END \
         FROM unnest($4::text[], $5::text[], $6::bigint[], $7::bool[], $8::bigint[]) n(id, kind, due, done, at) \
         LEFT JOIN timer t ON t.subject_id = n.id AND t.kind = n.kind \
         ON CONFLICT (subject_id, kind) DO UPDATE SET due_at = excluded.due_at, attempt = 0, parked_at = NULL, \
           error = NULL",
    )
    .bind(ids)
    .bind(wanted_ids)
    .bind(wanted_kinds)
    .bind(armed_ids)
    .bind(armed_kinds)
    .bind(dues)
    .bind(dones)
    .bind(ats)
    .execute(db)
    .await?;
    Ok(())
}
