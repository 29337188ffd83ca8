//! What time alone brings about: the end of trial, negotiation and notice, the charge for silence,
//! and reminders. However late it is called, the dates are those that were promised.

use jiff::{Timestamp, ToSpan};

use super::after_end;
use super::decide::Work;
use super::entries::by_rule;
use super::event::{Effect, Event, Notice};
use super::state::{Dates, Phase, Subscription};
use crate::config::OnNoDecision;
use crate::ledger::EntryKind;
use crate::lifecycle::calendar::{Calendar, WARNING_DAYS, WARNING_KEY};
use crate::lifecycle::connection::ReleaseCause;

/// Key under which the desk is told once that N has passed without a decision.
pub(super) const ESCALATED_KEY: &str = "n-escalated";

/// Lets time run up to `until`.
pub(super) fn advance(work: &mut Work<'_>, until: Timestamp, remind: bool) {
    // Each turn enters a later phase; there are fewer phases than turns.
    for _ in 0..8 {
        if !step(work, until) {
            break;
        }
    }
    if remind {
        reminders(work, until);
    }
}

/// When silence is answered: the start of N. The charge for silence also waits until a week after the
/// warning; who was warned late is charged later.
pub(super) fn deadline(s: &Subscription, calendar: &Calendar) -> Option<Timestamp> {
    let n = calendar.start_of(s.dates.as_ref()?.negotiation_end);
    match calendar.on_no_decision() {
        OnNoDecision::Invoice => {
            let warned = calendar.day_of(s.warned_at?);
            Some(n.max(calendar.start_of(warned.saturating_add(WARNING_DAYS.days()))))
        }
        OnNoDecision::Escalate | OnNoDecision::Release => Some(n),
    }
}

/// Enters the next phase where its time has come; `false` when nothing happened.
fn step(work: &mut Work<'_>, until: Timestamp) -> bool {
    let calendar = work.terms.calendar;
    match work.s.phase {
        Phase::Requested | Phase::Onboarding if work.no_domain_left() => {
            work.enter(Phase::Cancelled, "Every domain of the order was withdrawn before it was connected.");
            true
        }
        Phase::Trial | Phase::Negotiation if work.no_domain_left() => {
            work.enter(Phase::Declined, "No domain is left; there is nothing to decide on.");
            work.notify(Notice::ThankYou);
            true
        }
        Phase::Trial => {
            let Some(dates) = work.s.dates.clone() else { return false };
            let over = until >= calendar.start_of(dates.trial_end);
            if over {
                let why = format!("The trial has ended; a decision is needed before {}.", dates.negotiation_end);
                work.enter(Phase::Negotiation, why);
            }
            over
        }
        Phase::Negotiation => {
            let Some(dates) = work.s.dates.clone() else { return false };
            let silent = deadline(&work.s, calendar).filter(|d| until >= *d);
            silent.is_some_and(|at| no_decision(work, &dates, at))
        }
        Phase::Declined if work.no_domain_left() => {
            work.enter(Phase::Ended, "Every domain has left.");
            true
        }
        Phase::Declined | Phase::Ended => after_end::step(work, until),
        Phase::Notice => {
            let Some(ends) = work.s.notice_ends.filter(|e| until >= calendar.start_of(*e)) else { return false };
            work.enter(Phase::Ended, format!("The notice ended on {ends}."));
            // A notice that ends before the first charged day leaves nothing to charge at all.
            let from = work.s.charged_from.map_or(ends, |b| b.max(ends));
            let facts = format!("notice ends {ends}");
            work.record(by_rule(&work.terms, EntryKind::Deactivated, from, "end_of_notice", facts));
            work.notify(Notice::ThankYou);
            work.release(ReleaseCause::Terminated);
            true
        }
        Phase::Requested | Phase::Onboarding | Phase::Active | Phase::Cancelled => false,
    }
}

fn no_decision(work: &mut Work<'_>, dates: &Dates, deadline: Timestamp) -> bool {
    match work.terms.calendar.on_no_decision() {
        OnNoDecision::Invoice => {
            let facts = format!(
                "connected {}; trial ended {}; no decision before {}; reminders {}; warned {}",
                dates.connected,
                dates.trial_end,
                dates.negotiation_end,
                work.s.reminded.join(", "),
                work.s.warned_at.map_or_else(|| "never".to_owned(), |t| t.to_string()),
            );
            let terms = work.terms;
            let day = terms.calendar.day_of(deadline);
            work.activate(day, "No decision came before the end of the negotiation.", |kind, from| {
                by_rule(&terms, kind, from, "invoiced_without_decision", facts)
            });
            true
        }
        OnNoDecision::Release => {
            work.decline("No decision came before the end of the negotiation.");
            true
        }
        OnNoDecision::Escalate => {
            if !work.s.reminded.iter().any(|k| k == ESCALATED_KEY) {
                work.event(Event::Reminded { key: ESCALATED_KEY.to_owned() });
                work.notify(Notice::DecisionOverdue);
            }
            false
        }
    }
}

/// Marks every reminder whose day has come, and sends the one that still matters: the warning, else
/// the latest. Nobody gets a heap of letters because we were away.
fn reminders(work: &mut Work<'_>, until: Timestamp) {
    if !matches!(work.s.phase, Phase::Trial | Phase::Negotiation) {
        return;
    }
    let Some(dates) = work.s.dates.clone() else { return };
    let calendar = work.terms.calendar;
    let mut due = calendar.reminders(&dates);
    due.retain(|r| !work.s.reminded.contains(&r.key) && until >= calendar.start_of(r.on));
    let matters = due.iter().find(|r| r.key == WARNING_KEY).or_else(|| due.last()).map(|r| r.notice);
    for reminder in &due {
        work.event(Event::Reminded { key: reminder.key.clone() });
    }
    if let Some(notice) = matters {
        let told = work.decision.effects.contains(&Effect::Notify { notice });
        if !told {
            work.notify(notice);
        }
    }
}
