//! The hash chain: gives entries their place, and finds whatever was changed, removed, reordered or
//! cut off afterwards. It keeps nothing; the store keeps entries and hands them in.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{EntryDraft, Hash, StoredEntry, canonical};

/// The end of a chain: what the next entry is sealed to, and what anchors are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// 0 when there is no entry yet.
    pub seq: u64,
    pub hash: Hash,
    pub recorded_at: Option<Timestamp>,
}

/// A head that was written down elsewhere (the daily mail to accounting, an invoicing run).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Anchor {
    pub seq: u64,
    pub hash: Hash,
}

/// Where a chain is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ledger entry {seq}: {what}")]
pub struct VerifyError {
    pub seq: u64,
    pub what: Broken,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("expected here, but entry {found} follows: something was removed or reordered")]
    Gap { found: u64 },
    #[error("does not follow the entry before it")]
    Link,
    #[error("its content is not what was sealed")]
    Content,
    #[error("was recorded no later than the entry before it")]
    Time,
    #[error("is not what the anchor says: the ledger was rewritten")]
    Anchor,
    #[error("an anchor names it, but the ledger ends before: its end was cut off")]
    Truncated,
}

impl Head {
    /// Of an empty ledger.
    pub const EMPTY: Self = Self { seq: 0, hash: [0; 32], recorded_at: None };

    /// The head after `entry`.
    #[must_use]
    pub fn after(entry: &StoredEntry) -> Self {
        Self { seq: entry.seq, hash: entry.hash, recorded_at: Some(entry.recorded_at) }
    }

    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor { seq: self.seq, hash: self.hash }
    }

    /// Gives drafts their places, in order. The caller holds the lock of the head.
    #[must_use]
    pub fn append(&mut self, clock: Timestamp, drafts: Vec<EntryDraft>) -> Vec<StoredEntry> {
        let mut sealed = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let entry = seal(self.hash, self.seq + 1, next_recorded_at(self.recorded_at, clock), draft);
            *self = Self::after(&entry);
            sealed.push(entry);
        }
        sealed
    }
}

/// When the next entry is recorded: the clock, but always after the entry before, so that "known at"
/// has one answer even when the clock stands still or is set back. Whole microseconds, which is what
/// stores keep.
#[must_use]
pub fn next_recorded_at(previous: Option<Timestamp>, clock: Timestamp) -> Timestamp {
    let clock = Timestamp::from_microsecond(clock.as_microsecond()).unwrap_or(clock);
    let least = previous.and_then(|p| p.checked_add(SignedDuration::from_micros(1)).ok());
    least.map_or(clock, |l| l.max(clock))
}

/// Seals an entry to the one before it.
#[must_use]
pub fn seal(prev_hash: Hash, seq: u64, recorded_at: Timestamp, draft: EntryDraft) -> StoredEntry {
    let mut entry = StoredEntry { seq, recorded_at, draft, prev_hash, hash: [0; 32] };
    entry.hash = digest(&entry);
    entry
}

/// Verifies a whole ledger in seq order, from its first entry, against any number of anchors.
///
/// # Errors
/// The first entry at which the chain is broken.
pub fn verify<'a>(entries: impl IntoIterator<Item = &'a StoredEntry>, anchors: &[Anchor]) -> Result<Head, VerifyError> {
    let mut verifier = Verifier::new(anchors.to_vec());
    for entry in entries {
        verifier.push(entry)?;
    }
    verifier.finish()
}

/// What the chain asks of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub seq: u64,
    pub recorded_at: Timestamp,
    pub prev_hash: Hash,
    pub hash: Hash,
    /// Its content is what its hash was made of.
    pub sealed: bool,
}

impl Link {
    #[must_use]
    pub fn of(entry: &StoredEntry) -> Self {
        Self {
            seq: entry.seq,
            recorded_at: entry.recorded_at,
            prev_hash: entry.prev_hash,
            hash: entry.hash,
            sealed: entry.hash == digest(entry),
        }
    }
}

/// Verifies a ledger that is read in pieces.
#[derive(Debug, Clone)]
pub struct Verifier {
    head: Head,
    anchors: Vec<Anchor>,
}

impl Verifier {
    #[must_use]
    pub fn new(anchors: Vec<Anchor>) -> Self {
        Self { head: Head::EMPTY, anchors }
    }

    /// The head of what was verified so far.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The next entry.
    ///
    /// # Errors
    /// The chain is broken at this entry.
    pub fn push(&mut self, entry: &StoredEntry) -> Result<(), VerifyError> {
        self.link(&Link::of(entry))
    }

    /// The next entry, whose own seal was looked at before: entries by themselves may be looked at in any
    /// order, in several threads.
    ///
    /// # Errors
    /// As [`Verifier::push`].
    pub fn link(&mut self, entry: &Link) -> Result<(), VerifyError> {
        let expected = self.head.seq + 1;
        let broken = |what| Err(VerifyError { seq: expected, what });
        if entry.seq != expected {
            return broken(Broken::Gap { found: entry.seq });
        }
        if entry.prev_hash != self.head.hash {
            return broken(Broken::Link);
        }
        if !entry.sealed {
            return broken(Broken::Content);
        }
        if self.head.recorded_at.is_some_and(|before| entry.recorded_at <= before) {
            return broken(Broken::Time);
        }
        if self.anchors.iter().any(|a| a.seq == entry.seq && a.hash != entry.hash) {
            return broken(Broken::Anchor);
        }
        self.head = Head { seq: entry.seq, hash: entry.hash, recorded_at: Some(entry.recorded_at) };
        Ok(())
    }

    /// The verified head.
    ///
    /// # Errors
    /// An anchor lies beyond the end.
    pub fn finish(self) -> Result<Head, VerifyError> {
        match self.anchors.iter().map(|a| a.seq).filter(|seq| *seq > self.head.seq).min() {
            Some(seq) => Err(VerifyError { seq, what: Broken::Truncated }),
            None => Ok(self.head),
        }
    }
}

fn digest(entry: &StoredEntry) -> Hash {
    Sha256::digest(canonical::bytes(entry)).into()
}
