//! What a decision about a customer brings about, in sentences for whoever enters it: dates, what is
//! charged and released, and when. Derived from the state before and after; nothing is decided here.

use super::state::{DiscrepancyKind, OrderKind, Phase, Subscription};
use crate::ledger::period::next_run;
use crate::lifecycle::calendar::Calendar;

/// The word that stands, in the words of the interfaces; `None` where the customer has said nothing.
#[must_use]
pub fn standing_word(s: &Subscription, calendar: &Calendar) -> Option<(bool, String)> {
    let customer = s.decided?;
    let word = if customer { "`customer`" } else { "`no-customer`" };
    let received = s.last_word.map(|at| format!(", received on {}", calendar.day_of(at))).unwrap_or_default();
    let led_to = match (s.phase, s.charged_from, s.notice_ends) {
        (Phase::Notice, _, Some(ends)) => format!("; notice runs until {ends}"),
        (Phase::Active, Some(from), _) => format!("; charged from {from}"),
        (Phase::Declined, ..) => "; its domains are being released, nothing is charged".to_owned(),
        _ => String::new(),
    };
    Some((customer, format!("{word}{received}{led_to}")))
}

/// What follows from a decision that led from `before` to `after`.
#[must_use]
pub fn consequences(before: &Subscription, after: &Subscription, calendar: &Calendar) -> Vec<String> {
    let mut said = Vec::new();
    if seen(before, after, &mut said) {
        return said;
    }
    match after.phase {
        Phase::Requested | Phase::Onboarding => match (after.decided, after.kind) {
            (Some(true), OrderKind::Trial) => said.push(
                "Nothing is charged yet: the trial begins when the first domain is connected, and the customer is \
                 charged from its end."
                    .to_owned(),
            ),
            (Some(true), OrderKind::Paid) => {
                said.push("The customer is charged from the day on which its first domain is connected.".to_owned());
            }
            (Some(false), _) => said.push(
                "The order is withdrawn: its domains are released, and whoever may act on yesterday's go-ahead is told \
                 to stop. Nothing is charged."
                    .to_owned(),
            ),
            (None, _) => {}
        },
        Phase::Active => charged(before, after, &mut said),
        Phase::Declined => said.push(
            "Nothing is invoiced. The customer is thanked, and the release of its domains begins now: each is told to \
             move its MX away, its route stays until that is done."
                .to_owned(),
        ),
        Phase::Notice => {
            if let Some(ends) = after.notice_ends {
                said.push(format!("Notice runs until {ends}: invoicing goes on until then, the release begins then."));
            }
        }
        Phase::Trial | Phase::Negotiation => extended(before, after, &mut said),
        Phase::Ended | Phase::Cancelled => {}
    }
    let trial_ends = after.dates.as_ref().map(|dates| dates.trial_end);
    if let Some(ends) = trial_ends.filter(|_| before.phase == Phase::Trial && after.phase == Phase::Active) {
        said.push(format!("The trial stays free until it ends on {ends}."));
    }
    if before.decided != after.decided && before.decided.is_some() {
        let old = standing_word(before, calendar).map(|(_, text)| text).unwrap_or_default();
        said.push(format!("This replaces {old}."));
    }
    said
}

fn extended(before: &Subscription, after: &Subscription, said: &mut Vec<String>) {
    let (Some(old), Some(new)) = (&before.dates, &after.dates) else { return };
    if old.trial_end != new.trial_end {
        said.push(format!(
            "The trial ends on {}, not on {}; the last moment for a decision is the start of {}, not of {}. Reminders are \
             sent for the new dates.",
            new.trial_end, old.trial_end, new.negotiation_end, old.negotiation_end
        ));
    }
}

/// What is said of a number of mailboxes that was set in the panel; `false` where none was.
fn seen(before: &Subscription, after: &Subscription, said: &mut Vec<String>) -> bool {
    let Some(seen) = after.mailboxes_seen.as_ref().filter(|_| before.mailboxes_seen != after.mailboxes_seen) else {
        return false;
    };
    let charged = seen.charged;
    if after.is_open(DiscrepancyKind::MailboxesDiffer) {
        said.push(format!(
            "{} mailboxes are in operation; {charged} are charged until an approved entry says otherwise. The \
             difference stays open until then.",
            seen.count
        ));
    } else {
        said.push(format!("{} mailboxes are in operation, as many as are charged.", seen.count));
    }
    true
}

fn charged(before: &Subscription, after: &Subscription, said: &mut Vec<String>) {
    let Some(from) = after.charged_from else { return };
    let again = matches!(before.phase, Phase::Active | Phase::Notice) && before.charged_from == after.charged_from;
    let group = after.group.unwrap_or(30);
    let first = next_run(group, from);
    if again {
        said.push(format!("The customer is charged from {from} already."));
    } else {
        said.push(format!(
            "The customer is charged from {from}; its first invoice comes in the run of {first} (group {group})."
        ));
    }
    if again && before.group != after.group {
        said.push(format!("From now on it is invoiced in group {group}."));
    }
    if before.phase == Phase::Declined {
        said.push("The release of its domains is stopped.".to_owned());
    }
    if before.phase == Phase::Notice {
        said.push("The notice is taken back; the service goes on.".to_owned());
    }
}
