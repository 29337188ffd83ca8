//! Accounts of people, and how they come to be signed in: asked for by anybody, mailed to those who have an
//! account. Whoever asks learns nothing by it: a wish is taken in the same way for every address, and the
//! account is looked up only when the mail is made. What a browser holds is never stored, only its hash.

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::{Desk, DeskError, DeskResult};
use crate::engine::payload::WishItem;
use crate::order::{FieldError, Language, mail_address, plain_text};
use crate::store::{
    HolderId, Listing, NewPerson, NewSession, Page, PersonRow, Role, SessionRow, SignInWay, UsedLink, WishBounds,
};

/// For how long settled wishes are remembered, and counted against their address.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(1);
/// Wishes within that time, of everybody together and for one address.
const WISHES: WishBounds = WishBounds { all: 2_000, one: 5 };
/// Characters of what a browser says of itself that are kept.
const BROWSER: usize = 120;

/// Who shall have an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonForm {
    pub email: String,
    pub name: String,
    pub role: Role,
    pub partner: Option<String>,
    pub language: Language,
}

/// A session that began: what its browser keeps, which nobody sees again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    pub secret: String,
    /// How long the browser needs to keep it, in seconds.
    pub seconds: u32,
}

/// SHA-256 of a secret of ours. They have 256 random bits, so that no slow hash is needed.
#[must_use]
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// 256 random bits, as text. From the system, never from dice.
pub(crate) fn new_secret() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

impl Desk {
    /// Makes an account.
    ///
    /// # Errors
    /// [`DeskError::Invalid`] at each field, [`DeskError::Conflict`] where the address has one already.
    pub async fn add_person(&self, form: &PersonForm, by: &str) -> DeskResult<PersonRow> {
        let person = checked(form).map_err(DeskError::Invalid)?;
        let new = NewPerson {
            id: uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string(),
            created_at: self.clock.now(),
            created_by: by.to_owned(),
            ..person
        };
        let email = new.email.clone();
        self.store.add_person(new).await?;
        self.store.person_by_email(&email).await?.ok_or(DeskError::NotFound)
    }

    /// # Errors
    /// When the store fails.
    pub async fn people(&self, page: &Page) -> DeskResult<Listing<PersonRow>> {
        Ok(self.store.people(page).await?)
    }

    /// # Errors
    /// [`DeskError::NotFound`] where the address has no account.
    pub async fn person(&self, email: &str) -> DeskResult<PersonRow> {
        self.store.person_by_email(&email.trim().to_lowercase()).await?.ok_or(DeskError::NotFound)
    }

    /// Takes an account out of force and ends its sessions; how many ended.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] where the address has no account.
    pub async fn disable_person(&self, email: &str) -> DeskResult<u64> {
        let email = email.trim().to_lowercase();
        self.store.disable_person(&email, self.clock.now()).await?.ok_or(DeskError::NotFound)
    }

    /// # Errors
    /// [`DeskError::NotFound`] where the address has no account.
    pub async fn enable_person(&self, email: &str) -> DeskResult<()> {
        let there = self.store.enable_person(&email.trim().to_lowercase()).await?;
        there.then_some(()).ok_or(DeskError::NotFound)
    }

    /// Takes somebody's wish for a link in. The same is done for every address, known or not; beyond the
    /// bounds nothing is done, and nobody is told.
    ///
    /// # Errors
    /// [`DeskError::Invalid`] for what is no address.
    pub async fn ask_for_link(&self, address: &str, next: &str) -> DeskResult<()> {
        let email = address_of(address).map_err(|message| invalid("email", message))?;
        let now = self.clock.now();
        let subject = format!("sign-in/{}", hex::encode(&Sha256::digest(&email)[..16]));
        let wish = WishItem { email, next: next.to_owned(), asked_at: now };
        let wish = wish.outbox(&hex::encode(rand::random::<[u8; 16]>()))?;
        if !self.store.ask_for_link(&subject, wish, now, now - REMEMBERED, WISHES).await? {
            tracing::warn!(subject, "too many links were asked for; this one is not mailed");
        }
        self.wake.notify_one();
        Ok(())
    }

