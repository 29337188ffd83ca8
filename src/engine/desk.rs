//! What people ask of the engine: place an order, register, decide, look again, release. Each use
//! case loads its subject, asks the pure lifecycle, and commits once. Nothing is probed here.

mod acts;
mod agreement;
mod discrepancies;
mod doing;
mod import;
mod operation;
mod orders;
mod people;
mod precheck;

pub use acts::NewAct;
pub use agreement::{Amended, FurtherDomains, Transfer};
pub use discrepancies::Difference;
pub use doing::Doing;
pub use import::{Import, ImportReport};
pub use operation::Extension;
pub(super) use people::new_secret;
pub use people::{Begun, PersonForm, secret_hash};
pub use precheck::{Precheck, ServerSeen};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fencepost_checks::DomainName;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Notify;

use super::canary::{self, CanaryError, Received};
use super::connections::{self, With};
use super::mailroom::Mailroom;
use super::ports::{Intake, NoNotice, Observer};
use super::pulse::Pulse;
use super::replay::{self, Replay};
use super::reports::Reports;
use super::words::{Unreadable, json, parse, tag, word};
use super::{spoken, subscriptions};
use crate::clock::SharedClock;
use crate::config::{AdapterConfig, Config};
use crate::dice::Dice;
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::connection::{self, ReleaseCause, RouteMode};
use crate::lifecycle::permit::Setup;
use crate::lifecycle::subscription;
use crate::order::{FieldError, MailServer, Order};
use crate::store::{
    CommitOutcome, DomainFilter, EventRow, InboxKey, NewOrder, Page, ParkedRow, Placed, Scope, Store, StoreError,
    Subject, Transition,
};

/// How often a subject that changes under our hands is loaded again.
const ATTEMPTS: usize = 8;
/// Events read at once.
const PIECE: u32 = 1_000;
/// A busy engine may be late by so much.
const SLACK: Duration = Duration::from_secs(30);
/// Characters of an evidence file's name that are kept.
const NAME: usize = 120;

/// Who asks, what they may see, and how a repetition of the request is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// For the history: a token's label or a user.
    pub who: String,
    pub scope: Scope,
    pub idempotency: Option<Idempotency>,
}

/// An `Idempotency-Key` with the hash of the request that came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Unique within a token: put the token's id in front of what the client sent.
    pub key: String,
    /// SHA-256 (hex) of method, path and body.
    pub request_hash: String,
}

/// A stored order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    pub order_id: String,
    pub customer_id: String,
    pub connections: Vec<PlacedConnection>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedConnection {
    pub domain: DomainName,
    pub connection_id: String,
}

/// What a request brought about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The subject's phase afterwards.
    pub phase: String,
    /// `false` when the lifecycle had nothing to do about it in that phase.
    pub changed: bool,
    /// What follows from it: dates, what is charged and released, and when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<String>,
}

/// What a customer says about staying, as the desk enters it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub customer: bool,
    /// 15 or 30; with `customer` alone.
    pub group: Option<u8>,
    pub evidence: EvidenceFile,
    /// It takes the place of an opposite word that stands.
    pub replace: bool,
}

/// A mail or document on which a commercial decision rests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceFile {
    pub name: String,
    pub content: Vec<u8>,
    /// When the mail or document was received.
    pub received: Timestamp,
}

pub type DeskResult<T> = Result<T, DeskError>;

#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error("not found")]
    NotFound,
    /// The request contradicts what is stored. The text is for people.
    #[error("{0}")]
    Conflict(String),
    /// What is stored speaks against fields of the request.
    #[error("{}", StoreError::Invalid(.0.clone()))]
    Invalid(Vec<FieldError>),
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The subject changed again and again meanwhile: try once more.
    #[error("the record is busy, try again")]
    Busy,
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict(text) => Self::Conflict(text),
            StoreError::Invalid(errors) => Self::Invalid(errors),
            StoreError::KeyReused => Self::KeyReused,
            other @ (StoreError::NewerSchema { .. }
            | StoreError::OlderSchema { .. }
            | StoreError::Unavailable(_)
            | StoreError::Database { .. }) => Self::Store(other),
        }
    }
}

