//! People who sign in: their accounts, the links that are mailed to them, and who is signed in. Secrets
//! come here as hashes alone. Whether a session still counts is judged by whoever asks, with the time.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Listing, NewOutbox, Page, Role, StoreResult, TokenRow};
use crate::order::Language;

/// Links of one person that may wait at the same time; a further one takes the place of the oldest.
pub const MAX_SIGN_IN_LINKS: u32 = 5;
/// Sessions of one holder; a further one takes the place of the oldest.
pub const MAX_SESSIONS: u32 = 20;

/// The use cases around signing in. Every method is one transaction.
#[async_trait]
pub trait PeopleStore {
    /// # Errors
    /// [`StoreError::Conflict`](super::StoreError::Conflict) where the address has an account already.
    async fn add_person(&self, person: NewPerson) -> StoreResult<()>;
    /// By e-mail address, which is in lower case.
    async fn person_by_email(&self, email: &str) -> StoreResult<Option<PersonRow>>;
    /// In the order of their addresses.
    async fn people(&self, page: &Page) -> StoreResult<Listing<PersonRow>>;
    /// Nobody signs in by this account any more, and whoever did is signed out. `None` when there is no such
    /// account; otherwise how many sessions ended.
    async fn disable_person(&self, email: &str, at: Timestamp) -> StoreResult<Option<u64>>;
    /// Takes a disabled account into force again. `false` when there is none.
    async fn enable_person(&self, email: &str) -> StoreResult<bool>;

    /// Puts somebody's wish for a link into the outbox. Wishes that were settled before `forget` are removed.
    /// `false`, and nothing is stored, when `bounds` are reached.
    async fn ask_for_link(
        &self,
        subject: &str,
        wish: NewOutbox,
        at: Timestamp,
        forget: Timestamp,
        bounds: WishBounds,
    ) -> StoreResult<bool>;
    /// Keeps a link that is about to be mailed. `false` when the account is not in force.
    async fn keep_sign_in_link(&self, link: NewSignInLink) -> StoreResult<bool>;
    /// Whose link it is, while it can be used. Looking uses nothing up.
    async fn sign_in_link(&self, hash: &[u8; 32], now: Timestamp) -> StoreResult<Option<PersonRow>>;
    /// Uses a link up and begins the session, once, whoever comes at the same time; every other link of the
    /// person ends with it. `None` when the link cannot be used.
    async fn use_sign_in_link(&self, hash: &[u8; 32], session: NewSession) -> StoreResult<Option<UsedLink>>;

    /// Begins a session of a holder that was authenticated in another way.
    async fn begin_session(&self, holder: HolderId, session: NewSession) -> StoreResult<()>;
    async fn session(&self, hash: &[u8; 32]) -> StoreResult<Option<SessionRow>>;
    /// The session was used.
    async fn touch_session(&self, hash: &[u8; 32], at: Timestamp) -> StoreResult<()>;
    /// Newest first.
    async fn sessions(&self, holder: &HolderId) -> StoreResult<Vec<SessionRow>>;
    /// Ends one session of a holder, by its public id. `false` when there is none.
    async fn end_session(&self, holder: &HolderId, id: &str) -> StoreResult<bool>;
    /// Ends every session of a holder; how many there were.
    async fn end_sessions(&self, holder: &HolderId) -> StoreResult<u64>;
}

/// An account that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPerson {
    pub id: String,
    /// In lower case.
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Whom it is limited to.
    pub partner: Option<String>,
    pub language: Language,
    pub created_at: Timestamp,
    pub created_by: String,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub id: String,
    pub email: String,
    pub name: String,
    pub role: Role,
    pub partner: Option<String>,
    pub language: Language,
    pub created_at: Timestamp,
    pub created_by: String,
    pub disabled_at: Option<Timestamp>,
    /// When somebody last signed in by it.
    pub signed_in_at: Option<Timestamp>,
}

/// How many wishes for links are kept: of all, and of one address within the time that they are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WishBounds {
    pub all: u32,
    pub one: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignInLink {
    /// SHA-256 of its secret.
    pub hash: [u8; 32],
    pub person_id: String,
    /// The page that was wanted.
    pub next: String,
    pub created_at: Timestamp,
    pub ends_at: Timestamp,
}

/// What came of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedLink {
    pub person: PersonRow,
    pub next: String,
}

/// How somebody came to be signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInWay {
    Link,
    Token,
    Openid,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// For people: names the session in lists.
    pub id: String,
    /// SHA-256 of what the browser keeps.
    pub hash: [u8; 32],
    pub way: SignInWay,
    /// What the browser says it is.
    pub browser: String,
    pub created_at: Timestamp,
    /// At the latest.
    pub ends_at: Timestamp,
}

/// Who can be signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HolderId {
    Person(String),
    Token(String),
}

impl HolderId {
    /// The ids as the two columns have them: of the person, and of the token.
    pub(super) fn columns(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Person(id) => (Some(id), None),
            Self::Token(id) => (None, Some(id)),
        }
    }
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Person(PersonRow),
    Token(TokenRow),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    pub id: String,
    pub holder: Holder,
    pub way: SignInWay,
    pub browser: String,
    pub created_at: Timestamp,
    pub seen_at: Timestamp,
    pub ends_at: Timestamp,
}
