//! Mail that comes for fencepost itself.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntakeConfig {
    /// Maildir into which the mail server delivers what comes to `probe.canary_sender`.
    pub maildir: Option<PathBuf>,
    /// Mail of customers and partners: evidence for billing.
    pub mail: MailConfig,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// Maildir that is watched.
    pub maildir: Option<PathBuf>,
    /// Where LMTP is listened for: `127.0.0.1:2424` or `unix:/run/fencepost/lmtp.sock`.
    pub lmtp: Option<LmtpAddress>,
    /// Sessions at a time.
    pub lmtp_connections: usize,
    /// Addresses that LMTP takes mail for; any where empty.
    pub recipients: Vec<String>,
    /// Longest message.
    pub max_message_bytes: usize,
    /// Resolvers for DKIM, SPF and DMARC; those of the system where empty.
    pub resolvers: Vec<SocketAddr>,
    /// Names that our own mail servers write as `by` into `Received`. What others wrote is not believed.
    pub received_by: Vec<String>,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            maildir: None,
            lmtp: None,
            lmtp_connections: 20,
            recipients: Vec::new(),
            max_message_bytes: 1 << 20,
            resolvers: Vec::new(),
            received_by: Vec::new(),
        }
    }
}

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum LmtpAddress {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl FromStr for LmtpAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err("the path of a socket begins with /".to_owned())
            };
        }
        let wanted = || "write an address such as 127.0.0.1:2424, or unix:/run/fencepost/lmtp.sock".to_owned();
        text.parse().map(Self::Tcp).map_err(|_| wanted())
    }
}

impl TryFrom<String> for LmtpAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<LmtpAddress> for String {
    fn from(address: LmtpAddress) -> Self {
        address.to_string()
    }
}

impl fmt::Display for LmtpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
