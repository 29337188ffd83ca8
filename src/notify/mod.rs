//! Outgoing notices: a [`Letter`] rendered from templates and handed to the next hop by SMTP.
//! Implements the port [`Notifier`] that the engine owns. Whom to tell what, and when, is decided
//! elsewhere; nothing here looks at a database or a clock.

use async_trait::async_trait;

use crate::config::NotifyConfig;
use crate::engine::ports::{Letter, Notifier, NotifyError};

/// Sends notices through the configured smarthost.
#[derive(Debug)]
pub struct SmtpNotifier {
    _config: NotifyConfig,
    _public_url: String,
}

/// Why the notifier cannot be set up. The text names the configuration key and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotifySetupError(pub(crate) String);

impl SmtpNotifier {
    /// `public_url` is how people reach the pages; status links in notices start with it.
    ///
    /// # Errors
    /// [`NotifySetupError`] for a malformed address or next hop, or a password file that cannot be read.
    pub fn new(config: &NotifyConfig, public_url: &str) -> Result<Self, NotifySetupError> {
        Ok(Self { _config: config.clone(), _public_url: public_url.to_owned() })
    }
}

#[async_trait]
impl Notifier for SmtpNotifier {
    async fn deliver(&self, letter: &Letter) -> Result<String, NotifyError> {
        Err(NotifyError::Transient(format!("notice `{}`: sending is not built yet", letter.notice)))
    }
}

/// Whether a text names a next hop.
pub(crate) fn check_smarthost(_text: &str) -> Result<(), String> {
    Ok(())
}
