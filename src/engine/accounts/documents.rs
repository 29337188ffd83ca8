//! The invoices of a closed run as documents for buyers: frozen lines, the agreement of each customer, the
//! seller of the configuration. What cannot be written is told with what is missing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use super::{Accounts, AccountsError};
use crate::einvoice::{Invoice, Missing, Sheet, Terms, compose, sheets};
use crate::ledger::Currency;
use crate::ledger::invoice::{self, InvoiceLine, LineKind};
use crate::store::Scope;

/// Which invoices of a run are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Only of this customer.
    pub customer: Option<String>,
    /// Only the one with this number.
    pub number: Option<String>,
    /// Those after so many of the run, in its order.
    pub after: usize,
    pub limit: usize,
}

/// An invoice of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its place in the run, from 1.
    pub place: usize,
    pub number: String,
    pub customer_id: String,
    pub bill_to: String,
    pub currency: Currency,
    /// The document, or everything that is missing for it.
    pub invoice: Result<Invoice, Vec<Missing>>,
}

impl Accounts {
    /// The wanted invoices of a closed run, in its order.
    ///
    /// # Errors
    /// [`AccountsError::NoRun`]; [`AccountsError::NoSeller`] where the configuration names no seller.
    pub async fn documents(&self, run: Date, wanted: &Wanted) -> Result<Vec<Document>, AccountsError> {
        let report = self.closed(run).await?;
        let seller = self.config.commerce.seller.as_ref().ok_or(AccountsError::NoSeller)?;
        let all = sheets(run, &report.lines);
        let chosen: Vec<(usize, &Sheet<'_>)> = (1..)
            .zip(&all)
            .filter(|(place, sheet)| {
                *place > wanted.after
                    && wanted.customer.as_ref().is_none_or(|id| sheet.customer_id == id)
                    && wanted.number.as_ref().is_none_or(|number| sheet.number == *number)
            })
            .take(wanted.limit)
            .collect();
        let corrected = self.corrected(run, &chosen).await?;
        let mut documents = Vec::with_capacity(chosen.len());
        for (place, sheet) in chosen {
            let invoice = match self.store.customer(sheet.customer_id, &Scope::All).await? {
                None => Err(vec![Missing {
                    field: "customer".to_owned(),
                    message:
                        "there is no agreement with this customer, the ledger alone knows it; write this invoice by \
                              hand from the CSV"
                            .to_owned(),
                }]),
                Some(customer) => {
                    let terms = Terms {
                        seller,
                        service: &self.config.notify.service_name,
                        order: &customer.order,
                        order_id: &customer.order_id,
                    };
                    compose(sheet, &terms, corrected.get(sheet.number.as_str()).cloned().unwrap_or_default())
                }
            };
            documents.push(Document {
                place,
                number: sheet.number.clone(),
                customer_id: sheet.customer_id.to_owned(),
                bill_to: sheet.bill_to.to_owned(),
                currency: sheet.currency,
                invoice,
            });
        }
        Ok(documents)
    }

    /// For each invoice with adjustments, the numbers of the earlier ones that charged those periods.
    async fn corrected(
        &self,
        run: Date,
        chosen: &[(usize, &Sheet<'_>)],
    ) -> Result<BTreeMap<String, Vec<String>>, AccountsError> {
        let adjusted = |line: &&InvoiceLine| line.kind == LineKind::Adjustment;
        let mut by_period: BTreeMap<(&str, Date), &str> = BTreeMap::new();
        for (_, sheet) in chosen {
            for line in sheet.lines.iter().map(|at| at.line).filter(adjusted) {
                by_period.insert((line.customer_id.as_str(), line.period.from), sheet.number.as_str());
            }
        }
        let Some(since) = by_period.keys().map(|(_, from)| *from).min() else { return Ok(BTreeMap::new()) };
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for earlier in self.store.closed_runs().await?.iter().filter(|r| since <= r.run_date && r.run_date < run) {
            let lines = invoice::from_bytes(&earlier.lines)?;
            for sheet in sheets(earlier.run_date, &lines) {
                let numbers: BTreeSet<&str> = sheet
                    .lines
                    .iter()
                    .filter_map(|at| by_period.get(&(sheet.customer_id, at.line.period.from)).copied())
                    .collect();
                for number in numbers {
                    found.entry(number.to_owned()).or_default().push(sheet.number.clone());
                }
            }
        }
        Ok(found)
    }
}
