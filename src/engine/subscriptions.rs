//! From a fact about a subscription to the one transition that the store commits. Pure: loading and
//! committing are the caller's.

use jiff::Timestamp;

use super::connections::With;
use super::payload::{FactItem, NoticeItem};
use super::reports;
use super::words::{Unreadable, json, parse, word};
use crate::ledger::EntryDraft;
use crate::lifecycle::calendar::Calendar;
use crate::lifecycle::connection;
use crate::lifecycle::subscription::{
    self, Decision, Effect, Fact, MACHINE_VERSION, Source, Subscription, Terms, decide, evolve,
};
use crate::order::Order;
use crate::order::base::Standing;
use crate::store::{Customer, NewEvent, NewOutbox, NewSubject, SubjectKind, TimerSet, Transition};

/// A subscription as loaded, with the customer around it.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub customer: Customer,
    pub subscription: Subscription,
}

impl Loaded {
    pub(super) fn read(customer: Customer) -> Result<Self, Unreadable> {
        let subject = &customer.subscription;
        if subject.machine_version > MACHINE_VERSION {
            return Err(Unreadable::newer(&subject.id, subject.machine_version));
        }
        Ok(Self { subscription: parse(&subject.state)?, customer })
    }

    fn terms<'a>(&'a self, calendar: &'a Calendar) -> Terms<'a> {
        let customer = &self.customer;
        Terms { customer_id: &customer.id, order_id: &customer.order_id, order: &customer.order, calendar }
    }
}

/// The transition that `fact` leads to, the subscription after it, and whether anything changed.
pub(super) fn transition(
    loaded: &Loaded,
    calendar: &Calendar,
    fact: &Fact,
    with: With,
    now: Timestamp,
) -> Result<(Transition, Subscription, bool), Unreadable> {
    let subject = &loaded.customer.subscription;
    let decision = decide(&loaded.subscription, &loaded.terms(calendar), fact, now);
    let after = evolve(&loaded.subscription, &decision, now);
    let changed = !decision.events.is_empty() || !decision.effects.is_empty();
    let last_seq = subject.last_seq + decision.events.len() as u64;
    let transition = Transition {
        subject_id: subject.id.clone(),
        version: subject.version,
        at: now,
        machine_version: MACHINE_VERSION,
        phase: word(&after.phase)?,
        state: json(&after)?,
        state_since: after.phase_since,
        events: events(&decision, &with.cause)?,
        observations: with.observations,
        archive: Vec::new(),
        outbox: outbox(loaded, (subject.version + 1, last_seq), &decision.effects, now)?,
        entries: entries(&decision),
        route: None,
        timers: timers(&after, calendar, now)?,
        claim: with.claim,
        inbox: with.inbox,
        consumes: with.consumes,
        settles: with.settles,
    };
    Ok((transition, after, changed))
}

/// What the engine tells every connection of a customer, as outbox items of the subscription.
pub(super) fn tell_connections(
    loaded: &Loaded,
    what: &str,
    fact: &connection::Fact,
    now: Timestamp,
) -> Result<Vec<NewOutbox>, Unreadable> {
    let version = loaded.customer.subscription.version + 1;
    let tell = |to: &crate::store::Subject| {
        let key = format!("{}/{version}/{what}/{}", loaded.customer.id, to.id);
        FactItem::new(&to.id, SubjectKind::Connection, fact)?.outbox(key, now)
    };
    loaded.customer.connections.iter().map(tell).collect()
}

/// A new subscription. Its subject has the customer's id.
pub(super) fn open(
    (customer_id, order_id): (&str, &str),
    order: &Order,
    calendar: &Calendar,
    registered_by: Option<&str>,
    cause: &str,
    now: Timestamp,
) -> Result<(NewSubject, Vec<EntryDraft>), Unreadable> {
    let domains = u32::try_from(order.domains.len()).unwrap_or(u32::MAX);
    let (mut after, mut decision) = subscription::open(order.kind, order.invoicing_group, domains, now);
    if let Some(by) = registered_by {
        let terms = Terms { customer_id, order_id, order, calendar };
        let next = decide(&after, &terms, &Fact::Registered { by: by.to_owned() }, now);
        after = evolve(&after, &next, now);
        decision.events.extend(next.events);
        decision.effects.extend(next.effects);
    }
    new_subject(customer_id, &after, &decision, calendar, cause, now)
}

