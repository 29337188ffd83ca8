//! Effects that wait to be carried out, at least once, each under its own dedupe key.

use jiff::Timestamp;
use rusqlite::Connection;

use super::columns::{all, instant, int, number, run, small, us};
use crate::store::{ClaimRequest, NewOutbox, OutboxItem, OutboxOutcome, OutboxRow, StoreResult};

/// Due items, at most one a subject, so that what concerns one subject goes out in its order.
pub(super) fn claim(connection: &Connection, request: &ClaimRequest) -> StoreResult<Vec<OutboxItem>> {
    let items = all(
        connection,
        "SELECT o.id, o.subject_id, o.dedupe_key, o.kind, o.payload, o.fence, o.attempt, o.created_at, \
         o.lease_until IS NOT NULL, o.log FROM outbox o \
         WHERE o.due_at <= ?1 AND NOT EXISTS (SELECT 1 FROM outbox p WHERE p.subject_id = o.subject_id \
             AND p.due_at IS NOT NULL AND (p.lease_until > ?1 OR (p.id < o.id AND p.due_at <= ?1))) \
         ORDER BY o.due_at, o.id LIMIT ?2",
        (us(request.now), request.limit),
        |row| {
            Ok(OutboxItem {
                id: number(row.get(0)?)?,
                subject_id: row.get(1)?,
                dedupe_key: row.get(2)?,
                kind: row.get(3)?,
                payload: row.get(4)?,
                fence: number(row.get(5)?)? + 1,
                attempt: small(row.get(6)?)? + 1,
                created_at: instant(row.get(7)?)?,
                taken_over: row.get(8)?,
                log: row.get(9)?,
            })
        },
    )?;
    let lease_until = us(request.now + request.lease);
    for item in &items {
        run(
            connection,
            "UPDATE outbox SET fence = fence + 1, attempt = attempt + 1, lease_owner = ?2, lease_until = ?3, due_at = ?3 \
             WHERE id = ?1",
            (int(item.id), &request.owner, lease_until),
        )?;
    }
    Ok(items)
}

/// Settles an item. Nothing happens, and `false` is returned, when it belongs to somebody else by now.
pub(super) fn done(
    connection: &Connection,
    item: &OutboxItem,
    at: Timestamp,
    outcome: &OutboxOutcome,
) -> StoreResult<bool> {
    let untried = matches!(outcome, OutboxOutcome::Waiting { .. });
    let (status, due_at, sent_at, detail) = match outcome {
        OutboxOutcome::Sent { detail } => ("sent", None, Some(us(at)), detail),
        OutboxOutcome::Dropped { reason } => ("dropped", None, None, reason),
        OutboxOutcome::Retry { due_at, error } => ("pending", Some(us(*due_at)), None, error),
        OutboxOutcome::Waiting { due_at, reason } => ("pending", Some(us(*due_at)), None, reason),
        OutboxOutcome::Parked { error } => ("parked", None, None, error),
    };
    let parked_at = matches!(outcome, OutboxOutcome::Parked { .. }).then(|| us(at));
    let settled = run(
        connection,
        "UPDATE outbox SET status = ?3, due_at = ?4, sent_at = ?5, detail = ?6, attempt = iif(?7, 0, attempt), \
         parked_at = ?8, log = ?9, lease_owner = NULL, lease_until = NULL WHERE id = ?1 AND fence = ?2",
        (int(item.id), int(item.fence), status, due_at, sent_at, detail, untried, parked_at, &item.log),
    )?;
    Ok(settled == 1)
}

/// The newest `limit` effects of a kind of a subject, newest last.
pub(super) fn effects(
    connection: &Connection,
    subject_id: &str,
    kind: &str,
    limit: u32,
) -> StoreResult<Vec<OutboxRow>> {
    let mut rows = all(
        connection,
        "SELECT id, subject_id, dedupe_key, kind, payload, created_at, due_at, attempt, sent_at, status, detail, log \
         FROM outbox WHERE subject_id = ?1 AND kind = ?3 ORDER BY id DESC LIMIT ?2",
        (subject_id, limit, kind),
        |row| {
            let created_at = instant(row.get(5)?)?;
            let due_at: Option<i64> = row.get(6)?;
            let sent_at: Option<i64> = row.get(8)?;
            Ok(OutboxRow {
                id: number(row.get(0)?)?,
                subject_id: row.get(1)?,
                dedupe_key: row.get(2)?,
                kind: row.get(3)?,
                payload: row.get(4)?,
                created_at,
                due_at: due_at.map_or(Ok(created_at), instant)?,
                attempt: small(row.get(7)?)?,
                sent_at: sent_at.map(instant).transpose()?,
                status: row.get(9)?,
                detail: row.get(10)?,
                log: row.get(11)?,
            })
        },
    )?;
    rows.reverse();
    Ok(rows)
}

/// Makes effects due once more, whatever became of them; those that still wait stay as they are.
pub(super) fn send_again(
    connection: &Connection,
    subject_id: &str,
    effects: &[NewOutbox],
    at: Timestamp,
) -> StoreResult<()> {
    for effect in effects {
        run(
            connection,
            "INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, due_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (dedupe_key) DO UPDATE SET \
               status = 'pending', due_at = excluded.due_at, attempt = 0, parked_at = NULL WHERE status <> 'pending'",
            (subject_id, &effect.dedupe_key, &effect.kind, &effect.payload, us(at), us(effect.due_at)),
        )?;
    }
    Ok(())
}
