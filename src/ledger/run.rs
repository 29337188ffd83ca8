//! A frozen invoicing run, sealed: its hash goes over everything that it says and over the run before
//! it, so that neither a line nor who closed it can be changed unseen. Nothing here computes lines.

use jiff::Timestamp;
use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::Hash;
use super::canonical::run_bytes;
use super::raw::{FieldFault, digest, instant, text};

/// A frozen invoicing run. `lines` are its canonical bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedRun {
    pub run_date: Date,
    pub closed_at: Timestamp,
    pub closed_by: String,
    /// Ledger head it rests on.
    pub head_seq: u64,
    pub head_hash: Hash,
    pub lines: Vec<u8>,
    /// `hash` of the run before it by date; zeros for the first one.
    pub prev_hash: Hash,
    /// The seal. Zeros where an early program closed the run: such a run is verified by computing it
    /// again.
    pub hash: Hash,
}

/// A run as a database has it, with nothing taken for granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawRun {
    pub run_date: Vec<u8>,
    pub closed_at: Option<i64>,
    pub closed_by: Vec<u8>,
    pub head_seq: Option<i64>,
    pub head_hash: Vec<u8>,
    pub lines: Vec<u8>,
    /// Empty where an early program closed the run.
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
    /// What the journal has of it; empty when it has no line about it.
    pub line: Vec<u8>,
}

impl ClosedRun {
    /// The run with its seal, following `before`.
    #[must_use]
    pub fn sealed(mut self, before: Option<&Self>) -> Self {
        self.prev_hash = before.map_or([0; 32], |run| run.hash);
        self.hash = self.seal();
        self
    }

    /// An early program closed it, without a seal.
    #[must_use]
    pub fn is_unsealed(&self) -> bool {
        self.hash == [0; 32] && self.prev_hash == [0; 32]
    }

    /// What is wrong with the run as the next after `before`, if anything.
    #[must_use]
    pub fn fault_after(&self, before: Option<&Self>) -> Option<FieldFault> {
        if self.is_unsealed() {
            // Seals were given from some run on; none was left out after that.
            let sealed_before = before.is_some_and(|run| !run.is_unsealed());
            return sealed_before.then(|| FieldFault::new("hash", "the seal is gone, the run before it has one"));
        }
        if self.hash != self.seal() {
            return Some(FieldFault::new("hash", "the run is not what was sealed when it was closed"));
        }
        let linked = self.prev_hash == before.map_or([0; 32], |run| run.hash);
        (!linked)
            .then(|| FieldFault::new("prev_hash", "does not follow the run before it: a run was removed or changed"))
    }

    /// Whether the run may be closed as the next after `last`, the latest closed one.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn may_follow(&self, last: Option<&Self>) -> Result<(), String> {
        if let Some(later) = last.filter(|last| last.run_date >= self.run_date) {
            return Err(format!(
                "the run of {} is closed already, that of {} cannot be any more",
                later.run_date, self.run_date
            ));
        }
        if self.prev_hash == last.map_or([0; 32], |last| last.hash) {
            return Ok(());
        }
        Err("another run was closed meanwhile; look at this one again and close it then".to_owned())
    }

    /// Whether closing the run again, as `self`, changes nothing of what stands.
    ///
    /// # Errors
    /// Why not, for people.
    pub fn may_repeat(&self, stands: &Self) -> Result<(), String> {
        let same = self.lines == stands.lines;
        if same { Ok(()) } else { Err(format!("the run of {} was closed with other lines", self.run_date)) }
    }

    fn seal(&self) -> Hash {
        Sha256::digest(run_bytes(self)).into()
    }
}

impl From<&ClosedRun> for RawRun {
    /// As a store writes it.
    fn from(run: &ClosedRun) -> Self {
        Self {
            run_date: run.run_date.to_string().into_bytes(),
            closed_at: Some(run.closed_at.as_microsecond()),
            closed_by: run.closed_by.clone().into_bytes(),
            head_seq: i64::try_from(run.head_seq).ok(),
            head_hash: run.head_hash.to_vec(),
            lines: run.lines.clone(),
            prev_hash: run.prev_hash.to_vec(),
            hash: run.hash.to_vec(),
            line: Vec::new(),
        }
    }
}

impl RawRun {
    /// # Errors
    /// The first field that cannot be read.
    pub fn read(&self) -> Result<ClosedRun, FieldFault> {
        let run_date = text("run_date", &self.run_date)?;
        let seq = self.head_seq.and_then(|seq| u64::try_from(seq).ok());
        let seal = |field, bytes: &[u8]| if bytes.is_empty() { Ok([0; 32]) } else { digest(field, bytes) };
        Ok(ClosedRun {
            run_date: run_date
                .parse()
                .ok()
                .filter(|date: &Date| date.to_string() == run_date)
                .ok_or_else(|| FieldFault::new("run_date", format!("{run_date:?} is no date")))?,
            closed_at: instant("closed_at", self.closed_at)?,
            closed_by: text("closed_by", &self.closed_by)?.to_owned(),
            head_seq: seq.ok_or_else(|| FieldFault::new("head_seq", "is no number of an entry"))?,
            head_hash: digest("head_hash", &self.head_hash)?,
            lines: self.lines.clone(),
            prev_hash: seal("prev_hash", &self.prev_hash)?,
            hash: seal("hash", &self.hash)?,
        })
    }
}
