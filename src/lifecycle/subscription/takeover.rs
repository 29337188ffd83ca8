//! A customer of an existing base, taken over as it stands: charged since B, or on trial. What was
//! agreed elsewhere goes to the ledger with the file as its evidence; nothing is charged here that
//! was invoiced there.

use jiff::Timestamp;
use jiff::civil::Date;

use super::advance::advance;
use super::decide::{Terms, Work, open};
use super::entries::{Word, by_rule, by_word};
use super::event::{Decision, Event};
use super::state::{Dates, Phase, Subscription};
use crate::ledger::{EntryKind, PriceMode};
use crate::order::BillTo;
use crate::order::base::{Standing, first_period_from};

/// Where a taken over customer comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The kept document and where in it: `<sha256> <name> line <n>`.
    pub evidence: &'a str,
    /// Who had it taken over.
    pub by: &'a str,
}

/// The subscription of a customer that was connected elsewhere, as it stands at `now`.
#[must_use]
pub fn take_over(terms: &Terms<'_>, since: &Standing, source: Source<'_>, now: Timestamp) -> (Subscription, Decision) {
    let order = terms.order;
    let calendar = terms.calendar;
    let today = calendar.day_of(now);
    let domains = u32::try_from(order.domains.len()).unwrap_or(u32::MAX);
    let (s, _) = open(since.kind(), order.invoicing_group, domains, now);
    let mut work = Work { s, terms: *terms, now, decision: Decision::default() };
    let dates = dates(since, terms, today);
    let phase = match since {
        Standing::Charged { .. } => Phase::Active,
        Standing::Trial { .. } => Phase::Trial,
    };
    work.enter(phase, format!("Taken over from an existing base by {}.", source.by));
    let connected_at = calendar.start_of(dates.connected).min(now);
    for domain in &order.domains {
        work.event(Event::DomainCounted { domain: domain.to_string(), connected: true, at: connected_at });
    }
    let by_day = calendar.group_by_rule(dates.connected);
    let group = order.invoicing_group.unwrap_or(by_day);
    work.event(Event::DatesPromised { dates: dates.clone(), group });
    // The month of the take-over was not watched as a whole.
    work.event(Event::ReportsBegin { after: today });
    let word = Word { by: source.by, evidence: source.evidence };
    let first = dates.connected;
    let party = match order.bill_to {
        BillTo::Customer => order.customer_name.clone(),
        BillTo::Partner => order.partner.clone(),
    };
    let mut kinds = Vec::new();
    if phase == Phase::Trial {
        kinds.push(EntryKind::TrialSet { ends: dates.trial_end });
    }
    kinds.push(EntryKind::PartnerSet { partner: order.partner.clone() });
    kinds.push(EntryKind::BillingPartySet { party });
    kinds.push(EntryKind::PriceSet { mode: PriceMode::Total, amount: order.price });
    kinds.push(EntryKind::MailboxBasisSet { mailboxes: order.mailboxes });
    for kind in kinds {
        work.record(by_word(terms, kind, first, &word));
    }
    let group_set = EntryKind::GroupSet { group };
    if order.invoicing_group.is_some() {
        work.record(by_word(terms, group_set, first, &word));
    } else {
        let facts = format!("{}; connected {}; from {}", calendar.group_rule(), dates.connected, source.evidence);
        work.record(by_rule(terms, group_set, first, "invoicing_group_by_day", facts));
    }
    if let Standing::Charged { from, invoiced_until, .. } = *since {
        work.event(Event::Activated { charged_from: from, why: "It was charged before it was known here.".to_owned() });
        let here = invoiced_until.unwrap_or_else(|| first_period_from(from, today));
        let activated = if here == from || invoiced_until.is_some() {
            by_word(terms, EntryKind::Activated, here, &word)
        } else {
            let facts = format!("charged since {from}; taken over on {today}; from {}", source.evidence);
            by_rule(terms, EntryKind::Activated, here, "taken_over_at_next_period", facts)
        };
        work.record(activated);
    }
    advance(&mut work, now, true);
    (work.s, work.decision)
}

fn dates(since: &Standing, terms: &Terms<'_>, today: Date) -> Dates {
    match *since {
        Standing::Charged { connected, from, .. } => {
            terms.calendar.dates_from(connected.unwrap_or(from).min(today).min(from))
        }
        Standing::Trial { connected, ends } => terms.calendar.dates_of_trial(connected, ends),
    }
}
