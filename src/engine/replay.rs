//! The state of a domain or of a subscription derived again from its history: the same fold that made it, step by step, with
//! what each event changed, and whether the result is what is stored. Nothing is written.

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::words::Unreadable;
use crate::lifecycle::{connection, subscription};
use crate::store::{EventRow, Subject, SubjectKind};

/// What an event does not say and the state has beside it: observation intervals, and what the
/// configuration says at the moment of loading.
const BESIDE: &[&str] = &["observed", "setup"];

/// A history, folded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    /// Of the connection or the subscription.
    pub subject_id: String,
    /// The domain of a connection.
    pub domain: Option<String>,
    pub steps: Vec<Step>,
    /// The derived state is the stored one, and every event has its place and could be read.
    pub equal: bool,
    /// Where they differ, each in a sentence.
    pub differences: Vec<String>,
}

/// One event and what it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: String,
    pub cause: String,
    /// As stored, JSON.
    #[serde(skip)]
    pub body: String,
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    pub field: String,
    pub from: Value,
    pub to: Value,
}

/// Folds a history from the order on. `events` are all of them, oldest first.
pub(super) fn replay(subject: &Subject, events: &[EventRow]) -> Result<Replay, Unreadable> {
    let began = events.first().map_or(subject.state_since, |event| event.at);
    let order = &subject.order;
    match subject.kind {
        SubjectKind::Connection => {
            let domain = subject.domain.clone().ok_or_else(|| Unreadable::new("a connection without a domain"))?;
            let (state, _) = connection::open(domain, order.hosted, began);
            fold(subject, events, state, connection::apply)
        }
        SubjectKind::Subscription => {
            // The order grows with what is ordered later, which events of their own tell.
            let later: u32 = events.iter().filter_map(further).sum();
            let domains = u32::try_from(order.domains.len()).unwrap_or(u32::MAX).saturating_sub(later);
            let (state, _) = subscription::open(order.kind, order.invoicing_group, domains, began);
            fold(subject, events, state, subscription::apply)
        }
    }
}

fn further(row: &EventRow) -> Option<u32> {
    match serde_json::from_str(&row.body) {
        Ok(subscription::Event::DomainsOrdered { further, .. }) => Some(further),
        Ok(_) | Err(_) => None,
    }
}

fn fold<S: Serialize + DeserializeOwned, E: DeserializeOwned>(
    subject: &Subject,
    events: &[EventRow],
    mut state: S,
    apply: fn(&mut S, &E, Timestamp),
) -> Result<Replay, Unreadable> {
    let mut differences = Vec::new();
    let mut steps = Vec::with_capacity(events.len());
    let mut shown = plain(&state)?;
    for (place, row) in (1..).zip(events) {
        if row.seq != place && differences.is_empty() {
            differences.push(format!("Event {place} is missing: number {} stands in its place.", row.seq));
        }
        match serde_json::from_str::<E>(&row.body) {
            Ok(event) => apply(&mut state, &event, row.at),
            Err(error) => differences.push(format!("Event {} (`{}`) cannot be read: {error}.", row.seq, row.kind)),
        }
        let next = plain(&state)?;
        steps.push(Step {
            seq: row.seq,
            at: row.at,
            kind: row.kind.clone(),
            cause: row.cause.clone(),
            body: row.body.clone(),
            changes: changes(&shown, &next),
        });
        shown = next;
    }
    if events.last().map_or(0, |event| event.seq) != subject.last_seq {
        differences.push(format!("The record counts {} events, the history has {}.", subject.last_seq, events.len()));
    }
    let stored: S = super::words::parse(&subject.state)?;
    for change in changes(&shown, &plain(&stored)?) {
        let Change { field, from, to } = change;
        differences.push(format!("`{field}` is {to} in the record and {from} by the history."));
    }
    let equal = differences.is_empty();
    let domain = subject.domain.as_ref().map(ToString::to_string);
    Ok(Replay { subject_id: subject.id.clone(), domain, steps, equal, differences })
}

/// The part of the state that events make, with instants as exact as the history keeps them.
fn plain<S: Serialize>(state: &S) -> Result<Value, Unreadable> {
    let mut value = serde_json::to_value(state)?;
    if let Value::Object(members) = &mut value {
        for name in BESIDE {
            members.remove(*name);
        }
    }
    round(&mut value);
    Ok(value)
}

fn round(value: &mut Value) {
    match value {
        Value::Object(members) => members.values_mut().for_each(round),
        Value::Array(items) => items.iter_mut().for_each(round),
        Value::String(text) => {
            let exact: Option<Timestamp> = text.parse().ok();
            if let Some(at) = exact.and_then(|at| Timestamp::from_microsecond(at.as_microsecond()).ok()) {
                *text = at.to_string();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn changes(from: &Value, to: &Value) -> Vec<Change> {
    let (Some(from), Some(to)) = (from.as_object(), to.as_object()) else { return Vec::new() };
    let mut fields: Vec<&String> = from.keys().chain(to.keys().filter(|key| !from.contains_key(*key))).collect();
    fields.sort();
    let of = |map: &serde_json::Map<String, Value>, field: &str| map.get(field).cloned().unwrap_or(Value::Null);
    fields
        .into_iter()
        .map(|field| Change { field: field.clone(), from: of(from, field), to: of(to, field) })
        .filter(|change| change.from != change.to)
        .collect()
}
