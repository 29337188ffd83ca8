//! On which days a customer gets its monthly report: the day of its invoicing group, once a month, while the
//! service goes on. What stands in it is found out and written elsewhere.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::decide::Work;
use super::event::{Effect, Event};
use super::state::{Phase, Subscription};
use crate::ledger::period::next_run;
use crate::lifecycle::calendar::Calendar;

/// A report that is late by more days than this is left out: the next one is nearer.
const LATEST: i64 = 6;

/// The day of the next report: may lie in the past, when it is due. `None` where there is none to come.
#[must_use]
pub fn next_report(s: &Subscription, calendar: &Calendar, now: Timestamp) -> Option<Date> {
    if !matches!(s.phase, Phase::Trial | Phase::Negotiation | Phase::Active | Phase::Notice) {
        return None;
    }
    let (group, connected) = (s.group?, s.dates.as_ref()?.connected);
    let lately = calendar.day_of(now).saturating_sub(LATEST.days());
    // One a month, also for whoever changes the group within it.
    let next_month = s.reported.map(|on| on.first_of_month().saturating_add(1.month()));
    let first = connected.saturating_add(1.day());
    Some(next_run(group, first.max(lately).max(next_month.unwrap_or(first))))
}

/// The day of the report that is to be made now.
#[must_use]
pub fn report_due(s: &Subscription, calendar: &Calendar, now: Timestamp) -> Option<Date> {
    next_report(s, calendar, now).filter(|on| calendar.start_of(*on) <= now)
}

pub(super) fn step(work: &mut Work<'_>) {
    if let Some(on) = report_due(&work.s, work.terms.calendar, work.now) {
        work.event(Event::Reported { on });
        work.decision.effects.push(Effect::Report { on });
    }
}
