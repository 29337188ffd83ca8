//! One line of an existing base of customers that are connected already: the order that they would
//! have placed, and since when they are charged or on trial. Pure: whether somebody is known here
//! already is the store's to say.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use super::Order;
use super::field::{FieldError, shown};
use super::flat::{Cells, form};
use super::form::OrderRules;
use super::sheet::Row;
use crate::ledger::period::first_charged_day;
use crate::lifecycle::subscription::OrderKind;

/// The columns of a table of connected customers. Those that are lists divide their values by `|`.
pub const COLUMNS: &[&str] = &[
    "partner",
    "customer_name",
    "business_id",
    "vat_id",
    "billing_address",
    "billing_street",
    "billing_postal_code",
    "billing_city",
    "billing_country",
    "bill_to",
    "e_invoice_address",
    "buyer_reference",
    "contacts",
    "partner_contacts",
    "domains",
    "servers",
    "hosted",
    "test_mailbox",
    "mailboxes",
    "price",
    "sales_rep",
    "invoicing_group",
    "language",
    "connected",
    "charged_from",
    "invoiced_until",
    "trial_ends",
];

/// Without these a table says nothing.
pub const NEEDED: &[&str] = &["partner", "customer_name", "domains", "servers", "mailboxes", "price"];

/// A customer that is connected already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connected {
    pub line: u64,
    pub order: Order,
    pub since: Standing,
    /// What was made of a cell, for the report.
    pub notes: Vec<String>,
}

/// Where the relationship stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Charged since B; what was before `invoiced_until` was invoiced elsewhere. `None` leaves it to the
    /// rule: everything until the first period that begins on or after the day of the import.
    Charged { connected: Option<Date>, from: Date, invoiced_until: Option<Date> },
    /// On trial; `None` counts back from the end by the configured length.
    Trial { connected: Option<Date>, ends: Date },
}

impl Standing {
    #[must_use]
    pub const fn kind(self) -> OrderKind {
        match self {
            Self::Charged { .. } => OrderKind::Paid,
            Self::Trial { .. } => OrderKind::Trial,
        }
    }
}

/// Reads a line. `today` is the business day of the import.
///
/// # Errors
/// Every reason to refuse the line, at its column.
pub fn connected(row: &Row, rules: &OrderRules, today: Date) -> Result<Connected, Vec<FieldError>> {
    let mut errors = row.unreadable.clone();
    let mut notes = Vec::new();
    let since = standing(row, today, &mut notes).map_err(|more| errors.extend(more)).ok();
    let mut form = form(row, &mut errors);
    form.kind = Some(if row.cell("trial_ends").is_some() { "trial" } else { "paid" }.to_owned());
    match (form.check(rules), since) {
        (Ok(order), Some(since)) if errors.is_empty() => Ok(Connected { line: row.line, order, since, notes }),
        (checked, _) => {
            errors.extend(checked.err().unwrap_or_default());
            Err(errors)
        }
    }
}

fn standing(row: &Row, today: Date, notes: &mut Vec<String>) -> Result<Standing, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut date = |column: &str| match row.cell(column).map(|text| day(&text)).transpose() {
        Ok(date) => date,
        Err(message) => {
            errors.push(refused(column, message));
            None
        }
    };
    let (connected, from) = (date("connected"), date("charged_from"));
    let (invoiced_until, ends) = (date("invoiced_until"), date("trial_ends"));
    if !errors.is_empty() {
        return Err(errors);
    }
    if let Some(connected) = connected.filter(|day| *day > today) {
        return Err(vec![refused("connected", format!("{connected} has not come yet; order it instead"))]);
    }
    match (from, ends) {
        (Some(from), None) => charged(connected, from, invoiced_until, notes),
        (None, Some(ends)) if invoiced_until.is_some() => {
            let message = format!("goes with `charged_from` only; a trial until {ends} was not invoiced");
            Err(vec![refused("invoiced_until", message)])
        }
        (None, Some(ends)) if connected.is_some_and(|connected| connected >= ends) => {
            Err(vec![refused("trial_ends", format!("{ends} does not lie after `connected`"))])
        }
        (None, Some(ends)) => Ok(Standing::Trial { connected, ends }),
        (Some(_), Some(_)) => Err(vec![refused(
            "trial_ends",
            "leave it empty for a customer that is charged, or `charged_from` for one on trial".to_owned(),
        )]),
        (None, None) => Err(vec![refused(
            "charged_from",
            "give the first charged day, or `trial_ends` for a customer on trial".to_owned(),
        )]),
    }
}

