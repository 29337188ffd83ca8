//! What accounting asks: is the ledger whole, what would a run invoice, close it. The rules are the
//! ledger's; here they are fed from the store. Nothing here makes a billing entry.

mod answers;
mod deliveries;
mod documents;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub use self::answers::Known;
pub use self::deliveries::Delivery;
pub use self::documents::{Document, Wanted};
use super::audit::{Audit, Auditor};
use super::webhook;
use crate::clock::SharedClock;
use crate::config::{self, Config};
use crate::ledger::chain::{Anchor, Head};
use crate::ledger::fault::Fault;
use crate::ledger::invoice::{self, InvoiceError, InvoiceLine, Problem};
use crate::ledger::period::{ProRating, group_of_run};
use crate::ledger::{Money, StoredEntry};
use crate::store::{ClosedRun, Store, StoreError, StoreResult};

/// Rows read at once.
const PIECE: u32 = 1_000;

/// The use cases. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn Store>,
    clock: SharedClock,
    config: Arc<Config>,
}

/// An invoicing run, open or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunReport {
    pub run_date: Date,
    pub head: Anchor,
    pub lines: Vec<InvoiceLine>,
    /// The sum in each currency.
    pub totals: Vec<Money>,
    /// What could not be invoiced, and why. Empty for a closed run.
    pub problems: Vec<Problem>,
    /// When it was closed, and by whom.
    pub closed: Option<(Timestamp, String)>,
}

