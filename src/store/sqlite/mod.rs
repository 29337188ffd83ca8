//! The store on SQLite: one file, one writer thread, a few readers. Nothing in here decides; a
//! method either stores one outcome or has changed nothing.

mod acts;
mod agent_routes;
mod agents;
mod archive;
pub(super) mod audit;
mod board;
mod claims;
mod columns;
mod commit;
mod figures;
mod file;
mod journal;
mod ledger;
mod links;
mod mail;
mod migrate;
mod orders;
mod outbox;
mod parked;
mod people;
mod places;
mod point_reads;
mod politeness;
mod readers;
mod reading;
#[cfg(test)]
mod tests;
mod tokens;
mod trials;
mod vantage;
mod vantages;
mod writer;

use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::Connection;

use super::{
    Amendment, ArchivedObservation, Claim, ClaimRequest, ClosedRun, CommitOutcome, Customer, DomainFilter, DomainRow,
    EventRow, Figures, InboxKey, KeptEvidence, KeptLook, Listing, NewOrder, NewOutbox, NewToken, Observation,
    OutboxItem, OutboxOutcome, OutboxRow, Page, ParkedRow, Placed, RawEntry, RawHead, RawRun, RouteRow, Scope, Stamp,
    Standing, Store, StoreError, StoreResult, StoredEntry, Subject, TokenRow, Transition,
};
use crate::config::StoreConfig;
use crate::failpoint::{Step, around, around_blocking};
use crate::ledger::EntryDraft;
use crate::ledger::journal::{RawEnd, RawLine};
use crate::order::FieldError;
pub(super) use file::exposed;
pub(super) use migrate::{SCHEMA, found};
use point_reads::PointReads;
use readers::Readers;
use writer::Writer;

/// Plans do not follow the values that are bound. Without this, statistics in the library make every
/// range over `due_at` be prepared again at each use.
fn steady_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

/// How long to wait for another process that writes the same file.
const BUSY: Duration = Duration::from_secs(5);

/// Pages that the writer keeps in memory: a group of outcomes fits, so that none of its pages is written
/// twice.
const CACHE_KIB: i32 = 64 * 1024;
/// How long the log beside the file gets before it is carried over, in pages of 4 KiB. A page that is written
/// again and again meanwhile is carried over once.
const LOG_PAGES: i32 = 16 * 1024;

/// A store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    point_reads: PointReads,
    /// What was asked, by the names of the questions.
    #[cfg(test)]
    asked: std::sync::Mutex<Vec<&'static str>>,
}

impl SqliteStore {
    /// Opens the file, creates it and its folder where missing, and brings its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] for a file of a newer program, [`StoreError::Database`] otherwise.
    pub fn open(config: &StoreConfig) -> StoreResult<Self> {
        file::make(&config.path)?;
        let mut connection = Connection::open(&config.path)?;
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", "on")?;
        connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
        steady_plans(&connection)?;
        connection.set_prepared_statement_cache_capacity(128);
        around_blocking(Step::Migrate, || migrate::up_to_date(&mut connection))?;
        for told in file::exposed(&config.path) {
            tracing::warn!("{told}");
        }
        Ok(Self {
            writer: Writer::start(connection)?,
            readers: Readers::new(&config.path),
            point_reads: PointReads::start(&config.path)?,
            #[cfg(test)]
            asked: std::sync::Mutex::default(),
        })
    }

