//! Invoicing runs: which lines fall to a run, computed from entries and from the lines that earlier
//! runs froze. A plain function, so the same ledger gives the same bytes for ever. Closing a run and
//! keeping its bytes is the store's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::fold::{BillingState, active, spans, state_of};
use super::period::{Period, group_of_run, next_run, period};
use super::{Currency, Evidence, Money, PriceMode, StoredEntry};

/// No relationship lasts longer (a hundred years): a B that far back is an error in an entry.
const MAX_PERIODS: u32 = 1_200;

/// One line of an invoicing run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InvoiceLine {
    pub run: Date,
    pub customer_id: String,
    pub kind: LineKind,
    /// Who pays.
    pub bill_to: String,
    pub partner: String,
    pub group: u8,
    pub period: Period,
    /// Basis on the first day of the period.
    pub mailboxes: u32,
    pub amount: Money,
    /// Seqs of the entries that it rests on, ascending.
    pub entries: Vec<u64>,
    /// The evidence of those entries, in the same order: `order:<id>`, `rule:<name>/<version>`,
    /// `mail:<sha256>`, `document:<sha256>`.
    pub evidence: Vec<String>,
    /// Ledger head (seq) that the run rests on.
    pub head_seq: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A period, charged for the first time.
    Period,
    /// The difference to what earlier runs charged for a period.
    Adjustment,
}

/// The lines of a run, and what could not be invoiced and why. A problem with one customer does not
/// hold up the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    pub lines: Vec<InvoiceLine>,
    pub problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("customer {customer_id}: {what}")]
pub struct Problem {
    pub customer_id: String,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvoiceError {
    #[error("{0} is no invoicing day; runs are on the 15th and on the 30th (in February on its last day)")]
    NotARunDay(Date),
    #[error("the sum in {0} is too large")]
    TooLarge(Currency),
    #[error("line {line} of the frozen run cannot be read: {reason}")]
    Unreadable { line: usize, reason: String },
}

/// The lines of the run on `run_date` as known at `known_seq`. `entries` are those of any customers
/// in seq order, `closed` the lines that runs *before* this date froze: so the same run computed again
/// from its stored head gives the same lines.
///
/// # Errors
/// [`InvoiceError::NotARunDay`].
pub fn run(
    entries: &[StoredEntry],
    run_date: Date,
    known_seq: u64,
    closed: &[InvoiceLine],
) -> Result<Run, InvoiceError> {
    let mut by_customer: BTreeMap<&str, Vec<StoredEntry>> = BTreeMap::new();
    for entry in entries {
        by_customer.entry(&entry.draft.customer_id).or_default().push(entry.clone());
    }
    let mut closed_of: BTreeMap<&str, Vec<InvoiceLine>> = BTreeMap::new();
    for line in closed {
        closed_of.entry(&line.customer_id).or_default().push(line.clone());
    }
    let mut all = Run::default();
    for (customer, entries) in by_customer {
        let closed = closed_of.remove(customer).unwrap_or_default();
        let one = run_customer(&entries, run_date, known_seq, &closed)?;
        all.lines.extend(one.lines);
        all.problems.extend(one.problems);
    }
    Ok(all)
}

/// As [`run`] for one customer: for a store that hands customers over one by one, in id order.
///
/// # Errors
/// [`InvoiceError::NotARunDay`].
pub fn run_customer(
    entries: &[StoredEntry],
    run_date: Date,
    known_seq: u64,
    closed: &[InvoiceLine],
) -> Result<Run, InvoiceError> {
    let group = group_of_run(run_date).ok_or(InvoiceError::NotARunDay(run_date))?;
    let Some(first) = entries.first() else { return Ok(Run::default()) };
    let customer = first.draft.customer_id.as_str();
    let mut out = Run::default();
    let active = active(entries, known_seq);
    let at = Place { customer, run: run_date, known_seq, active: &active };

    let billed: BTreeSet<Date> = closed.iter().filter(|l| l.kind == LineKind::Period).map(|l| l.period.from).collect();
    let mut charged: BTreeMap<Date, Period> = BTreeMap::new();
    for p in at.periods(&mut out.problems) {
        charged.insert(p.from, p);
        if billed.contains(&p.from) {
            continue;
        }
        let state = state_of(&active, p.from);
        match state.group.map(|g| g.value) {
            Some(g) if g == group && next_run(g, p.from) <= run_date => {
                at.push(&mut out, p, &state, group, LineKind::Period, charge(&state));
            }
            Some(_) => {}
            None => at.problem(&mut out.problems, format!("no invoicing group on {}", p.from)),
        }
    }
    let present = state_of(&active, run_date);
    if present.group.map(|g| g.value) == Some(group) {
        at.adjustments(&mut out, &charged, closed, group);
    }
    Ok(out)
}

/// One customer in one run.
struct Place<'a> {
    customer: &'a str,
    run: Date,
    known_seq: u64,
    active: &'a [&'a StoredEntry],
}

