//! What a store keeps of mail that came as evidence: the message and its verdicts by their hashes, what
//! was understood, what became of it, and who may speak for a customer. Nothing is concluded here.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Listing, Page, StoreResult};
use crate::order::Order;

/// Mails in quarantine that are kept; one more is refused, to be sent again later.
pub const MAX_QUARANTINED: u32 = 10_000;

/// The use cases around mail. Every method is one transaction.
#[async_trait]
pub trait MailStore: Send + Sync {
    /// Keeps a mail with its evidence. The same message again is counted and changes nothing.
    /// [`StoreError::Unavailable`](super::StoreError::Unavailable) when quarantine is full.
    async fn keep_mail(&self, mail: NewMail) -> StoreResult<KeptMail>;
    async fn mail(&self, id: &str) -> StoreResult<Option<MailRow>>;
    /// Mails in that state (all without one), newest first.
    async fn mails(&self, state: Option<MailState>, page: &Page) -> StoreResult<Listing<MailRow>>;
    /// Ends a mail that waits for a person, without a change. `false` when it no longer waits.
    async fn reject_mail(&self, settled: &SettledMail, at: Timestamp) -> StoreResult<bool>;
    /// A quarantined mail becomes a proposal after all. `false` when it is in quarantine no more.
    async fn admit_mail(&self, id: &str, customer_id: &str, by: &str) -> StoreResult<bool>;

    /// Who may speak for a customer, by address.
    async fn senders(&self, customer_id: &str) -> StoreResult<Vec<SenderRow>>;
    /// For whom an address may speak: at most ten.
    async fn customers_of_sender(&self, address: &str) -> StoreResult<Vec<String>>;
    /// Puts an address on a customer's list, or takes it off. What was said before stays written down.
    async fn set_sender(&self, customer_id: &str, sender: &SenderRow) -> StoreResult<()>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// Not believed, with the reason. Nothing follows from it.
    Quarantined,
    /// A proposal: waits for a person.
    Open,
    Approved,
    Rejected,
}

/// A mail that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    pub id: String,
    /// The same for the same message, however often and by whatever way it is delivered.
    pub dedupe: String,
    pub raw: Vec<u8>,
    /// JSON of the verdicts of DKIM, SPF and DMARC.
    pub verdicts: Vec<u8>,
    pub received_at: Timestamp,
    /// `lmtp`, `maildir`, `ingest`.
    pub via: String,
    pub sender: String,
    pub subject: String,
    pub message_id: Option<String>,
    pub customer_id: Option<String>,
    /// `quarantined` or `open`.
    pub state: MailState,
    /// Why it is in quarantine.
    pub reason: String,
    /// JSON of what was read and understood.
    pub body: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMail {
    pub id: String,
    pub state: MailState,
    pub reason: String,
    /// How often it was delivered, this time included.
    pub copies: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailRow {
    pub id: String,
    /// Of the message, hex.
    pub sha256: String,
    /// SHA-256 (hex) of the kept verdicts.
    pub authentication: String,
    pub received_at: Timestamp,
    pub via: String,
    pub sender: String,
    pub subject: String,
    pub message_id: Option<String>,
    pub customer_id: Option<String>,
    pub state: MailState,
    pub reason: String,
    pub body: String,
    pub copies: u32,
    /// When, by whom, and what was said to it.
    pub settled: Option<(Timestamp, String)>,
}

/// What a person made of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettledMail {
    pub id: String,
    pub by: String,
    /// For people: why it was rejected, or what was approved.
    pub note: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SenderRow {
    pub address: String,
    pub allowed: bool,
    pub at: Timestamp,
    pub by: String,
}

/// Whom the order itself names, in lower case.
pub(super) fn named_in(order: &Order) -> Vec<String> {
    let mut named: Vec<String> =
        order.contacts.iter().map(|c| &c.email).chain(&order.sales_rep).map(|address| address.to_lowercase()).collect();
    named.sort();
    named.dedup();
    named
}

/// Addresses that an order names anew (`true`) or no longer (`false`).
pub(super) fn changed(before: &[String], after: &[String]) -> Vec<(String, bool)> {
    let gone = before.iter().filter(|address| !after.contains(address)).map(|address| (address.clone(), false));
    let new = after.iter().filter(|address| !before.contains(address)).map(|address| (address.clone(), true));
    gone.chain(new).collect()
}