    /// Whose link it is, while it can be used. Looking uses nothing up.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn link(&self, secret: &str) -> DeskResult<Option<PersonRow>> {
        Ok(self.store.sign_in_link(&secret_hash(secret), self.clock.now()).await?)
    }

    /// Uses a link up, once. `None` when it cannot be used.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn use_link(&self, secret: &str, browser: &str) -> DeskResult<Option<(UsedLink, Begun)>> {
        let (session, begun) = self.new_session(SignInWay::Link, browser);
        Ok(self.store.use_sign_in_link(&secret_hash(secret), session).await?.map(|used| (used, begun)))
    }

    /// Begins a session of somebody who was authenticated in another way.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn begin_session(&self, holder: HolderId, way: SignInWay, browser: &str) -> DeskResult<Begun> {
        let (session, begun) = self.new_session(way, browser);
        self.store.begin_session(holder, session).await?;
        Ok(begun)
    }

    /// The sessions of a holder that still count, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sessions(&self, holder: &HolderId) -> DeskResult<Vec<SessionRow>> {
        let (now, idle) = (self.clock.now(), self.idle());
        let mut rows = self.store.sessions(holder).await?;
        rows.retain(|row| now < row.ends_at && now < row.seen_at + idle);
        Ok(rows)
    }

    /// # Errors
    /// [`DeskError::NotFound`] where the holder has no such session.
    pub async fn end_session(&self, holder: &HolderId, id: &str) -> DeskResult<()> {
        self.store.end_session(holder, id).await?.then_some(()).ok_or(DeskError::NotFound)
    }

    /// Signs a holder out everywhere; how many sessions ended.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn end_sessions(&self, holder: &HolderId) -> DeskResult<u64> {
        Ok(self.store.end_sessions(holder).await?)
    }

    fn idle(&self) -> SignedDuration {
        SignedDuration::from_mins(self.config.http.sign_in.idle_minutes.into())
    }

    fn new_session(&self, way: SignInWay, browser: &str) -> (NewSession, Begun) {
        let secret = new_secret();
        let now = self.clock.now();
        let seconds = self.config.http.sign_in.session_hours.saturating_mul(3_600);
        let session = NewSession {
            id: hex::encode(rand::random::<[u8; 6]>()),
            hash: secret_hash(&secret),
            way,
            browser: browser.chars().filter(|c| !c.is_control()).take(BROWSER).collect(),
            created_at: now,
            ends_at: later(now, seconds),
        };
        (session, Begun { secret, seconds })
    }
}

fn later(now: Timestamp, seconds: u32) -> Timestamp {
    now.checked_add(SignedDuration::from_secs(seconds.into())).unwrap_or(Timestamp::MAX)
}

fn invalid(field: &str, message: String) -> DeskError {
    DeskError::Invalid(vec![FieldError { field: field.to_owned(), message }])
}

/// The address as accounts have it: one spelling, in lower case.
fn address_of(text: &str) -> Result<String, String> {
    mail_address(text.trim()).map(|address| address.to_lowercase())
}

fn checked(form: &PersonForm) -> Result<NewPerson, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut wrong = |field: &str, message: String| errors.push(FieldError { field: field.to_owned(), message });
    let email = address_of(&form.email).map_err(|message| wrong("email", message)).unwrap_or_default();
    let name = plain_text(form.name.trim(), 200, false).map_err(|message| wrong("name", message)).unwrap_or_default();
    if form.name.trim().is_empty() {
        wrong("name", "is needed: histories name people by it".to_owned());
    }
    let partner = form.partner.as_deref().map(str::trim).filter(|partner| !partner.is_empty());
    match (form.role, partner) {
        (Role::Agent, _) => wrong("role", "`agent` is for programs: make a token with that role".to_owned()),
        (Role::Partner, None) => {
            wrong("partner", "is needed with the role `partner`: it sees that partner's customers only".to_owned());
        }
        (Role::Desk | Role::Accounting, Some(_)) => {
            wrong("partner", "goes with the roles `partner` and `viewer` only".to_owned());
        }
        _ => {}
    }
    if let Some(partner) = partner
        && let Err(message) = plain_text(partner, 200, false)
    {
        wrong("partner", message);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(NewPerson {
        id: String::new(),
        email,
        name,
        role: form.role,
        partner: partner.map(str::to_owned),
        language: form.language,
        created_at: Timestamp::UNIX_EPOCH,
        created_by: String::new(),
    })
}
