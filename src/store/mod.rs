//! What the engine and the web ask of a database, as transactions. Only this module contains SQL.
//!
//! [`Store`] is the list of use cases; SQLite and PostgreSQL implement the same list. Nothing outside
//! knows which one it talks to. Times are always handed in.

mod acts;
mod board;
#[cfg(test)]
pub(crate) mod conformance;
mod links;
mod mail;
mod opening;
mod people;
mod places;
mod politeness;
pub mod postgres;
pub mod sqlite;
mod transfer;
mod trial;
mod types;
mod value;
mod vantage;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::Timestamp;

pub use acts::{Act, ActFilter, ActOutcome, ActPart, ActStore};
pub use board::{BoardStore, PhaseCount, RunFilter, UNDER_WAY};
pub use links::{LINKS_LISTED, LinkRow, LinkStore, MAX_LINKS, NewLink};
pub use mail::{KeptMail, MAX_QUARANTINED, MailRow, MailState, MailStore, NewMail, SenderRow, SettledMail};
pub use opening::{Schema, exposed, migrate, open, schema};
pub use people::{
    Holder, HolderId, MAX_SESSIONS, MAX_SIGN_IN_LINKS, NewPerson, NewSession, NewSignInLink, PeopleStore, PersonRow,
    SessionRow, SignInWay, UsedLink, WishBounds,
};
pub use places::{PlaceCount, PlaceRow, PlaceStanding, PlaceStore, place_kind};
pub use politeness::{Allowance, Drawn, Manners, PolitenessStore, Spread, TurnAnswer, TurnRequest};
pub use transfer::{BackedUp, Copied, backup, copy};
pub use types::*;
pub use vantage::*;

use crate::ledger::EntryDraft;
use crate::ledger::journal::{RawEnd, RawLine};
use crate::order::FieldError;

/// Under what the outbox keeps messages about invoicing runs: they go out one after the other.
pub const INVOICING: &str = "invoicing";

