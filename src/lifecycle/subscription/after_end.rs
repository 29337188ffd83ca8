//! Use of the service after its end: the MX still names the gateway a day later. What follows is the
//! configuration's to say: it is charged (a week after it was said), the desk is told, or the end is
//! announced. It is over when every MX has left.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::decide::Work;
use super::entries::by_rule;
use super::event::{Effect, Event, Notice};
use super::state::{OrderKind, Phase, Subscription};
use crate::config::OnUseAfterEnd;
use crate::ledger::EntryKind;
use crate::lifecycle::calendar::{Calendar, WARNING_DAYS};

/// Nobody is told of the hours that a look at the MX may take.
const GRACE: SignedDuration = SignedDuration::from_hours(24);

/// The first day without service: N for whoever declined, the end of the notice otherwise. A trial that was
/// promised stays free to its end, also for those who said yes and then no while it ran.
fn ended(s: &Subscription, calendar: &Calendar) -> Option<Date> {
    match s.phase {
        Phase::Declined => {
            let since = calendar.day_of(s.phase_since);
            s.dates.as_ref().map(|dates| dates.negotiation_end.max(since))
        }
        Phase::Ended => {
            let promised = s.dates.as_ref().filter(|_| s.kind == OrderKind::Trial).map(|dates| dates.trial_end);
            s.notice_ends.map(|end| promised.map_or(end, |promised| end.max(promised)))
        }
        _ => None,
    }
}

/// The next moment at which time alone brings something about.
pub(super) fn due(s: &Subscription, calendar: &Calendar) -> Option<Timestamp> {
    if !s.in_use() {
        return None;
    }
    let told = calendar.start_of(ended(s, calendar)?).saturating_add(GRACE).ok()?;
    match s.after_end {
        None => Some(told),
        Some(after_end) if after_end.charged_from.is_none() => after_end.charge_from.map(|day| calendar.start_of(day)),
        Some(_) => None,
    }
}

/// Says what follows, or charges; `false` when nothing happened.
pub(super) fn step(work: &mut Work<'_>, until: Timestamp) -> bool {
    let calendar = work.terms.calendar;
    if due(&work.s, calendar).is_none_or(|due| until < due) {
        return false;
    }
    let Some(ended) = ended(&work.s, calendar) else { return false };
    let Some(after_end) = work.s.after_end else {
        // Whoever was told late is charged later.
        let day = calendar.day_of(work.now).saturating_add(WARNING_DAYS.days());
        let policy = calendar.on_use_after_end();
        let charge_from = (policy == OnUseAfterEnd::Invoice).then(|| calendar.first_charged_day(day));
        work.event(Event::UsedAfterEnd { ended, charge_from });
        work.notify(Notice::UsedAfterEnd);
        if policy == OnUseAfterEnd::CutOff {
            work.decision.effects.push(Effect::CutOffDomains);
        }
        return true;
    };
    let Some(from) = after_end.charge_from else { return false };
    let using: Vec<&str> =
        work.s.domains.iter().filter(|(_, d)| d.connected && !d.left).map(|(domain, _)| domain.as_str()).collect();
    let facts = format!("service ended {ended}; MX still names the gateway: {}", using.join(", "));
    work.event(Event::UseCharged { charged_from: from });
    work.record(by_rule(&work.terms, EntryKind::Activated, from, "used_after_end", facts));
    work.notify(Notice::UseInvoiced);
    true
}

impl Work<'_> {
    pub(super) fn use_seen(&mut self, domain: &str, in_use: bool, at: Timestamp) {
        let known = self.s.domains.get(domain);
        if known.is_none_or(|seen| !seen.connected || seen.left != in_use || seen.at > at) {
            return;
        }
        self.event(Event::UseSeen { domain: domain.to_owned(), in_use, at });
        self.use_ended(at);
    }

    /// Every MX has left: what was charged for the use ends with that day; begun periods stay.
    pub(super) fn use_ended(&mut self, at: Timestamp) {
        let Some(after_end) = self.s.after_end.filter(|_| !self.s.in_use()) else { return };
        let until = after_end.charged_from.map(|from| self.terms.calendar.day_of(at).max(from));
        self.event(Event::UseEnded { charged_until: until });
        if let Some(until) = until {
            let facts = format!("no MX names the gateway since {at}");
            self.record(by_rule(&self.terms, EntryKind::Deactivated, until, "use_after_end_is_over", facts));
        }
    }
}
