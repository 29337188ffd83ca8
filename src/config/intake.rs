//! Mail that comes for fencepost itself.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeConfig {
    /// Maildir into which the mail server delivers what comes to `probe.canary_sender`.
    pub maildir: Option<PathBuf>,
}
