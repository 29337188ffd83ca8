//! The ports of mail that is evidence: who reads and authenticates it, and who takes it in.

use std::net::IpAddr;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{IntakeError, Waiting};
use crate::proposal::{Authenticity, ReadMail};

/// How a message came, as our own mail server said it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Envelope sender; `Some("")` for `<>`, `None` where it is not known.
    pub sender: Option<String>,
    /// From which address our mail server got it.
    pub client: Option<IpAddr>,
    pub helo: Option<String>,
}

/// Reads messages that may be evidence.
#[async_trait]
pub trait MailReader: Send + Sync {
    /// What the message says of itself, bounded. Never fails: what is odd is said.
    fn read(&self, raw: &[u8]) -> ReadMail;

    /// How it came, from the headers that our own mail server put on top.
    fn envelope(&self, raw: &[u8]) -> Envelope;

    /// DKIM, SPF and DMARC, with the records as they are now. Bounded in time: what could not be asked is a
    /// `temperror`.
    async fn authenticate(&self, raw: &[u8], envelope: &Envelope) -> Authenticity;

    /// Messages in the watched folder, the oldest first; empty where none is watched.
    ///
    /// # Errors
    /// [`IntakeError`] when the folder cannot be read.
    async fn waiting(&self) -> Result<Vec<Waiting>, IntakeError>;

    /// A message was taken in and is not given again.
    ///
    /// # Errors
    /// [`IntakeError`] when it could not be put aside; then it is given again.
    async fn done(&self, waiting: &Waiting) -> Result<(), IntakeError>;

    /// When a waiting message was delivered.
    fn delivered(&self, waiting: &Waiting) -> Option<Timestamp>;
}

/// Takes messages in. What it has answered lies on disk.
#[async_trait]
pub trait MailSink: Send + Sync {
    /// Keeps a message; the same one again changes nothing.
    ///
    /// # Errors
    /// [`TryLater`] when it is not kept and has to be handed over again.
    async fn take(&self, raw: Vec<u8>, envelope: Envelope, via: &str) -> Result<MailReceipt, TryLater>;
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MailReceipt {
    pub id: String,
    /// `quarantined`, `open`, `approved` or `rejected`.
    pub state: String,
    /// Why it is in quarantine.
    pub reason: String,
    /// How often it was delivered, this time included.
    pub copies: u32,
}

/// Nothing was kept. For the mail server that hands it over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TryLater(pub String);
