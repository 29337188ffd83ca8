//! Closed runs for other programs: CSV for spreadsheets and accounting systems. All forms are made from
//! the same frozen lines; nothing is computed here.

use super::invoice::{InvoiceLine, LineKind};

/// Columns of the CSV, in order. The names are interface.
pub const COLUMNS: [&str; 16] = [
    "line",
    "run",
    "kind",
    "customer",
    "bill_to",
    "partner",
    "group",
    "period_from",
    "period_last_day",
    "mailboxes",
    "amount",
    "currency",
    "entries",
    "evidence",
    "ledger_head",
    "days",
];

/// The lines of a run as CSV (RFC 4180) with a header. Amounts are decimals with a point. A text that a
/// spreadsheet would take for a formula is preceded by an apostrophe.
///
/// # Errors
/// When the text cannot be built, which has no reason but memory.
pub fn csv(lines: &[InvoiceLine]) -> Result<Vec<u8>, csv::Error> {
    let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    out.write_record(COLUMNS)?;
    for (index, line) in lines.iter().enumerate() {
        let kind = match line.kind {
            LineKind::Period => "period",
            LineKind::Adjustment => "adjustment",
        };
        let last_day = line.period.to.yesterday().unwrap_or(line.period.to);
        let seqs: Vec<String> = line.entries.iter().map(u64::to_string).collect();
        out.write_record([
            (index + 1).to_string(),
            line.run.to_string(),
            kind.to_owned(),
            plain(&line.customer_id),
            plain(&line.bill_to),
            plain(&line.partner),
            line.group.to_string(),
            line.period.from.to_string(),
            last_day.to_string(),
            line.mailboxes.to_string(),
            line.amount.decimal(),
            line.amount.currency.to_string(),
            seqs.join(" "),
            line.evidence.join(" "),
            line.head_seq.to_string(),
            line.days.map(|days| format!("{} of {}", days.charged, days.of)).unwrap_or_default(),
        ])?;
    }
    out.into_inner().map_err(|error| error.into_error().into())
}

fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::period::{Days, period};
    use super::super::{Currency, Money};
    use super::*;

    #[test]
    fn names_stay_text_and_amounts_stay_exact() {
        let line = |bill_to: &str, minor| InvoiceLine {
            run: date(2026, 12, 15),
            customer_id: "c1".to_owned(),
            kind: LineKind::Period,
            bill_to: bill_to.to_owned(),
            partner: "acme".to_owned(),
            group: 15,
            period: period(date(2026, 12, 1), 0),
            mailboxes: 40,
            amount: Money { minor, currency: Currency::Eur },
            entries: vec![1, 4],
            evidence: vec!["order:o1".to_owned(), "mail:ab".to_owned()],
            head_seq: 9,
            days: (minor < 0).then_some(Days { charged: 3, of: 31 }),
        };
        let text = csv(&[line("Customer, \"Oy\"", 4_800), line("=cmd|' /C calc'!A0", -5)]).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap());
    }
}
