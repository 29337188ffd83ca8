//! The values that go in and out of a store. Bodies are JSON text made by the layer that owns them.

use fencepost_checks::DomainName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::SettledMail;
use crate::ledger::EntryDraft;
pub use crate::ledger::raw::{RawEntry, RawHead};
pub use crate::ledger::{ClosedRun, RawRun, StoredEntry};
use crate::lifecycle::connection::RouteMode;
use crate::order::{FieldError, MailServer, Order};

pub type StoreResult<T> = Result<T, StoreError>;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else was faster, or the request contradicts what is stored. The text is for people.
    #[error("{0}")]
    Conflict(String),
    /// The same idempotency key came with another request (409).
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// What is stored speaks against fields of an order, each with the way out.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    #[error("not found")]
    NotFound,
    /// The database has a newer schema than this program.
    #[error("the database has schema {found}, this program knows up to {known}: run a newer fencepost")]
    NewerSchema { found: u32, known: u32 },
    /// The database has an older schema, and is shared: one person brings it up to date, not every node.
    #[error("the database has schema {found}, this program needs {known}: run `fencepost migrate`")]
    OlderSchema { found: u32, known: u32 },
    /// The database is locked by somebody else, full, or cannot be reached: it may be there again later
    /// (503).
    #[error("the database cannot be used just now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{what}")]
    Database {
        what: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Which rows somebody may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    All,
    Partner(String),
}

/// A piece of a listing: `after` is the last key of the page before, opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub after: Option<String>,
    pub limit: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing<T> {
    pub rows: Vec<T>,
    /// Present when there is more.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectKind {
    Connection,
    Subscription,
}

/// A subject as stored. `state` is the JSON of `Connection` or `Subscription`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub id: String,
    pub kind: SubjectKind,
    pub partner_id: String,
    pub customer_id: String,
    /// Only of connections.
    pub domain: Option<DomainName>,
    /// Customer id whose living connection holds the domain: this one waits, unprobed, in `ordered`.
    pub held_by: Option<String>,
    pub machine_version: u32,
    pub state: String,
    pub state_since: Timestamp,
    pub version: u64,
    /// Seq of its last event.
    pub last_seq: u64,
    /// The order it came from.
    pub order: Order,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimRequest {
    pub now: Timestamp,
    pub owner: String,
    pub lease: SignedDuration,
    pub limit: u32,
    pub share: Share,
}

/// Which subjects a node works on. Every node may take everything; a large installation may keep the
/// looks at connected domains away from the runs that people wait for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Share {
    #[default]
    All,
    /// All but connected domains.
    Runs,
    /// Connected domains alone: they are looked at again for ever.
    Connected,
}

impl Share {
    /// Whether connected domains are taken, where that is a question.
    pub(super) fn connected(self) -> Option<bool> {
        match self {
            Self::All => None,
            Self::Runs => Some(false),
            Self::Connected => Some(true),
        }
    }
}

/// A due timer that is ours until the lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub subject_id: String,
    /// Text form of the machine's timer kind, or `fact` (see [`TimerSet`]).
    pub kind: String,
    pub fence: u64,
    pub attempt: u32,
    pub due_at: Timestamp,
    /// Somebody else had it, whose lease ran out.
    pub taken_over: bool,
}

/// A timer as it shall be. The set in a [`Transition`] is complete: others of the subject vanish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerSet {
    pub kind: String,
    pub due_at: Timestamp,
}

