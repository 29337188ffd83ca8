//! Who is calling: a bearer token, turned into a [`Identity`] with a role and a scope. Handlers ask
//! the caller what it may do; nothing else decides that.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use jiff::Timestamp;
use subtle::ConstantTimeEq;

use super::HttpState;
use super::panel::cookie;
use super::problem::{Kind, Problem};
use super::token::Token;
use super::trail::Trail;
use crate::clock::SharedClock;
use crate::store::{Role, Scope, Store, TokenRow};

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub token_id: String,
    pub label: String,
    pub role: Role,
    /// Set where the token is limited to one partner.
    pub partner: Option<String>,
    /// SHA-256 of the token, to ask later whether it is still in force; `None` on open pages.
    pub hash: Option<[u8; 32]>,
}

impl Identity {
    /// How histories and the ledger name the caller.
    #[must_use]
    pub fn who(&self) -> String {
        if self.label.is_empty() { self.token_id.clone() } else { format!("{} ({})", self.label, self.token_id) }
    }

    /// Which rows it may see.
    #[must_use]
    pub fn scope(&self) -> Scope {
        self.partner.clone().map_or(Scope::All, Scope::Partner)
    }

    /// Only the service desk may.
    ///
    /// # Errors
    /// 403 for every other role.
    pub fn require_desk(&self) -> Result<(), Problem> {
        self.require(&[Role::Desk])
    }

    /// # Errors
    /// 403 unless the caller's role is among `roles`.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        if roles.contains(&self.role) {
            return Ok(());
        }
        let names: Vec<&str> = roles.iter().copied().map(role_name).collect();
        let detail =
            format!("This needs a token with the role {}; this one has {}.", names.join(" or "), self.role_name());
        Err(Problem::new(Kind::NotAllowed, detail))
    }

    #[must_use]
    pub const fn role_name(&self) -> &'static str {
        role_name(self.role)
    }
}

/// The word for a role, as tokens are made with.
#[must_use]
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Desk => "desk",
        Role::Partner => "partner",
        Role::Accounting => "accounting",
        Role::Agent => "agent",
        Role::Viewer => "viewer",
    }
}

impl FromRequestParts<HttpState> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, Problem> {
        let refused =
            || Problem::new(Kind::NoToken, "Send the header `Authorization: Bearer fp_…` with a token in force.");
        let known = authenticate(state, bearer(&parts.headers).ok_or_else(refused)?).await?.ok_or_else(refused)?;
        if let Some(trail) = parts.extensions.get::<Trail>() {
            trail.by(&known);
        }
        Ok(known)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The token that a request came with, in either way.
pub(super) fn presented(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| cookie(headers))
}

/// The caller behind a token, `None` when it is unknown, revoked, expired or malformed: one answer
/// for all four.
///
/// # Errors
/// When the store cannot be asked.
pub async fn authenticate(state: &HttpState, presented: &str) -> Result<Option<Identity>, Problem> {
    let Some(token) = Token::parse(presented) else { return Ok(None) };
    let hash = token.hash();
    // The look-up is by hash: its timing says something about the hash at most, never the secret.
    let Some(row) = state.store.token_by_hash(&hash).await? else { return Ok(None) };
    let same: bool = row.id.as_bytes().ct_eq(token.id().as_bytes()).into();
    Ok((same && in_force(&row, state.clock.now())).then_some(Identity {
        token_id: row.id,
        label: row.label,
        role: row.role,
        partner: row.partner,
        hash: Some(hash),
    }))
}

/// Whether the token of a caller whose request goes on and on still counts.
pub(super) async fn still_in_force(store: &dyn Store, clock: &SharedClock, hash: &[u8; 32]) -> bool {
    // A store that fails just now has not revoked anything.
    store.token_by_hash(hash).await.map_or(true, |row| row.is_some_and(|row| in_force(&row, clock.now())))
}

fn in_force(row: &TokenRow, now: Timestamp) -> bool {
    // A partner's token without a partner would see everything: it is no token at all.
    let scoped = row.role != Role::Partner || row.partner.is_some();
    scoped && row.revoked_at.is_none() && row.expires_at.is_none_or(|end| now < end)
}
