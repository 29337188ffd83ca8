//! Reads everything that accounting rests on and verifies it: every billing entry and the chain they
//! make, the head, every closed run, every kept document and look, and the journal that says what was
//! kept. Reading is lenient, so that one damaged row is named and the rest is still looked at. Nothing is
//! mended here.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ledger::chain::{Anchor, Head, Verifier};
use crate::ledger::fault::{Fault, Place};
use crate::ledger::journal::{self, RawEnd, RawLine};
use crate::ledger::raw::RawHead;
use crate::ledger::{ClosedRun, Hash, RawRun, StoredEntry, invoice};
use crate::store::{KeptLook, Store, StoreError, StoreResult};

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
                let kept = Kept { name: &document.sha256, content: &document.content, line: &document.line };
                let digest = journal::of_evidence(&document.sha256, document.kept_at);
                let fault = kept.fault(("content", "kept_at"), digest);
                self.faults.extend(
                    fault.map(|(field, text)| Fault::new(Place::Evidence(document.sha256.clone()), field, text)),
                );
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
            let place = |look: &KeptLook| Place::Look(journal::look_key(&look.subject_id, &look.sha256));
            if end <= after {
                let text = "its name cannot be compared; what follows it was not looked at";
                self.faults.push(Fault::new(place(last), Some("sha256"), text));
                return Ok(count);
            }
            after = end;
            count += piece.len() as u64;
            for look in &piece {
                let kept = Kept { name: &look.sha256, content: &look.body, line: &look.line };
                let digest = journal::of_look(&look.subject_id, &look.sha256, &look.kind, look.observed_at);
                let fault = kept.fault(("body", "observed_at"), digest);
                self.faults.extend(fault.map(|(field, text)| Fault::new(place(look), field, text)));
                if self.faults.len() > LISTED {
                    return Ok(count);
                }
            }
        }
    }

    /// Every line as it was written, each about something that is still there, up to the end that was
    /// written down. What is there and has no line is told with the thing itself.
    async fn journal(&mut self) -> StoreResult<()> {
        let end = self.store.raw_journal_end().await?;
        let mut last = RawLine { hash: vec![0; 32], ..RawLine::default() };
        let mut named = None;
        loop {
            let piece = match self.store.raw_journal(last.seq, PIECE).await {
                Ok(piece) => piece,
                Err(StoreError::Database { what, source }) => {
                    let text = format!("{what}: {source}; the database file itself is damaged here");
                    self.faults.push(Fault::new(Place::Line(last.seq + 1), None, text));
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            if piece.is_empty() {
                break;
            }
            for line in piece {
                self.faults.extend(line_faults(&last, &line));
                if self.faults.len() > LISTED {
                    return Ok(());
                }
                if end.as_ref().and_then(|end| end.seq) == i64::try_from(line.seq).ok() {
                    named = Some(line.hash.clone());
                }
                last = line;
            }
        }
        self.faults.extend(end_fault(end.as_ref(), named.as_deref(), last.seq));
        Ok(())
    }
}

/// Something that is kept by the SHA-256 of its content.
struct Kept<'a> {
    name: &'a str,
    content: &'a [u8],
    /// What the journal has of it.
    line: &'a [u8],
}

impl Kept<'_> {
    /// Where it is wrong, and how. `digest` is what the journal should have.
    fn fault(
        &self,
        (content, time): (&'static str, &'static str),
        digest: Hash,
    ) -> Option<(Option<&'static str>, String)> {
        let found = hex::encode(Sha256::digest(self.content));
        if found != self.name {
            return Some((
                Some(content),
                format!("its {content} has the SHA-256 {found}: it, or its name, was changed"),
            ));
        }
        if self.line.is_empty() {
            return Some((
                None,
                "the journal has no line about it: it was slipped in, or the line was taken out".to_owned(),
            ));
        }
        (self.line != digest).then(|| {
            (Some(time), "is not what the journal has, or another field that tells about it is not".to_owned())
        })
    }
}

fn line_faults(before: &RawLine, line: &RawLine) -> Vec<Fault> {
    let mut faults = Vec::new();
    if line.seq != before.seq + 1 {
        let text = format!("is missing, and so is every line up to {}", line.seq - 1);
        faults.push(Fault::new(Place::Line(before.seq + 1), None, text));
    } else if !line.follows(&before.hash) {
        faults.push(Fault::new(
            Place::Line(line.seq),
            None,
            "is not as it was written, or does not follow the line before it",
        ));
    }
    if !line.there {
        let key = String::from_utf8_lossy(&line.key).into_owned();
        let place = match journal::Kept::of(&line.kind) {
            Some(journal::Kept::Evidence) => Place::Evidence(key),
            Some(journal::Kept::Run) => Place::Run(key),
            Some(journal::Kept::Look) => Place::Look(key),
            None => Place::Line(line.seq),
        };
        faults.push(Fault::new(
            place,
            None,
            format!("is gone: line {} of the journal says that it was kept", line.seq),
        ));
    }
    faults
}

/// The end that was written down against the line that it names, and against the last line.
fn end_fault(end: Option<&RawEnd>, named: Option<&[u8]>, last: u64) -> Option<Fault> {
    let fault = |field, what: String| Some(Fault::new(Place::JournalEnd, field, what));
    let Some(end) = end else {
        return (last > 0)
            .then(|| Fault::new(Place::JournalEnd, None, format!("is missing, the journal has {last} lines")));
    };
    let seq = end.seq.unwrap_or_default();
    match named {
        None => fault(Some("seq"), format!("names line {seq}, the journal ends at {last}: its end was cut off")),
        Some(hash) if hash != end.hash => fault(Some("hash"), format!("is not that of line {seq}")),
        Some(_) => None,
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
        } else if row.line.is_empty() {
            let text = "the journal has no line about it: it was slipped in, or the line was taken out";
            faults.push(Fault::new(place.clone(), None, text));
        } else if row.line != journal::of_run(row) {
            faults.push(Fault::new(place.clone(), None, "is not what the journal has of it"));
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
