//! A domain's state derived again from its history: the same fold that made it, step by step, with
//! what each event changed, and whether the result is what is stored. Nothing is written.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::words::Unreadable;
use crate::lifecycle::connection::{self, Connection, Event};
use crate::store::{EventRow, Subject};

/// What an event does not say and the state has beside it: observation intervals, and what the
/// configuration says at the moment of loading.
const BESIDE: &[&str] = &["observed", "setup"];

/// A history, folded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Replay {
    pub connection_id: String,
    pub domain: String,
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
    let Some(domain) = subject.domain.clone() else { return Err(Unreadable::new("only a domain has this history")) };
    let began = events.first().map_or(subject.state_since, |event| event.at);
    let (mut state, _) = connection::open(domain.clone(), subject.order.hosted, began);
    let mut differences = Vec::new();
    let mut steps = Vec::with_capacity(events.len());
    let mut shown = plain(&state)?;
    for (place, row) in (1..).zip(events) {
        if row.seq != place && differences.is_empty() {
            differences.push(format!("Event {place} is missing: number {} stands in its place.", row.seq));
        }
        match serde_json::from_str::<Event>(&row.body) {
            Ok(event) => connection::apply(&mut state, &event, row.at),
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
    let stored: Connection = super::words::parse(&subject.state)?;
    for change in changes(&shown, &plain(&stored)?) {
        let Change { field, from, to } = change;
        differences.push(format!("`{field}` is {to} in the record and {from} by the history."));
    }
    let equal = differences.is_empty();
    Ok(Replay { connection_id: subject.id.clone(), domain: domain.to_string(), steps, equal, differences })
}

/// The part of the state that events make, with instants as exact as the history keeps them.
fn plain(state: &Connection) -> Result<Value, Unreadable> {
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
