//! When to look again, and on whom a subscription waits.

use fencepost_checks::Actor;
use jiff::Timestamp;

use super::advance::{ESCALATED_KEY, deadline};
use super::after_end;
use super::report::next_report;
use super::state::{Phase, Subscription, TimerKind};
use crate::config::OnNoDecision;
use crate::lifecycle::calendar::Calendar;
use crate::status::Waiting;

/// The complete set of moments to look again, at most one a kind. A moment in the past means now.
#[must_use]
pub fn timers(s: &Subscription, calendar: &Calendar, now: Timestamp) -> Vec<(TimerKind, Timestamp)> {
    let next = match (s.phase, &s.dates) {
        (Phase::Trial | Phase::Negotiation, Some(dates)) => {
            let reminders = calendar.reminders(dates).into_iter().filter(|r| !s.reminded.contains(&r.key));
            let mut moments: Vec<Timestamp> = reminders.map(|r| calendar.start_of(r.on)).collect();
            if s.phase == Phase::Trial {
                moments.push(calendar.start_of(dates.trial_end));
            } else if !s.reminded.iter().any(|k| k == ESCALATED_KEY) {
                moments.extend(deadline(s, calendar));
            }
            moments.into_iter().min()
        }
        (Phase::Notice, _) => s.notice_ends.map(|e| calendar.start_of(e)),
        (Phase::Declined | Phase::Ended, _) => after_end::due(s, calendar),
        _ => None,
    };
    let report = next_report(s, calendar, now).map(|on| (TimerKind::Report, calendar.start_of(on).max(now)));
    next.map(|at| (TimerKind::Calendar, at.max(now))).into_iter().chain(report).collect()
}

/// Who has to act, and for what.
#[must_use]
pub fn waiting_for(s: &Subscription, calendar: &Calendar) -> Vec<Waiting> {
    let wait = |who, what: &str| vec![Waiting { who, what: what.to_owned(), since: s.phase_since }];
    let left = s.domains_connected() + s.domains_open() > 0;
    match s.phase {
        Phase::Requested => wait(Actor::Desk, "register the customer"),
        Phase::Onboarding => wait(Actor::Partner, "bring the first domain to its connection"),
        Phase::Trial => wait(Actor::Partner, "say whether the customer stays, by e-mail to the service desk"),
        Phase::Negotiation => {
            let escalated = s.reminded.iter().any(|k| k == ESCALATED_KEY);
            let who = if escalated { Actor::Desk } else { Actor::Partner };
            let what = match calendar.on_no_decision() {
                OnNoDecision::Invoice => "say whether the customer stays; silence is invoiced",
                OnNoDecision::Escalate if escalated => "decide for a customer that has not decided",
                OnNoDecision::Escalate => "say whether the customer stays",
                OnNoDecision::Release => "say whether the customer stays; silence ends the service",
            };
            wait(who, what)
        }
        Phase::Active if !left => wait(Actor::Desk, "decide: the customer is charged without a domain"),
        Phase::Active => wait(Actor::Nobody, "nothing: the customer is in service"),
        Phase::Declined => wait(Actor::Partner, "move the MX of every domain away"),
        Phase::Notice => wait(Actor::Time, "the notice runs"),
        Phase::Ended | Phase::Cancelled => Vec::new(),
    }
}
