//! Reads everything that accounting rests on and has it judged: every billing entry and the chain they
//! make, the head, every closed run, every kept document and look, and the journal that says what was
//! kept. Reading is lenient, so that one damaged row is named and the rest is still looked at. Nothing is
//! mended here, and nothing judged.

use std::sync::Arc;

use crate::ledger::audit::{self, Books, JournalWalk};
use crate::ledger::chain::{Anchor, Head};
use crate::ledger::fault::{Fault, Place};
use crate::ledger::{ClosedRun, journal};
use crate::store::{Store, StoreError, StoreResult};

/// Rows read at once.
const PIECE: u32 = 1_000;
/// Documents read at once: each may be a whole mail.
const DOCUMENTS: u32 = 16;
/// Faults that are listed; whoever has more needs a backup, not a longer list.
const LISTED: usize = 50;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// The verified head; of the part before the first fault where there is one.
    pub head: Head,
    pub runs: u64,
    pub documents: u64,
    /// Looks that permits rest on.
    pub looks: u64,
    /// At most fifty, in the order of the ledger, then runs, then the journal, then evidence.
    pub faults: Vec<Fault>,
}

impl Audit {
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.faults.is_empty()
    }
}

pub(super) struct Auditor<'a> {
    store: &'a Arc<dyn Store>,
    faults: Vec<Fault>,
}

impl<'a> Auditor<'a> {
    pub(super) fn new(store: &'a Arc<dyn Store>) -> Self {
        Self { store, faults: Vec::new() }
    }

    /// Everything, against the heads that closed runs rest on, the head row, and `anchors` written down
    /// elsewhere.
    pub(super) async fn whole(mut self, anchors: &[Anchor]) -> StoreResult<Audit> {
        let (head, runs) = self.books(anchors).await?;
        self.journal().await?;
        let documents = self.documents().await?;
        let looks = self.looks().await?;
        self.faults.truncate(LISTED);
        Ok(Audit { head, runs: runs.len() as u64, documents, looks, faults: self.faults })
    }

    /// Entries and runs: what an invoice is computed from.
    ///
    /// # Errors
    /// The first fault.
    pub(super) async fn sound(mut self) -> StoreResult<Result<(Head, Vec<ClosedRun>), Fault>> {
        let books = self.books(&[]).await?;
        Ok(match self.faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(books),
        })
    }

    async fn books(&mut self, anchors: &[Anchor]) -> StoreResult<(Head, Vec<ClosedRun>)> {
        let head = self.store.raw_head().await?;
        let mut books = Books::new(&self.store.raw_runs().await?, head, anchors);
        let read = |after: u64| {
            let store = self.store.clone();
            tokio::spawn(async move { store.raw_entries(after, PIECE).await })
        };
        let mut next = read(0);
        loop {
            match next.await.map_err(|error| StoreError::Unavailable(Box::new(error)))? {
                Ok(piece) => {
                    let Some(last) = piece.last() else { break };
                    // One piece is read while the one before it is judged, on another core.
                    next = read(last.seq);
                    if !piece.iter().all(|row| books.entry(row)) {
                        next.abort();
                        break;
                    }
                }
                Err(StoreError::Database { what, source }) => {
                    books.unreadable(&format!("{what}: {source}; the database file itself is damaged"));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let (head, runs, faults) = books.finish();
        self.faults.extend(faults);
        Ok((head, runs))
    }

    async fn documents(&mut self) -> StoreResult<u64> {
        let (mut after, mut count) = (String::new(), 0);
        loop {
            let piece = match self.store.kept_evidence(&after, DOCUMENTS).await {
                Ok(piece) => piece,
                Err(StoreError::Database { what, source }) => {
                    let text = format!("{what}: {source}; the database file itself is damaged after this one");
                    self.faults.push(Fault::new(Place::Evidence(after), None, text));
                    return Ok(count);
                }
                Err(error) => return Err(error),
            };
            let Some(last) = piece.last() else { return Ok(count) };
            if last.sha256 <= after {
                let text = "its name cannot be compared; what follows it was not looked at";
                self.faults.push(Fault::new(Place::Evidence(last.sha256.clone()), Some("sha256"), text));
                return Ok(count);
            }
            after.clone_from(&last.sha256);
            count += piece.len() as u64;
            for kept in piece {
                self.faults.extend(audit::document(&kept.sha256, &kept.content, kept.kept_at, &kept.line));
                if self.faults.len() > LISTED {
                    return Ok(count);
                }
            }
        }
    }

    async fn looks(&mut self) -> StoreResult<u64> {
        let (mut after, mut count) = ((String::new(), String::new()), 0);
        loop {
            let piece = match self.store.kept_looks((&after.0, &after.1), DOCUMENTS).await {
                Ok(piece) => piece,
                Err(StoreError::Database { what, source }) => {
                    let text = format!("{what}: {source}; the database file itself is damaged after this one");
                    let place = Place::Look(journal::look_key(&after.0, &after.1));
                    self.faults.push(Fault::new(place, None, text));
                    return Ok(count);
                }
                Err(error) => return Err(error),
            };
            let Some(last) = piece.last() else { return Ok(count) };
            let end = (last.subject_id.clone(), last.sha256.clone());
            if end <= after {
                let text = "its name cannot be compared; what follows it was not looked at";
                let place = Place::Look(journal::look_key(&last.subject_id, &last.sha256));
                self.faults.push(Fault::new(place, Some("sha256"), text));
                return Ok(count);
            }
            after = end;
            count += piece.len() as u64;
            for kept in &piece {
                let named = (kept.subject_id.as_str(), kept.sha256.as_str());
                self.faults.extend(audit::look(named, &kept.kind, kept.observed_at, &kept.body, &kept.line));
                if self.faults.len() > LISTED {
                    return Ok(count);
                }
            }
        }
    }

    async fn journal(&mut self) -> StoreResult<()> {
        let mut walk = JournalWalk::new(self.store.raw_journal_end().await?);
        loop {
            let piece = match self.store.raw_journal(walk.after(), PIECE).await {
                Ok(piece) => piece,
                Err(StoreError::Database { what, source }) => {
                    let text = format!("{what}: {source}; the database file itself is damaged here");
                    self.faults.push(Fault::new(Place::Line(walk.after() + 1), None, text));
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            if piece.is_empty() {
                break;
            }
            for line in piece {
                self.faults.extend(walk.line(line));
                if self.faults.len() > LISTED {
                    return Ok(());
                }
            }
        }
        self.faults.extend(walk.finish());
        Ok(())
    }
}
