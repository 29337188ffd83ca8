//! Billing entries, their head, evidence and frozen runs. Entries get their place in the chain under
//! the head's row, inside the transaction that appends them; they are only ever inserted.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::{Connection, Row};

use super::columns::{all, first, from_json, hash, instant, int, json, number, run, unreadable, us};
use super::commit::put_out;
use super::journal;
use crate::ledger::EntryDraft;
use crate::ledger::chain::Head;
use crate::ledger::journal::{Kept, of_evidence};
use crate::store::{ClosedRun, INVOICING, NewOutbox, StoreError, StoreResult, StoredEntry};

/// Appends entries in the order given.
pub(super) fn append(connection: &Connection, drafts: &[EntryDraft], at: Timestamp) -> StoreResult<Vec<StoredEntry>> {
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    let mut head = head(connection)?;
    let stored = head.append(at, drafts.to_vec());
    for entry in &stored {
        insert(connection, entry)?;
    }
    run(
        connection,
        "INSERT INTO ledger_head (one, seq, recorded_at, hash) VALUES (1, ?1, ?2, ?3) \
         ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, recorded_at = excluded.recorded_at, hash = excluded.hash",
        (int(head.seq), head.recorded_at.map(us), &head.hash[..]),
    )?;
    Ok(stored)
}

fn head(connection: &Connection) -> StoreResult<Head> {
    let stored = first(connection, "SELECT seq, recorded_at, hash FROM ledger_head WHERE one = 1", [], |row| {
        Ok(Head {
            seq: number(row.get(0)?)?,
            recorded_at: Some(instant(row.get(1)?)?),
            hash: hash(&row.get::<_, Vec<u8>>(2)?)?,
        })
    })?;
    Ok(stored.unwrap_or(Head::EMPTY))
}

fn insert(connection: &Connection, entry: &StoredEntry) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO billing_entry (seq, customer_id, kind, valid_from, recorded_at, body, prev_hash, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            int(entry.seq),
            &entry.draft.customer_id,
            entry.draft.kind.name(),
            entry.draft.valid_from.to_string(),
            us(entry.recorded_at),
            json(&entry.draft)?,
            &entry.prev_hash[..],
            &entry.hash[..],
        ),
    )?;
    Ok(())
}

pub(super) fn entries(
    connection: &Connection,
    customer_id: Option<&str>,
    after_seq: u64,
    limit: u32,
) -> StoreResult<Vec<StoredEntry>> {
    const COLUMNS: &str =
        "SELECT seq, recorded_at, body, prev_hash, hash, customer_id FROM billing_entry WHERE seq > ?1";
    match customer_id {
        Some(customer) => all(
            connection,
            &format!("{COLUMNS} AND customer_id = ?3 ORDER BY seq LIMIT ?2"),
            (int(after_seq), limit, customer),
            entry,
        ),
        None => all(connection, &format!("{COLUMNS} ORDER BY seq LIMIT ?2"), (int(after_seq), limit), entry),
    }
}

pub(super) fn by_customer(
    connection: &Connection,
    (customer, seq): (&str, u64),
    known_seq: u64,
    limit: u32,
) -> StoreResult<Vec<StoredEntry>> {
    all(
        connection,
        "SELECT seq, recorded_at, body, prev_hash, hash, customer_id FROM billing_entry \
         WHERE (customer_id, seq) > (?1, ?2) AND seq <= ?3 ORDER BY customer_id, seq LIMIT ?4",
        (customer, int(seq), int(known_seq), limit),
        entry,
    )
}

/// The customer is the one of the column that look-ups go by: were it another than the sealed one,
/// the seal would not hold, and `verify` names the entry.
fn entry(row: &Row<'_>) -> StoreResult<StoredEntry> {
    let mut draft: EntryDraft = from_json(&row.get::<_, String>(2)?)?;
    draft.customer_id = row.get(5)?;
    Ok(StoredEntry {
        seq: number(row.get(0)?)?,
        recorded_at: instant(row.get(1)?)?,
        draft,
        prev_hash: hash(&row.get::<_, Vec<u8>>(3)?)?,
        hash: hash(&row.get::<_, Vec<u8>>(4)?)?,
    })
}

pub(super) fn customers(connection: &Connection, after: &str, limit: u32) -> StoreResult<Vec<String>> {
    all(
        connection,
        "SELECT DISTINCT customer_id FROM billing_entry WHERE customer_id > ?1 ORDER BY customer_id LIMIT ?2",
        (after, limit),
        |row| Ok(row.get(0)?),
    )
}

pub(super) fn keep_evidence(connection: &Connection, sha256: &str, content: &[u8], at: Timestamp) -> StoreResult<()> {
    use sha2::{Digest, Sha256};
    if hex::encode(Sha256::digest(content)) != sha256 {
        return Err(StoreError::Conflict("the evidence does not have the SHA-256 it came with".to_owned()));
    }
    let new = run(
        connection,
        "INSERT INTO evidence (sha256, content, kept_at) VALUES (?1, ?2, ?3) ON CONFLICT (sha256) DO NOTHING",
        (sha256, content, us(at)),
    )?;
    if new > 0 {
        journal::add(connection, Kept::Evidence, sha256, of_evidence(sha256, Some(us(at))))?;
    }
    Ok(())
}

pub(super) fn evidence(connection: &Connection, sha256: &str) -> StoreResult<Option<Vec<u8>>> {
    first(connection, "SELECT content FROM evidence WHERE sha256 = ?1", [sha256], |row| Ok(row.get(0)?))
}

const RUN: &str =
    "SELECT run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash FROM invoicing_run";

pub(super) fn closed_run(connection: &Connection, date: Date) -> StoreResult<Option<ClosedRun>> {
    first(connection, &format!("{RUN} WHERE run_date = ?1"), [date.to_string()], closed)
}

pub(super) fn closed_runs(connection: &Connection) -> StoreResult<Vec<ClosedRun>> {
    all(connection, &format!("{RUN} ORDER BY run_date"), [], closed)
}

pub(super) fn close_run(connection: &Connection, new: &ClosedRun, tell: &[NewOutbox]) -> StoreResult<()> {
    if let Some(old) = closed_run(connection, new.run_date)? {
        return new.may_repeat(&old).map_err(StoreError::Conflict);
    }
    let last = first(connection, &format!("{RUN} ORDER BY run_date DESC LIMIT 1"), [], closed)?;
    new.may_follow(last.as_ref()).map_err(StoreError::Conflict)?;
    run(
        connection,
        "INSERT INTO invoicing_run (run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            new.run_date.to_string(),
            us(new.closed_at),
            &new.closed_by,
            int(new.head_seq),
            &new.head_hash[..],
            &new.lines,
            &new.prev_hash[..],
            &new.hash[..],
        ),
    )?;
    journal::add_run(connection, &new.into())?;
    put_out(connection, INVOICING, new.closed_at, tell)
}

fn closed(row: &Row<'_>) -> StoreResult<ClosedRun> {
    let date: String = row.get(0)?;
    let seal = |column: usize| match row.get::<_, Option<Vec<u8>>>(column)? {
        Some(bytes) => hash(&bytes),
        None => Ok([0; 32]),
    };
    Ok(ClosedRun {
        run_date: date.parse::<Date>().map_err(unreadable)?,
        closed_at: instant(row.get(1)?)?,
        closed_by: row.get(2)?,
        head_seq: number(row.get(3)?)?,
        head_hash: hash(&row.get::<_, Vec<u8>>(4)?)?,
        lines: row.get(5)?,
        prev_hash: seal(6)?,
        hash: seal(7)?,
    })
}
