//! The API and the pages.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    pub listen: SocketAddr,
    /// How people reach the pages; goes into mails.
    pub public_url: String,
    /// Largest request body in bytes.
    pub max_body_bytes: usize,
    /// Requests handled at the same time; more wait, then get 503.
    pub max_concurrent: usize,
    /// Demonstration only: whoever reaches the pages may read all of them without a token. Holds only
    /// while `listen` is a loopback address.
    pub open_pages_on_loopback: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".to_owned(),
            max_body_bytes: 1 << 20,
            max_concurrent: 256,
            open_pages_on_loopback: false,
        }
    }
}
