//! What an audit of the ledger finds: the place down to the field, what is wrong with it, and what to
//! do. Finding is done elsewhere.

use super::chain::{Broken, VerifyError};
use super::raw::FieldFault;

/// Where something is not as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A billing entry, by seq.
    Entry(u64),
    /// The row that says where the ledger ends.
    Head,
    /// A closed invoicing run, by its date.
    Run(String),
    /// A kept document or mail, by the SHA-256 under which it is kept.
    Evidence(String),
    /// A look that a permit rests on, by subject and SHA-256.
    Look(String),
    /// A line of the journal of what is kept, by seq.
    Line(u64),
    /// The row that says where the journal ends.
    JournalEnd,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {what}", .place.name(), .field.map(|f| format!(", field `{f}`")).unwrap_or_default())]
pub struct Fault {
    pub place: Place,
    pub field: Option<&'static str>,
    pub what: String,
}

impl Place {
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Entry(seq) => format!("ledger entry {seq}"),
            Self::Head => "ledger head".to_owned(),
            Self::Run(date) => format!("invoicing run {date}"),
            Self::Evidence(sha256) => format!("evidence {sha256}"),
            Self::Look(name) => format!("permit evidence {name}"),
            Self::Line(seq) => format!("journal line {seq}"),
            Self::JournalEnd => "journal end".to_owned(),
        }
    }

    /// The kind alone, for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Entry(_) => "entry",
            Self::Head => "head",
            Self::Run(_) => "run",
            Self::Evidence(_) => "evidence",
            Self::Look(_) => "permit_evidence",
            Self::Line(_) => "journal_line",
            Self::JournalEnd => "journal_end",
        }
    }
}

impl Fault {
    #[must_use]
    pub fn new(place: Place, field: Option<&'static str>, what: impl Into<String>) -> Self {
        Self { place, field, what: what.into() }
    }

    #[must_use]
    pub fn at(place: Place, fault: FieldFault) -> Self {
        Self { place, field: Some(fault.field), what: fault.what }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> &'static str {
        match self.place {
            Place::Entry(_) => {
                "Invoice nothing. Keep a copy of the database as it is, find the entry in the last backup whose \
                 verify says `whole`, and restore that backup; an entry is never mended in place."
            }
            Place::Head => {
                "Invoice nothing. Compare the last entry with the head in the last mail to accounting or the last \
                 closed run: if entries are missing, restore a backup that has them."
            }
            Place::Run(_) => {
                "Compare the run with what was exported when it was closed, and restore the database from a backup \
                 made after that day; a closed run is never mended in place."
            }
            Place::Evidence(_) => {
                "Restore the document from a backup or from the mailbox that it came from; entries that rest on it \
                 name its SHA-256."
            }
            Place::Look(_) => {
                "Restore it from a backup made after the permit was issued; until then the permit's evidence cannot be \
                 relied upon."
            }
            Place::Line(_) | Place::JournalEnd => {
                "Invoice nothing. Somebody wrote into the database by hand: keep a copy of it as it is, and restore the \
                 last backup whose verify says `whole`."
            }
        }
    }
}

impl From<VerifyError> for Fault {
    fn from(VerifyError { seq, what }: VerifyError) -> Self {
        let field = match what {
            Broken::Link => Some("prev_hash"),
            Broken::Time => Some("recorded_at"),
            Broken::Gap { .. } => Some("seq"),
            Broken::Content | Broken::Anchor | Broken::Truncated => None,
        };
        Self::new(Place::Entry(seq), field, what.to_string())
    }
}
