//! How the customers stand towards a place of the gateway's, for whoever adds or retires one. A place is an
//! egress address or an MX host; what each domain was seen to do there is one of its kept observations.

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Listing, Page, StoreResult};

/// The kind of observation that says how a domain stands towards a place.
#[must_use]
pub fn place_kind(place: &str) -> String {
    format!("place:{place}")
}

/// How a domain stands towards a place. The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceStanding {
    /// Its firewall lets the address in.
    Verified,
    /// It does not, although somebody else gets in.
    Blocked,
    /// It was tried, and nothing can be said.
    Unknown,
    /// Its MX names the host.
    Named,
    /// Its MX does not name the host.
    Left,
    /// Nobody has looked yet.
    Unseen,
    /// Its mailboxes are with a platform that cannot be firewalled, so nobody looks.
    Hosted,
}

impl PlaceStanding {
    pub const ALL: [Self; 7] =
        [Self::Verified, Self::Blocked, Self::Unknown, Self::Named, Self::Left, Self::Unseen, Self::Hosted];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
            Self::Named => "named",
            Self::Left => "left",
            Self::Unseen => "unseen",
            Self::Hosted => "hosted",
        }
    }
}

/// So many domains stand so towards a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceCount {
    pub place: String,
    pub standing: PlaceStanding,
    pub domains: u64,
}

/// One domain towards one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlaceRow {
    pub domain: DomainName,
    pub customer_id: String,
    pub partner: String,
    pub phase: String,
    pub standing: PlaceStanding,
    /// Since when, and when it was last seen so; `None` where nobody has looked.
    pub since: Option<Timestamp>,
    pub seen_at: Option<Timestamp>,
    /// What was met there, for people.
    pub detail: String,
}

/// Only domains whose mail goes through the gateway, or may any moment, are counted and listed: those that
/// are `ready`, `confirming`, `connected` or `drifted`.
#[async_trait]
pub trait PlaceStore {
    /// Counts for each of the places; a standing without any domain has no row.
    async fn place_counts(&self, places: &[String]) -> StoreResult<Vec<PlaceCount>>;

    /// The domains that stand so towards a place, all without `standing`, by name.
    async fn place_domains(
        &self,
        place: &str,
        standing: Option<PlaceStanding>,
        page: &Page,
    ) -> StoreResult<Listing<PlaceRow>>;
}
