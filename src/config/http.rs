//! The API and the pages.

use std::net::SocketAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{OpenIdConfig, RateConfig, SignInConfig};

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
    /// Connections at the same time; more are turned away with 503.
    pub max_connections: usize,
    /// Of those, from one IPv4 address or one /64 of IPv6. 0: no bound of its own.
    pub max_connections_per_address: usize,
    /// Seconds for a request's head, and for its body, to arrive whole.
    pub header_seconds: u32,
    pub body_seconds: u32,
    /// Streams of events that may be open at the same time, and those of one token.
    pub max_streams: usize,
    pub max_streams_per_token: usize,
    /// Demonstration only: whoever reaches the pages may read all of them without a token. Holds only
    /// while `listen` is a loopback address.
    pub open_pages_on_loopback: bool,
    /// Networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    pub sign_in: SignInConfig,
    pub rate: RateConfig,
    pub openid: Option<OpenIdConfig>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: "http://127.0.0.1:8080".to_owned(),
            max_body_bytes: 1 << 20,
            max_concurrent: 256,
            max_connections: 1_024,
            max_connections_per_address: 256,
            header_seconds: 10,
            body_seconds: 20,
            max_streams: 64,
            max_streams_per_token: 8,
            open_pages_on_loopback: false,
            trusted_proxies: Vec::new(),
            sign_in: SignInConfig::default(),
            rate: RateConfig::default(),
            openid: None,
        }
    }
}
