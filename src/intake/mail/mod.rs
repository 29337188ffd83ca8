//! Mail that is evidence: read with bounds, authenticated against a resolver that can be named, and a
//! Maildir of its own. Implements [`MailReader`].

mod authenticate;
mod fingerprint;
#[cfg(test)]
pub(crate) mod lab;
mod read;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_trait::async_trait;
use jiff::Timestamp;

use self::authenticate::Authenticator;
pub use self::authenticate::ResolverError;
use super::{blocking, maildir};
use crate::config::MailConfig;
use crate::engine::ports::{Envelope, IntakeError, MailReader, Waiting};
use crate::proposal::{Authenticity, ReadMail};

const KEY: &str = "intake.mail.maildir";

/// Reads and authenticates mail, and watches the configured Maildir.
pub struct EvidenceMail {
    maildir: Option<PathBuf>,
    received_by: Vec<String>,
    limit: usize,
    authenticator: Authenticator,
}

impl EvidenceMail {
    /// # Errors
    /// When no resolver is configured and the system has none.
    pub fn new(config: &MailConfig) -> Result<Self, ResolverError> {
        Ok(Self {
            maildir: config.maildir.clone(),
            received_by: config.received_by.iter().map(|name| name.to_lowercase()).collect(),
            limit: config.max_message_bytes,
            authenticator: Authenticator::new(&config.resolvers)?,
        })
    }
}

#[async_trait]
impl MailReader for EvidenceMail {
    fn read(&self, raw: &[u8]) -> ReadMail {
        read::read(raw)
    }

    fn envelope(&self, raw: &[u8]) -> Envelope {
        read::envelope(raw, &self.received_by)
    }

    async fn authenticate(&self, raw: &[u8], envelope: &Envelope) -> Authenticity {
        self.authenticator.authenticate(raw, envelope).await
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, IntakeError> {
        let Some(folder) = self.maildir.clone() else { return Ok(Vec::new()) };
        // One byte more tells a message that is too long from one that just fits.
        let limit = self.limit + 1;
        blocking(move || maildir::waiting(KEY, &folder, limit)).await
    }

    async fn done(&self, waiting: &Waiting) -> Result<(), IntakeError> {
        let Some(folder) = self.maildir.clone() else { return Ok(()) };
        let id = waiting.id.clone();
        blocking(move || maildir::put_aside(KEY, &folder, &id)).await
    }

    fn delivered(&self, waiting: &Waiting) -> Option<Timestamp> {
        maildir::delivered(&waiting.id)
    }
}
