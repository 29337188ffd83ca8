//! What authoritative servers were seen to serve, and until when copies of it may live.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Expected;
use crate::DomainName;
use crate::observation::{DnsRound, MxRecord};

/// The watched history of a domain's MX RRset. Kept as JSON by the store, from the order on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RrsetHistory {}

/// The instant after which every sender that honours TTLs uses the new MX.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TStar {
    pub at: Timestamp,
    /// From which record the time comes: a sentence for people.
    pub because: String,
    /// Every term of the bound, the latest first.
    pub terms: Vec<Term>,
}

/// One lower bound of T*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    pub at: Timestamp,
    pub because: String,
}

/// The last MX set that did not name the gateway: what to go back to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousMx {
    pub records: Vec<MxRecord>,
    pub ttl: u32,
    pub last_seen: Timestamp,
}

/// Advice: when a change of the MX would reach everybody fast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastestChange {
    pub at: Timestamp,
    /// Whether the low TTL is served already; otherwise `at` holds if it is lowered at once.
    pub lowered: bool,
    pub because: String,
}

impl RrsetHistory {
    /// Takes in a round.
    pub fn observe(&mut self, _round: &DnsRound) {}

    /// Authoritative addresses that have been silent for 24 hours while at least two others agree.
    #[must_use]
    pub fn dead(&self, _round: &DnsRound) -> std::collections::BTreeSet<std::net::SocketAddr> {
        std::collections::BTreeSet::new()
    }

    /// Name servers whose address could not be found for 24 hours while at least two others agree.
    #[must_use]
    pub fn dead_names(&self, _round: &DnsRound) -> std::collections::BTreeSet<String> {
        std::collections::BTreeSet::new()
    }

    /// T*, `None` while some authoritative address still serves something else than what is accepted.
    /// `extra` are terms that others know of, such as that of MTA-STS.
    #[must_use]
    pub fn t_star(&self, _expected: &Expected, _extra: &[Term]) -> Option<TStar> {
        None
    }

    /// T* of the departure: when the last copy that names the gateway has expired. `None` while some
    /// authoritative address still names it.
    #[must_use]
    pub fn departure(&self, _gateway_hosts: &[DomainName]) -> Option<TStar> {
        None
    }

    /// The last set that did not name the gateway.
    #[must_use]
    pub fn previous_mx(&self, _gateway_hosts: &[DomainName]) -> Option<PreviousMx> {
        None
    }

    /// When a change would be fast.
    #[must_use]
    pub fn fastest_change_after(&self) -> Option<FastestChange> {
        None
    }
}
