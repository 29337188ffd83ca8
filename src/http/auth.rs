//! Who is calling: a bearer token, or the session of a browser, turned into an [`Identity`] with a role and a
//! scope. Handlers ask the caller what it may do; nothing else decides that.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;

use super::HttpState;
use super::panel::cookies;
use super::problem::{Kind, Problem};
use super::token::Token;
use super::trail::Trail;
use crate::clock::SharedClock;
use crate::engine::secret_hash;
use crate::store::{Holder, HolderId, PersonRow, Role, Scope, SessionRow, Store, TokenRow};

/// A session that is used is written down as used once in that time, not with each request.
const TOUCH: SignedDuration = SignedDuration::from_mins(1);

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Of the token; the address of a person.
    pub token_id: String,
    /// Of the token; the name of a person.
    pub label: String,
    pub role: Role,
    /// Set where the caller is limited to one partner.
    pub partner: Option<String>,
    /// SHA-256 of the token or of the session, to ask later whether it is still in force; `None` on open pages.
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
        let presented = bearer(&parts.headers).ok_or_else(refused)?;
        let Some(identity) = authenticate(state, presented).await? else {
            state.rates.attempt(parts)?;
            return Err(refused());
        };
        if let Some(trail) = parts.extensions.get::<Trail>() {
            trail.by(&identity);
        }
        state.rates.token(&identity.token_id)?;
        Ok(identity)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whether a request comes from somebody who is known, in either way.
pub(super) async fn known(state: &HttpState, headers: &HeaderMap) -> Result<bool, Problem> {
    if let Some(token) = bearer(headers) {
        return Ok(authenticate(state, token).await?.is_some());
    }
    match cookies::session(headers, cookies::secure(&state.config.http)) {
        Some(secret) => Ok(by_session(state, secret).await?.is_some()),
        None => Ok(false),
    }
}

/// The session that somebody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) id: String,
    pub(super) holder: HolderId,
}

/// Who is signed in by what a browser holds, `None` when that is unknown, ended or unused for too long, and when
/// its person or token is not in force.
pub(super) async fn by_session(state: &HttpState, secret: &str) -> Result<Option<(Identity, Signed)>, Problem> {
    let hash = secret_hash(secret);
    let now = state.clock.now();
    let Some(row) = state.store.session(&hash).await? else { return Ok(None) };
    let idle = SignedDuration::from_mins(state.config.http.sign_in.idle_minutes.into());
    if !goes_on(&row, now) || now >= row.seen_at + idle {
        return Ok(None);
    }
    if now >= row.seen_at + TOUCH {
        state.store.touch_session(&hash, now).await?;
    }
    let (identity, holder) = match row.holder {
        Holder::Person(person) => {
            let id = person.id.clone();
            (of_person(person, hash), HolderId::Person(id))
        }
        Holder::Token(token) => {
            let id = token.id.clone();
            (of_token(token, hash), HolderId::Token(id))
        }
    };
    Ok(Some((identity, Signed { id: row.id, holder })))
}

fn of_person(person: PersonRow, hash: [u8; 32]) -> Identity {
    let PersonRow { email, name, role, partner, .. } = person;
    Identity { token_id: email, label: name, role, partner, hash: Some(hash) }
}

fn of_token(row: TokenRow, hash: [u8; 32]) -> Identity {
    Identity { token_id: row.id, label: row.label, role: row.role, partner: row.partner, hash: Some(hash) }
}

/// Whether a session has not ended, and its holder counts.
fn goes_on(row: &SessionRow, now: Timestamp) -> bool {
    let counts = match &row.holder {
        Holder::Person(person) => person.disabled_at.is_none() && scoped(person.role, person.partner.as_ref()),
        // Agents are programs: they have no browser.
        Holder::Token(token) => token.role != Role::Agent && in_force(token, now),
    };
    counts && now < row.ends_at
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
    Ok((same && in_force(&row, state.clock.now())).then(|| of_token(row, hash)))
}

/// Whether the token or the session of a caller whose request goes on and on still counts.
pub(super) async fn still_in_force(store: &dyn Store, clock: &SharedClock, hash: &[u8; 32]) -> bool {
    // A store that fails just now has not revoked anything.
    match store.token_by_hash(hash).await {
        Ok(Some(row)) => in_force(&row, clock.now()),
        Ok(None) => store.session(hash).await.map_or(true, |row| row.is_some_and(|row| goes_on(&row, clock.now()))),
        Err(_) => true,
    }
}

fn in_force(row: &TokenRow, now: Timestamp) -> bool {
    scoped(row.role, row.partner.as_ref()) && row.revoked_at.is_none() && row.expires_at.is_none_or(|end| now < end)
}

/// A partner without a partner would see everything: it is nobody at all.
fn scoped(role: Role, partner: Option<&String>) -> bool {
    role != Role::Partner || partner.is_some()
}
