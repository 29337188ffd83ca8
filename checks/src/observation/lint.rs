//! What the cut-over lint reads besides MX and SMTP: policies that would make senders or the
//! customer's own server refuse mail once the MX has moved.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::DomainName;

/// Everything that one lint round saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintObservation {
    pub domain: DomainName,
    pub observed_at: Timestamp,
    pub mta_sts: MtaStsObservation,
    /// TXT at the domain that begin with `v=spf1`.
    pub spf: TextLookup,
    /// TXT at `_dmarc`.
    pub dmarc: TextLookup,
    /// Addresses of the own mail servers as resolved, by host.
    pub own_servers: Vec<(String, Vec<IpAddr>)>,
}

/// A TXT look-up. An error is not "no record".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TextLookup {
    Found { texts: Vec<String>, ttl: u32 },
    Absent,
    Failed { detail: String },
}

/// MTA-STS as a sender would see it (RFC 8461).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MtaStsObservation {
    /// TXT at `_mta-sts`.
    pub record: TextLookup,
    /// The policy file, fetched when the record names one.
    pub policy: PolicyFetch,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PolicyFetch {
    NotAsked,
    /// The body as served with status 200, at most 64 KiB (RFC 8461 §3.3).
    Fetched {
        body: String,
    },
    Failed {
        detail: String,
    },
}
