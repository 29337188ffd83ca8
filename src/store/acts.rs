//! Who did what: one row for everything that a person or a program changed, and for what was refused to
//! them. Rows are only added. Secrets are never in one; whoever writes them sees to that.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Listing, Page, StoreResult};

/// Something that somebody did, or was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Act {
    /// In the order of time.
    pub id: String,
    pub at: Timestamp,
    /// Id of the token or person; empty where nobody was signed in.
    pub actor: String,
    /// How people know them.
    pub who: String,
    /// Empty where nobody was signed in.
    pub role: String,
    /// What was done: a word such as `suspend`.
    pub action: String,
    pub part: ActPart,
    /// `domain`, `customer`, `run`, `proposal`, `parked`, `vantage`, `token` or empty.
    pub subject_kind: String,
    pub subject: String,
    /// The reason that was given, and the few values that say what was asked.
    pub detail: String,
    pub outcome: ActOutcome,
    /// The same for everything that one request did.
    pub request_id: String,
}

/// Whose business it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActPart {
    Desk,
    Accounting,
    /// Signing in and out, tokens.
    Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActOutcome {
    Done,
    Refused,
}

/// Which acts are wanted; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActFilter {
    /// Id of a token or person, or the name that people know them by.
    pub actor: Option<String>,
    pub action: Option<String>,
    /// The domain, customer, run or whatever it was done to.
    pub subject: Option<String>,
    pub part: Option<ActPart>,
    pub outcome: Option<ActOutcome>,
    pub from: Option<Timestamp>,
    /// Exclusive.
    pub until: Option<Timestamp>,
}

#[async_trait]
pub trait ActStore {
    /// Adds rows, all or none of them.
    async fn record_acts(&self, acts: Vec<Act>) -> StoreResult<()>;

    /// The newest first.
    async fn acts(&self, filter: &ActFilter, page: &Page) -> StoreResult<Listing<Act>>;
}
