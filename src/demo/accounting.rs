//! The accountant: closes every invoicing run on its day, over the API, and keeps the lines for the
//! final account.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::agenda::Busy;
use super::cast::Stage;
use super::trouble::{Doing, Outcome, Trouble};
use crate::ledger::invoice::InvoiceLine;

/// The runs of the demonstration, in order.
pub const RUNS: [&str; 5] = ["2027-01-15", "2027-01-30", "2027-02-15", "2027-02-28", "2027-03-15"];
/// Hour of the day at which a run is closed, in the time zone of the business.
const CLOSING_HOUR: i8 = 17;

/// Every line that was invoiced. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Books(Arc<Mutex<Vec<InvoiceLine>>>);

impl Books {
    /// The lines of one customer, in the order of the runs.
    #[must_use]
    pub fn of(&self, customer_id: &str) -> Vec<InvoiceLine> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| line.customer_id == customer_id).cloned().collect()
    }
}

/// Closes all runs, each on its day.
///
/// # Errors
/// When a run cannot be closed, or closing it again gives other lines.
pub async fn work(stage: Arc<Stage>, books: Books, held: Busy) -> Outcome<()> {
    let mut held = Some(held);
    for run in RUNS {
        let at = closing_time(run.parse().doing("reading the date of a run")?, &stage.zone)?;
        held = Some(stage.agenda.until(at, held.take()).await);
        let lines = close(&stage, run).await?;
        if close(&stage, run).await? != lines {
            return Err(Trouble::new(format!("closing the run {run} again gave other lines")));
        }
        books.0.lock().unwrap_or_else(PoisonError::into_inner).extend(lines);
    }
    Ok(())
}

/// When a run is closed.
///
/// # Errors
/// When the time zone has no such hour.
pub fn closing_time(run: Date, zone: &TimeZone) -> Outcome<Timestamp> {
    let at = run.at(CLOSING_HOUR, 0, 0, 0).to_zoned(zone.clone()).doing("finding the hour of a run")?;
    Ok(at.timestamp())
}

async fn close(stage: &Stage, run: &str) -> Outcome<Vec<InvoiceLine>> {
    let what = format!("closing the run {run}");
    let path = format!("/v1/invoicing/{run}/close");
    let body = stage.accounting.post(&path, &json!({})).await?.success(&what)?;
    let lines = body.get("lines").cloned().unwrap_or(Value::Null);
    serde_json::from_value(lines).doing(&what)
}
