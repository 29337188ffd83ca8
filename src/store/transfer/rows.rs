//! Tables as both databases know them, and rows without their meaning. Tables and columns are read off
//! the schema itself, so that a migration cannot be forgotten here.

use sha2::{Digest, Sha256};

/// How a column is kept: TEXT, INTEGER or BLOB in SQLite; text, bigint or bytea in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Int,
    Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub name: String,
    /// In the order of their names: those that a later migration added may stand elsewhere.
    pub columns: Vec<(String, Kind)>,
    /// Columns of the primary key, in its order.
    pub key: Vec<String>,
}

impl Table {
    /// The columns, quoted, for a statement.
    pub(super) fn column_list(&self) -> String {
        self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
    }

    /// Every row, in the order of the key.
    pub(super) fn select(&self) -> String {
        let key: Vec<String> = self.key.iter().map(|name| format!("\"{name}\"")).collect();
        format!("SELECT {} FROM \"{}\" ORDER BY {}", self.column_list(), self.name, key.join(", "))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Text(String),
    Int(i64),
    Bytes(Vec<u8>),
}

pub(super) type Row = Vec<Value>;

/// Counts rows and seals what they say, in their order.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    rows: u64,
    hash: Sha256,
}

impl Tally {
    pub(super) fn add(&mut self, row: &Row) {
        self.rows += 1;
        for value in row {
            // Kind and length first: no two rows have the same bytes.
            let (kind, bytes): (u8, &[u8]) = match value {
                Value::Null => (0, &[]),
                Value::Text(text) => (1, text.as_bytes()),
                Value::Int(number) => (2, &number.to_be_bytes()),
                Value::Bytes(bytes) => (3, bytes),
            };
            self.hash.update([kind]);
            self.hash.update((bytes.len() as u64).to_be_bytes());
            self.hash.update(bytes);
        }
    }

    pub(super) fn finish(self) -> Total {
        Total { rows: self.rows, hash: self.hash.finalize().into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Total {
    pub rows: u64,
    pub hash: [u8; 32],
}
