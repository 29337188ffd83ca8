//! From a fact about a connection to the one transition that the store commits. Pure: loading and
//! committing are the caller's.

use fencepost_checks::DomainName;
use jiff::{SignedDuration, Timestamp};

use super::payload::{FactItem, NoticeItem};
use super::words::{Unreadable, json, parse, tag, word};
use crate::lifecycle::connection::{self, Connection, Decision, Effect, Event, Fact, MACHINE_VERSION, TimerKind};
use crate::lifecycle::permit::Setup;
use crate::lifecycle::subscription;
use crate::order::{MailServer, Order};
use crate::store::{
    Claim, EvidenceName, InboxKey, NewEvent, NewOutbox, NewSubject, Observation, RouteChange, SettledMail, Subject,
    SubjectKind, TimerSet, Transition,
};

/// The same kind of work is not done again sooner than this, whatever the state asks for.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// A connection as loaded.
#[derive(Debug, Clone)]
pub(super) struct Loaded {
    pub subject: Subject,
    pub connection: Connection,
}

impl Loaded {
    /// As stored, seen from an installation that is configured as `setup` says.
    pub(super) fn read(subject: Subject, setup: Setup) -> Result<Self, Unreadable> {
        if subject.machine_version > MACHINE_VERSION {
            return Err(Unreadable::newer(&subject.id, subject.machine_version));
        }
        Ok(Self { connection: Connection { setup, ..parse(&subject.state)? }, subject })
    }
}

impl Loaded {
    /// The own servers to which mail goes.
    pub(super) fn servers(&self) -> &[MailServer] {
        own_servers(&self.connection, &self.subject.order)
    }
}

/// Those of the order, unless they were replaced.
fn own_servers<'a>(connection: &'a Connection, order: &'a Order) -> &'a [MailServer] {
    connection.servers.as_deref().unwrap_or(&order.servers)
}

/// What comes with a fact into the same commit.
#[derive(Debug, Default)]
pub(super) struct With {
    pub claim: Option<Claim>,
    pub cause: String,
    pub observations: Vec<Observation>,
    /// The desired route again, under a new generation.
    pub route_again: bool,
    pub inbox: Option<InboxKey>,
    pub consumes: Option<String>,
    /// The proposal that is approved with it.
    pub settles: Option<SettledMail>,
}

/// The transition that `fact` leads to, and the connection after it.
pub(super) fn transition(
    loaded: &Loaded,
    fact: &Fact,
    with: With,
    now: Timestamp,
) -> Result<(Transition, Connection, bool), Unreadable> {
    let Loaded { subject, connection } = loaded;
    let decision = connection::decide(connection, fact, now);
    let after = connection::evolve(connection, &decision, now);
    let changed = !decision.events.is_empty() || !decision.effects.is_empty() || decision.hurry;
    let last_seq = subject.last_seq + decision.events.len() as u64;
    let mut route = route(&decision, &after, &subject.order);
    if with.route_again {
        route = Some(RouteChange {
            domain: after.domain.clone(),
            mode: after.route,
            servers: own_servers(&after, &subject.order).to_vec(),
        });
    }
    let done = with.claim.as_ref().map(|claim| claim.kind.as_str());
    let transition = Transition {
        subject_id: subject.id.clone(),
        version: subject.version,
        at: now,
        machine_version: MACHINE_VERSION,
        phase: word(&after.phase)?,
        state: json(&after)?,
        state_since: after.phase_since,
        events: events(&decision, &with.cause)?,
        outbox: outbox(
            (&subject.id, &subject.customer_id),
            &after,
            (subject.version + 1, last_seq),
            &decision.effects,
            now,
        )?,
        entries: Vec::new(),
        timers: timers(&after, decision.hurry, done, now)?,
        claim: with.claim,
        observations: with.observations,
        archive: cited(&decision),
        route,
        inbox: with.inbox,
        consumes: with.consumes,
        settles: with.settles,
    };
    Ok((transition, after, changed))
}

/// A new connection of `customer_id`. With `registered_by`, it leaves `ordered` at once.
pub(super) fn open(
    (id, customer_id): (&str, &str),
    domain: &DomainName,
    order: &Order,
    registered_by: Option<&str>,
    cause: &str,
    now: Timestamp,
) -> Result<NewSubject, Unreadable> {
    join((id, customer_id), domain, order, None, registered_by, cause, now)
}

/// A connection that joins a customer; with servers of its own, and whether they are hosted.
pub(super) fn join(
    (id, customer_id): (&str, &str),
    domain: &DomainName,
    order: &Order,
    servers: Option<(&[MailServer], bool)>,
    registered_by: Option<&str>,
    cause: &str,
    now: Timestamp,
) -> Result<NewSubject, Unreadable> {
    let (mut connection, mut decision) = connection::open(domain.clone(), order.hosted, now);
    if let Some((servers, hosted)) = servers {
        let why = "The domain has own mail servers of its own.".to_owned();
        let event = Event::ServersReplaced { servers: servers.to_vec(), hosted, why };
        connection::apply(&mut connection, &event, now);
        decision.events.push(event);
    }
    if let Some(by) = registered_by {
        let next = connection::decide(&connection, &Fact::Registered { by: by.to_owned() }, now);
        connection = connection::evolve(&connection, &next, now);
        decision.events.extend(next.events);
        decision.effects.extend(next.effects);
    }
    new_subject((id, customer_id), order, &connection, &decision, cause, now)
}

