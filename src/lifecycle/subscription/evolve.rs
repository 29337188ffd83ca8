//! Folding events into the state.

use jiff::Timestamp;

use super::event::{Decision, Event};
use super::state::{AfterEnd, Discrepancy, DomainSeen, MailboxesSeen, Phase, Subscription};
use crate::ledger::EntryKind;
use crate::lifecycle::calendar::WARNING_KEY;

/// How many pieces of evidence are remembered. An older one is stale by its time of receipt anyway.
const REMEMBERED: usize = 32;

/// The state after a decision.
#[must_use]
pub fn evolve(s: &Subscription, decision: &Decision, now: Timestamp) -> Subscription {
    let mut next = s.clone();
    for event in &decision.events {
        apply(&mut next, event, now);
    }
    next
}

/// Folds one event that was recorded at `at`.
pub fn apply(s: &mut Subscription, event: &Event, at: Timestamp) {
    match event {
        Event::PhaseEntered { phase, .. } => {
            s.phase = *phase;
            s.phase_since = at;
            if *phase != Phase::Notice && *phase != Phase::Ended {
                s.notice_ends = None;
            }
        }
        Event::DatesPromised { dates, group } => {
            s.dates = Some(dates.clone());
            s.group = Some(*group);
        }
        Event::TrialExtended { dates, again, evidence, .. } => {
            s.dates = Some(dates.clone());
            if again.iter().any(|key| key == WARNING_KEY) {
                s.warned_at = None;
            }
            s.reminded.retain(|key| !again.contains(key));
            remember(s, evidence);
        }
        Event::MailboxesSeen { count, charged, by } => {
            s.mailboxes_seen = Some(MailboxesSeen { count: *count, charged: *charged, at, by: by.clone() });
        }
        Event::DiscrepancyOpened { what } => {
            if !s.is_open(*what) {
                s.discrepancies.push(Discrepancy { what: *what, since: at });
            }
        }
        Event::DiscrepancyClosed { what, .. } => s.discrepancies.retain(|open| open.what != *what),
        Event::Reminded { key } => {
            if key == WARNING_KEY {
                s.warned_at = Some(at);
            }
            s.reminded.push(key.clone());
        }
        Event::Decided { customer, received, evidence, .. } => {
            s.decided = Some(*customer);
            s.last_word = Some(s.last_word.map_or(*received, |w| w.max(*received)));
            remember(s, evidence);
        }
        Event::TermsChanged { terms, evidence, .. } => {
            let group = terms
                .iter()
                .rev()
                .find_map(|(kind, _)| if let EntryKind::GroupSet { group } = kind { Some(*group) } else { None });
            s.group = group.or(s.group);
            remember(s, evidence);
        }
        Event::Activated { charged_from, .. } => s.charged_from = Some(*charged_from),
        Event::Deactivated { .. } => s.charged_from = None,
        Event::GroupSet { group } => s.group = Some(*group),
        Event::NoticeRuns { ends } => s.notice_ends = Some(*ends),
        Event::NoticeWithdrawn => s.notice_ends = None,
        Event::DomainCounted { domain, connected, at: since } => {
            s.domains
                .insert(domain.clone(), DomainSeen { connected: *connected, at: *since, awaited: false, left: false });
        }
        Event::DomainsOrdered { domains, further } => {
            s.domains_ordered = s.domains_ordered.saturating_add(*further);
            for domain in domains {
                s.domains.insert(domain.clone(), DomainSeen { connected: false, at, awaited: true, left: false });
            }
        }
        Event::UseSeen { domain, in_use, at: since } => {
            if let Some(seen) = s.domains.get_mut(domain) {
                seen.left = !in_use;
                seen.at = *since;
            }
        }
        Event::UsedAfterEnd { ended, charge_from } => {
            s.after_end = Some(AfterEnd { ended: *ended, charge_from: *charge_from, charged_from: None });
        }
        Event::UseCharged { charged_from } => {
            s.charged_from = Some(*charged_from);
            if let Some(after_end) = &mut s.after_end {
                after_end.charged_from = Some(*charged_from);
            }
        }
        Event::UseEnded { .. } => s.after_end = None,
        Event::PartnerChanged { partner, .. } => s.partner = Some(partner.clone()),
        Event::ReportsBegin { after: on } | Event::Reported { on } => s.reported = Some(*on),
    }
}

fn remember(s: &mut Subscription, evidence: &str) {
    if s.acted_on.len() >= REMEMBERED {
        s.acted_on.remove(0);
    }
    s.acted_on.push(evidence.to_owned());
}
