//! What was charged to a customer on a day, and what was believed about it at an instant: the ledger's
//! two times in one answer. Reads only entries of that customer, so the length of the ledger is no matter.

use jiff::civil::Date;
use serde::Serialize;

use super::fold::{BillingState, active, spans, state_of};
use super::invoice::{charge, share};
use super::period::{Days, Period, ProRating, next_run, parts};
use super::{Money, StoredEntry};

/// One customer on `on`, as known at entry `known_seq`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AsOf {
    pub customer_id: String,
    pub on: Date,
    /// The customer's last entry that was known; 0 when nothing was.
    pub known_seq: u64,
    /// One sentence for people.
    pub answer: String,
    pub state: BillingState,
    /// The billing period in which the day lies.
    pub period: Option<Period>,
    /// What that period costs by the state on its first day.
    pub charge: Option<Money>,
    /// The run that charges it.
    pub run: Option<Date>,
    /// The entries that the answer rests on.
    pub entries: Vec<StoredEntry>,
}

/// The answer. `entries` are all of the customer's in seq order; later ones than `known_seq` are not
/// looked at.
#[must_use]
pub fn as_of(customer_id: &str, entries: &[StoredEntry], on: Date, known_seq: u64, rule: ProRating) -> AsOf {
    let active = active(entries, known_seq);
    let state = state_of(&active, on);
    let part = charged_part(&active, on, rule);
    let (period, days) = (part.map(|(period, _)| period), part.and_then(|(_, days)| days));
    let first = period.map(|p| state_of(&active, p.from));
    let charge = first.as_ref().map(|first| charge(first).and_then(|whole| share(whole, days)));
    let run = first.as_ref().zip(period).and_then(|(first, p)| Some(next_run(first.group?.value, p.from)));
    let answer = sentence(&state, on, period, charge.as_ref(), run);
    let mut seqs = rests_on(&state);
    seqs.extend(first.iter().flat_map(rests_on));
    AsOf {
        customer_id: customer_id.to_owned(),
        on,
        known_seq: entries.iter().map(|e| e.seq).take_while(|seq| *seq <= known_seq).last().unwrap_or_default(),
        answer,
        period,
        charge: charge.and_then(Result::ok),
        run,
        entries: active.into_iter().filter(|e| seqs.contains(&e.seq)).cloned().collect(),
        state,
    }
}

/// The period in which a charged day lies, and its days where they count.
fn charged_part(active: &[&StoredEntry], on: Date, rule: ProRating) -> Option<(Period, Option<Days>)> {
    let span = spans(active).into_iter().find(|span| span.contains(on))?;
    let part = parts(span.from).find(|part| on < part.period.to)?;
    match rule {
        ProRating::None => (!part.is_beginning()).then_some((part.period, None)),
        ProRating::Daily => Some((part.period, Some(part.days(span.until)))),
    }
}

fn sentence(
    state: &BillingState,
    on: Date,
    period: Option<Period>,
    charge: Option<&Result<Money, String>>,
    run: Option<Date>,
) -> String {
    let run =
        run.map_or_else(|| "no run, because no invoicing group is known".to_owned(), |day| format!("the run of {day}"));
    match (period, charge) {
        (Some(p), Some(Ok(money))) => {
            let last = p.to.yesterday().unwrap_or(p.to);
            format!(
                "{on} is charged: it lies in the period {} to {last}, which costs {money} and falls to {run}.",
                p.from
            )
        }
        (Some(p), Some(Err(why))) => format!("{on} is charged, in the period that begins on {}, but {why}.", p.from),
        _ => match state.trial_ends {
            Some(ends) if on < ends.value => format!("{on} is free: the trial ends on {}.", ends.value),
            _ => format!("Nothing is charged for {on}."),
        },
    }
}

fn rests_on(state: &BillingState) -> Vec<u64> {
    [
        state.charged_from.map(|h| h.seq),
        state.trial_ends.map(|h| h.seq),
        state.price.map(|h| h.seq),
        state.mailboxes.map(|h| h.seq),
        state.group.map(|h| h.seq),
        state.customer.map(|h| h.seq),
        state.notice_ends.map(|h| h.seq),
        state.partner.as_ref().map(|h| h.seq),
        state.billing_party.as_ref().map(|h| h.seq),
    ]
    .into_iter()
    .flatten()
    .collect()
}
