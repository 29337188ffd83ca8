//! Links to the status page of one domain, for whoever is handed one. A link is known by the hash of its secret
//! alone; it belongs to a connection and to the partner that the connection had when it was made.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreResult;

/// Links in force of one connection, at most.
pub const MAX_LINKS: u32 = 20;
/// Links of one connection that are listed: the newest.
pub const LINKS_LISTED: u32 = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLink {
    /// Names the link in lists; says nothing about its secret.
    pub id: String,
    /// SHA-256 of the secret; the secret itself is shown once and never stored.
    pub hash: [u8; 32],
    pub subject_id: String,
    pub partner: String,
    /// For people: whom it is for.
    pub label: String,
    pub made_by: String,
    pub made_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    pub id: String,
    pub subject_id: String,
    pub partner: String,
    pub label: String,
    pub made_by: String,
    pub made_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// When it was revoked, and by whom.
    pub revoked: Option<(Timestamp, String)>,
    /// To the minute.
    pub last_used_at: Option<Timestamp>,
}

impl LinkRow {
    /// Whether it leads anywhere.
    #[must_use]
    pub fn in_force(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires_at.is_none_or(|end| now < end)
    }
}

#[async_trait]
pub trait LinkStore {
    /// # Errors
    /// [`super::StoreError::Conflict`] where the connection has [`MAX_LINKS`] in force.
    async fn create_link(&self, link: NewLink) -> StoreResult<()>;

    /// The links of a connection, newest first, at most [`LINKS_LISTED`].
    async fn links(&self, subject_id: &str) -> StoreResult<Vec<LinkRow>>;

    /// In force or not.
    async fn link_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<LinkRow>>;

    /// `false` when the connection has no such link. Revoking it again changes nothing.
    async fn revoke_link(&self, subject_id: &str, id: &str, by: &str, at: Timestamp) -> StoreResult<bool>;

    /// Notes that a link was followed. Written down once a minute at most.
    async fn link_used(&self, id: &str, at: Timestamp) -> StoreResult<()>;
}