/// One outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    pub subject_id: String,
    /// The version it was decided on.
    pub version: u64,
    /// The claim whose work this was; `None` for a fact from outside (API, other subject).
    pub claim: Option<Claim>,
    pub at: Timestamp,
    /// Of the machine that wrote `state`.
    pub machine_version: u32,
    pub phase: String,
    pub state: String,
    pub state_since: Timestamp,
    pub events: Vec<NewEvent>,
    pub observations: Vec<Observation>,
    /// Observations that an event of this transition rests on: kept word for word.
    pub archive: Vec<EvidenceName>,
    pub outbox: Vec<NewOutbox>,
    pub entries: Vec<EntryDraft>,
    pub route: Option<RouteChange>,
    pub timers: Vec<TimerSet>,
    /// Makes a repeated request from outside return the first answer.
    pub inbox: Option<InboxKey>,
    /// Ids of outbox items (facts for this subject) that this transition consumes.
    pub consumes: Option<String>,
    /// The proposal that this outcome approves: it must still wait.
    pub settles: Option<SettledMail>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitOutcome {
    Committed {
        version: u64,
    },
    /// The claim belongs to somebody else by now: drop the outcome.
    FenceLost,
    /// The subject changed meanwhile, the fence is still held: reload and decide again.
    VersionConflict,
    /// The inbox key or the consumed item was seen before: nothing to do.
    Repeated,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    pub kind: String,
    /// JSON.
    pub body: String,
    /// What caused it: a timer kind, `api:<who>`, `fact:<subject>`.
    pub cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: String,
    pub body: String,
    pub cause: String,
}

/// What was last observed of one kind, kept as an interval: `first_at` moves only when `digest`
/// changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// `mx`, `history`, `firewall`, `smtp`, `gateway`, `lint`, `next_destination`, `findings`.
    pub kind: String,
    pub digest: String,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// JSON.
    pub body: String,
}

/// One kept observation, by what it says word for word. As text: `kind:sha256`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceName {
    pub kind: String,
    /// Of the body, hex.
    pub sha256: String,
}

impl EvidenceName {
    /// `None` for a text that is no such name, as older programs wrote.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, sha256) = text.split_once(':')?;
        let named = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        named.then(|| Self { kind: kind.to_owned(), sha256: sha256.to_owned() })
    }
}

/// A look on which a permit rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedObservation {
    pub kind: String,
    pub observed_at: Timestamp,
    /// JSON.
    pub body: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutbox {
    /// Unique: a second insertion with the same key is ignored.
    pub dedupe_key: String,
    /// `notice`, `fact`.
    pub kind: String,
    /// JSON.
    pub payload: String,
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    pub id: u64,
    pub subject_id: String,
    pub dedupe_key: String,
    pub kind: String,
    pub payload: String,
    pub fence: u64,
    pub attempt: u32,
    /// When it was put there.
    pub created_at: Timestamp,
    /// Somebody else had it, whose lease ran out.
    pub taken_over: bool,
    /// What its sender keeps with it from attempt to attempt; stored when it is settled.
    pub log: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxOutcome {
    Sent {
        detail: String,
    },
    /// No longer true at the moment of sending (permit gone).
    Dropped {
        reason: String,
    },
    Retry {
        due_at: Timestamp,
        error: String,
    },
    /// Nothing was tried, because there is no way out yet: the attempts so far do not count.
    Waiting {
        due_at: Timestamp,
        reason: String,
    },
    Parked {
        error: String,
    },
}

/// An outbox item as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: u64,
    pub subject_id: String,
    pub dedupe_key: String,
    pub kind: String,
    pub payload: String,
    pub created_at: Timestamp,
    pub due_at: Timestamp,
    pub attempt: u32,
    pub sent_at: Option<Timestamp>,
    /// `pending`, `sent`, `dropped`, `parked`.
    pub status: String,
    pub detail: String,
    /// As in [`OutboxItem::log`].
    pub log: String,
}

/// Work that was given up and waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedRow {
    /// `t:SUBJECT:KIND` of a timer, `o:NUMBER` of an effect.
    pub id: String,
    pub what: String,
    pub subject_id: String,
    /// Only of a connection.
    pub domain: Option<DomainName>,
    pub attempts: u32,
    pub since: Timestamp,
    pub error: String,
    /// When it was last retried by a person, and by whom.
    pub retried: Option<(Timestamp, String)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    pub domain: DomainName,
    pub mode: RouteMode,
    pub servers: Vec<MailServer>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRow {
    pub domain: DomainName,
    pub mode: RouteMode,
    pub servers: Vec<MailServer>,
    pub generation: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxKey {
    pub key: String,
    /// SHA-256 (hex) of method, path and body, with the token's id.
    pub request_hash: String,
    /// JSON to give again.
    pub response: String,
}

/// An order with everything that comes into being with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub order_id: String,
    pub customer_id: String,
    pub order: Order,
    pub at: Timestamp,
    pub by: String,
    /// A trial is refused where its domain or business id had one at or after this; `None`: allowed anyway.
    pub trials_since: Option<Timestamp>,
    /// A domain that somebody else holds is refused, and not waited for.
    pub must_hold: bool,
    pub subjects: Vec<NewSubject>,
    pub entries: Vec<EntryDraft>,
    pub inbox: Option<InboxKey>,
}

