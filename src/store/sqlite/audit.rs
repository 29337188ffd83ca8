//! The ledger, its head, closed runs and evidence exactly as the file has them, for whoever verifies
//! them: a damaged value is handed out as it is. Nothing is judged here.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::columns::{all, first, int, number};
use crate::ledger::journal::{RawEnd, RawLine};
use crate::store::{KeptEvidence, KeptLook, RawEntry, RawHead, RawRun, StoreResult};

pub(in crate::store) fn entries(connection: &Connection, after_seq: u64, limit: u32) -> StoreResult<Vec<RawEntry>> {
    all(
        connection,
        "SELECT seq, customer_id, kind, valid_from, recorded_at, body, prev_hash, hash FROM billing_entry \
         WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        (int(after_seq), limit),
        |row| {
            Ok(RawEntry {
                seq: number(row.get(0)?)?,
                customer_id: bytes(row, 1)?,
                kind: bytes(row, 2)?,
                valid_from: bytes(row, 3)?,
                recorded_at: integer(row, 4)?,
                body: bytes(row, 5)?,
                prev_hash: bytes(row, 6)?,
                hash: bytes(row, 7)?,
            })
        },
    )
}

pub(in crate::store) fn head(connection: &Connection) -> StoreResult<Option<RawHead>> {
    first(connection, "SELECT seq, recorded_at, hash FROM ledger_head", [], |row| {
        Ok(RawHead { seq: integer(row, 0)?, recorded_at: integer(row, 1)?, hash: bytes(row, 2)? })
    })
}

pub(in crate::store) fn runs(connection: &Connection) -> StoreResult<Vec<RawRun>> {
    all(
        connection,
        "SELECT run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash, \
         (SELECT j.digest FROM journal j WHERE j.kind = 'run' AND j.key = run_date) FROM invoicing_run ORDER BY run_date",
        [],
        run,
    )
}

/// Before there is a journal.
pub(super) fn bare_runs(connection: &Connection) -> StoreResult<Vec<RawRun>> {
    all(
        connection,
        "SELECT run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash, NULL FROM invoicing_run \
         ORDER BY run_date",
        [],
        run,
    )
}

fn run(row: &Row<'_>) -> StoreResult<RawRun> {
    Ok(RawRun {
        run_date: bytes(row, 0)?,
        closed_at: integer(row, 1)?,
        closed_by: bytes(row, 2)?,
        head_seq: integer(row, 3)?,
        head_hash: bytes(row, 4)?,
        lines: bytes(row, 5)?,
        prev_hash: bytes(row, 6)?,
        hash: bytes(row, 7)?,
        line: bytes(row, 8)?,
    })
}

pub(in crate::store) fn evidence(connection: &Connection, after: &str, limit: u32) -> StoreResult<Vec<KeptEvidence>> {
    all(
        connection,
        "SELECT sha256, content, kept_at, (SELECT j.digest FROM journal j WHERE j.kind = 'evidence' AND j.key = sha256) \
         FROM evidence WHERE sha256 > ?1 ORDER BY sha256 LIMIT ?2",
        (after, limit),
        |row| {
            let sha256 = name(row, 0)?;
            Ok(KeptEvidence { sha256, content: bytes(row, 1)?, kept_at: integer(row, 2)?, line: bytes(row, 3)? })
        },
    )
}

pub(in crate::store) fn looks(connection: &Connection, after: (&str, &str), limit: u32) -> StoreResult<Vec<KeptLook>> {
    all(
        connection,
        "SELECT subject_id, sha256, kind, observed_at, body, \
         (SELECT j.digest FROM journal j WHERE j.kind = 'look' AND j.key = subject_id || '/' || sha256) \
         FROM observation_archive WHERE (subject_id, sha256) > (?1, ?2) ORDER BY subject_id, sha256 LIMIT ?3",
        (after.0, after.1, limit),
        |row| {
            Ok(KeptLook {
                subject_id: name(row, 0)?,
                sha256: name(row, 1)?,
                kind: bytes(row, 2)?,
                observed_at: integer(row, 3)?,
                body: bytes(row, 4)?,
                line: bytes(row, 5)?,
            })
        },
    )
}

pub(in crate::store) fn journal(connection: &Connection, after_seq: u64, limit: u32) -> StoreResult<Vec<RawLine>> {
    all(
        connection,
        // The name of a look ends in a slash and 64 hex digits.
        "SELECT seq, kind, key, digest, hash, CASE kind \
           WHEN 'evidence' THEN EXISTS (SELECT 1 FROM evidence WHERE sha256 = key) \
           WHEN 'run' THEN EXISTS (SELECT 1 FROM invoicing_run WHERE run_date = key) \
           ELSE EXISTS (SELECT 1 FROM observation_archive \
                        WHERE subject_id = substr(key, 1, length(key) - 65) AND sha256 = substr(key, -64)) END \
         FROM journal WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        (int(after_seq), limit),
        |row| {
            Ok(RawLine {
                seq: number(row.get(0)?)?,
                kind: bytes(row, 1)?,
                key: bytes(row, 2)?,
                digest: bytes(row, 3)?,
                hash: bytes(row, 4)?,
                there: row.get(5)?,
            })
        },
    )
}

pub(in crate::store) fn journal_end(connection: &Connection) -> StoreResult<Option<RawEnd>> {
    first(connection, "SELECT seq, hash FROM journal_end", [], |row| {
        Ok(RawEnd { seq: integer(row, 0)?, hash: bytes(row, 1)? })
    })
}

/// Names are compared and shown; bytes that are no text make one that is found nowhere.
fn name(row: &Row<'_>, column: usize) -> StoreResult<String> {
    Ok(String::from_utf8_lossy(&bytes(row, column)?).into_owned())
}

fn bytes(row: &Row<'_>, column: usize) -> StoreResult<Vec<u8>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
        ValueRef::Null => Vec::new(),
        ValueRef::Integer(number) => number.to_string().into_bytes(),
        ValueRef::Real(number) => number.to_string().into_bytes(),
    })
}

fn integer(row: &Row<'_>, column: usize) -> StoreResult<Option<i64>> {
    Ok(row.get_ref(column)?.as_i64().ok())
}