/// A connection of an existing base, connected since then; verified from now on. Of it only the desk
/// hears, and only when it is not as it was said to be.
pub(super) fn import(
    (id, customer_id): (&str, &str),
    domain: &DomainName,
    order: &Order,
    connected_at: Timestamp,
    cause: &str,
    now: Timestamp,
) -> Result<NewSubject, Unreadable> {
    let (connection, decision) = connection::import(domain.clone(), order.hosted, connected_at, true, now);
    let connection = connection::evolve(&connection, &decision, now);
    new_subject((id, customer_id), order, &connection, &decision, cause, now)
}

fn new_subject(
    (id, customer_id): (&str, &str),
    order: &Order,
    connection: &Connection,
    decision: &Decision,
    cause: &str,
    now: Timestamp,
) -> Result<NewSubject, Unreadable> {
    let last_seq = decision.events.len() as u64;
    Ok(NewSubject {
        id: id.to_owned(),
        kind: SubjectKind::Connection,
        domain: Some(connection.domain.clone()),
        machine_version: MACHINE_VERSION,
        phase: word(&connection.phase)?,
        state: json(connection)?,
        events: events(decision, cause)?,
        outbox: outbox((id, customer_id), connection, (1, last_seq), &decision.effects, now)?,
        route: route(decision, connection, order),
        timers: timers(connection, false, None, now)?,
    })
}

fn events(decision: &Decision, cause: &str) -> Result<Vec<NewEvent>, Unreadable> {
    let each = |event| Ok(NewEvent { kind: tag(event, "event")?, body: json(event)?, cause: cause.to_owned() });
    decision.events.iter().map(each).collect()
}

/// The evidence that a permit of this decision names.
fn cited(decision: &Decision) -> Vec<EvidenceName> {
    let evidence = decision.events.iter().filter_map(|event| match event {
        Event::PermitIssued { evidence, .. } => Some(evidence),
        _ => None,
    });
    evidence.flatten().filter_map(|name| EvidenceName::parse(name)).collect()
}

/// Notices, and facts for the subscription.
fn outbox(
    subject: (&str, &str),
    after: &Connection,
    (version, seq): (u64, u64),
    effects: &[Effect],
    now: Timestamp,
) -> Result<Vec<NewOutbox>, Unreadable> {
    let (id, customer_id) = subject;
    let domain = after.domain.to_string();
    let mut items = Vec::new();
    for effect in effects {
        let fact = match effect {
            Effect::Route { .. } => continue,
            Effect::Notify { notice, valid_if } => {
                let item = NoticeItem {
                    notice: word(notice)?,
                    machine: SubjectKind::Connection,
                    subject: id.to_owned(),
                    seq,
                    valid_if: *valid_if,
                    month: None,
                };
                items.push(item.outbox(version, now)?);
                continue;
            }
            Effect::DomainConnected { at } => subscription::Fact::DomainConnected { domain: domain.clone(), at: *at },
            Effect::DomainReleased { at } => subscription::Fact::DomainReleased { domain: domain.clone(), at: *at },
            Effect::DomainUse { in_use, at } => {
                let domain = domain.clone();
                subscription::Fact::DomainUse { domain, in_use: *in_use, at: *at }
            }
            Effect::DomainCancelled { at } => subscription::Fact::DomainCancelled { domain: domain.clone(), at: *at },
        };
        let key = format!("{id}/{version}/{}", tag(&fact, "fact")?);
        items.push(FactItem::new(customer_id, SubjectKind::Subscription, &fact)?.outbox(key, now)?);
    }
    Ok(items)
}

fn route(decision: &Decision, after: &Connection, order: &Order) -> Option<RouteChange> {
    let mode = decision.effects.iter().rev().find_map(|effect| match effect {
        Effect::Route { mode } => Some(*mode),
        Effect::Notify { .. }
        | Effect::DomainConnected { .. }
        | Effect::DomainReleased { .. }
        | Effect::DomainUse { .. }
        | Effect::DomainCancelled { .. } => None,
    })?;
    Some(RouteChange { domain: after.domain.clone(), mode, servers: own_servers(after, order).to_vec() })
}

fn timers(after: &Connection, hurry: bool, done: Option<&str>, now: Timestamp) -> Result<Vec<TimerSet>, Unreadable> {
    let mut set = Vec::new();
    for (kind, at) in connection::timers(after, now) {
        let at = if hurry && kind != TimerKind::Deadline { now } else { at };
        let kind = word(&kind)?;
        let earliest = if done == Some(kind.as_str()) { now + PAUSE } else { now };
        set.push(TimerSet { due_at: at.max(earliest), kind });
    }
    Ok(set)
}
