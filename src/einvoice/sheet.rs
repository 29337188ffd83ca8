//! Which lines of a run make one invoice, and its number. Numbers follow from the frozen lines alone: the
//! same run gives the same numbers for ever, without gaps.

use std::collections::HashMap;

use jiff::civil::Date;

use crate::ledger::Currency;
use crate::ledger::explain::LineName;
use crate::ledger::invoice::InvoiceLine;

/// The lines of one invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet<'a> {
    /// `20261215-0001`.
    pub number: String,
    pub run: Date,
    pub customer_id: &'a str,
    pub bill_to: &'a str,
    pub currency: Currency,
    pub lines: Vec<SheetLine<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SheetLine<'a> {
    pub name: LineName,
    pub line: &'a InvoiceLine,
}

/// The invoices of a run, in the order of their first lines.
#[must_use]
pub fn sheets(run: Date, lines: &[InvoiceLine]) -> Vec<Sheet<'_>> {
    let mut found: Vec<Sheet<'_>> = Vec::new();
    let mut places: HashMap<(&str, &str, Currency), usize> = HashMap::new();
    for (index, line) in lines.iter().enumerate() {
        let key = (line.customer_id.as_str(), line.bill_to.as_str(), line.amount.currency);
        let place = *places.entry(key).or_insert(found.len());
        if place == found.len() {
            found.push(Sheet {
                number: number(run, place),
                run,
                customer_id: key.0,
                bill_to: key.1,
                currency: key.2,
                lines: Vec::new(),
            });
        }
        if let Some(sheet) = found.get_mut(place) {
            sheet.lines.push(SheetLine { name: LineName { run, number: index + 1 }, line });
        }
    }
    found
}

fn number(run: Date, place: usize) -> String {
    format!("{}-{:04}", run.strftime("%Y%m%d"), place + 1)
}