/// The subscription of a customer of an existing base, as it stands.
pub(super) fn take_over(
    terms: &Terms<'_>,
    since: &Standing,
    source: Source<'_>,
    cause: &str,
    now: Timestamp,
) -> Result<(NewSubject, Vec<EntryDraft>), Unreadable> {
    let (after, decision) = subscription::take_over(terms, since, source, now);
    new_subject(terms.customer_id, &after, &decision, terms.calendar, cause, now)
}

fn new_subject(
    customer_id: &str,
    after: &Subscription,
    decision: &Decision,
    calendar: &Calendar,
    cause: &str,
    now: Timestamp,
) -> Result<(NewSubject, Vec<EntryDraft>), Unreadable> {
    let subject = NewSubject {
        id: customer_id.to_owned(),
        kind: SubjectKind::Subscription,
        domain: None,
        machine_version: MACHINE_VERSION,
        phase: word(&after.phase)?,
        state: json(after)?,
        events: events(decision, cause)?,
        outbox: notices(customer_id, (1, decision.events.len() as u64), &decision.effects, now)?,
        route: None,
        timers: timers(after, calendar, now)?,
    };
    Ok((subject, entries(decision)))
}

fn events(decision: &Decision, cause: &str) -> Result<Vec<NewEvent>, Unreadable> {
    let each =
        |event| Ok(NewEvent { kind: super::words::tag(event, "event")?, body: json(event)?, cause: cause.to_owned() });
    decision.events.iter().map(each).collect()
}

fn entries(decision: &Decision) -> Vec<EntryDraft> {
    let entry = |effect: &Effect| match effect {
        Effect::Ledger { entry } => Some(entry.clone()),
        Effect::Notify { .. }
        | Effect::ReleaseDomains { .. }
        | Effect::CutOffDomains
        | Effect::KeepDomains
        | Effect::Report { .. } => None,
    };
    decision.effects.iter().filter_map(entry).collect()
}

fn outbox(
    loaded: &Loaded,
    place: (u64, u64),
    effects: &[Effect],
    now: Timestamp,
) -> Result<Vec<NewOutbox>, Unreadable> {
    let mut items = notices(&loaded.customer.id, place, effects, now)?;
    let by = || "engine".to_owned();
    for effect in effects {
        match effect {
            Effect::ReleaseDomains { cause } => {
                let fact = connection::Fact::Release { cause: *cause, by: by() };
                items.extend(tell_connections(loaded, "release", &fact, now)?);
            }
            Effect::CutOffDomains => {
                let reason = "the MX still names the gateway after the end of the service".to_owned();
                let fact = connection::Fact::CutOff { by: by(), reason };
                items.extend(tell_connections(loaded, "cut_off", &fact, now)?);
            }
            Effect::KeepDomains => {
                let fact = connection::Fact::ReleaseWithdrawn { by: by() };
                items.extend(tell_connections(loaded, "keep", &fact, now)?);
            }
            Effect::Report { on } => {
                let (_, seq) = place;
                let (key, item) = reports::mail(&loaded.customer.id, *on, seq);
                items.push(item.outbox_as(key, now)?);
            }
            Effect::Notify { .. } | Effect::Ledger { .. } => {}
        }
    }
    Ok(items)
}

fn notices(
    customer_id: &str,
    (version, seq): (u64, u64),
    effects: &[Effect],
    now: Timestamp,
) -> Result<Vec<NewOutbox>, Unreadable> {
    let mut items = Vec::new();
    for effect in effects {
        if let Effect::Notify { notice } = effect {
            let item = NoticeItem {
                notice: word(notice)?,
                machine: SubjectKind::Subscription,
                subject: customer_id.to_owned(),
                seq,
                valid_if: None,
                month: None,
            };
            items.push(item.outbox(version, now)?);
        }
    }
    Ok(items)
}

fn timers(after: &Subscription, calendar: &Calendar, now: Timestamp) -> Result<Vec<TimerSet>, Unreadable> {
    let set =
        |(kind, at): (subscription::TimerKind, Timestamp)| Ok(TimerSet { kind: word(&kind)?, due_at: at.max(now) });
    subscription::timers(after, calendar, now).into_iter().map(set).collect()
}