impl Place<'_> {
    /// Every charged period that began on or before the run, in order.
    fn periods(&self, problems: &mut Vec<Problem>) -> Vec<Period> {
        let mut found = Vec::new();
        for span in spans(self.active) {
            for n in 0..=MAX_PERIODS {
                let p = period(span.from, n);
                if p.from > self.run || !span.contains(p.from) {
                    break;
                }
                if n == MAX_PERIODS {
                    self.problem(problems, format!("charged since {}, which cannot be", span.from));
                    break;
                }
                found.push(p);
            }
        }
        found
    }

    /// What differs, under present knowledge, from what earlier runs charged.
    fn adjustments(&self, out: &mut Run, charged: &BTreeMap<Date, Period>, closed: &[InvoiceLine], group: u8) {
        let mut invoiced: BTreeMap<Date, (Period, Money)> = BTreeMap::new();
        for line in closed {
            let sum = invoiced.entry(line.period.from).or_insert((line.period, Money { minor: 0, ..line.amount }));
            if sum.1.currency != line.amount.currency {
                self.problem(&mut out.problems, format!("period {} was invoiced in two currencies", line.period.from));
                return;
            }
            sum.1.minor = sum.1.minor.saturating_add(line.amount.minor);
        }
        for (from, (p, sum)) in invoiced {
            let state = state_of(self.active, from);
            let due = if charged.contains_key(&from) { charge(&state) } else { Ok(Money { minor: 0, ..sum }) };
            let difference = due.and_then(|due| {
                if due.currency == sum.currency {
                    due.minor.checked_sub(sum.minor).map(|minor| Money { minor, ..sum }).ok_or_else(too_large)
                } else {
                    Err(format!("period {from} was invoiced in {}, its price is now in {}", sum.currency, due.currency))
                }
            });
            if difference.as_ref().map_or(true, |d| d.minor != 0) {
                self.push(out, p, &state, group, LineKind::Adjustment, difference);
            }
        }
    }

    fn push(
        &self,
        out: &mut Run,
        p: Period,
        state: &BillingState,
        group: u8,
        kind: LineKind,
        amount: Result<Money, String>,
    ) {
        let amount = match amount {
            Ok(amount) => amount,
            Err(what) => return self.problem(&mut out.problems, what),
        };
        let Some(bill_to) = &state.billing_party else {
            return self.problem(&mut out.problems, format!("nobody to bill on {}", p.from));
        };
        let mut seqs: Vec<u64> = [
            state.charged_from.map(|h| h.seq),
            state.price.map(|h| h.seq),
            state.mailboxes.map(|h| h.seq),
            state.group.map(|h| h.seq),
            Some(bill_to.seq),
        ]
        .into_iter()
        .flatten()
        .collect();
        seqs.sort_unstable();
        let evidence = self.active.iter().filter(|e| seqs.contains(&e.seq)).map(|e| cite(&e.draft.evidence)).collect();
        out.lines.push(InvoiceLine {
            run: self.run,
            customer_id: self.customer.to_owned(),
            kind,
            bill_to: bill_to.value.clone(),
            partner: state.partner.as_ref().map(|h| h.value.clone()).unwrap_or_default(),
            group,
            period: p,
            mailboxes: state.mailboxes.map_or(0, |h| h.value),
            amount,
            entries: seqs,
            evidence,
            head_seq: self.known_seq,
        });
    }

    fn problem(&self, problems: &mut Vec<Problem>, what: String) {
        problems.push(Problem { customer_id: self.customer.to_owned(), what });
    }
}

/// The charge for a period by the state on its first day.
///
/// # Errors
/// Which entry is missing, for people.
pub fn charge(state: &BillingState) -> Result<Money, String> {
    let Some(price) = state.price else { return Err("no price is set".to_owned()) };
    match price.value {
        (PriceMode::Total, amount) => Ok(amount),
        (PriceMode::PerMailbox, each) => {
            let mailboxes =
                state.mailboxes.ok_or_else(|| "a price per mailbox, but no number of mailboxes".to_owned())?;
            let minor = each.minor.checked_mul(mailboxes.value.into()).ok_or_else(too_large)?;
            Ok(Money { minor, ..each })
        }
    }
}

fn too_large() -> String {
    "the amount is too large".to_owned()
}

fn cite(evidence: &Evidence) -> String {
    match evidence {
        Evidence::Mail { sha256, .. } => format!("mail:{sha256}"),
        Evidence::Order { order_id, .. } => format!("order:{order_id}"),
        Evidence::Rule { rule, version, .. } => format!("rule:{rule}/{version}"),
        Evidence::Document { sha256, .. } => format!("document:{sha256}"),
    }
}

/// The sum in each currency.
///
/// # Errors
/// [`InvoiceError::TooLarge`].
pub fn totals(lines: &[InvoiceLine]) -> Result<Vec<Money>, InvoiceError> {
    let mut sums: BTreeMap<Currency, i64> = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(line.amount.currency).or_default();
        *sum = sum.checked_add(line.amount.minor).ok_or(InvoiceError::TooLarge(line.amount.currency))?;
    }
    Ok(sums.into_iter().map(|(currency, minor)| Money { minor, currency }).collect())
}

/// The canonical bytes of a run: one JSON object a line, fields in declared order.
#[must_use]
pub fn to_bytes(lines: &[InvoiceLine]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        out.extend(serde_json::to_vec(line).unwrap_or_default());
        out.push(b'\n');
    }
    out
}

/// Reads the canonical bytes of a run.
///
/// # Errors
/// [`InvoiceError::Unreadable`] with the line's number.
pub fn from_bytes(bytes: &[u8]) -> Result<Vec<InvoiceLine>, InvoiceError> {
    let text = bytes.split(|b| *b == b'\n').enumerate().filter(|(_, line)| !line.is_empty());
    text.map(|(i, line)| {
        serde_json::from_slice(line).map_err(|e| InvoiceError::Unreadable { line: i + 1, reason: e.to_string() })
    })
    .collect()
}
