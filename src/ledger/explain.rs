//! Why a line of an invoicing run is what it is: the rule, the sum, and the entries with what they rest
//! on. Explains what was frozen, with what was known then; judges nothing again and looks nothing up.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::fold::{active, state_of};
use super::invoice::{InvoiceLine, LineKind};
use super::{Money, PriceMode, StoredEntry};

/// A line with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub line: InvoiceLine,
    /// Why it is in this run and no other, one sentence.
    pub why_this_run: String,
    /// How the amount comes about, one sentence.
    pub why_this_amount: String,
    /// What earlier runs charged for the same period, oldest first.
    pub charged_before: Vec<Charged>,
    /// The entries that the line rests on, by number.
    pub entries: Vec<StoredEntry>,
    /// Entries for the same customer that were recorded later: they cannot have changed this line, and
    /// may show in a later run as an adjustment.
    pub recorded_later: Vec<u64>,
}

/// What a run charged for a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Charged {
    pub run: Date,
    pub amount: Money,
}

/// Explains `line`. `entries` are all of its customer in seq order, `before` the customer's lines of the
/// runs before it.
#[must_use]
pub fn explain(line: &InvoiceLine, entries: &[StoredEntry], before: &[InvoiceLine]) -> Explanation {
    let charged_before: Vec<Charged> = before
        .iter()
        .filter(|l| l.run < line.run && l.period.from == line.period.from)
        .map(|l| Charged { run: l.run, amount: l.amount })
        .collect();
    Explanation {
        why_this_run: why_this_run(line),
        why_this_amount: why_this_amount(line, entries, &charged_before),
        charged_before,
        entries: entries.iter().filter(|e| line.entries.contains(&e.seq)).cloned().collect(),
        recorded_later: entries.iter().map(|e| e.seq).filter(|seq| *seq > line.head_seq).collect(),
        line: line.clone(),
    }
}

fn why_this_run(line: &InvoiceLine) -> String {
    match line.kind {
        LineKind::Period => format!(
            "The period begins on {}. On that day the customer was in group {}, and {} was the first run of the group \
             from then on that was not closed yet.",
            line.period.from, line.group, line.run
        ),
        LineKind::Adjustment => format!(
            "What was known on {} makes the charge for this period another one than earlier runs had charged; the \
             difference comes in the next run of the customer's group ({}). Closed lines are never changed.",
            line.run, line.group
        ),
    }
}

fn why_this_amount(line: &InvoiceLine, entries: &[StoredEntry], before: &[Charged]) -> String {
    let state = state_of(&active(entries, line.head_seq), line.period.from);
    let price = match state.price.map(|held| held.value) {
        Some((PriceMode::Total, amount)) => format!("{amount} for the period, as a total"),
        Some((PriceMode::PerMailbox, each)) => format!("{} mailboxes at {each}", line.mailboxes),
        None => "no price".to_owned(),
    };
    let price = match line.days {
        Some(days) if days.charged < days.of => format!("{price}, for {} of {} days", days.charged, days.of),
        _ => price,
    };
    match line.kind {
        LineKind::Period => format!("{price}: {}.", line.amount),
        LineKind::Adjustment => {
            let sum: i64 = before.iter().fold(0, |sum, c| sum.saturating_add(c.amount.minor));
            let charged = Money { minor: sum, ..line.amount };
            let due = Money { minor: sum.saturating_add(line.amount.minor), ..line.amount };
            let now = if state.charged {
                format!("Due is {due} ({price})")
            } else {
                format!("Due is {due}: the day is not charged any more")
            };
            format!("{now}; {charged} was charged before; the difference is {}.", line.amount)
        }
    }
}

/// The last entry of one customer that was recorded at or before an instant, 0 before all of them.
/// `entries` are in seq order.
#[must_use]
pub fn known_at(entries: &[StoredEntry], at: Timestamp) -> u64 {
    entries.iter().take_while(|e| e.recorded_at <= at).last().map_or(0, |e| e.seq)
}

/// Name of a line: the date of its run and its place in it, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineName {
    pub run: Date,
    pub number: usize,
}

impl std::str::FromStr for LineName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (run, number) = text.split_once('/')?;
            let number: usize = number.parse().ok().filter(|n| *n > 0)?;
            Some(Self { run: run.parse().ok()?, number })
        };
        read().ok_or_else(|| "write a line as RUN/NUMBER, such as 2026-12-15/3".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::chain::Head;
    use super::super::invoice::run;
    use super::super::period::ProRating;
    use super::super::{Currency, EntryDraft, EntryKind, Evidence};
    use super::*;

    fn draft(kind: EntryKind, valid_from: Date) -> EntryDraft {
        let evidence = Evidence::Mail {
            sha256: "ab".repeat(32),
            message_id: None,
            received: Timestamp::UNIX_EPOCH,
            authentication: None,
        };
        EntryDraft {
            customer_id: "c1".to_owned(),
            kind,
            valid_from,
            evidence,
            recorded_by: "desk".to_owned(),
            approved_by: None,
            supersedes: None,
        }
    }

    fn price(mode: PriceMode, minor: i64) -> EntryKind {
        EntryKind::PriceSet { mode, amount: Money { minor, currency: Currency::Eur } }
    }

    #[test]
    fn a_period_and_its_correction_are_explained_from_what_was_known_then() {
        let b = date(2026, 11, 20);
        let mut head = Head::EMPTY;
        let first = vec![
            draft(EntryKind::BillingPartySet { party: "Customer Oy".to_owned() }, b),
            draft(EntryKind::MailboxBasisSet { mailboxes: 40 }, b),
            draft(price(PriceMode::PerMailbox, 120), b),
            draft(EntryKind::GroupSet { group: 15 }, b),
            draft(EntryKind::Activated, b),
        ];
        let mut entries = head.append("2026-11-20T09:00:00Z".parse().unwrap(), first);
        let december = run(&entries, date(2026, 12, 15), 5, &[], ProRating::None).unwrap().lines;
        let more = vec![draft(EntryKind::MailboxBasisSet { mailboxes: 50 }, b)];
        entries.extend(head.append("2026-12-20T09:00:00Z".parse().unwrap(), more));
        let january = run(&entries, date(2027, 1, 15), 6, &december, ProRating::None).unwrap().lines;
        let correction = january.iter().find(|l| l.kind == LineKind::Adjustment).unwrap();
        let told = [explain(&december[0], &entries, &[]), explain(correction, &entries, &december)].map(|e| {
            let seqs: Vec<u64> = e.entries.iter().map(|e| e.seq).collect();
            format!("{}\n{}\n{seqs:?}, later {:?}", e.why_this_run, e.why_this_amount, e.recorded_later)
        });
        insta::assert_snapshot!(told.join("\n\n"));
        assert_eq!(known_at(&entries, "2026-12-20T08:59:59Z".parse().unwrap()), 5);
        assert_eq!(known_at(&entries, "2026-12-20T09:00:00Z".parse().unwrap()), 6);
        assert_eq!(known_at(&entries, Timestamp::UNIX_EPOCH), 0);
    }

    #[test]
    fn a_line_has_a_name() {
        let name: LineName = "2026-12-15/3".parse().unwrap();
        assert_eq!(name, LineName { run: date(2026, 12, 15), number: 3 });
        for wrong in ["2026-12-15", "2026-12-15/0", "15.12.2026/3", "/1", "2026-12-15/-1"] {
            assert!(wrong.parse::<LineName>().is_err(), "{wrong}");
        }
    }
}