/// A change to what was agreed with a customer, in one transaction with what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amendment {
    /// Of the customer's subscription.
    pub transition: Transition,
    pub customer_id: String,
    /// The agreement from now on. Another partner in it takes the customer over: the old one sees
    /// nothing of it any more.
    pub order: Order,
    /// Connections of further domains.
    pub subjects: Vec<NewSubject>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubject {
    pub id: String,
    pub kind: SubjectKind,
    pub domain: Option<DomainName>,
    /// Of the machine that wrote `state`.
    pub machine_version: u32,
    pub phase: String,
    pub state: String,
    pub events: Vec<NewEvent>,
    pub outbox: Vec<NewOutbox>,
    pub route: Option<RouteChange>,
    pub timers: Vec<TimerSet>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// Stored now.
    New { customer_id: String },
    /// The same request was answered before; here is that answer.
    Repeated { response: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub id: String,
    pub order_id: String,
    pub order: Order,
    pub ordered_at: Timestamp,
    pub subscription: Subject,
    pub connections: Vec<Subject>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainRow {
    pub connection: Subject,
    pub customer_id: String,
    /// Next timer of the connection.
    pub next_check_at: Option<Timestamp>,
    /// Another customer holds the domain; shown to the desk alone (`DOMAIN_HELD`).
    pub held_by: Option<String>,
}

/// A domain and its observations, read at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub row: DomainRow,
    /// By kind.
    pub observations: Vec<Observation>,
}

/// Changes with everything that [`Standing`] says about the connection: each commit raises the version, and
/// what else moves (leases, holders) is here itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    pub connection_id: String,
    pub version: u64,
    pub next_check_at: Option<Timestamp>,
    pub held_by: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainFilter {
    pub phase: Option<String>,
    /// Part of the domain's beginning.
    pub prefix: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Desk,
    Partner,
    Accounting,
    Agent,
    Viewer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    pub id: String,
    /// SHA-256 of the secret; the secret itself is shown once and never stored.
    pub hash: [u8; 32],
    pub role: Role,
    /// Only with role `partner` (and `viewer`, where it is limited to one).
    pub partner: Option<String>,
    pub label: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub id: String,
    pub role: Role,
    pub partner: Option<String>,
    pub label: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// A kept document or mail as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvidence {
    /// The name under which it is kept: what its SHA-256 should be, hex.
    pub sha256: String,
    pub content: Vec<u8>,
    /// Microseconds since 1970.
    pub kept_at: Option<i64>,
    /// What the journal has of it; empty when it has no line about it.
    pub line: Vec<u8>,
}

/// A look that a permit rests on, as the database has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptLook {
    pub subject_id: String,
    /// What the SHA-256 of its body should be, hex.
    pub sha256: String,
    pub kind: Vec<u8>,
    pub observed_at: Option<i64>,
    pub body: Vec<u8>,
    /// As with [`KeptEvidence`].
    pub line: Vec<u8>,
}

/// How much there is to do, for metrics. Every number is found by an index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// Timers that are due and that nobody works on, at most [`Figures::COUNTED`].
    pub timers_due: u64,
    pub oldest_timer_due: Option<Timestamp>,
    /// Subjects that somebody works on.
    pub leases: u64,
    /// Effects that are due and that nobody carries out, at most [`Figures::COUNTED`].
    pub effects_due: u64,
    pub oldest_effect_due: Option<Timestamp>,
    pub parked_timers: u64,
    pub parked_effects: u64,
}

impl Figures {
    /// Nothing is counted further.
    pub const COUNTED: u32 = 100_000;
}