impl From<Unreadable> for DeskError {
    fn from(error: Unreadable) -> Self {
        Self::Store(StoreError::Database { what: "a stored value cannot be read", source: Box::new(error) })
    }
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    store: Arc<dyn Store>,
    clock: SharedClock,
    config: Arc<Config>,
    wake: Arc<Notify>,
    pulse: Pulse,
    dice: Dice,
    intake: Option<Arc<dyn Intake>>,
    mailroom: Option<Mailroom>,
    reports: Reports,
    observer: Option<Arc<dyn Observer>>,
}

impl Desk {
    /// A desk of its own, for a process that runs no engine. [`super::Engine::desk`] gives the one
    /// that wakes its engine.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, config: Arc<Config>) -> Self {
        let reports = Reports::new(store.clone(), clock.clone(), config.clone(), None);
        Self {
            reports,
            store,
            clock,
            config,
            wake: Arc::new(Notify::new()),
            pulse: Pulse::default(),
            dice: Dice::new(),
            intake: None,
            mailroom: None,
            observer: None,
        }
    }

    pub(super) fn waking(mut self, wake: Arc<Notify>, pulse: Pulse) -> Self {
        self.wake = wake;
        self.pulse = pulse;
        self
    }

    /// For how long the engine of this process has taken no part in the work, where that is too long.
    /// `None` also where no engine runs here.
    #[must_use]
    pub fn engine_stands_still(&self) -> Option<Duration> {
        let poll = Duration::from_millis(self.config.engine.poll_ms.clamp(10, 60_000));
        self.pulse.quiet().filter(|quiet| *quiet > poll * 3 + SLACK)
    }

    pub(super) fn reading(mut self, intake: Option<Arc<dyn Intake>>) -> Self {
        self.intake = intake;
        self
    }

    /// The desk of a process that can look at domains itself.
    #[must_use]
    pub fn looking(mut self, observer: Option<Arc<dyn Observer>>) -> Self {
        self.observer = observer;
        self
    }

    /// The desk of a process that takes mail in as evidence.
    #[must_use]
    pub fn with_mailroom(mut self, mailroom: Option<Mailroom>) -> Self {
        self.mailroom = mailroom;
        self
    }

    /// Where mail is taken in as evidence, if it is here.
    #[must_use]
    pub fn mailroom(&self) -> Option<&Mailroom> {
        self.mailroom.as_ref()
    }

    /// Monthly reports, with the figures of the gateway.
    pub(super) fn with_reports(mut self, reports: Reports) -> Self {
        self.reports = reports;
        self
    }

    #[must_use]
    pub fn reports(&self) -> &Reports {
        &self.reports
    }

    /// There is work for the engine.
    pub(super) fn nudge(&self) {
        self.wake.notify_one();
    }

    /// Takes in a message that came for fencepost: a delivery notice of a canary. Any other changes
    /// nothing, and the answer says why.
    ///
    /// # Errors
    /// [`DeskError::Conflict`] where nothing reads mail here, [`DeskError::Busy`], [`DeskError::Store`].
    pub async fn receive(&self, message: &[u8]) -> DeskResult<Result<Received, NoNotice>> {
        let Some(intake) = &self.intake else {
            return Err(DeskError::Conflict("this process reads no mail".to_owned()));
        };
        let notice = match intake.read(message, self.clock.now()) {
            Ok(notice) => notice,
            Err(why) => return Ok(Err(why)),
        };
        let received = canary::receive(&self.store, &self.clock, Setup::of(&self.config), &notice).await;
        match received {
            Ok(received) => {
                self.wake.notify_one();
                Ok(Ok(received))
            }
            Err(CanaryError::Store(error)) => Err(error.into()),
            Err(CanaryError::Unreadable(error)) => Err(error.into()),
            Err(CanaryError::Busy) => Err(DeskError::Busy),
        }
    }

    pub(super) fn with_dice(mut self, dice: Dice) -> Self {
        self.dice = dice;
        self
    }

    fn fresh_id(&self, now: Timestamp) -> String {
        fresh_id(now, self.dice.bytes())
    }

    /// Stores an order: the customer, its subscription, and one connection a domain.
    ///
    /// # Errors
    /// [`DeskError::Conflict`] when the same partner has the domain under way already,
    /// [`DeskError::Invalid`] for a trial too soon after another one.
    pub async fn place_order(&self, order: Order, caller: &Caller) -> DeskResult<OrderPlaced> {
        let (new, placed) = self.new_order(order, caller)?;
        match self.store.place_order(new).await? {
            Placed::New { .. } => {
                self.wake.notify_one();
                Ok(placed)
            }
            Placed::Repeated { response } => Ok(parse(&response)?),
        }
    }

    fn new_order(&self, order: Order, caller: &Caller) -> DeskResult<(NewOrder, OrderPlaced)> {
        let now = self.clock.now();
        let placed = OrderPlaced {
            order_id: self.fresh_id(now),
            customer_id: self.fresh_id(now),
            connections: order
                .domains
                .iter()
                .map(|domain| PlacedConnection { domain: domain.clone(), connection_id: self.fresh_id(now) })
                .collect(),
        };
        let cause = caller.cause();
        let registered_by = self.config.engine.auto_register.then_some("auto_register");
        let ids = (placed.customer_id.as_str(), placed.order_id.as_str());
        let calendar = calendar(&self.config)?;
        let (subscription, entries) = subscriptions::open(ids, &order, &calendar, registered_by, &cause, now)?;
        let mut subjects = vec![subscription];
        for PlacedConnection { domain, connection_id } in &placed.connections {
            let ids = (connection_id.as_str(), placed.customer_id.as_str());
            subjects.push(connections::open(ids, domain, &order, registered_by, &cause, now)?);
        }
        let inbox = caller.inbox(&placed)?;
        let new = NewOrder {
            order_id: placed.order_id.clone(),
            customer_id: placed.customer_id.clone(),
            trials_since: trials_since(&order, &calendar, now),
            must_hold: false,
            order,
            at: now,
            by: caller.who.clone(),
            subjects,
            entries,
            inbox,
        };
        Ok((new, placed))
    }

    /// Registers a customer with the service: its connections leave `ordered`.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn register(&self, customer_id: &str, caller: &Caller) -> DeskResult<Outcome> {
        let fact = subscription::Fact::Registered { by: caller.who.clone() };
        let connections = connection::Fact::Registered { by: caller.who.clone() };
        self.of_customer(customer_id, &fact, Told { connections: Some(&connections), ..Told::default() }, caller).await
    }

    /// "Customer" (with the invoicing group, where named) or "no customer".
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope; [`DeskError::Conflict`] where the opposite
    /// stands and the word is not said to replace it, with what stands and what would change.
    pub async fn decide(&self, customer_id: &str, word: Word, caller: &Caller) -> DeskResult<Outcome> {
        let Word { customer, group, evidence, replace } = word;
        let (received, by) = (evidence.received, caller.who.clone());
        let evidence = self.keep_document(customer_id, evidence, caller).await?;
        let fact = subscription::Fact::Decided { customer, group, by, received, evidence };
        let opposite_to = if replace { None } else { Some(customer) };
        self.of_customer(customer_id, &fact, Told { opposite_to, ..Told::default() }, caller).await
    }

    /// Notice of an active customer; it runs from the receipt of the mail.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn notice_given(
        &self,
        customer_id: &str,
        evidence: EvidenceFile,
        caller: &Caller,
    ) -> DeskResult<Outcome> {
        let (received, by) = (evidence.received, caller.who.clone());
        let evidence = self.keep_document(customer_id, evidence, caller).await?;
        let fact = subscription::Fact::NoticeGiven { by, received, evidence };
        self.of_customer(customer_id, &fact, Told::default(), caller).await
    }

    /// The customer stays after all.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn notice_withdrawn(
        &self,
        customer_id: &str,
        evidence: EvidenceFile,
        caller: &Caller,
    ) -> DeskResult<Outcome> {
        let (received, by) = (evidence.received, caller.who.clone());
        let evidence = self.keep_document(customer_id, evidence, caller).await?;
        let fact = subscription::Fact::NoticeWithdrawn { by, received, evidence };
        self.of_customer(customer_id, &fact, Told::default(), caller).await
    }

    /// Looks at a domain again now.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn recheck(&self, domain: &DomainName, caller: &Caller) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::Recheck { by: caller.who.clone() }, caller).await
    }

    /// Accepts an MX set that is not the gateway's alone.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn accept_mx(
        &self,
        domain: &DomainName,
        names: Vec<DomainName>,
        reason: String,
        caller: &Caller,
    ) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::MxAccepted { names, reason, by: caller.who.clone() }, caller).await
    }

    /// Withdraws an order, through `releasing` once a route existed.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn cancel(&self, domain: &DomainName, reason: String, caller: &Caller) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::Cancel { by: caller.who.clone(), reason }, caller).await
    }

    /// Begins the release of one domain.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn release(&self, domain: &DomainName, cause: ReleaseCause, caller: &Caller) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::Release { cause, by: caller.who.clone() }, caller).await
    }

    /// The route of a domain was set by hand as it is wished for. `mode`, where given, has to be that wish.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope; [`DeskError::Conflict`] where an adapter sets
    /// the routes, or where something else is wished for.
    pub async fn confirm_route(
        &self,
        domain: &DomainName,
        mode: Option<RouteMode>,
        caller: &Caller,
    ) -> DeskResult<Outcome> {
        if self.config.gateway.adapter != AdapterConfig::Manual {
            let why = "the gateway is set by its adapter (`gateway.adapter`), which confirms its routes itself";
            return Err(DeskError::Conflict(why.to_owned()));
        }
        let row = self.store.domain(domain, &caller.scope).await?.ok_or(DeskError::NotFound)?;
        let wished = connections::Loaded::read(row.connection, Setup::of(&self.config))?.connection.route;
        if mode.is_some_and(|mode| mode != wished) {
            let wished = word(&wished)?;
            return Err(DeskError::Conflict(format!("the gateway shall `{wished}` {domain}: set that and confirm it")));
        }
        self.of_domain(domain, connection::Fact::RouteApplied { mode: wished, at: self.clock.now() }, caller).await
    }

    /// A domain's state derived again from its whole history.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the scope.
    pub async fn replay(&self, domain: &DomainName, scope: &Scope) -> DeskResult<Replay> {
        self.derived(|| async { Ok(self.store.domain(domain, scope).await?.map(|row| row.connection)) }).await
    }

    /// A subscription's state derived again from its whole history.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the scope.
    pub async fn replay_subscription(&self, customer_id: &str, scope: &Scope) -> DeskResult<Replay> {
        self.derived(|| async { Ok(self.store.customer(customer_id, scope).await?.map(|row| row.subscription)) }).await
    }

    /// `load` is asked again when something happened while the history was read.
    async fn derived<F: Future<Output = DeskResult<Option<Subject>>>>(
        &self,
        load: impl Fn() -> F,
    ) -> DeskResult<Replay> {
        for _ in 0..ATTEMPTS {
            let subject = load().await?.ok_or(DeskError::NotFound)?;
            let mut events = Vec::new();
            loop {
                let after = events.last().map_or(0, |event: &EventRow| event.seq);
                let piece = self.store.events(&subject.id, after, PIECE).await?;
                if piece.is_empty() {
                    break;
                }
                events.extend(piece);
            }
            if events.last().is_none_or(|last| last.seq <= subject.last_seq) {
                return Ok(replay::replay(&subject, &events)?);
            }
        }
        Err(DeskError::Busy)
    }

    /// Makes parked work due now.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] when nothing is parked under that id.
    pub async fn retry_parked(&self, id: &str, caller: &Caller) -> DeskResult<ParkedRow> {
        let row = self.store.retry_parked(id, self.clock.now(), &caller.who).await?.ok_or(DeskError::NotFound)?;
        tracing::info!(id, what = row.what, by = caller.who, "parked work is retried");
        self.wake.notify_one();
        Ok(row)
    }

    /// The customer that `text` names: by its id, its order's id, or a domain of its.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the scope; [`DeskError::Conflict`] where several have the domain.
    pub async fn customer_named(&self, text: &str, scope: &Scope) -> DeskResult<String> {
        if let Some(customer) = self.store.customer(text, scope).await? {
            return Ok(customer.id);
        }
        let domain = DomainName::parse(text).map_err(|_| DeskError::NotFound)?;
        let filter = DomainFilter { phase: None, prefix: Some(domain.to_string()) };
        let rows = self.store.domains(scope, &filter, &Page { after: None, limit: 100 }).await?.rows;
        let of_it = rows.iter().filter(|row| row.connection.domain.as_ref() == Some(&domain));
        let customers: BTreeSet<&str> = of_it.map(|row| row.customer_id.as_str()).collect();
        match customers.into_iter().collect::<Vec<_>>().as_slice() {
            [] => Err(DeskError::NotFound),
            [one] => Ok((*one).to_owned()),
            several => {
                let ids = several.join(", ");
                Err(DeskError::Conflict(format!("{domain} belongs to several customers, name one by its id: {ids}")))
            }
        }
    }

    /// A domain that was being released stays.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn keep(&self, domain: &DomainName, caller: &Caller) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::ReleaseWithdrawn { by: caller.who.clone() }, caller).await
    }

    /// The domain's mail shall go to other own servers, once they are verified.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn change_route(
        &self,
        domain: &DomainName,
        servers: Vec<MailServer>,
        hosted: bool,
        reason: String,
        caller: &Caller,
    ) -> DeskResult<Outcome> {
        let by = caller.who.clone();
        self.of_domain(domain, connection::Fact::RouteChange { servers, hosted, by, reason }, caller).await
    }

    /// A change of own servers is given up; one that was switched to already is taken back.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn keep_route(&self, domain: &DomainName, caller: &Caller) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::RouteChangeWithdrawn { by: caller.who.clone() }, caller).await
    }

    /// Holds a connection; with `defer`, the gateway defers its mail for at most 72 hours.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn suspend(
        &self,
        domain: &DomainName,
        reason: String,
        defer: bool,
        caller: &Caller,
    ) -> DeskResult<Outcome> {
        let by = caller.who.clone();
        self.of_domain(domain, connection::Fact::Suspended { by, reason, defer }, caller).await
    }

    /// Ends a suspension.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn resume(&self, domain: &DomainName, caller: &Caller) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::Resumed { by: caller.who.clone() }, caller).await
    }

    /// Announces the end to a customer whose MX never moves.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn cut_off(&self, domain: &DomainName, reason: String, caller: &Caller) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::CutOff { by: caller.who.clone(), reason }, caller).await
    }

    /// Decides that a domain whose name servers have been silent for a fortnight has left.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn departed(&self, domain: &DomainName, reason: String, caller: &Caller) -> DeskResult<Outcome> {
        self.of_domain(domain, connection::Fact::Departed { by: caller.who.clone(), reason }, caller).await
    }

    /// Keeps a document under its hash; returns how the fact names it.
    async fn keep_document(&self, customer_id: &str, file: EvidenceFile, caller: &Caller) -> DeskResult<String> {
        if self.store.customer(customer_id, &caller.scope).await?.is_none() {
            return Err(DeskError::NotFound);
        }
        let sha256 = hex::encode(Sha256::digest(&file.content));
        self.store.keep_evidence(&sha256, &file.content, self.clock.now()).await?;
        let name: String = file.name.chars().filter(|c| !c.is_control()).take(NAME).collect();
        Ok(if name.is_empty() { sha256 } else { format!("{sha256} {name}") })
    }

    /// Brings a fact to a customer's subscription, and with it one to each of its connections.
    async fn of_customer(
        &self,
        id: &str,
        fact: &subscription::Fact,
        told: Told<'_>,
        caller: &Caller,
    ) -> DeskResult<Outcome> {
        let calendar = calendar(&self.config)?;
        for _ in 0..ATTEMPTS {
            let customer = self.store.customer(id, &caller.scope).await?.ok_or(DeskError::NotFound)?;
            let loaded = subscriptions::Loaded::read(customer)?;
            let now = self.clock.now();
            let with = With { cause: caller.cause(), ..With::default() };
            let (mut transition, after, changed) = subscriptions::transition(&loaded, &calendar, fact, with, now)?;
            let consequences = subscription::consequences(&loaded.subscription, &after, &calendar);
            if let Some(new) = told.opposite_to.filter(|_| changed) {
                spoken::not_opposite(&loaded.subscription, new, &consequences, &calendar)
                    .map_err(DeskError::Conflict)?;
            }
            if let Some(fact) = told.connections.filter(|_| changed) {
                let told = subscriptions::tell_connections(&loaded, &tag(fact, "fact")?, fact, now)?;
                transition.outbox.extend(told);
            }
            let consequences =
                if changed { consequences } else { spoken::overtaken(fact, &loaded.subscription, &calendar) };
            let outcome = Outcome { phase: word(&after.phase)?, changed, consequences };
            if let Some(answer) = self.settle(transition, outcome, caller).await? {
                return Ok(answer);
            }
        }
        Err(DeskError::Busy)
    }

    /// Brings a fact to the connection of a domain.
    async fn of_domain(&self, domain: &DomainName, fact: connection::Fact, caller: &Caller) -> DeskResult<Outcome> {
        for _ in 0..ATTEMPTS {
            let row = self.store.domain(domain, &caller.scope).await?.ok_or(DeskError::NotFound)?;
            let loaded = connections::Loaded::read(row.connection, Setup::of(&self.config))?;
            let with = With { cause: caller.cause(), ..With::default() };
            let (transition, after, changed) = connections::transition(&loaded, &fact, with, self.clock.now())?;
            let outcome = Outcome { phase: word(&after.phase)?, changed, consequences: Vec::new() };
            if let Some(answer) = self.settle(transition, outcome, caller).await? {
                return Ok(answer);
            }
        }
        Err(DeskError::Busy)
    }

    /// Commits; `None` when the subject changed meanwhile and has to be loaded again.
    async fn settle(
        &self,
        mut transition: Transition,
        outcome: Outcome,
        caller: &Caller,
    ) -> DeskResult<Option<Outcome>> {
        transition.inbox = caller.inbox(&outcome)?;
        match self.store.commit(transition).await? {
            CommitOutcome::Committed { .. } => {
                self.wake.notify_one();
                Ok(Some(outcome))
            }
            CommitOutcome::Repeated => {
                let key = caller.idempotency.as_ref().map_or("", |i| i.key.as_str());
                let first = self.store.answered(key).await?.ok_or(DeskError::NotFound)?;
                Ok(Some(parse(&first.response)?))
            }
            CommitOutcome::VersionConflict | CommitOutcome::FenceLost => Ok(None),
        }
    }
}

