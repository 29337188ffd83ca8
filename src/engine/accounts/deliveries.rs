//! What became of the messages to the accounting system about a closed run, and sending them once more.
//! The same message has the same id each time, so that its receiver knows it again.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::super::webhook::{Attempt, RunItem, WEBHOOK, attempts, messages};
use super::{Accounts, AccountsError};
use crate::store::{INVOICING, OutboxRow};

/// Messages looked through: those of runs with five million lines.
const LISTED: u32 = 10_000;

/// One message about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// `webhook-id`.
    pub id: String,
    pub part: usize,
    pub parts: usize,
    /// `pending`, `sent`, `dropped` or `parked`.
    pub status: String,
    pub attempts: u32,
    pub sent_at: Option<Timestamp>,
    /// When it is tried next, while it is pending.
    pub due_at: Option<Timestamp>,
    /// What the receiver said last.
    pub detail: String,
    /// The newest attempts, oldest first.
    pub log: Vec<Attempt>,
}

impl Accounts {
    /// The messages about a closed run; none where nobody was told.
    ///
    /// # Errors
    /// [`AccountsError::NoRun`].
    pub async fn deliveries(&self, run: Date) -> Result<Vec<Delivery>, AccountsError> {
        self.store.closed_run(run).await?.ok_or(AccountsError::NoRun(run))?;
        let rows = self.store.effects(INVOICING, WEBHOOK, LISTED).await?;
        Ok(rows.into_iter().filter_map(|row| delivery(row, run)).collect())
    }

    /// Makes every message about a closed run due now, or one of them by its number, whatever became of it before.
    ///
    /// # Errors
    /// [`AccountsError::NoRun`]; [`AccountsError::NoWebhook`] where there is nobody to tell; [`AccountsError::NoPart`].
    pub async fn send_again(&self, run: Date, part: Option<usize>) -> Result<Vec<Delivery>, AccountsError> {
        if self.config.commerce.webhook.is_none() {
            return Err(AccountsError::NoWebhook);
        }
        let stored = self.store.closed_run(run).await?.ok_or(AccountsError::NoRun(run))?;
        let report = super::report(&stored)?;
        let now = self.clock.now();
        let mut again = messages(&stored, report.lines.len(), &report.totals);
        if let Some(part) = part {
            let parts = again.len();
            if !(1..=parts).contains(&part) {
                return Err(AccountsError::NoPart { run, part, parts });
            }
            again = vec![again.swap_remove(part - 1)];
        }
        for message in &mut again {
            message.due_at = now;
        }
        self.store.send_again(INVOICING, again, now).await?;
        self.deliveries(run).await
    }
}

fn delivery(row: OutboxRow, run: Date) -> Option<Delivery> {
    let item: RunItem = serde_json::from_str(&row.payload).ok().filter(|item: &RunItem| item.run == run)?;
    let pending = row.status == "pending";
    Some(Delivery {
        id: row.dedupe_key,
        part: item.part,
        parts: item.parts,
        attempts: row.attempt,
        sent_at: row.sent_at,
        due_at: pending.then_some(row.due_at),
        status: row.status,
        detail: row.detail,
        log: attempts(&row.log),
    })
}
