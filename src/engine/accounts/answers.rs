//! Questions of accounting about the past: what was charged on a day and what was believed then, and
//! why a line of a closed run is what it is. Reads only what belongs to one customer.

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Accounts, AccountsError};
use crate::ledger::as_of::{AsOf, as_of};
use crate::ledger::explain::{Explanation, LineName, explain, known_at};
use crate::ledger::invoice::{self, InvoiceLine};

/// What counts as known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Everything up to now.
    Now,
    /// What was recorded at or before an instant.
    At(Timestamp),
    /// The ledger up to an entry.
    Seq(u64),
}

impl Accounts {
    /// What is charged to `customer` on `on`, as far as was known.
    ///
    /// # Errors
    /// [`AccountsError::NoEntries`] for a customer that the ledger does not know.
    pub async fn as_of(&self, customer: &str, on: Date, known: Known) -> Result<AsOf, AccountsError> {
        let entries = self.entries_of(customer, u64::MAX).await?;
        if entries.is_empty() {
            return Err(AccountsError::NoEntries);
        }
        let seq = match known {
            Known::Now => u64::MAX,
            Known::At(at) => known_at(&entries, at),
            Known::Seq(seq) => seq,
        };
        Ok(as_of(customer, &entries, on, seq, self.pro_rating()))
    }

    /// Why a line of a closed run is what it is.
    ///
    /// # Errors
    /// [`AccountsError::NoRun`], [`AccountsError::NoLine`].
    pub async fn explain(&self, name: LineName) -> Result<Explanation, AccountsError> {
        let mut before: Vec<InvoiceLine> = Vec::new();
        for run in self.store.closed_runs().await?.iter().filter(|run| run.run_date <= name.run) {
            let lines = invoice::from_bytes(&run.lines)?;
            if run.run_date < name.run {
                before.extend(lines);
                continue;
            }
            let (number, count) = (name.number, lines.len());
            let line = lines.into_iter().nth(number.saturating_sub(1)).filter(|_| number > 0);
            let line = line.ok_or(AccountsError::NoLine { run: name.run, number, lines: count })?;
            before.retain(|l| l.customer_id == line.customer_id);
            let entries = self.entries_of(&line.customer_id, u64::MAX).await?;
            return Ok(explain(&line, &entries, &before));
        }
        Err(AccountsError::NoRun(name.run))
    }
}
