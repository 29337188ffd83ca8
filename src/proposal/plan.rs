//! From what a mail asks for to what would be recorded: the rules of COMMERCE for changes by mail, with
//! what stands as an argument. Nothing here is recorded.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Change;
use crate::ledger::fold::BillingState;
use crate::ledger::{Currency, EntryKind, Money, PriceMode};

/// What is charged now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub price: Option<(PriceMode, Money)>,
    pub mailboxes: Option<u32>,
    pub group: Option<u8>,
    /// Another number of mailboxes was in operation: an entry that says how many are charged decides, also
    /// where it says what stands.
    pub disputed: bool,
}

/// One entry of the terms, with the day from which it holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TermEntry {
    pub kind: EntryKind,
    pub valid_from: Date,
}

/// What an approval brings about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The customer stays, or does not. A notice is a word, too.
    pub decision: Option<bool>,
    pub notice: bool,
    pub terms: Vec<TermEntry>,
    /// What whoever approves should know.
    pub notes: Vec<String>,
}

/// Why it cannot be approved as it is, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("nothing was understood of this mail: approve it with what it says, or reject it")]
    Nothing,
    #[error("all of this stands already: reject the proposal as known")]
    Known,
    #[error("it asks for two different things at once ({0}): approve it with the one that is meant, or ask back")]
    Contradiction(&'static str),
    #[error(
        "the price is a monthly total, so another number of mailboxes needs the new total in the same approval: name it \
         (`--price`), also where it stays the same"
    )]
    NeedsTotal,
    #[error("the customer is charged in {stands}, and a customer has one currency; {asked} cannot be recorded")]
    Currency { stands: Currency, asked: Currency },
    #[error("{0} is no price; a price is more than nothing")]
    Price(Money),
    #[error("a customer has at least one mailbox")]
    NoMailbox,
    #[error("{0} is no invoicing group; there are 15 and 30")]
    Group(u8),
    #[error("{day} is more than two years from {received}, when the mail came: name the day that is meant")]
    FarDay { day: Date, received: Date },
}

impl From<&BillingState> for Standing {
    fn from(state: &BillingState) -> Self {
        Self {
            price: state.price.map(|held| held.value),
            mailboxes: state.mailboxes.map(|held| held.value),
            group: state.group.map(|held| held.value),
            disputed: false,
        }
    }
}

/// What would follow from `changes`, asked for in a mail that was received on the business day `received`.
///
/// # Errors
/// [`Refusal`].
pub fn plan(changes: &[Change], from: Option<Date>, standing: &Standing, received: Date) -> Result<Plan, Refusal> {
    let mut wish = Wish::default();
    for change in changes {
        wish.take(change)?;
    }
    if changes.is_empty() {
        return Err(Refusal::Nothing);
    }
    wish.check(standing)?;
    if let Some(day) =
        from.filter(|day| *day < received.saturating_sub(2.years()) || *day > received.saturating_add(2.years()))
    {
        return Err(Refusal::FarDay { day, received });
    }
    let mut plan = Plan { decision: wish.decision, notice: wish.end.is_some(), ..Plan::default() };
    let asked = from.unwrap_or(received);
    // What becomes less for us holds from the receipt of the mail at the earliest.
    let less = wish.is_less_than(standing);
    let day = if less { asked.max(received) } else { asked };
    if day != asked {
        plan.notes.push(format!("a decrease holds from {received}, when the mail was received, not from {asked}"));
    }
    if let Some(Some(wished)) = wish.end {
        plan.notes.push(format!("the mail wishes for an end on {wished}; the notice runs as agreed"));
    }
    let mut push = |kind, valid_from| plan.terms.push(TermEntry { kind, valid_from });
    let more = wish.mailboxes.filter(|count| standing.disputed || standing.mailboxes != Some(*count));
    if let Some(mailboxes) = more {
        push(EntryKind::MailboxBasisSet { mailboxes }, day);
    }
    // A total that stays is recorded with another number of mailboxes: it was agreed anew.
    if let Some((mode, amount)) = wish.price.filter(|price| more.is_some() || standing.price != Some(*price)) {
        push(EntryKind::PriceSet { mode, amount }, day);
    }
    if let Some(group) = wish.group.filter(|group| standing.group != Some(*group)) {
        push(EntryKind::GroupSet { group }, asked.max(received));
    }
    if plan.terms.is_empty() && plan.decision.is_none() && !plan.notice {
        return Err(Refusal::Known);
    }
    Ok(plan)
}

