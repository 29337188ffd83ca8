//! Links to the status page of one domain: made for whoever has to look and has no account, followed without
//! signing in, revoked at any time. The secret is shown once, to whoever made it; only its hash is kept.

use std::fmt;
use std::sync::Arc;

use fencepost_checks::DomainName;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Caller, DeskError, DeskResult};
use crate::clock::SharedClock;
use crate::order::FieldError;
use crate::store::{DomainRow, LinkRow, NewLink, Scope, Store, StoreResult};

/// Of the secret: 192 bits.
const SECRET_BYTES: usize = 24;
const ID_BYTES: usize = 6;
const MAX_LABEL: usize = 100;
/// Longest time that a link may be given, days.
pub const MAX_LINK_DAYS: u32 = 366;

/// The secret of a link, as it stands in its address.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkSecret(String);

impl LinkSecret {
    fn new() -> Self {
        Self(hex::encode(rand::random::<[u8; SECRET_BYTES]>()))
    }

    /// `None` for a text that is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() == SECRET_BYTES * 2 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        good.then(|| Self(text.to_owned()))
    }

    /// What is stored. So many random bits need no slow hash.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(format!("fencepost link {}", self.0)).into()
    }

    /// The address of the page, for the eyes of whom it is for.
    #[must_use]
    pub fn url(&self, public_url: &str) -> String {
        format!("{}{}", public_url.trim_end_matches('/'), self.path())
    }

    #[must_use]
    pub fn path(&self) -> String {
        format!("/s/{}", self.0)
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(…)")
    }
}

/// What whoever makes a link says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkWish {
    /// Whom it is for; may be empty.
    pub label: String,
    /// Days that it holds; until it is revoked where not given.
    pub days: Option<u32>,
}

/// The use cases of links. Cheap to clone.
#[derive(Clone)]
pub struct Links {
    store: Arc<dyn Store>,
    clock: SharedClock,
}

impl Links {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    /// Makes a link to the page of a domain that the caller may see. A notice may carry one: whoever composes it
    /// calls this, and puts [`LinkSecret::url`] into its payload.
    ///
    /// # Errors
    /// [`DeskError::NotFound`], [`DeskError::Invalid`], [`DeskError::Conflict`] where there are too many.
    pub async fn make(
        &self,
        domain: &DomainName,
        wish: &LinkWish,
        caller: &Caller,
    ) -> DeskResult<(LinkRow, LinkSecret)> {
        let connection = self.row(domain, &caller.scope).await?.connection;
        let label = label(&wish.label)?;
        let made_at = self.clock.now();
        let expires_at = wish.days.map(|days| expiry(made_at, days)).transpose()?;
        let secret = LinkSecret::new();
        let link = NewLink {
            id: hex::encode(rand::random::<[u8; ID_BYTES]>()),
            hash: secret.hash(),
            subject_id: connection.id,
            partner: connection.partner_id,
            label,
            made_by: caller.who.clone(),
            made_at,
            expires_at,
        };
        let row = LinkRow {
            id: link.id.clone(),
            subject_id: link.subject_id.clone(),
            partner: link.partner.clone(),
            label: link.label.clone(),
            made_by: link.made_by.clone(),
            made_at,
            expires_at,
            revoked: None,
            last_used_at: None,
        };
        self.store.create_link(link).await?;
        Ok((row, secret))
    }

    /// The links to the page of a domain, newest first.
    ///
    /// # Errors
    /// [`DeskError::NotFound`].
    pub async fn of(&self, domain: &DomainName, scope: &Scope) -> DeskResult<Vec<LinkRow>> {
        let connection = self.row(domain, scope).await?.connection;
        Ok(self.store.links(&connection.id).await?)
    }

    /// Revokes a link; again is no error.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] where the caller's domain has no such link.
    pub async fn revoke(&self, domain: &DomainName, id: &str, caller: &Caller) -> DeskResult<()> {
        let connection = self.row(domain, &caller.scope).await?.connection;
        let found = self.store.revoke_link(&connection.id, id, &caller.who, self.clock.now()).await?;
        if found { Ok(()) } else { Err(DeskError::NotFound) }
    }

    /// Where a link leads now, noting that it was followed. `None` when it is unknown, revoked or expired, and when
    /// the domain has another connection or another partner by now: one answer for all.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn follow(&self, secret: &str) -> StoreResult<Option<(LinkRow, DomainRow)>> {
        let Some((link, row)) = self.look(secret).await? else { return Ok(None) };
        let now = self.clock.now();
        let noted = link.last_used_at.is_some_and(|last| now.duration_since(last) < SignedDuration::from_mins(1));
        if !noted && let Err(error) = self.store.link_used(&link.id, now).await {
            // Whoever reads need not wait for a store that cannot be written.
            tracing::warn!(link = link.id, %error, "that a link was followed could not be noted");
        }
        Ok(Some((link, row)))
    }

    /// As [`Links::follow`], without noting it.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn look(&self, secret: &str) -> StoreResult<Option<(LinkRow, DomainRow)>> {
        let Some(secret) = LinkSecret::parse(secret) else { return Ok(None) };
        let Some(link) = self.store.link_by_hash(&secret.hash()).await? else { return Ok(None) };
        if !link.in_force(self.clock.now()) {
            return Ok(None);
        }
        let Some(subject) = self.store.subject(&link.subject_id).await? else { return Ok(None) };
        let Some(domain) = subject.domain else { return Ok(None) };
        let row = self.store.domain(&domain, &Scope::Partner(link.partner.clone())).await?;
        Ok(row.filter(|row| row.connection.id == link.subject_id).map(|row| (link, row)))
    }

    async fn row(&self, domain: &DomainName, scope: &Scope) -> DeskResult<DomainRow> {
        self.store.domain(domain, scope).await?.ok_or(DeskError::NotFound)
    }
}

fn label(text: &str) -> DeskResult<String> {
    let text = text.trim();
    if text.chars().count() <= MAX_LABEL && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    let message = format!("say whom the link is for in at most {MAX_LABEL} characters, without control characters");
    Err(DeskError::Invalid(vec![FieldError { field: "label".to_owned(), message }]))
}

fn expiry(from: Timestamp, days: u32) -> DeskResult<Timestamp> {
    let end = from.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok();
    end.filter(|_| (1..=MAX_LINK_DAYS).contains(&days)).ok_or_else(|| {
        let message = format!("1 to {MAX_LINK_DAYS} days, or none for a link that holds until it is revoked");
        DeskError::Invalid(vec![FieldError { field: "days".to_owned(), message }])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_and_never_shown_by_debug() {
        let secret = LinkSecret::new();
        assert_eq!(secret.url("https://onboarding.example/"), format!("https://onboarding.example/s/{}", secret.0));
        assert_eq!(LinkSecret::parse(&secret.0), Some(secret.clone()));
        assert!(!format!("{secret:?}").contains(&secret.0[..8]));
        assert_ne!(secret.hash(), LinkSecret::new().hash());
        for bad in ["", "x", &secret.0[1..], &secret.0.to_uppercase(), &format!("{}0", secret.0)] {
            assert_eq!(LinkSecret::parse(bad), None, "{bad}");
        }
    }
}