    async fn read<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.note::<F>();
        self.readers.read(work).await
    }

    async fn read_point<T, F>(&self, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.note::<F>();
        self.point_reads.read(work).await
    }

    /// Tests compare what different requests ask the store.
    fn note<F>(&self) {
        #[cfg(test)]
        self.asked.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(std::any::type_name::<F>());
    }

    /// What was asked since the last time.
    #[cfg(test)]
    pub(crate) fn asked(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    async fn write<T, F>(&self, step: Step, work: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> StoreResult<T> + Send + 'static,
    {
        self.note::<F>();
        around(step, self.writer.write(None, work)).await
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure};
        match source.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked | DiskFull | CannotOpen | ReadOnly | SystemIoFailure) => {
                Self::Unavailable(Box::new(source))
            }
            _ => Self::Database { what: "the database failed", source: Box::new(source) },
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn place_order(&self, order: NewOrder) -> StoreResult<Placed> {
        self.write(Step::PlaceOrder, move |db| orders::place(db, &order)).await
    }

    async fn place_orders(&self, orders: Vec<NewOrder>) -> StoreResult<Vec<Placed>> {
        self.write(Step::PlaceOrder, move |db| orders.iter().map(|order| orders::place(db, order)).collect()).await
    }

    async fn trial_refusals(&self, order: &NewOrder) -> StoreResult<Vec<FieldError>> {
        let order = order.clone();
        self.read(move |db| trials::refusals(db, &order)).await
    }

    async fn amend(&self, amendment: Amendment) -> StoreResult<CommitOutcome> {
        let subject = amendment.transition.subject_id.clone();
        let work = self.writer.write(Some(&subject), move |db| orders::amend(db, &amendment));
        around(Step::Transition, work).await
    }

    async fn create_token(&self, token: NewToken) -> StoreResult<()> {
        self.write(Step::CreateToken, move |db| tokens::create(db, &token)).await
    }

    async fn tokens(&self) -> StoreResult<Vec<TokenRow>> {
        self.read(tokens::list).await
    }

    async fn revoke_token(&self, id: &str, at: Timestamp) -> StoreResult<bool> {
        let id = id.to_owned();
        self.write(Step::RevokeToken, move |db| tokens::revoke(db, &id, at)).await
    }

    async fn token_by_hash(&self, hash: &[u8; 32]) -> StoreResult<Option<TokenRow>> {
        let hash = *hash;
        self.read_point(move |db| tokens::by_hash(db, &hash)).await
    }

    async fn claim(&self, request: ClaimRequest) -> StoreResult<Vec<Claim>> {
        self.write(Step::Claim, move |db| claims::claim(db, &request)).await
    }

    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        self.read(claims::next_due).await
    }

    async fn subject(&self, id: &str) -> StoreResult<Option<Subject>> {
        let id = id.to_owned();
        self.read(move |db| reading::subject_by_id(db, &id)).await
    }

    async fn observations(&self, subject_id: &str) -> StoreResult<Vec<Observation>> {
        let id = subject_id.to_owned();
        self.read(move |db| reading::observations(db, &id)).await
    }

    async fn commit(&self, transition: Transition) -> StoreResult<CommitOutcome> {
        let subject = transition.subject_id.clone();
        let work = self.writer.write(Some(&subject), move |db| commit::transition(db, &transition));
        around(Step::Transition, work).await
    }

    async fn abandon(&self, claim: &Claim, due_at: Timestamp, error: &str) -> StoreResult<()> {
        let (claim, error) = (claim.clone(), error.to_owned());
        self.write(Step::Abandon, move |db| claims::abandon(db, &claim, due_at, &error)).await
    }

    async fn park(&self, claim: &Claim, at: Timestamp, error: &str) -> StoreResult<()> {
        let (claim, error) = (claim.clone(), error.to_owned());
        self.write(Step::Park, move |db| claims::park(db, &claim, at, &error)).await
    }

    async fn route(&self, domain: &DomainName) -> StoreResult<Option<RouteRow>> {
        let domain = domain.clone();
        self.read(move |db| reading::route(db, domain.as_str())).await
    }

    async fn answered(&self, key: &str) -> StoreResult<Option<InboxKey>> {
        let key = key.to_owned();
        self.read(move |db| reading::answered(db, &key)).await
    }

    async fn claim_outbox(&self, request: ClaimRequest) -> StoreResult<Vec<OutboxItem>> {
        self.write(Step::ClaimOutbox, move |db| outbox::claim(db, &request)).await
    }

    async fn outbox_done(&self, item: &OutboxItem, at: Timestamp, outcome: OutboxOutcome) -> StoreResult<bool> {
        let item = item.clone();
        self.write(Step::OutboxDone, move |db| outbox::done(db, &item, at, &outcome)).await
    }

    async fn customer(&self, id: &str, scope: &Scope) -> StoreResult<Option<Customer>> {
        let (id, scope) = (id.to_owned(), scope.clone());
        self.read(move |db| reading::customer(db, &id, &scope)).await
    }

    async fn customers(&self, scope: &Scope, page: &Page) -> StoreResult<Listing<Customer>> {
        let (scope, page) = (scope.clone(), page.clone());
        self.read(move |db| reading::customers(db, &scope, &page)).await
    }

    async fn domain(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<DomainRow>> {
        let (domain, scope) = (domain.clone(), scope.clone());
        self.read(move |db| reading::domain(db, &domain, &scope)).await
    }

    async fn standing(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Standing>> {
        let (domain, scope) = (domain.clone(), scope.clone());
        self.read_point(move |db| reading::standing(db, &domain, &scope)).await
    }

    async fn stamp(&self, domain: &DomainName, scope: &Scope) -> StoreResult<Option<Stamp>> {
        let (domain, scope) = (domain.clone(), scope.clone());
        self.read_point(move |db| reading::stamp(db, &domain, &scope)).await
    }

    async fn domains(&self, scope: &Scope, filter: &DomainFilter, page: &Page) -> StoreResult<Listing<DomainRow>> {
        let (scope, filter, page) = (scope.clone(), filter.clone(), page.clone());
        self.read(move |db| reading::domains(db, &scope, &filter, &page)).await
    }

    async fn events(&self, subject_id: &str, after_seq: u64, limit: u32) -> StoreResult<Vec<EventRow>> {
        let id = subject_id.to_owned();
        self.read(move |db| reading::events(db, &id, after_seq, limit)).await
    }

    async fn archived(&self, subject_id: &str, sha256: &str) -> StoreResult<Option<ArchivedObservation>> {
        let (id, sha256) = (subject_id.to_owned(), sha256.to_owned());
        self.read(move |db| archive::find(db, &id, &sha256)).await
    }

    async fn effects(&self, subject_id: &str, kind: &str, limit: u32) -> StoreResult<Vec<OutboxRow>> {
        let (id, kind) = (subject_id.to_owned(), kind.to_owned());
        self.read(move |db| outbox::effects(db, &id, &kind, limit)).await
    }

    async fn send_again(&self, subject_id: &str, effects: Vec<NewOutbox>, at: Timestamp) -> StoreResult<()> {
        let id = subject_id.to_owned();
        self.write(Step::RetryParked, move |db| outbox::send_again(db, &id, &effects, at)).await
    }

    async fn parked(&self, page: &Page) -> StoreResult<Listing<ParkedRow>> {
        let page = page.clone();
        self.read(move |db| parked::list(db, &page)).await
    }

    async fn retry_parked(&self, id: &str, at: Timestamp, by: &str) -> StoreResult<Option<ParkedRow>> {
        let (id, by) = (id.to_owned(), by.to_owned());
        self.write(Step::RetryParked, move |db| parked::retry(db, &id, at, &by)).await
    }

    async fn append_entries(&self, entries: Vec<EntryDraft>, at: Timestamp) -> StoreResult<Vec<StoredEntry>> {
        self.write(Step::AppendEntries, move |db| ledger::append(db, &entries, at)).await
    }

    async fn entries(&self, customer_id: Option<&str>, after_seq: u64, limit: u32) -> StoreResult<Vec<StoredEntry>> {
        let customer = customer_id.map(str::to_owned);
        self.read(move |db| ledger::entries(db, customer.as_deref(), after_seq, limit)).await
    }

    async fn keep_evidence(&self, sha256: &str, content: &[u8], at: Timestamp) -> StoreResult<()> {
        let (sha256, content) = (sha256.to_owned(), content.to_vec());
        self.write(Step::KeepEvidence, move |db| ledger::keep_evidence(db, &sha256, &content, at)).await
    }

    async fn evidence(&self, sha256: &str) -> StoreResult<Option<Vec<u8>>> {
        let sha256 = sha256.to_owned();
        self.read(move |db| ledger::evidence(db, &sha256)).await
    }

    async fn closed_run(&self, run_date: Date) -> StoreResult<Option<ClosedRun>> {
        self.read(move |db| ledger::closed_run(db, run_date)).await
    }

    async fn closed_runs(&self) -> StoreResult<Vec<ClosedRun>> {
        self.read(ledger::closed_runs).await
    }

    async fn close_run(&self, run: ClosedRun, tell: Vec<NewOutbox>) -> StoreResult<()> {
        self.write(Step::CloseRun, move |db| ledger::close_run(db, &run, &tell)).await
    }

    async fn entries_by_customer(
        &self,
        after: (&str, u64),
        known_seq: u64,
        limit: u32,
    ) -> StoreResult<Vec<StoredEntry>> {
        let customer = after.0.to_owned();
        self.read(move |db| ledger::by_customer(db, (&customer, after.1), known_seq, limit)).await
    }

    async fn ledger_customers(&self, after: &str, limit: u32) -> StoreResult<Vec<String>> {
        let after = after.to_owned();
        self.read(move |db| ledger::customers(db, &after, limit)).await
    }

    async fn raw_entries(&self, after_seq: u64, limit: u32) -> StoreResult<Vec<RawEntry>> {
        self.read(move |db| audit::entries(db, after_seq, limit)).await
    }

    async fn raw_head(&self) -> StoreResult<Option<RawHead>> {
        self.read(audit::head).await
    }

    async fn raw_runs(&self) -> StoreResult<Vec<RawRun>> {
        self.read(audit::runs).await
    }

    async fn kept_evidence(&self, after: &str, limit: u32) -> StoreResult<Vec<KeptEvidence>> {
        let after = after.to_owned();
        self.read(move |db| audit::evidence(db, &after, limit)).await
    }

    async fn kept_looks(&self, (subject, sha256): (&str, &str), limit: u32) -> StoreResult<Vec<KeptLook>> {
        let (subject, sha256) = (subject.to_owned(), sha256.to_owned());
        self.read(move |db| audit::looks(db, (&subject, &sha256), limit)).await
    }

    async fn raw_journal(&self, after_seq: u64, limit: u32) -> StoreResult<Vec<RawLine>> {
        self.read(move |db| audit::journal(db, after_seq, limit)).await
    }

    async fn raw_journal_end(&self) -> StoreResult<Option<RawEnd>> {
        self.read(audit::journal_end).await
    }

    async fn heartbeat(&self, at: Timestamp) -> StoreResult<()> {
        self.write(Step::Heartbeat, move |db| figures::heartbeat(db, at)).await
    }

    async fn figures(&self, now: Timestamp) -> StoreResult<Figures> {
        self.read(move |db| figures::figures(db, now)).await
    }

    async fn ready(&self) -> StoreResult<()> {
        let found = self.read(migrate::version).await?;
        if found == migrate::SCHEMA { Ok(()) } else { Err(StoreError::NewerSchema { found, known: migrate::SCHEMA }) }
    }
}
