//! The ledger, its head, closed runs and evidence exactly as the file has them, for whoever verifies
//! them: a damaged value is handed out as it is. Nothing is judged here.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::columns::{all, first, int, number};
use crate::store::{KeptEvidence, RawEntry, RawHead, RawRun, StoreResult};

pub(super) fn entries(connection: &Connection, after_seq: u64, limit: u32) -> StoreResult<Vec<RawEntry>> {
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

pub(super) fn head(connection: &Connection) -> StoreResult<Option<RawHead>> {
    first(connection, "SELECT seq, recorded_at, hash FROM ledger_head", [], |row| {
        Ok(RawHead { seq: integer(row, 0)?, recorded_at: integer(row, 1)?, hash: bytes(row, 2)? })
    })
}

pub(super) fn runs(connection: &Connection) -> StoreResult<Vec<RawRun>> {
    all(
        connection,
        "SELECT run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash FROM invoicing_run \
         ORDER BY run_date",
        [],
        |row| {
            Ok(RawRun {
                run_date: bytes(row, 0)?,
                closed_at: integer(row, 1)?,
                closed_by: bytes(row, 2)?,
                head_seq: integer(row, 3)?,
                head_hash: bytes(row, 4)?,
                lines: bytes(row, 5)?,
                prev_hash: bytes(row, 6)?,
                hash: bytes(row, 7)?,
            })
        },
    )
}

pub(super) fn evidence(connection: &Connection, after: &str, limit: u32) -> StoreResult<Vec<KeptEvidence>> {
    all(
        connection,
        "SELECT sha256, content FROM evidence WHERE sha256 > ?1 ORDER BY sha256 LIMIT ?2",
        (after, limit),
        |row| {
            let sha256 = String::from_utf8_lossy(&bytes(row, 0)?).into_owned();
            Ok(KeptEvidence { sha256, content: bytes(row, 1)? })
        },
    )
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