#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error("there is no closed run of {0}")]
    NoRun(Date),
    #[error("the run of {run} has {lines} lines, no line {number}")]
    NoLine { run: Date, number: usize, lines: usize },
    #[error("the run of {run} is told in {parts} messages, there is no message {part}")]
    NoPart { run: Date, part: usize, parts: usize },
    #[error("the ledger has no entry for this customer")]
    NoEntries,
    #[error("e-invoices need the seller: describe it under commerce.seller in the configuration")]
    NoSeller,
    #[error("nobody is told of closed runs: name the accounting system under commerce.webhook in the configuration")]
    NoWebhook,
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    /// Nothing is invoiced from a ledger that is not whole.
    #[error("the books are not whole: {fault}. {}", .fault.remedy())]
    Broken { fault: Fault },
    #[error("the run of {0} cannot be closed before that day has come")]
    TooEarly(Date),
    #[error(
        "the run of {later} is closed already, so that of {run} cannot be any more; late periods come in the next run"
    )]
    Overtaken { run: Date, later: Date },
    #[error("{0}")]
    Meanwhile(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Accounts {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, config: Arc<Config>) -> Self {
        Self { store, clock, config }
    }

    /// Verifies everything that accounting rests on: entries and their chain, the head, closed runs and
    /// kept documents, also against `anchors` written down elsewhere. What is wrong is in the answer.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn verify(&self, anchors: &[Anchor]) -> Result<Audit, AccountsError> {
        Ok(Auditor::new(&self.store).whole(anchors).await?)
    }

    /// What the run of `date` holds: as closed, or as it would be closed now.
    ///
    /// # Errors
    /// [`AccountsError::Invoice`] for a date that is no invoicing day, [`AccountsError::Broken`].
    pub async fn preview(&self, date: Date) -> Result<RunReport, AccountsError> {
        match self.store.closed_run(date).await? {
            Some(run) => report(&run),
            None => {
                let (head, runs) = self.books().await?;
                self.compute(date, &head, &runs).await
            }
        }
    }

    /// Freezes the run of `date`. A closed run stays as it is.
    ///
    /// # Errors
    /// As [`Accounts::preview`]; [`AccountsError::TooEarly`], [`AccountsError::Overtaken`],
    /// [`AccountsError::Meanwhile`] when another run was closed at the same instant.
    pub async fn close(&self, date: Date, by: &str) -> Result<RunReport, AccountsError> {
        if let Some(run) = self.store.closed_run(date).await? {
            return report(&run);
        }
        let now = self.clock.now();
        let zone = TimeZone::get(&self.config.commerce.time_zone).unwrap_or(TimeZone::UTC);
        if now.to_zoned(zone).date() < date {
            return Err(AccountsError::TooEarly(date));
        }
        let (head, runs) = self.books().await?;
        // Lines of a later run are not known to an earlier one: it would charge their periods again.
        if let Some(later) = runs.iter().map(|run| run.run_date).find(|run| *run > date) {
            return Err(AccountsError::Overtaken { run: date, later });
        }
        let open = self.compute(date, &head, &runs).await?;
        let run = ClosedRun {
            run_date: date,
            closed_at: now,
            closed_by: by.to_owned(),
            head_seq: open.head.seq,
            head_hash: open.head.hash,
            lines: invoice::to_bytes(&open.lines),
            prev_hash: [0; 32],
            hash: [0; 32],
        }
        .sealed(runs.last());
        let tell = match self.config.commerce.webhook {
            Some(_) => webhook::messages(&run, open.lines.len(), &open.totals),
            None => Vec::new(),
        };
        let refused = match self.store.close_run(run, tell).await {
            Ok(()) => None,
            Err(StoreError::Conflict(why)) => Some(why),
            Err(error) => return Err(error.into()),
        };
        // Somebody else may have closed this very run meanwhile: then that one stands.
        match (self.store.closed_run(date).await?, refused) {
            (Some(stands), None) => Ok(RunReport { problems: open.problems, ..report(&stands)? }),
            (Some(stands), Some(_)) => report(&stands),
            (None, why) => Err(AccountsError::Meanwhile(why.unwrap_or_else(|| "the run is gone".to_owned()))),
        }
    }

    /// A run that was closed.
    ///
    /// # Errors
    /// [`AccountsError::NoRun`].
    pub async fn closed(&self, date: Date) -> Result<RunReport, AccountsError> {
        report(&self.store.closed_run(date).await?.ok_or(AccountsError::NoRun(date))?)
    }

    /// Every closed run, oldest first.
    ///
    /// # Errors
    /// When the store fails or a frozen line cannot be read.
    pub async fn runs(&self) -> Result<Vec<RunReport>, AccountsError> {
        self.store.closed_runs().await?.iter().map(report).collect()
    }

    /// Entries of one customer or all.
    ///
    /// # Errors
    /// [`AccountsError::Broken`] where one of them cannot be read.
    pub async fn entries(
        &self,
        customer: Option<&str>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<StoredEntry>, AccountsError> {
        match self.store.entries(customer, after, limit).await {
            Err(error @ StoreError::Database { .. }) => {
                self.books().await?;
                Err(error.into())
            }
            read => Ok(read?),
        }
    }

    /// The verified head, and every closed run by date.
    async fn books(&self) -> Result<(Head, Vec<ClosedRun>), AccountsError> {
        Auditor::new(&self.store).sound().await?.map_err(|fault| AccountsError::Broken { fault })
    }

    async fn compute(&self, date: Date, head: &Head, runs: &[ClosedRun]) -> Result<RunReport, AccountsError> {
        let mut earlier: BTreeMap<String, Vec<InvoiceLine>> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.run_date < date) {
            for line in invoice::from_bytes(&run.lines)? {
                earlier.entry(line.customer_id.clone()).or_default().push(line);
            }
        }
        if group_of_run(date).is_none() {
            return Err(InvoiceError::NotARunDay(date).into());
        }
        let mut all = invoice::Run::default();
        let mut of_one: Vec<StoredEntry> = Vec::new();
        let mut settle = |entries: &mut Vec<StoredEntry>| {
            let Some(customer) = entries.first().map(|entry| entry.draft.customer_id.as_str()) else { return Ok(()) };
            let closed = earlier.remove(customer).unwrap_or_default();
            let one = invoice::run_customer(entries, date, head.seq, &closed, self.pro_rating())?;
            all.lines.extend(one.lines);
            all.problems.extend(one.problems);
            entries.clear();
            Ok::<(), InvoiceError>(())
        };
        loop {
            let last = of_one.last().map_or(("", 0), |entry| (entry.draft.customer_id.as_str(), entry.seq));
            let piece = self.store.entries_by_customer(last, head.seq, PIECE).await?;
            if piece.is_empty() {
                break;
            }
            for entry in piece {
                if of_one.last().is_some_and(|last| last.draft.customer_id != entry.draft.customer_id) {
                    settle(&mut of_one)?;
                }
                of_one.push(entry);
            }
        }
        settle(&mut of_one)?;
        let invoice::Run { lines, problems } = all;
        let totals = invoice::totals(&lines)?;
        Ok(RunReport { run_date: date, head: head.anchor(), lines, totals, problems, closed: None })
    }

    fn pro_rating(&self) -> ProRating {
        match self.config.commerce.pro_rating {
            config::ProRating::None => ProRating::None,
            config::ProRating::Daily => ProRating::Daily,
        }
    }

    async fn entries_of(&self, customer: &str, known_seq: u64) -> StoreResult<Vec<StoredEntry>> {
        let mut all = Vec::new();
        let mut after = 0;
        loop {
            let piece = self.store.entries(Some(customer), after, PIECE).await?;
            let Some(last) = piece.last() else { return Ok(all) };
            after = last.seq;
            all.extend(piece.into_iter().filter(|entry| entry.seq <= known_seq));
        }
    }
}

fn anchor(run: &ClosedRun) -> Anchor {
    Anchor { seq: run.head_seq, hash: run.head_hash }
}

fn report(run: &ClosedRun) -> Result<RunReport, AccountsError> {
    let lines = invoice::from_bytes(&run.lines)?;
    Ok(RunReport {
        run_date: run.run_date,
        head: anchor(run),
        totals: invoice::totals(&lines)?,
        lines,
        problems: Vec::new(),
        closed: Some((run.closed_at, run.closed_by.clone())),
    })
}
