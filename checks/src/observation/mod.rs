//! What was seen, before anybody judged it. Probes fill these in; the judging modules read them;
//! case files and the store keep them as JSON. Nothing here has an opinion.

pub mod dns;
pub mod lint;
pub mod smtp;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub use dns::{DnsAnswer, DnsRound, MxRecord, ParentAnswer, ParentSays, ResolverAnswer, ServerAnswer};
pub use lint::{LintObservation, MtaStsObservation, TextLookup};
pub use smtp::{ConnectOutcome, Proof, SmtpDialogue, SmtpReply, Stage, StageRecord, TlsFacts};

/// From where a probe was sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Vantage {
    /// Stable id, for example `egress-192.0.2.10` or `outsider-helsinki`.
    pub id: String,
    pub role: VantageRole,
    /// The source address as the other side sees it.
    pub address: Option<IpAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VantageRole {
    /// A gateway address: what the customer's firewall must let in.
    Egress,
    /// A control that is not a gateway address.
    Outsider,
    /// A recursive resolver.
    Resolver,
}
