//! What people ask of the engine: place an order, register, decide, look again, release. Each use
//! case loads its subject, asks the pure lifecycle, and commits once. Nothing is probed here.

use std::sync::Arc;

use fencepost_checks::DomainName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::lifecycle::connection::ReleaseCause;
use crate::order::Order;
use crate::store::{Scope, Store, StoreError};

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
            StoreError::KeyReused => Self::KeyReused,
            other @ (StoreError::NewerSchema { .. } | StoreError::Database { .. }) => Self::Store(other),
        }
    }
}

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    store: Arc<dyn Store>,
    clock: SharedClock,
    config: Arc<Config>,
    wake: Arc<Notify>,
}

impl Desk {
    /// A desk of its own, for a process that runs no engine. [`super::Engine::desk`] gives the one
    /// that wakes its engine.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, config: Arc<Config>) -> Self {
        Self { store, clock, config, wake: Arc::new(Notify::new()) }
    }

    pub(super) fn waking(mut self, wake: Arc<Notify>) -> Self {
        self.wake = wake;
        self
    }

    /// Stores an order: the customer, its subscription, and one connection a domain.
    ///
    /// # Errors
    /// [`DeskError::Conflict`] when the same partner has the domain under way already.
    pub async fn place_order(&self, order: Order, caller: &Caller) -> DeskResult<OrderPlaced> {
        let _ = (order, caller, &self.config, self.clock.now());
        Err(self.pending().await)
    }

    /// Registers a customer with the service: its connections leave `ordered`.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn register(&self, customer_id: &str, caller: &Caller) -> DeskResult<Outcome> {
        let _ = (customer_id, caller);
        Err(self.pending().await)
    }

    /// "Customer" (with the invoicing group, where named) or "no customer".
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn decide(
        &self,
        customer_id: &str,
        customer: bool,
        group: Option<u8>,
        evidence: EvidenceFile,
        caller: &Caller,
    ) -> DeskResult<Outcome> {
        let _ = (customer_id, customer, group, evidence, caller);
        Err(self.pending().await)
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
        let _ = (customer_id, evidence, caller);
        Err(self.pending().await)
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
        let _ = (customer_id, evidence, caller);
        Err(self.pending().await)
    }

    /// Looks at a domain again now.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn recheck(&self, domain: &DomainName, caller: &Caller) -> DeskResult<Outcome> {
        let _ = (domain, caller);
        Err(self.pending().await)
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
        let _ = (domain, names, reason, caller);
        Err(self.pending().await)
    }

    /// Withdraws an order, through `releasing` once a route existed.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn cancel(&self, domain: &DomainName, reason: String, caller: &Caller) -> DeskResult<Outcome> {
        let _ = (domain, reason, caller);
        Err(self.pending().await)
    }

    /// Begins the release of one domain.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn release(&self, domain: &DomainName, cause: ReleaseCause, caller: &Caller) -> DeskResult<Outcome> {
        let _ = (domain, cause, caller);
        Err(self.pending().await)
    }

    /// A domain that was being released stays.
    ///
    /// # Errors
    /// [`DeskError::NotFound`] outside of the caller's scope.
    pub async fn keep(&self, domain: &DomainName, caller: &Caller) -> DeskResult<Outcome> {
        let _ = (domain, caller);
        Err(self.pending().await)
    }

    async fn pending(&self) -> DeskError {
        self.wake.notify_one();
        self.store.ready().await.err().map_or(DeskError::Busy, DeskError::from)
    }
}