#[derive(Debug, Default)]
struct Wish {
    mailboxes: Option<u32>,
    price: Option<(PriceMode, Money)>,
    group: Option<u8>,
    decision: Option<bool>,
    end: Option<Option<Date>>,
}

impl Wish {
    fn take(&mut self, change: &Change) -> Result<(), Refusal> {
        match change {
            Change::Mailboxes { count } => once(&mut self.mailboxes, *count, "two numbers of mailboxes"),
            Change::Price { mode, amount } => once(&mut self.price, (*mode, *amount), "two prices"),
            Change::Group { group } => once(&mut self.group, *group, "two invoicing groups"),
            Change::Decision { customer } => once(&mut self.decision, *customer, "customer and no customer"),
            Change::End { wished } => once(&mut self.end, *wished, "two ends"),
        }
    }

    fn check(&self, standing: &Standing) -> Result<(), Refusal> {
        if let Some((_, amount)) = self.price {
            if amount.minor <= 0 {
                return Err(Refusal::Price(amount));
            }
            if let Some((_, stands)) = standing.price.filter(|(_, stands)| stands.currency != amount.currency) {
                return Err(Refusal::Currency { stands: stands.currency, asked: amount.currency });
            }
        }
        if self.mailboxes == Some(0) {
            return Err(Refusal::NoMailbox);
        }
        if let Some(group) = self.group.filter(|group| ![15, 30].contains(group)) {
            return Err(Refusal::Group(group));
        }
        if self.decision == Some(true) && self.end.is_some() {
            return Err(Refusal::Contradiction("staying and ending"));
        }
        let terms = self.mailboxes.is_some() || self.price.is_some() || self.group.is_some();
        if self.decision == Some(false) && terms {
            return Err(Refusal::Contradiction("no customer, and terms of a customer"));
        }
        let total = !matches!(standing.price, Some((PriceMode::PerMailbox, _)));
        let changes = self.mailboxes.is_some_and(|count| standing.mailboxes != Some(count));
        if changes && total && self.price.is_none() {
            return Err(Refusal::NeedsTotal);
        }
        Ok(())
    }

    fn is_less_than(&self, standing: &Standing) -> bool {
        let fewer = matches!((self.mailboxes, standing.mailboxes), (Some(new), Some(old)) if new < old);
        let cheaper = match (self.price, standing.price) {
            (Some((new, amount)), Some((old, stands))) if new == old => amount.minor < stands.minor,
            // Another way of counting: which one is less depends on the month.
            (Some(_), Some(_)) => true,
            _ => false,
        };
        fewer || cheaper
    }
}

