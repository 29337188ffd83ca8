//! The judgement of an audit: rows exactly as a database has them come in, what is wrong with them comes
//! out. Whoever has a database hands the rows over, in their order; nothing here reads one.

use sha2::{Digest, Sha256};

use super::chain::{Anchor, Head, Verifier};
use super::fault::{Fault, Place};
use super::journal::{self, RawEnd, RawLine};
use super::raw::{RawEntry, RawHead};
use super::{ClosedRun, Hash, RawRun, StoredEntry, invoice};

/// Entries and closed runs: what an invoice is computed from.
#[derive(Debug)]
pub struct Books {
    verifier: Verifier,
    runs: Vec<ClosedRun>,
    of_runs: Vec<Fault>,
    head: Option<RawHead>,
    /// The entry that the head names.
    named: Option<StoredEntry>,
    broken: Option<Fault>,
}

impl Books {
    /// Of these runs, with what the head row says and `anchors` written down elsewhere. The head has to be
    /// read before the entries: those that come meanwhile lie beyond it, and are no fault.
    #[must_use]
    pub fn new(runs: &[RawRun], head: Option<RawHead>, anchors: &[Anchor]) -> Self {
        let mut of_runs = Vec::new();
        let runs = judge_runs(runs, &mut of_runs);
        let of_heads = runs.iter().map(|run| Anchor { seq: run.head_seq, hash: run.head_hash });
        // A run over an empty ledger rests on nothing.
        let anchors = anchors.iter().copied().chain(of_heads.filter(|anchor| anchor.seq > 0)).collect();
        Self { verifier: Verifier::new(anchors), runs, of_runs, head, named: None, broken: None }
    }

    /// The last entry that was good.
    #[must_use]
    pub fn after(&self) -> u64 {
        self.verifier.head().seq
    }

    /// The next entry; `false` when nothing that follows it can be judged any more.
    pub fn entry(&mut self, row: &RawEntry) -> bool {
        let read = row.read().map_err(|fault| Fault::at(Place::Entry(row.seq), fault));
        match read.and_then(|entry| self.verifier.push(&entry).map(|()| entry).map_err(Fault::from)) {
            Ok(entry) => {
                if self.head.as_ref().and_then(stated) == Some(entry.seq) {
                    self.named = Some(entry);
                }
                true
            }
            Err(fault) => {
                self.broken = Some(fault);
                false
            }
        }
    }

    /// The entries cannot be read any further.
    pub fn unreadable(&mut self, why: &str) {
        self.broken = Some(Fault::new(Place::Entry(self.after() + 1), None, format!("{why} here")));
    }

    /// The head of what was good, the runs that can be read, and what is wrong, entries first.
    #[must_use]
    pub fn finish(self) -> (Head, Vec<ClosedRun>, Vec<Fault>) {
        let end = self.verifier.head().clone();
        let mut faults: Vec<Fault> = self.broken.into_iter().collect();
        if faults.is_empty() {
            faults.extend(head_fault(self.head.as_ref(), self.named.as_ref(), &end));
            faults.extend(self.verifier.finish().err().map(Fault::from));
        }
        faults.extend(self.of_runs);
        (end, self.runs, faults)
    }
}

/// The journal of what is kept: every line as it was written, each about something that is still there, up
/// to the end that was written down. What is there and has no line is told with the thing itself.
#[derive(Debug)]
pub struct JournalWalk {
    end: Option<RawEnd>,
    last: RawLine,
    /// Hash of the line that the end names.
    named: Option<Vec<u8>>,
}

impl JournalWalk {
    /// Up to this end, which has to be read before the lines.
    #[must_use]
    pub fn new(end: Option<RawEnd>) -> Self {
        Self { end, last: RawLine { hash: vec![0; 32], ..RawLine::default() }, named: None }
    }

    #[must_use]
    pub fn after(&self) -> u64 {
        self.last.seq
    }

    /// What is wrong with the next line, and with what it is about.
    pub fn line(&mut self, line: RawLine) -> Vec<Fault> {
        let faults = line_faults(&self.last, &line);
        if self.end.as_ref().and_then(|end| end.seq) == i64::try_from(line.seq).ok() {
            self.named = Some(line.hash.clone());
        }
        self.last = line;
        faults
    }

    /// What is wrong with the end.
    #[must_use]
    pub fn finish(self) -> Option<Fault> {
        end_fault(self.end.as_ref(), self.named.as_deref(), self.last.seq)
    }
}

/// A document or mail: the name under which it is kept, when (microseconds since 1970), and what the journal
/// has of it, empty where it has no line.
#[must_use]
pub fn document(sha256: &str, content: &[u8], kept_at: Option<i64>, line: &[u8]) -> Option<Fault> {
    let digest = journal::of_evidence(sha256, kept_at);
    let (field, text) = Kept { name: sha256, content, line }.fault(("content", "kept_at"), digest)?;
    Some(Fault::new(Place::Evidence(sha256.to_owned()), field, text))
}

/// A look that a permit rests on, with what the journal has of it.
#[must_use]
pub fn look(named: (&str, &str), kind: &[u8], observed_at: Option<i64>, body: &[u8], line: &[u8]) -> Option<Fault> {
    let (subject, sha256) = named;
    let digest = journal::of_look(subject, sha256, kind, observed_at);
    let (field, text) = Kept { name: sha256, content: body, line }.fault(("body", "observed_at"), digest)?;
    Some(Fault::new(Place::Look(journal::look_key(subject, sha256)), field, text))
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
fn judge_runs(raw: &[RawRun], faults: &mut Vec<Fault>) -> Vec<ClosedRun> {
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
