//! The billing ledger: append-only, evidenced, hash-chained, bitemporal. Plain functions; the store
//! keeps what is made here, and nothing else makes billing entries.

pub mod as_of;
pub mod audit;
mod canonical;
pub mod chain;
pub mod explain;
pub mod export;
pub mod fault;
pub mod fold;
pub mod invoice;
pub mod journal;
mod money;
pub mod period;
pub mod raw;
mod run;
#[cfg(test)]
mod tests;

pub use money::{Currency, Money, MoneyError};
pub use run::{ClosedRun, RawRun};

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// An entry before it has its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EntryDraft {
    pub customer_id: String,
    pub kind: EntryKind,
    pub valid_from: Date,
    pub evidence: Evidence,
    /// Who entered it: a user, or `engine`.
    pub recorded_by: String,
    pub approved_by: Option<String>,
    /// Seq of the entry that this one replaces.
    pub supersedes: Option<u64>,
}

/// An entry in its place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StoredEntry {
    /// Dense, from 1, over the whole ledger.
    pub seq: u64,
    /// Strictly increasing, in microseconds.
    pub recorded_at: Timestamp,
    pub draft: EntryDraft,
    pub prev_hash: Hash,
    /// SHA-256 over the canonical bytes, which contain `prev_hash`.
    pub hash: Hash,
}

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// What an entry says. The names are interface.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryKind {
    TrialSet {
        ends: Date,
    },
    /// `valid_from` is B, the first charged day.
    Activated,
    PriceSet {
        mode: PriceMode,
        amount: Money,
    },
    MailboxBasisSet {
        mailboxes: u32,
    },
    GroupSet {
        group: u8,
    },
    Decision {
        customer: bool,
    },
    NoticeGiven {
        ends: Date,
    },
    NoticeWithdrawn,
    Deactivated,
    PartnerSet {
        partner: String,
    },
    BillingPartySet {
        party: String,
    },
    /// Takes one earlier entry out.
    Void {
        target: u64,
    },
}

impl EntryKind {
    /// The name under which it is kept.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::TrialSet { .. } => "trial_set",
            Self::Activated => "activated",
            Self::PriceSet { .. } => "price_set",
            Self::MailboxBasisSet { .. } => "mailbox_basis_set",
            Self::GroupSet { .. } => "group_set",
            Self::Decision { .. } => "decision",
            Self::NoticeGiven { .. } => "notice_given",
            Self::NoticeWithdrawn => "notice_withdrawn",
            Self::Deactivated => "deactivated",
            Self::PartnerSet { .. } => "partner_set",
            Self::BillingPartySet { .. } => "billing_party_set",
            Self::Void { .. } => "void",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PriceMode {
    Total,
    PerMailbox,
}

/// On what an entry rests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Evidence {
    /// A raw message kept by its SHA-256 (hex).
    Mail {
        sha256: String,
        message_id: Option<String>,
        received: Timestamp,
        /// SHA-256 (hex) of the kept verdicts of DKIM, SPF and DMARC with the keys seen at that time.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authentication: Option<String>,
    },
    Order {
        order_id: String,
        sha256: String,
    },
    /// A rule with its version and the facts it used.
    Rule {
        rule: String,
        version: u32,
        facts: String,
    },
    /// A document given by a desk user (`--evidence FILE`), kept by its SHA-256.
    Document {
        sha256: String,
        name: String,
    },
}

impl Evidence {
    /// A mail in one line, as facts carry it; `None` for other evidence.
    #[must_use]
    pub fn mail_text(&self) -> Option<String> {
        let Self::Mail { sha256, message_id, received, authentication } = self else { return None };
        let id: String = message_id.iter().flat_map(|id| id.chars()).filter(|c| !c.is_whitespace()).collect();
        Some(
            format!("mail {sha256} {received} {} {id}", authentication.as_deref().unwrap_or("-")).trim_end().to_owned(),
        )
    }

    /// Reads what [`Evidence::mail_text`] wrote.
    #[must_use]
    pub fn from_mail_text(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let digest = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
        if words.next() != Some("mail") {
            return None;
        }
        let sha256 = words.next().filter(digest)?.to_owned();
        let received = words.next()?.parse().ok()?;
        let authentication = words.next().filter(digest).map(str::to_owned);
        Some(Self::Mail { sha256, message_id: words.next().map(str::to_owned), received, authentication })
    }
}