/// The use cases. Every method is one transaction; a method that fails has changed nothing.
#[async_trait]
pub trait Store:
    VantageStore + PolitenessStore + PlaceStore + MailStore + ActStore + LinkStore + BoardStore + PeopleStore + Send + Sync
{
    // --- Orders and people ---------------------------------------------------------------------

    /// Stores an order: customer, one subscription, one connection a domain, their first events,
    /// timers and notices. The idempotency key and the request's hash make a repetition return the
    /// first answer. A trial that comes too soon after another one is [`StoreError::Invalid`].
    async fn place_order(&self, order: NewOrder) -> StoreResult<Placed>;

    /// Stores several orders in one transaction, all or none of them, as [`Store::place_order`] does each.
    async fn place_orders(&self, orders: Vec<NewOrder>) -> StoreResult<Vec<Placed>>;

    /// What [`Store::place_order`] would say of a trial that comes too soon. Nothing is stored.
    async fn trial_refusals(&self, order: &NewOrder) -> StoreResult<Vec<FieldError>>;

    /// Changes what was agreed with a customer: commits the transition of its subscription, and with it the
    /// new agreement, its partner, and connections of further domains. Anything but
    /// [`CommitOutcome::Committed`] has changed nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the partner has one of the domains under way already.
    async fn amend(&self, amendment: Amendment) -> StoreResult<CommitOutcome>;

    async fn create_token(&self, token: NewToken) -> StoreResult<()>;
    async fn tokens(&self) -> StoreResult<Vec<TokenRow>>;
    /// `false` when there is no such token.
    async fn revoke_token(&self, id: &str, at: Timestamp) -> StoreResult<bool>;
    /// Looks a presented token up by the SHA-256 of its secret.
    async fn token_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<TokenRow>>;

    // --- Engine --------------------------------------------------------------------------------

    /// Takes due timers: at most one a subject and `limit` in all. Each gets `fence + 1`, the owner,
    /// and becomes due again at `lease_until` should the owner die.
    async fn claim(&self, request: ClaimRequest) -> StoreResult<Vec<Claim>>;

    /// When the next timer or outbox item is due.
    async fn next_due(&self) -> StoreResult<Option<Timestamp>>;

    async fn subject(&self, id: &str) -> StoreResult<Option<Subject>>;

    /// The kept observations of a subject.
    async fn observations(&self, subject_id: &str) -> StoreResult<Vec<Observation>>;

    /// One outcome, all or nothing: timer by fence, subject by version, events, observations,
    /// outbox, ledger entries, routes, the complete new set of timers.
    async fn commit(&self, transition: Transition) -> StoreResult<CommitOutcome>;

    /// Gives a claim up without an outcome; due again at `due_at`.
    async fn abandon(&self, claim: &Claim, due_at: Timestamp, error: &str) -> StoreResult<()>;

    /// Parks a claim: shown, and due no more until retried.
    async fn park(&self, claim: &Claim, at: Timestamp, error: &str) -> StoreResult<()>;

    async fn route(&self, domain: &DomainName) -> StoreResult<Option<RouteRow>>;

    /// The first answer to a request with this idempotency key.
    async fn answered(&self, key: &str) -> StoreResult<Option<InboxKey>>;

    // --- Outbox --------------------------------------------------------------------------------

    async fn claim_outbox(&self, request: ClaimRequest) -> StoreResult<Vec<OutboxItem>>;
    /// Settles an item. `false` when it belongs to somebody else by now, and nothing was stored.
    async fn outbox_done(&self, item: &OutboxItem, at: Timestamp, outcome: OutboxOutcome) -> StoreResult<bool>;

    /// Resolves when another node of the same store has put work there. A hint, never relied upon: what is
    /// due is found by looking.
    async fn hinted(&self) {
        std::future::pending::<()>().await;
    }

    // --- Reading for people --------------------------------------------------------------------

    /// A customer by its id or by that of its order.
    async fn customer(&self, id: &str, scope: &Scope) -> StoreResult<Option<Customer>>;
    async fn customers(&self, scope: &Scope, page: &Page) -> StoreResult<Listing<Customer>>;
    /// The newest connection of a domain.
    async fn domain(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<DomainRow>>;
    /// The newest connection of a domain with what is kept of its observations, at one instant.
    async fn standing(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Standing>>;
    /// Whether [`Self::standing`] would answer as before, for the price of a look at an index.
    async fn stamp(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Stamp>>;
    async fn domains(&self, scope: &Scope, filter: &DomainFilter, page: &Page) -> StoreResult<Listing<DomainRow>>;
    /// Events after `after_seq`, oldest first, at most `limit`.
    async fn events(&self, subject_id: &str, after_seq: u64, limit: u32) -> StoreResult<Vec<EventRow>>;
    /// A look that a permit of the connection rests on, by the SHA-256 (hex) of its body.
    async fn archived(&self, subject_id: &str, sha256: &str) -> StoreResult<Option<ArchivedObservation>>;
    /// Notices that were or will be sent about a subject, newest last.
    async fn notices(&self, subject_id: &str, limit: u32) -> StoreResult<Vec<OutboxRow>> {
        self.effects(subject_id, "notice", limit).await
    }
    /// As [`Store::notices`], for effects of any kind.
    async fn effects(&self, subject_id: &str, kind: &str, limit: u32) -> StoreResult<Vec<OutboxRow>>;
    /// Puts effects into the outbox once more, whatever became of them before; those that still wait stay as
    /// they are.
    async fn send_again(&self, subject_id: &str, effects: Vec<NewOutbox>, at: Timestamp) -> StoreResult<()>;
    async fn parked(&self, page: &Page) -> StoreResult<Listing<ParkedRow>>;
    /// Makes parked work due at `at`, with its attempts counted anew, and writes down who asked for it.
    /// `None` when nothing is parked under that id.
    async fn retry_parked(&self, id: &str, at: Timestamp, by: &str) -> StoreResult<Option<ParkedRow>>;

    // --- Ledger and invoicing ------------------------------------------------------------------

    /// Appends entries outside a transition (an evidenced, approved change).
    async fn append_entries(&self, entries: Vec<EntryDraft>, at: Timestamp) -> StoreResult<Vec<StoredEntry>>;
    /// Entries in seq order, for one customer or all, after `after_seq`, at most `limit`.
    async fn entries(&self, customer_id: Option<&str>, after_seq: u64, limit: u32) -> StoreResult<Vec<StoredEntry>>;
    /// Keeps a document or raw mail by its SHA-256. Idempotent.
    async fn keep_evidence(&self, sha256: &str, content: &[u8], at: Timestamp) -> StoreResult<()>;
    async fn evidence(&self, sha256: &str) -> StoreResult<Option<Vec<u8>>>;
    /// The lines already frozen for a customer, in any run.
    async fn closed_run(&self, run_date: jiff::civil::Date) -> StoreResult<Option<ClosedRun>>;
    async fn closed_runs(&self) -> StoreResult<Vec<ClosedRun>>;
    /// Freezes a run that was sealed to the one before it. Within the transaction it is looked at again
    /// what was closed meanwhile: refused with [`StoreError::Conflict`] when the run is closed already
    /// with other lines, when a later one is closed, or when the last closed run is not the one that it
    /// is sealed to. What `tell` says about it goes into the outbox with it, under [`INVOICING`].
    async fn close_run(&self, run: ClosedRun, tell: Vec<NewOutbox>) -> StoreResult<()>;
    /// Entries of customers in the order of customer and seq, after the one named, up to entry `known_seq`.
    async fn entries_by_customer(
        &self,
        after: (&str, u64),
        known_seq: u64,
        limit: u32,
    ) -> StoreResult<Vec<StoredEntry>>;
    /// Every customer id that the ledger knows, in id order, after `after`.
    async fn ledger_customers(&self, after: &str, limit: u32) -> StoreResult<Vec<String>>;

    // --- As it stands, for whoever verifies it ---------------------------------------------------

    /// Rows of the ledger in seq order, after `after_seq`, at most `limit`. A damaged row is no error.
    async fn raw_entries(&self, after_seq: u64, limit: u32) -> StoreResult<Vec<RawEntry>>;
    /// Where the ledger ends, as it was written down; `None` before the first entry.
    async fn raw_head(&self) -> StoreResult<Option<RawHead>>;
    /// Every closed run, by date. A damaged row is no error.
    async fn raw_runs(&self) -> StoreResult<Vec<RawRun>>;
    /// Kept evidence in the order of its names, after `after`, at most `limit`.
    async fn kept_evidence(&self, after: &str, limit: u32) -> StoreResult<Vec<KeptEvidence>>;
    /// Looks that permits rest on in the order of subject and name, after `after`, at most `limit`.
    async fn kept_looks(&self, after: (&str, &str), limit: u32) -> StoreResult<Vec<KeptLook>>;
    /// Lines of the journal in seq order, after `after_seq`, at most `limit`. A damaged line is no error.
    async fn raw_journal(&self, after_seq: u64, limit: u32) -> StoreResult<Vec<RawLine>>;
    /// Where the journal ends, as it was written down; `None` before the first line.
    async fn raw_journal_end(&self) -> StoreResult<Option<RawEnd>>;

    // --- Operation -----------------------------------------------------------------------------

    /// Whether the store answers and its schema is current.
    async fn ready(&self) -> StoreResult<()>;
    /// Really writes: one row, always the same.
    async fn heartbeat(&self, at: Timestamp) -> StoreResult<()>;
    async fn figures(&self, now: Timestamp) -> StoreResult<Figures>;
}