fn charged(
    connected: Option<Date>,
    from: Date,
    invoiced_until: Option<Date>,
    notes: &mut Vec<String>,
) -> Result<Standing, Vec<FieldError>> {
    if connected.is_some_and(|connected| connected > from) {
        return Err(vec![refused("charged_from", format!("{from} lies before `connected`"))]);
    }
    let first = first_charged_day(from);
    if first != from {
        notes.push(format!("charged from {first}: a first charged day after the 28th moves to the 1st"));
    }
    if let Some(until) = invoiced_until.filter(|until| *until < first || until.day() != first.day()) {
        let message = format!(
            "{until} is not the first day of a period: with {first} as the first charged day, periods begin on day {}",
            first.day()
        );
        return Err(vec![refused("invoiced_until", message)]);
    }
    Ok(Standing::Charged { connected, from: first, invoiced_until })
}

/// The first day of a period of a customer charged from B that lies on or after `day`.
#[must_use]
pub fn first_period_from(b: Date, day: Date) -> Date {
    let months = |n: i64| b.saturating_add(Span::new().months(n));
    let between = i64::from(day.year() - b.year()) * 12 + i64::from(day.month() - b.month());
    let near = months(between.clamp(0, 12_000));
    if near >= day || day <= b { near.max(b) } else { near.saturating_add(1.month()) }
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{}` is no date; write it like 2026-03-15", shown(text)))
}

fn refused(field: &str, message: String) -> FieldError {
    FieldError { field: field.to_owned(), message }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::sheet::Sheet;
    use super::*;

    fn read(line: &str) -> String {
        let table = format!("{}\n{line}\n", COLUMNS.join(";"));
        let sheet = Sheet::read(table.as_bytes(), COLUMNS, NEEDED).unwrap();
        match connected(&sheet.rows[0], &OrderRules::default(), date(2026, 11, 23)) {
            Ok(read) => {
                let Connected { order, since, notes, .. } = read;
                let servers: Vec<String> =
                    order.servers.iter().map(|s| format!("{}:{} {}", s.host, s.port, s.standby)).collect();
                let contacts: Vec<String> =
                    order.contacts.iter().map(|c| format!("{} {} {:?}", c.name, c.email, c.role)).collect();
                format!("{} | {servers:?} | {contacts:?} | {since:?} | {notes:?}", order.price)
            }
            Err(errors) => errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        }
    }

    /// A line with these dates: connected, charged from, invoiced until, end of the trial.
    fn dated(dates: &str) -> String {
        read(&format!("p;Oy;;;;;;;;;;;t@x.example;;a.example;m.a.example;;;5;10 EUR;r@x.example;15;fi;{dates}"))
    }

    #[test]
    fn lines_of_a_base_as_they_are_read() {
        let lines = [
            read(
                "p;Oy;1-2;;Road 1;;;;;partner;0216:0037;PO 7;T <t@x.example>|u@x.example;P <p@y.example>;a.example|b.example;\
                 m.a.example:2525|(93.184.216.34)|[2606:2800:220:1::1]:26;no;;5;1120,00 EUR;;30;en;2020-01-01;2020-01-31;;",
            ),
            dated(";2025-03-04;2026-12-04;"),
            dated("2026-11-01;;;2026-12-01"),
            dated(";2025-03-04;2026-12-05;"),
            dated(";2025-03-04;;2026-12-01"),
            dated(";;;"),
            dated("2026-12-01;;;2026-12-31"),
            dated("2026-11-01;;2026-12-01;2026-12-01"),
            dated(";4.3.2025;;"),
            read(";;;;;;;;Finland;;37;;x;;a b;127.0.0.1;maybe;;0;much;;7;sv;;2025-01-01;;"),
        ];
        insta::assert_snapshot!(lines.join("\n\n"));
    }

    #[test]
    fn a_period_begins_on_or_after_a_day() {
        let first = |b, day| first_period_from(b, day);
        assert_eq!(first(date(2025, 3, 4), date(2026, 11, 23)), date(2026, 12, 4));
        assert_eq!(first(date(2025, 3, 4), date(2026, 11, 4)), date(2026, 11, 4));
        assert_eq!(first(date(2025, 3, 28), date(2026, 11, 23)), date(2026, 11, 28));
        assert_eq!(first(date(2027, 1, 4), date(2026, 11, 23)), date(2027, 1, 4));
    }
}
