//! The audit of a SQLite file that is copied or backed up: everything that `fencepost ledger verify`
//! looks at, in the file itself. What is found is said; nothing is mended.

use rusqlite::Connection;

use crate::ledger::audit::{self, Books, JournalWalk};
use crate::ledger::chain::{Anchor, Head};
use crate::ledger::fault::Fault;
use crate::store::sqlite::audit as raw;
use crate::store::value::{hash, number};
use crate::store::{StoreError, StoreResult};

/// Rows read at once, and documents, of which each may be a whole mail.
const PIECE: u32 = 1_000;
const DOCUMENTS: u32 = 16;

/// What was found sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sound {
    /// Where the ledger ends.
    pub head: Head,
    pub runs: u64,
    pub documents: u64,
    /// Looks that permits rest on.
    pub looks: u64,
}

/// Entries, head, closed runs, the journal, documents and looks. A file of an early schema, which has no
/// journal yet, is held against what it has: the chain and the heads of its runs.
///
/// # Errors
/// The first that is not as it was sealed.
pub(super) fn verify(db: &Connection) -> StoreResult<Sound> {
    if !has_journal(db)? {
        let head = entries(db, Books::new(&[], raw::head(db)?, &heads_of_runs(db)?))?.0;
        return Ok(Sound { head, runs: 0, documents: 0, looks: 0 });
    }
    let (head, runs) = entries(db, Books::new(&raw::runs(db)?, raw::head(db)?, &[]))?;
    journal(db)?;
    Ok(Sound { head, runs, documents: documents(db)?, looks: looks(db)? })
}

fn entries(db: &Connection, mut books: Books) -> StoreResult<(Head, u64)> {
    loop {
        let piece = raw::entries(db, books.after(), PIECE)?;
        if piece.is_empty() || !piece.iter().all(|row| books.entry(row)) {
            break;
        }
    }
    let (head, runs, faults) = books.finish();
    sound(faults.into_iter().next())?;
    Ok((head, runs.len() as u64))
}

fn journal(db: &Connection) -> StoreResult<()> {
    let mut walk = JournalWalk::new(raw::journal_end(db)?);
    loop {
        let piece = raw::journal(db, walk.after(), PIECE)?;
        if piece.is_empty() {
            return sound(walk.finish());
        }
        for line in piece {
            sound(walk.line(line).into_iter().next())?;
        }
    }
}

fn documents(db: &Connection) -> StoreResult<u64> {
    let (mut after, mut count) = (String::new(), 0);
    loop {
        let piece = raw::evidence(db, &after, DOCUMENTS)?;
        let Some(last) = piece.last() else { return Ok(count) };
        after.clone_from(&last.sha256);
        count += piece.len() as u64;
        for kept in piece {
            sound(audit::document(&kept.sha256, &kept.content, kept.kept_at, &kept.line))?;
        }
    }
}

fn looks(db: &Connection) -> StoreResult<u64> {
    let (mut after, mut count) = ((String::new(), String::new()), 0);
    loop {
        let piece = raw::looks(db, (&after.0, &after.1), DOCUMENTS)?;
        let Some(last) = piece.last() else { return Ok(count) };
        after = (last.subject_id.clone(), last.sha256.clone());
        count += piece.len() as u64;
        for kept in piece {
            let named = (kept.subject_id.as_str(), kept.sha256.as_str());
            sound(audit::look(named, &kept.kind, kept.observed_at, &kept.body, &kept.line))?;
        }
    }
}

fn has_journal(db: &Connection) -> StoreResult<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'journal')";
    Ok(db.query_row(sql, [], |row| row.get(0))?)
}

fn heads_of_runs(db: &Connection) -> StoreResult<Vec<Anchor>> {
    let mut statement = db.prepare("SELECT head_seq, head_hash FROM invoicing_run WHERE head_seq > 0")?;
    let mut rows = statement.query([])?;
    let mut anchors = Vec::new();
    while let Some(row) = rows.next()? {
        anchors.push(Anchor { seq: number(row.get(0)?)?, hash: hash(&row.get::<_, Vec<u8>>(1)?)? });
    }
    Ok(anchors)
}

fn sound(fault: Option<Fault>) -> StoreResult<()> {
    fault.map_or(Ok(()), |fault| {
        let why = format!("{fault}. {}", fault.remedy());
        Err(StoreError::Database { what: "the books are not as they were sealed", source: why.into() })
    })
}
