//! Incoming mail, by two duties that share no more than the way in: delivery notices (RFC 3464) of
//! canaries, and mail that is evidence for billing ([`EvidenceMail`], with LMTP as a door of its own).
//! Implements the ports that the engine owns. Whether anything counts is decided there; nothing here knows
//! a database, and nothing that a message says is trusted.

pub mod lmtp;
mod mail;
mod maildir;
mod report;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_trait::async_trait;
use fencepost_checks::canary::Notice;
use jiff::Timestamp;

use crate::config::IntakeConfig;
use crate::engine::ports::{Intake, IntakeError, NoNotice, Waiting};
#[cfg(test)]
pub(crate) use mail::lab;
pub use mail::{EvidenceMail, ResolverError};

/// Bytes of a message that are looked at. A notice is a few kilobytes.
const MAX_MESSAGE: usize = 256 * 1024;
const KEY: &str = "intake.maildir";

/// Reads notices, and watches the configured Maildir.
#[derive(Debug, Clone)]
pub struct MailIntake {
    maildir: Option<PathBuf>,
}

impl MailIntake {
    #[must_use]
    pub fn new(config: &IntakeConfig) -> Self {
        Self { maildir: config.maildir.clone() }
    }
}

#[async_trait]
impl Intake for MailIntake {
    fn read(&self, message: &[u8], at: Timestamp) -> Result<Notice, NoNotice> {
        report::read(message.get(..MAX_MESSAGE).unwrap_or(message), at).map_err(NoNotice)
    }

    async fn waiting(&self) -> Result<Vec<Waiting>, IntakeError> {
        let Some(folder) = self.maildir.clone() else { return Ok(Vec::new()) };
        blocking(move || maildir::waiting(KEY, &folder, MAX_MESSAGE)).await
    }

    async fn done(&self, waiting: &Waiting) -> Result<(), IntakeError> {
        let Some(folder) = self.maildir.clone() else { return Ok(()) };
        let id = waiting.id.clone();
        blocking(move || maildir::put_aside(KEY, &folder, &id)).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, IntakeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(IntakeError),
        Err(error) => Err(IntakeError(error.to_string())),
    }
}
