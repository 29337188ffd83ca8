//! Reads everything that accounting rests on and verifies it: every billing entry and the chain they
//! make, the head, every closed run, every kept document. Reading is lenient, so that one damaged row
//! is named and the rest is still looked at. Nothing is mended here.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ledger::chain::{Anchor, Head, Verifier};
use crate::ledger::fault::{Fault, Place};
use crate::ledger::raw::RawHead;
use crate::ledger::{ClosedRun, RawRun, StoredEntry, invoice};
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
    /// At most fifty, in the order of the ledger, then runs, then evidence.
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
        let documents = self.documents().await?;
        self.faults.truncate(LISTED);
        Ok(Audit { head, runs: runs.len() as u64, documents, faults: self.faults })
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
        // The head is read first: entries that come meanwhile lie beyond it, and are no fault.
        let head_row = self.store.raw_head().await?;
        let raw_runs = self.store.raw_runs().await?;
        let mut found = Vec::new();
        let runs = runs(&raw_runs, &mut found);
        let mut anchors = anchors.to_vec();
        anchors.extend(runs.iter().map(|run| Anchor { seq: run.head_seq, hash: run.head_hash }).filter(|a| a.seq > 0));
        let head = self.entries(anchors, head_row).await?;
        self.faults.append(&mut found);
        Ok((head, runs))
    }

    /// The chain, up to its first fault; fields that contradict each other are faults as well.
    async fn entries(&mut self, anchors: Vec<Anchor>, head_row: Option<RawHead>) -> StoreResult<Head> {
        let stated = head_row.as_ref().and_then(stated);
        let mut verifier = Verifier::new(anchors);
        let mut at_stated: Option<StoredEntry> = None;
        loop {
            let after = verifier.head().seq;
            let piece = match self.store.raw_entries(after, PIECE).await {
                Ok(piece) => piece,
                Err(StoreError::Database { what, source }) => {
                    let text = format!("{what}: {source}; the database file itself is damaged here");
                    self.faults.push(Fault::new(Place::Entry(after + 1), None, text));
                    return Ok(verifier.head().clone());
                }
                Err(error) => return Err(error),
            };
            if piece.is_empty() {
                break;
            }
            for row in &piece {
                let read = row.read().map_err(|fault| Fault::at(Place::Entry(row.seq), fault));
                let pushed = read.and_then(|entry| {
                    verifier.push(&entry)?;
                    Ok(entry)
                });
                match pushed {
                    Ok(entry) if stated == Some(entry.seq) => at_stated = Some(entry),
                    Ok(_) => {}
                    Err(fault) => {
                        self.faults.push(fault);
                        return Ok(verifier.head().clone());
                    }
                }
            }
        }
        let end = verifier.head().clone();
        if let Some(fault) = head_fault(head_row.as_ref(), at_stated.as_ref(), &end) {
            self.faults.push(fault);
        }
        if let Err(broken) = verifier.finish() {
            self.faults.push(broken.into());
        }
        Ok(end)
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
            for document in piece {
                let found = hex::encode(Sha256::digest(&document.content));
                if found != document.sha256 {
                    let text = format!("its content has the SHA-256 {found}: it, or its name, was changed");
                    self.faults.push(Fault::new(Place::Evidence(document.sha256), Some("content"), text));
                }
                if self.faults.len() > LISTED {
                    return Ok(count);
                }
            }
        }
    }
}

/// The runs that can be read, with what is wrong with the others and with their seals.
fn runs(raw: &[RawRun], faults: &mut Vec<Fault>) -> Vec<ClosedRun> {
    let mut sound: Vec<ClosedRun> = Vec::new();
    for row in raw {
        let place = Place::Run(String::from_utf8_lossy(&row.run_date).into_owned());
        let run = match row.read() {
            Ok(run) => run,
            Err(fault) => {
                faults.push(Fault::at(place, fault));
                continue;
            }
        };
        if let Some(fault) = run.fault_after(sound.last()) {
            faults.push(explained(place.clone(), fault.field, &fault.what, &run));
        } else if let Err(error) = invoice::from_bytes(&run.lines) {
            faults.push(Fault::new(place.clone(), Some("lines"), error.to_string()));
        }
        sound.push(run);
    }
    sound
}

/// A broken seal covers the whole run; where a line no longer reads as one, that is the place.
fn explained(place: Place, field: &'static str, what: &str, run: &ClosedRun) -> Fault {
    match invoice::from_bytes(&run.lines) {
        Err(error) => Fault::new(place, Some("lines"), format!("{what}: {error}")),
        Ok(lines) if invoice::to_bytes(&lines) != run.lines => {
            Fault::new(place, Some("lines"), format!("{what}: a line is not written as it was"))
        }
        Ok(lines) => match lines.iter().position(|line| line.run != run.run_date || line.head_seq != run.head_seq) {
            Some(at) => Fault::new(place, Some("lines"), format!("{what}: line {} speaks of another run", at + 1)),
            None => Fault::new(place, Some(field), what.to_owned()),
        },
    }
}

fn stated(row: &RawHead) -> Option<u64> {
    row.seq.and_then(|seq| u64::try_from(seq).ok())
}

/// The head row against the entry that it names, and against the ledger's end.
fn head_fault(row: Option<&RawHead>, named: Option<&StoredEntry>, end: &Head) -> Option<Fault> {
    let fault = |field, what: String| Some(Fault::new(Place::Head, field, what));
    let Some(row) = row else {
        let missing = end.seq > 0;
        return missing
            .then(|| Fault::new(Place::Head, None, format!("is missing, the ledger has {} entries", end.seq)));
    };
    let Some(seq) = stated(row) else { return fault(Some("seq"), "is no number of an entry".to_owned()) };
    let Some(entry) = named else {
        let text = format!("names entry {seq}, the ledger ends at {}: its end was cut off", end.seq);
        return fault(Some("seq"), text);
    };
    if row.hash != entry.hash {
        return fault(Some("hash"), format!("is not that of entry {seq}"));
    }
    if row.recorded_at != Some(entry.recorded_at.as_microsecond()) {
        return fault(Some("recorded_at"), format!("is not that of entry {seq}"));
    }
    None
}
