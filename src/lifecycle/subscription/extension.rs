//! A trial that goes on for longer, because the desk was asked and says so. What was promised with the end
//! of the trial moves with it: the negotiation, its end, and the reminders that are still to come. What was
//! promised with the connection stays, and no date moves to an earlier day.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::advance::ESCALATED_KEY;
use super::decide::{Work, acted_on};
use super::entries::{Word, by_word};
use super::event::{Event, Notice};
use super::state::{Phase, Subscription};
use crate::ledger::EntryKind;

/// An extension ends at most so many days from now.
const MAX_DAYS: i64 = 366;

/// Why a trial cannot be extended until that day, and the way out; `today` is the business day.
#[must_use]
pub fn refusal(s: &Subscription, until: Date, today: Date) -> Option<String> {
    let dates = match (s.phase, &s.dates) {
        (Phase::Trial | Phase::Negotiation, Some(dates)) => dates,
        (Phase::Requested | Phase::Onboarding, _) => {
            return Some("the trial begins when the first domain is connected; extend it then".to_owned());
        }
        (Phase::Active | Phase::Notice, _) => {
            let from = s.charged_from.map(|from| format!(" from {from}")).unwrap_or_default();
            return Some(format!("there is no trial to extend: the customer is charged{from}"));
        }
        _ => return Some("there is no trial to extend: the service ends or has ended".to_owned()),
    };
    if until <= dates.trial_end {
        return Some(format!("the trial ends on {} already; name a later day", dates.trial_end));
    }
    if until <= today {
        return Some(format!("{until} is not in the future; a trial that was extended until then would be over"));
    }
    if until > today.saturating_add(MAX_DAYS.days()) {
        return Some(format!("{until} is more than {MAX_DAYS} days away; is the year right?"));
    }
    None
}

impl Work<'_> {
    pub(super) fn trial_extended(&mut self, until: Date, received: Timestamp, word: Word<'_>) {
        let calendar = self.terms.calendar;
        let today = calendar.day_of(self.now);
        if refusal(&self.s, until, today).is_some() {
            return;
        }
        let Some(old) = self.s.dates.clone() else { return };
        let dates = calendar.extended(&old, until);
        // A reminder whose day has come stays sent; the others were of dates that count no more.
        let mut again: Vec<String> = calendar
            .reminders(&dates)
            .into_iter()
            .filter(|reminder| reminder.on > today && self.s.reminded.contains(&reminder.key))
            .map(|reminder| reminder.key)
            .collect();
        again.extend(self.s.reminded.iter().find(|key| *key == ESCALATED_KEY).cloned());
        let evidence = acted_on("extended", word.evidence);
        let why = format!("The trial goes on until {until}; a decision is needed before {}.", dates.negotiation_end);
        self.event(Event::TrialExtended { dates, again, by: word.by.to_owned(), evidence });
        if self.s.phase == Phase::Negotiation {
            self.enter(Phase::Trial, why);
        }
        let day = calendar.day_of(received);
        self.record(by_word(&self.terms, EntryKind::TrialSet { ends: until }, day, &word));
        self.notify(Notice::TrialExtended);
    }
}
