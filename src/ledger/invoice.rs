//! Invoicing runs: which lines fall to a run, computed from entries and from the lines that earlier
//! runs froze. A plain function, so the same ledger gives the same bytes for ever. Closing a run and
//! keeping its bytes is the store's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::fold::{BillingState, active, spans, state_of};
use super::period::{Days, MAX_PERIODS, Part, Period, ProRating, group_of_run, next_run, parts};
use super::{Currency, Evidence, Money, PriceMode, StoredEntry};

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
    /// By how many days it is charged; nothing where periods are charged whole. A period stays under the
    /// rule that it was first invoiced by, whatever is configured later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Days>,
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
    rule: ProRating,
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
        let one = run_customer(&entries, run_date, known_seq, &closed, rule)?;
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
    rule: ProRating,
) -> Result<Run, InvoiceError> {
    let group = group_of_run(run_date).ok_or(InvoiceError::NotARunDay(run_date))?;
    let Some(first) = entries.first() else { return Ok(Run::default()) };
    let customer = first.draft.customer_id.as_str();
    let mut out = Run::default();
    let active = active(entries, known_seq);
    let at = Place { customer, run: run_date, known_seq, active: &active };

    let billed: BTreeSet<Date> = closed.iter().filter(|l| l.kind == LineKind::Period).map(|l| l.period.from).collect();
    let mut charged: BTreeMap<Date, Days> = BTreeMap::new();
    for (part, days) in at.parts(&mut out.problems) {
        let p = part.period;
        charged.insert(p.from, days);
        if billed.contains(&p.from) || (part.is_beginning() && rule == ProRating::None) {
            continue;
        }
        let days = (rule == ProRating::Daily).then_some(days);
        let state = state_of(&active, p.from);
        match state.group.map(|g| g.value) {
            Some(g) if g == group && next_run(g, p.from) <= run_date => {
                let amount = charge(&state).and_then(|whole| share(whole, days));
                at.push(&mut out, (p, days), &state, group, LineKind::Period, amount);
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

/// What earlier runs charged for a period.
struct Invoiced {
    period: Period,
    sum: Money,
    /// The days that its price is for, where it was first invoiced by days.
    of: Option<u16>,
}

impl Place<'_> {
    /// Every charged period that began on or before the run, in order, with its charged days.
    fn parts(&self, problems: &mut Vec<Problem>) -> Vec<(Part, Days)> {
        let mut found = Vec::new();
        for span in spans(self.active) {
            for (n, part) in (0..).zip(parts(span.from)) {
                if part.period.from > self.run || !span.contains(part.period.from) {
                    break;
                }
                if n == MAX_PERIODS {
                    self.problem(problems, format!("charged since {}, which cannot be", span.from));
                    break;
                }
                found.push((part, part.days(span.until)));
            }
        }
        found
    }

    /// What differs, under present knowledge, from what earlier runs charged.
    fn adjustments(&self, out: &mut Run, charged: &BTreeMap<Date, Days>, closed: &[InvoiceLine], group: u8) {
        let mut invoiced: BTreeMap<Date, Invoiced> = BTreeMap::new();
        for line in closed {
            let nothing = Money { minor: 0, ..line.amount };
            let new = Invoiced { period: line.period, sum: nothing, of: None };
            let all = invoiced.entry(line.period.from).or_insert(new);
            if all.sum.currency != line.amount.currency {
                self.problem(&mut out.problems, format!("period {} was invoiced in two currencies", line.period.from));
                return;
            }
            all.sum.minor = all.sum.minor.saturating_add(line.amount.minor);
            if line.kind == LineKind::Period {
                all.of = line.days.map(|days| days.of);
            }
        }
        for (from, Invoiced { period, sum, of }) in invoiced {
            let state = state_of(self.active, from);
            let present = charged.get(&from).copied();
            let days = of.map(|of| Days { charged: present.map_or(0, |days| days.charged), of });
            let due = match present {
                Some(_) => charge(&state).and_then(|whole| share(whole, days)),
                None => Ok(Money { minor: 0, ..sum }),
            };
            let difference = due.and_then(|due| {
                if due.currency == sum.currency {
                    due.minor.checked_sub(sum.minor).map(|minor| Money { minor, ..sum }).ok_or_else(too_large)
                } else {
                    Err(format!("period {from} was invoiced in {}, its price is now in {}", sum.currency, due.currency))
                }
            });
            if difference.as_ref().map_or(true, |d| d.minor != 0) {
                self.push(out, (period, days), &state, group, LineKind::Adjustment, difference);
            }
        }
    }

    fn push(
        &self,
        out: &mut Run,
        (p, days): (Period, Option<Days>),
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
            days,
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

/// The charge for some days of a period, rounded to the nearest minor unit; the whole where none are named.
///
/// # Errors
/// As [`charge`].
pub fn share(whole: Money, days: Option<Days>) -> Result<Money, String> {
    let Some(Days { charged, of }) = days.filter(|days| days.charged < days.of) else { return Ok(whole) };
    let parts = i128::from(of.max(1));
    let product = i128::from(whole.minor) * i128::from(charged);
    let half = if product < 0 { -parts / 2 } else { parts / 2 };
    let minor = i64::try_from((product + half) / parts).map_err(|_| too_large())?;
    Ok(Money { minor, ..whole })
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
