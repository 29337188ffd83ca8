//! Due work is claimed by raising the subject's fence and moving the timer to the end of the lease:
//! work whose owner died becomes due again by the same index, nobody has to rescue it.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::Connection;

use super::columns::{first, instant, int, number, run, small, us};
use super::commit::end_lease;
use crate::store::{Claim, ClaimRequest, StoreResult};

pub(super) fn claim(connection: &Connection, request: &ClaimRequest) -> StoreResult<Vec<Claim>> {
    let lease_until = us(request.now + request.lease);
    let claims = due(connection, request)?;
    for claim in &claims {
        run(
            connection,
            "UPDATE subject SET fence = ?2, lease_kind = ?3, lease_owner = ?4, lease_until = ?5 WHERE id = ?1",
            (&claim.subject_id, int(claim.fence), &claim.kind, &request.owner, lease_until),
        )?;
        run(
            connection,
            "UPDATE timer SET due_at = ?3, attempt = attempt + 1 WHERE subject_id = ?1 AND kind = ?2",
            (&claim.subject_id, &claim.kind, lease_until),
        )?;
    }
    Ok(claims)
}

/// The earliest due timers of subjects that nobody works on, one a subject.
fn due(connection: &Connection, request: &ClaimRequest) -> StoreResult<Vec<Claim>> {
    let mut statement = connection.prepare_cached(
        "SELECT t.subject_id, t.kind, t.due_at, t.attempt, s.fence, s.lease_until IS NOT NULL \
         FROM timer t JOIN subject s ON s.id = t.subject_id \
         WHERE t.due_at <= ?1 AND (s.lease_until IS NULL OR s.lease_until <= ?1) \
           AND (?2 IS NULL OR (s.phase = 'connected') = ?2) \
         ORDER BY t.due_at, t.subject_id, t.kind",
    )?;
    let mut rows = statement.query((us(request.now), request.share.connected()))?;
    let (mut claims, mut seen) = (Vec::new(), HashSet::new());
    while claims.len() < request.limit as usize {
        let Some(row) = rows.next()? else { break };
        let subject_id: String = row.get(0)?;
        if seen.insert(subject_id.clone()) {
            claims.push(Claim {
                subject_id,
                kind: row.get(1)?,
                due_at: instant(row.get(2)?)?,
                attempt: small(row.get(3)?)? + 1,
                fence: number(row.get(4)?)? + 1,
                taken_over: row.get(5)?,
            });
        }
    }
    Ok(claims)
}

/// When something can be claimed next: what is due of a subject that is worked on counts from the
/// end of its lease.
pub(super) fn next_due(connection: &Connection) -> StoreResult<Option<Timestamp>> {
    let mut earliest: Option<i64> = None;
    for sql in [
        "SELECT t.due_at FROM timer t JOIN subject s ON s.id = t.subject_id \
         WHERE t.due_at IS NOT NULL AND s.lease_until IS NULL ORDER BY t.due_at LIMIT 1",
        "SELECT min(lease_until) FROM subject WHERE lease_until IS NOT NULL",
        "SELECT o.due_at FROM outbox o WHERE o.due_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM outbox p \
         WHERE p.subject_id = o.subject_id AND p.due_at IS NOT NULL AND p.lease_until IS NOT NULL) \
         ORDER BY o.due_at LIMIT 1",
        "SELECT min(lease_until) FROM outbox WHERE lease_until IS NOT NULL",
    ] {
        let found: Option<Option<i64>> = first(connection, sql, [], |row| Ok(row.get(0)?))?;
        earliest = earliest.into_iter().chain(found.flatten()).min();
    }
    earliest.map(instant).transpose()
}

/// Gives a claim up. Nothing happens when it belongs to somebody else by now.
pub(super) fn abandon(connection: &Connection, claim: &Claim, due_at: Timestamp, error: &str) -> StoreResult<()> {
    if !ours(connection, claim)? {
        return Ok(());
    }
    run(
        connection,
        "UPDATE timer SET due_at = ?3, error = ?4 WHERE subject_id = ?1 AND kind = ?2 AND parked_at IS NULL",
        (&claim.subject_id, &claim.kind, us(due_at), error),
    )?;
    end_lease(connection, &claim.subject_id)
}

pub(super) fn park(connection: &Connection, claim: &Claim, at: Timestamp, error: &str) -> StoreResult<()> {
    if !ours(connection, claim)? {
        return Ok(());
    }
    run(
        connection,
        "UPDATE timer SET due_at = NULL, parked_at = ?3, error = ?4 WHERE subject_id = ?1 AND kind = ?2",
        (&claim.subject_id, &claim.kind, us(at), error),
    )?;
    end_lease(connection, &claim.subject_id)
}

fn ours(connection: &Connection, claim: &Claim) -> StoreResult<bool> {
    let fence =
        first(connection, "SELECT fence FROM subject WHERE id = ?1", [&claim.subject_id], |row| number(row.get(0)?))?;
    Ok(fence == Some(claim.fence))
}