fn once<T: PartialEq>(place: &mut Option<T>, value: T, what: &'static str) -> Result<(), Refusal> {
    match place {
        Some(there) if *there != value => Err(Refusal::Contradiction(what)),
        _ => {
            *place = Some(value);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn eur(text: &str) -> Money {
        format!("{text} EUR").parse().unwrap()
    }

    fn total(text: &str) -> Change {
        Change::Price { mode: PriceMode::Total, amount: eur(text) }
    }

    fn standing() -> Standing {
        Standing {
            price: Some((PriceMode::Total, eur("120.00"))),
            mailboxes: Some(10),
            group: Some(15),
            disputed: false,
        }
    }

    fn received() -> Date {
        date(2026, 11, 23)
    }

    fn planned(changes: &[Change], from: Option<Date>) -> Result<Plan, Refusal> {
        plan(changes, from, &standing(), received())
    }

    #[test]
    fn more_mailboxes_with_their_total_hold_from_the_day_that_was_asked_for() {
        let plan = planned(&[Change::Mailboxes { count: 25 }, total("180")], Some(date(2026, 11, 1))).unwrap();
        let days: Vec<Date> = plan.terms.iter().map(|term| term.valid_from).collect();
        assert_eq!(days, [date(2026, 11, 1); 2]);
        assert!(plan.notes.is_empty());
    }

    #[test]
    fn less_never_holds_before_the_mail_was_received() {
        let plan = planned(&[Change::Mailboxes { count: 5 }, total("60")], Some(date(2026, 10, 1))).unwrap();
        assert!(plan.terms.iter().all(|term| term.valid_from == received()), "{plan:?}");
        assert!(plan.notes[0].contains("decrease"));
        let later = planned(&[Change::Mailboxes { count: 5 }, total("60")], Some(date(2027, 1, 1))).unwrap();
        assert!(later.terms.iter().all(|term| term.valid_from == date(2027, 1, 1)));
    }

    #[test]
    fn what_cannot_be_recorded_is_refused_with_the_way_out() {
        assert_eq!(planned(&[], None), Err(Refusal::Nothing));
        assert_eq!(planned(&[Change::Mailboxes { count: 25 }], None), Err(Refusal::NeedsTotal));
        assert_eq!(planned(&[Change::Mailboxes { count: 10 }], None), Err(Refusal::Known));
        assert_eq!(planned(&[total("0")], None), Err(Refusal::Price(eur("0"))));
        assert_eq!(planned(&[Change::Mailboxes { count: 0 }, total("1")], None), Err(Refusal::NoMailbox));
        assert_eq!(planned(&[Change::Group { group: 16 }], None), Err(Refusal::Group(16)));
        let dollars = Change::Price { mode: PriceMode::Total, amount: "1 USD".parse().unwrap() };
        assert!(matches!(planned(&[dollars], None), Err(Refusal::Currency { .. })));
        assert!(matches!(planned(&[total("1"), total("2")], None), Err(Refusal::Contradiction(_))));
        let both = [Change::Decision { customer: true }, Change::End { wished: None }];
        assert!(matches!(planned(&both, None), Err(Refusal::Contradiction(_))));
        assert!(matches!(planned(&[total("200")], Some(date(2030, 1, 1))), Err(Refusal::FarDay { .. })));
    }

    #[test]
    fn what_stands_can_be_confirmed_where_another_number_was_in_operation() {
        let disputed = Standing { disputed: true, ..standing() };
        let plan = plan(&[Change::Mailboxes { count: 10 }], None, &disputed, received()).unwrap();
        assert_eq!(
            plan.terms,
            [TermEntry { kind: EntryKind::MailboxBasisSet { mailboxes: 10 }, valid_from: received() }]
        );
    }

    #[test]
    fn per_mailbox_needs_no_new_total() {
        let standing = Standing { price: Some((PriceMode::PerMailbox, eur("3.50"))), ..standing() };
        let plan = plan(&[Change::Mailboxes { count: 25 }], None, &standing, received()).unwrap();
        assert_eq!(plan.terms.len(), 1);
    }

    #[test]
    fn a_total_that_stays_is_recorded_with_the_new_number() {
        assert_eq!(planned(&[Change::Mailboxes { count: 12 }, total("120")], None).unwrap().terms.len(), 2);
        assert_eq!(planned(&[total("120")], None), Err(Refusal::Known));
    }

    proptest! {
        /// Whatever is asked for, nothing that lowers the charge holds before the receipt.
        #[test]
        fn no_decrease_is_retroactive(count in 1_u32..20, minor in 1_i64..24_000, back in 0_i64..400) {
            let amount = Money { minor, currency: Currency::Eur };
            let changes = [Change::Mailboxes { count }, Change::Price { mode: PriceMode::Total, amount }];
            let from = received().saturating_sub(back.days());
            if let Ok(plan) = planned(&changes, Some(from)) {
                for term in plan.terms {
                    let less = count < 10 || minor < 12_000;
                    prop_assert!(!less || term.valid_from >= received());
                }
            }
        }
    }
}
