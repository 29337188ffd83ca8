//! The store on SQLite: one file, one writer thread, a few readers. Nothing in here decides; a
//! method either stores one outcome or has changed nothing.

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::Timestamp;
use jiff::civil::Date;

use super::{
    Claim, ClaimRequest, ClosedRun, CommitOutcome, Customer, DomainFilter, DomainRow, EventRow, Listing, NewOrder,
    NewToken, Observation, OutboxItem, OutboxOutcome, OutboxRow, Page, ParkedRow, Placed, RouteRow, Scope, Store,
    StoreError, StoreResult, StoredEntry, Subject, TokenRow, Transition,
};
use crate::config::StoreConfig;
use crate::ledger::EntryDraft;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {}

fn pending<T>() -> StoreResult<T> {
    Err(StoreError::Conflict("this part of the store is being built".to_owned()))
}

impl SqliteStore {
    /// Opens the file, creates it and its folder where missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a file of a newer program, [`StoreError::Database`] otherwise.
    pub fn open(_config: &StoreConfig) -> StoreResult<Self> {
        Ok(Self {})
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn place_order(&self, _order: NewOrder) -> StoreResult<Placed> {
        pending()
    }
    async fn create_token(&self, _token: NewToken) -> StoreResult<()> {
        pending()
    }
    async fn tokens(&self) -> StoreResult<Vec<TokenRow>> {
        pending()
    }
    async fn revoke_token(&self, _id: &str, _at: Timestamp) -> StoreResult<bool> {
        pending()
    }
    async fn token_by_hash(&self, _hash: &[u8; 32]) -> StoreResult<Option<TokenRow>> {
        pending()
    }
    async fn claim(&self, _request: ClaimRequest) -> StoreResult<Vec<Claim>> {
        pending()
    }
    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        pending()
    }
    async fn subject(&self, _id: &str) -> StoreResult<Option<Subject>> {
        pending()
    }
    async fn observations(&self, _subject_id: &str) -> StoreResult<Vec<Observation>> {
        pending()
    }
    async fn commit(&self, _transition: Transition) -> StoreResult<CommitOutcome> {
        pending()
    }
    async fn abandon(&self, _claim: &Claim, _due_at: Timestamp, _error: &str) -> StoreResult<()> {
        pending()
    }
    async fn park(&self, _claim: &Claim, _at: Timestamp, _error: &str) -> StoreResult<()> {
        pending()
    }
    async fn route(&self, _domain: &DomainName) -> StoreResult<Option<RouteRow>> {
        pending()
    }
    async fn claim_outbox(&self, _request: ClaimRequest) -> StoreResult<Vec<OutboxItem>> {
        pending()
    }
    async fn outbox_done(&self, _item: &OutboxItem, _at: Timestamp, _outcome: OutboxOutcome) -> StoreResult<()> {
        pending()
    }
    async fn customer(&self, _id: &str, _scope: &Scope) -> StoreResult<Option<Customer>> {
        pending()
    }
    async fn customers(&self, _scope: &Scope, _page: &Page) -> StoreResult<Listing<Customer>> {
        pending()
    }
    async fn domain(&self, _domain: &DomainName, _scope: &Scope) -> StoreResult<Option<DomainRow>> {
        pending()
    }
    async fn domains(&self, _scope: &Scope, _filter: &DomainFilter, _page: &Page) -> StoreResult<Listing<DomainRow>> {
        pending()
    }
    async fn events(&self, _subject_id: &str, _after_seq: u64, _limit: u32) -> StoreResult<Vec<EventRow>> {
        pending()
    }
    async fn notices(&self, _subject_id: &str, _limit: u32) -> StoreResult<Vec<OutboxRow>> {
        pending()
    }
    async fn parked(&self, _page: &Page) -> StoreResult<Listing<ParkedRow>> {
        pending()
    }
    async fn append_entries(&self, _entries: Vec<EntryDraft>, _at: Timestamp) -> StoreResult<Vec<StoredEntry>> {
        pending()
    }
    async fn entries(&self, _customer_id: Option<&str>, _after_seq: u64, _limit: u32) -> StoreResult<Vec<StoredEntry>> {
        pending()
    }
    async fn keep_evidence(&self, _sha256: &str, _content: &[u8], _at: Timestamp) -> StoreResult<()> {
        pending()
    }
    async fn evidence(&self, _sha256: &str) -> StoreResult<Option<Vec<u8>>> {
        pending()
    }
    async fn closed_run(&self, _run_date: Date) -> StoreResult<Option<ClosedRun>> {
        pending()
    }
    async fn closed_runs(&self) -> StoreResult<Vec<ClosedRun>> {
        pending()
    }
    async fn close_run(&self, _run: ClosedRun) -> StoreResult<()> {
        pending()
    }
    async fn ledger_customers(&self, _after: &str, _limit: u32) -> StoreResult<Vec<String>> {
        pending()
    }
    async fn ready(&self) -> StoreResult<()> {
        pending()
    }
}
