//! The store on PostgreSQL, for any number of nodes. Nodes share nothing but the database: rows are
//! locked in one order, leases are judged by the database's clock, and a notification is a hint alone.
//! Nothing in here decides; a method either stores one outcome or has changed nothing.

mod acts;
mod agent_routes;
mod agents;
mod archive;
mod audit;
mod board;
mod claims;
mod commit;
mod failure;
mod figures;
mod group;
mod hints;
mod journal;
mod keys;
mod ledger;
mod links;
mod mail;
pub(in crate::store) mod migrate;
mod orders;
mod outbox;
mod parked;
mod people;
mod places;
mod politeness;
mod pool;
mod reading;
#[cfg(test)]
#[path = "../../../tests/lab/postgres.rs"]
pub(crate) mod server;
#[cfg(test)]
mod tests;
mod tokens;
mod trials;
mod vantage;
mod vantages;

use std::sync::Arc;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{
    Amendment, ArchivedObservation, Claim, ClaimRequest, ClosedRun, CommitOutcome, Customer, DomainFilter, DomainRow,
    EventRow, Figures, InboxKey, KeptEvidence, KeptLook, Listing, NewOrder, NewOutbox, NewToken, Observation,
    OutboxItem, OutboxOutcome, OutboxRow, Page, ParkedRow, Placed, RawEntry, RawHead, RawRun, RouteRow, Scope, Stamp,
    Standing, Store, StoreResult, StoredEntry, Subject, TokenRow, Transition,
};
use crate::config::StoreConfig;
use crate::failpoint::{Step, around};
use crate::ledger::EntryDraft;
use crate::ledger::journal::{RawEnd, RawLine};
use crate::order::FieldError;
use group::Groups;
use hints::Hints;
pub(in crate::store) use pool::Pool;

/// Whose clock says what is due and when a lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseClock {
    /// The database's: nodes whose clocks differ still agree. Nothing is due before the asking node
    /// finds it so as well.
    Database,
    /// The caller's, for a clock that steps.
    Caller,
}

/// A store in one PostgreSQL database.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Arc<Pool>,
    groups: Groups,
    hints: Hints,
    clock: LeaseClock,
}

impl PostgresStore {
    /// Connects, and refuses a database whose schema is not this program's.
    ///
    /// # Errors
    /// [`Unavailable`](crate::store::StoreError::Unavailable) when it does not answer, [`OlderSchema`](crate::store::StoreError::OlderSchema) and
    /// [`NewerSchema`](crate::store::StoreError::NewerSchema), [`Database`](crate::store::StoreError::Database) otherwise.
    pub async fn open(config: &StoreConfig, clock: LeaseClock) -> StoreResult<Self> {
        let pool = Arc::new(Pool::new(config)?);
        migrate::check(&mut *pool.get().await?).await?;
        Ok(Self { groups: Groups::start(pool.clone()), hints: Hints::start(pool.clone()), pool, clock })
    }

