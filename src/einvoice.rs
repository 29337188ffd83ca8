//! Invoices as documents for buyers: the lines of a closed run, one invoice for each customer, payer and
//! currency, with the parties, the tax and the sums. What is charged is the ledger's; nothing here
//! decides an amount, reads a database or knows the time.

mod compose;
mod party;
#[cfg(test)]
mod rules;
mod sheet;
#[cfg(test)]
mod tests;
mod ubl;

pub use compose::{Terms, compose};
pub use party::{Address, Missing, Party};
pub use sheet::{Sheet, SheetLine, sheets};
pub use ubl::xml;

use jiff::civil::Date;

use crate::config::VatCategory;
use crate::ledger::Currency;
use crate::ledger::explain::LineName;
use crate::ledger::period::Period;

/// One document (EN 16931). All amounts are minor units of `currency` and, in a credit note, positive
/// where they are given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// BT-1: the date of the run and the place of the invoice in it.
    pub number: String,
    pub kind: Kind,
    /// The day of the run.
    pub issued: Date,
    pub due: Date,
    pub currency: Currency,
    pub customer_id: String,
    pub seller: Party,
    pub buyer: Party,
    pub reference: Reference,
    /// Earlier invoices that an adjustment corrects.
    pub corrects: Vec<String>,
    pub lines: Vec<Line>,
    pub vat: Vat,
    pub account: Account,
    /// Sum of the lines.
    pub net: i64,
    pub tax: i64,
    pub payable: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Invoice,
    /// What is given back is more than what is charged.
    CreditNote,
}

/// What the buyer reads its invoices by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// BT-10, as the buyer gave it.
    Buyer(String),
    /// BT-13, where the buyer gave none: the order that began it.
    Order(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its name in the run, by which the ledger explains it.
    pub name: LineName,
    /// The service, and what the line is for.
    pub item: String,
    pub description: String,
    pub period: Period,
    pub net: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vat {
    pub category: VatCategory,
    /// Hundredths of a percent.
    pub rate: u32,
    pub exemption_reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub iban: String,
    pub bic: Option<String>,
}
