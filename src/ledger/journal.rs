//! The journal of what is kept beside the ledger: documents, closed runs, and the looks that permits
//! rest on. Each gets a line when it is kept, and the lines make a chain, so that whatever is changed,
//! slipped in or taken away later is named. Nothing here reads a database.

use sha2::{Digest, Sha256};

use super::{Hash, RawRun};

const HEADING: &str = "fencepost-journal-1";

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// A document or mail, by its SHA-256.
    Evidence,
    /// A closed run, by its date.
    Run,
    /// A look that a permit rests on, by `subject/SHA-256`.
    Look,
}

impl Kept {
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Run => "run",
            Self::Look => "look",
        }
    }

    #[must_use]
    pub fn of(word: &[u8]) -> Option<Self> {
        [Self::Evidence, Self::Run, Self::Look].into_iter().find(|kept| kept.word().as_bytes() == word)
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// From 1 without gaps.
    pub seq: u64,
    pub kind: Kept,
    pub key: String,
    /// Of what was kept, word for word.
    pub digest: Hash,
    /// Over this line and the `hash` of the one before it.
    pub hash: Hash,
}

/// Where the journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub seq: u64,
    pub hash: Hash,
}

impl End {
    pub const EMPTY: Self = Self { seq: 0, hash: [0; 32] };

    /// The next line; this is the end after it.
    pub fn add(&mut self, kind: Kept, key: &str, digest: Hash) -> Line {
        self.seq += 1;
        self.hash = seal(&self.hash, self.seq, kind.word().as_bytes(), key.as_bytes(), &digest);
        Line { seq: self.seq, kind, key: key.to_owned(), digest, hash: self.hash }
    }
}

/// A line as a database has it, with nothing taken for granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawLine {
    pub seq: u64,
    pub kind: Vec<u8>,
    pub key: Vec<u8>,
    pub digest: Vec<u8>,
    pub hash: Vec<u8>,
    /// What it is about is kept under that name.
    pub there: bool,
}

impl RawLine {
    /// Whether it is as it was written after a line with this hash.
    #[must_use]
    pub fn follows(&self, before: &[u8]) -> bool {
        self.hash == seal(before, self.seq, &self.kind, &self.key, &self.digest)
    }
}

/// The row that says where the journal ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RawEnd {
    pub seq: Option<i64>,
    pub hash: Vec<u8>,
}

/// A document: its name is the SHA-256 of its content.
#[must_use]
pub fn of_evidence(sha256: &str, kept_at: Option<i64>) -> Hash {
    digest(&[b"evidence", sha256.as_bytes(), &number(kept_at)])
}

#[must_use]
pub fn of_run(run: &RawRun) -> Hash {
    digest(&[
        b"run",
        &run.run_date,
        &number(run.closed_at),
        &run.closed_by,
        &number(run.head_seq),
        &run.head_hash,
        &run.lines,
        &run.prev_hash,
        &run.hash,
    ])
}

/// A look: `sha256` is that of its body.
#[must_use]
pub fn of_look(subject: &str, sha256: &str, kind: &[u8], observed_at: Option<i64>) -> Hash {
    digest(&[b"look", subject.as_bytes(), sha256.as_bytes(), kind, &number(observed_at)])
}

/// The name of a look in the journal.
#[must_use]
pub fn look_key(subject: &str, sha256: &str) -> String {
    format!("{subject}/{sha256}")
}

fn seal(before: &[u8], seq: u64, kind: &[u8], key: &[u8], of: &[u8]) -> Hash {
    digest(&[HEADING.as_bytes(), before, &seq.to_be_bytes(), kind, key, of])
}

fn number(number: Option<i64>) -> Vec<u8> {
    number.map(|number| number.to_be_bytes().to_vec()).unwrap_or_default()
}

/// Each piece with its length before it, so that no two lists have the same bytes.
fn digest(pieces: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for piece in pieces {
        hash.update((piece.len() as u64).to_be_bytes());
        hash.update(piece);
    }
    hash.finalize().into()
}
