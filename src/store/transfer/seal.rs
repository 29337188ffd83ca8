//! The ledger's chain in a database that was copied: followed entry by entry, and held against the
//! heads that closed invoicing runs wrote down.

use super::rows::{Row, Table, Value};
use crate::ledger::chain::{Anchor, Head, Verifier};
use crate::ledger::raw::RawEntry;
use crate::store::value::{hash, number};
use crate::store::{StoreError, StoreResult};

/// Which tables are looked at, those with the anchors first.
pub(super) const RUNS: &str = "invoicing_run";
pub(super) const ENTRIES: &str = "billing_entry";

/// Follows the chain as its rows come.
#[derive(Debug, Default)]
pub(super) struct Seal {
    anchors: Vec<Anchor>,
    verifier: Option<Verifier>,
}

impl Seal {
    /// A row of any table; those of [`RUNS`] have to come before those of [`ENTRIES`].
    pub(super) fn add(&mut self, table: &Table, row: &Row) -> StoreResult<()> {
        let value = |column: &str| {
            let place = table.columns.iter().position(|(name, _)| name == column);
            place.and_then(|place| row.get(place)).cloned().unwrap_or(Value::Null)
        };
        match table.name.as_str() {
            RUNS => {
                let (seq, hash) = (number(int(&value("head_seq")).unwrap_or(-1))?, hash(&bytes(value("head_hash")))?);
                // A run over an empty ledger rests on nothing.
                self.anchors.extend((seq > 0).then_some(Anchor { seq, hash }));
            }
            ENTRIES => {
                let raw = RawEntry {
                    seq: number(int(&value("seq")).unwrap_or(-1))?,
                    customer_id: bytes(value("customer_id")),
                    kind: bytes(value("kind")),
                    valid_from: bytes(value("valid_from")),
                    recorded_at: int(&value("recorded_at")),
                    body: bytes(value("body")),
                    prev_hash: bytes(value("prev_hash")),
                    hash: bytes(value("hash")),
                };
                let entry = raw.read().map_err(|fault| broken(format!("entry {}: {fault}", raw.seq)))?;
                let anchors = &self.anchors;
                let verifier = self.verifier.get_or_insert_with(|| Verifier::new(anchors.clone()));
                verifier.push(&entry).map_err(|error| broken(error.to_string()))?;
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn finish(self) -> StoreResult<Head> {
        let anchors = self.anchors;
        self.verifier.unwrap_or_else(|| Verifier::new(anchors)).finish().map_err(|error| broken(error.to_string()))
    }
}

fn broken(why: String) -> StoreError {
    StoreError::Database { what: "the ledger is not as it was sealed", source: why.into() }
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::Null | Value::Text(_) | Value::Bytes(_) => None,
    }
}

fn bytes(value: Value) -> Vec<u8> {
    match value {
        Value::Text(text) => text.into_bytes(),
        Value::Bytes(bytes) => bytes,
        Value::Null | Value::Int(_) => Vec::new(),
    }
}