/// What else goes with a fact about a customer.
#[derive(Debug, Clone, Copy, Default)]
struct Told<'a> {
    /// Brought to each of its connections, when the fact changed something.
    connections: Option<&'a connection::Fact>,
    /// A word that must not take the place of its opposite.
    opposite_to: Option<bool>,
}

impl Caller {
    fn cause(&self) -> String {
        format!("api:{}", self.who)
    }

    fn inbox<T: Serialize>(&self, answer: &T) -> DeskResult<Option<InboxKey>> {
        let Some(Idempotency { key, request_hash }) = &self.idempotency else { return Ok(None) };
        let key = InboxKey { key: key.clone(), request_hash: request_hash.clone(), response: json(answer)? };
        Ok(Some(key))
    }
}

/// One trial in twelve months, on business days of ours: on the day of the year after, another may
/// begin. A reason of the desk's lets another one begin at once.
fn trials_since(order: &Order, calendar: &Calendar, now: Timestamp) -> Option<Timestamp> {
    let first_day = calendar.day_of(now).saturating_sub(12.months()).saturating_add(1.day());
    order.trial_override.is_none().then(|| calendar.start_of(first_day))
}

fn calendar(config: &Config) -> DeskResult<Calendar> {
    Calendar::from_config(&config.commerce).map_err(|error| DeskError::Conflict(error.to_string()))
}

/// Ordered by time, so that listings and pages of the database follow the order of arrival.
pub(super) fn fresh_id(now: Timestamp, chance: [u8; 10]) -> String {
    let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &chance).into_uuid().to_string()
}