    async fn write<T>(&self, step: Step, work: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        around(step, self.pool.bounded(work)).await
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn place_order(&self, order: NewOrder) -> StoreResult<Placed> {
        let placed = self.write(Step::PlaceOrder, orders::place(&self.pool, &order)).await?;
        self.hints.tell();
        Ok(placed)
    }

    async fn place_orders(&self, orders: Vec<NewOrder>) -> StoreResult<Vec<Placed>> {
        let placed = self.write(Step::PlaceOrder, orders::place_all(&self.pool, &orders)).await?;
        self.hints.tell();
        Ok(placed)
    }

    async fn trial_refusals(&self, order: &NewOrder) -> StoreResult<Vec<FieldError>> {
        let asked = async { trials::refusals(&mut *self.pool.get().await?, order).await };
        self.pool.bounded(asked).await
    }

    async fn amend(&self, amendment: Amendment) -> StoreResult<CommitOutcome> {
        let outcome = self.write(Step::Transition, orders::amend(&self.pool, &amendment)).await?;
        self.hints.tell();
        Ok(outcome)
    }

    async fn create_token(&self, token: NewToken) -> StoreResult<()> {
        self.write(Step::CreateToken, tokens::create(&self.pool, &token)).await
    }

    async fn tokens(&self) -> StoreResult<Vec<TokenRow>> {
        self.pool.bounded(tokens::list(&self.pool)).await
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> StoreResult<bool> {
        self.write(Step::RevokeToken, tokens::revoke(&self.pool, id, at)).await
    }

    async fn token_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<TokenRow>> {
        self.pool.bounded(tokens::by_hash(&self.pool, hash)).await
    }

    async fn claim(&self, request: ClaimRequest) -> StoreResult<Vec<Claim>> {
        self.write(Step::Claim, claims::claim(&self.pool, &request, self.clock)).await
    }

    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        self.pool.bounded(claims::next_due(&self.pool)).await
    }

    async fn subject(&self, id: &str) -> StoreResult<Option<Subject>> {
        self.pool.bounded(reading::subject_by_id(&self.pool, id)).await
    }

    async fn observations(&self, subject_id: &str) -> StoreResult<Vec<Observation>> {
        self.pool.bounded(reading::observations(&self.pool, subject_id)).await
    }

    async fn commit(&self, transition: Transition) -> StoreResult<CommitOutcome> {
        let from_outside = transition.claim.is_none();
        let outcome = around(Step::Transition, self.groups.commit(transition)).await?;
        if from_outside {
            self.hints.tell();
        }
        Ok(outcome)
    }

    async fn abandon(&self, claim: &Claim, due_at: Timestamp, error: &str) -> StoreResult<()> {
        self.write(Step::Abandon, claims::abandon(&self.pool, claim, due_at, error)).await
    }

    async fn park(&self, claim: &Claim, at: Timestamp, error: &str) -> StoreResult<()> {
        self.write(Step::Park, claims::park(&self.pool, claim, at, error)).await
    }

    async fn route(&self, domain: &DomainName) -> StoreResult<Option<RouteRow>> {
        self.pool.bounded(reading::route(&self.pool, domain.as_str())).await
    }

    async fn answered(&self, key: &str) -> StoreResult<Option<InboxKey>> {
        self.pool.bounded(reading::answered(&self.pool, key)).await
    }

    async fn claim_outbox(&self, request: ClaimRequest) -> StoreResult<Vec<OutboxItem>> {
        self.write(Step::ClaimOutbox, outbox::claim(&self.pool, &request, self.clock)).await
    }

    async fn outbox_done(&self, item: &OutboxItem, at: Timestamp, outcome: OutboxOutcome) -> StoreResult<bool> {
        self.write(Step::OutboxDone, outbox::done(&self.pool, item, at, &outcome)).await
    }

    async fn hinted(&self) {
        self.hints.heard().await;
    }

    async fn customer(&self, id: &str, scope: &Scope) -> StoreResult<Option<Customer>> {
        self.pool.bounded(reading::customer(&self.pool, id, scope)).await
    }

    async fn customers(&self, scope: &Scope, page: &Page) -> StoreResult<Listing<Customer>> {
        self.pool.bounded(reading::customers(&self.pool, scope, page)).await
    }

    async fn domain(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<DomainRow>> {
        self.pool.bounded(reading::domain(&self.pool, domain, scope)).await
    }

    async fn standing(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Standing>> {
        self.pool.bounded(reading::standing(&self.pool, domain, scope)).await
    }

    async fn stamp(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Stamp>> {
        self.pool.bounded(reading::stamp(&self.pool, domain, scope)).await
    }

    async fn domains(&self, scope: &Scope, filter: &DomainFilter, page: &Page) -> StoreResult<Listing<DomainRow>> {
        self.pool.bounded(reading::domains(&self.pool, scope, filter, page)).await
    }

    async fn events(&self, subject_id: &str, after_seq: u64, limit: u32) -> StoreResult<Vec<EventRow>> {
        self.pool.bounded(reading::events(&self.pool, subject_id, after_seq, limit)).await
    }

    async fn archived(&self, subject_id: &str, sha256: &str) -> StoreResult<Option<ArchivedObservation>> {
        self.pool.bounded(archive::find(&self.pool, subject_id, sha256)).await
    }

    async fn effects(&self, subject_id: &str, kind: &str, limit: u32) -> StoreResult<Vec<OutboxRow>> {
        self.pool.bounded(outbox::effects(&self.pool, subject_id, kind, limit)).await
    }

    async fn send_again(&self, subject_id: &str, effects: Vec<NewOutbox>, at: Timestamp) -> StoreResult<()> {
        self.write(Step::RetryParked, outbox::send_again(&self.pool, subject_id, &effects, at)).await
    }

    async fn parked(&self, page: &Page) -> StoreResult<Listing<ParkedRow>> {
        self.pool.bounded(parked::list(&self.pool, page)).await
    }

    async fn retry_parked(&self, id: &str, at: Timestamp, by: &str) -> StoreResult<Option<ParkedRow>> {
        self.write(Step::RetryParked, parked::retry(&self.pool, id, at, by)).await
    }

    async fn append_entries(&self, entries: Vec<EntryDraft>, at: Timestamp) -> StoreResult<Vec<StoredEntry>> {
        self.write(Step::AppendEntries, ledger::append_alone(&self.pool, entries, at)).await
    }

    async fn entries(&self, customer_id: Option<&str>, after_seq: u64, limit: u32) -> StoreResult<Vec<StoredEntry>> {
        self.pool.bounded(ledger::entries(&self.pool, customer_id, after_seq, limit)).await
    }

    async fn keep_evidence(&self, sha256: &str, content: &[u8], at: Timestamp) -> StoreResult<()> {
        self.write(Step::KeepEvidence, ledger::keep_evidence(&self.pool, sha256, content, at)).await
    }

    async fn evidence(&self, sha256: &str) -> StoreResult<Option<Vec<u8>>> {
        self.pool.bounded(ledger::evidence(&self.pool, sha256)).await
    }

    async fn closed_run(&self, run_date: Date) -> StoreResult<Option<ClosedRun>> {
        self.pool.bounded(ledger::closed_run(&self.pool, run_date)).await
    }

    async fn closed_runs(&self) -> StoreResult<Vec<ClosedRun>> {
        self.pool.bounded(ledger::closed_runs(&self.pool)).await
    }

    async fn close_run(&self, run: ClosedRun, tell: Vec<NewOutbox>) -> StoreResult<()> {
        self.write(Step::CloseRun, ledger::close_run(&self.pool, &run, &tell)).await
    }

    async fn entries_by_customer(
        &self,
        after: (&str, u64),
        known_seq: u64,
        limit: u32,
    ) -> StoreResult<Vec<StoredEntry>> {
        self.pool.bounded(ledger::by_customer(&self.pool, after, known_seq, limit)).await
    }

    async fn ledger_customers(&self, after: &str, limit: u32) -> StoreResult<Vec<String>> {
        self.pool.bounded(ledger::customers(&self.pool, after, limit)).await
    }

    async fn raw_entries(&self, after_seq: u64, limit: u32) -> StoreResult<Vec<RawEntry>> {
        self.pool.bounded(audit::entries(&self.pool, after_seq, limit)).await
    }

    async fn raw_head(&self) -> StoreResult<Option<RawHead>> {
        self.pool.bounded(audit::head(&self.pool)).await
    }

    async fn raw_runs(&self) -> StoreResult<Vec<RawRun>> {
        self.pool.bounded(audit::runs(&self.pool)).await
    }

    async fn kept_evidence(&self, after: &str, limit: u32) -> StoreResult<Vec<KeptEvidence>> {
        self.pool.bounded(audit::evidence(&self.pool, after, limit)).await
    }

    async fn kept_looks(&self, after: (&str, &str), limit: u32) -> StoreResult<Vec<KeptLook>> {
        self.pool.bounded(audit::looks(&self.pool, after, limit)).await
    }

    async fn raw_journal(&self, after_seq: u64, limit: u32) -> StoreResult<Vec<RawLine>> {
        self.pool.bounded(audit::journal(&self.pool, after_seq, limit)).await
    }

    async fn raw_journal_end(&self) -> StoreResult<Option<RawEnd>> {
        self.pool.bounded(audit::journal_end(&self.pool)).await
    }

    async fn heartbeat(&self, at: Timestamp) -> StoreResult<()> {
        self.write(Step::Heartbeat, figures::heartbeat(&self.pool, at)).await
    }

    async fn figures(&self, now: Timestamp) -> StoreResult<Figures> {
        self.pool.bounded(figures::figures(&self.pool, now)).await
    }

    async fn ready(&self) -> StoreResult<()> {
        self.pool.bounded(async { migrate::check(&mut *self.pool.get().await?).await }).await
    }
}
