//! What the accounting system is told of a closed run: messages of at most five hundred lines, each under
//! an id that stays the same however often it is sent, and with the same bytes. Signing and sending are
//! the port's.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::EngineParts;
use super::items::ItemError;
use super::ports::{NotifyError, Told};
use super::words::parse;
use crate::ledger::{ClosedRun, Money};
use crate::store::{NewOutbox, OutboxItem, OutboxOutcome};

pub(super) const WEBHOOK: &str = "webhook";
/// Attempts kept with each message, the newest.
const ATTEMPTS: usize = 50;
/// What the port says before the receiver's status.
const BEFORE_STATUS: [&str; 2] = ["the accounting system answered ", "the accounting system wants no more: "];
/// Lines in one message: about a quarter of a megabyte.
const LINES: usize = 500;

/// One message, as it waits in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunItem {
    pub run: Date,
    /// From 1.
    pub part: usize,
    pub parts: usize,
    /// Of the whole run.
    pub lines: usize,
    pub totals: Vec<Money>,
}

/// The messages about a run with so many lines.
pub(super) fn messages(run: &ClosedRun, lines: usize, totals: &[Money]) -> Vec<NewOutbox> {
    let parts = lines.div_ceil(LINES).max(1);
    let item = |part| RunItem { run: run.run_date, part, parts, lines, totals: totals.to_vec() };
    (1..=parts).map(item).map(|item| item.outbox(run)).collect()
}

impl RunItem {
    fn outbox(&self, run: &ClosedRun) -> NewOutbox {
        NewOutbox {
            dedupe_key: format!("run_{}_{}", self.run, self.part),
            kind: WEBHOOK.to_owned(),
            payload: serde_json::json!(self).to_string(),
            due_at: run.closed_at,
        }
    }

    /// The bytes of the message: of the frozen run alone, so that each attempt sends the same.
    fn body(&self, run: &ClosedRun) -> Result<Vec<u8>, serde_json::Error> {
        let lines = run.lines.split(|b| *b == b'\n').filter(|line| !line.is_empty());
        let lines = lines.skip((self.part - 1) * LINES).take(LINES);
        let message = Message {
            r#type: "invoicing_run.closed",
            timestamp: run.closed_at.to_string(),
            data: Data {
                run_date: run.run_date,
                closed_by: &run.closed_by,
                head_seq: run.head_seq,
                head_hash: hex::encode(run.head_hash),
                run_hash: hex::encode(run.hash),
                totals: &self.totals,
                part: self.part,
                parts: self.parts,
                lines_in_all: self.lines,
                lines: lines.map(serde_json::from_slice).collect::<Result<_, _>>()?,
            },
        };
        serde_json::to_vec(&message)
    }
}

#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    /// When it happened.
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    run_date: Date,
    closed_by: &'a str,
    head_seq: u64,
    head_hash: String,
    run_hash: String,
    totals: &'a [Money],
    part: usize,
    parts: usize,
    lines_in_all: usize,
    lines: Vec<&'a RawValue>,
}

/// Sends a message that is due.
pub(super) async fn send(parts: &EngineParts, item: &OutboxItem) -> Result<OutboxOutcome, ItemError> {
    if parts.config.commerce.webhook.is_none() {
        let reason = "no accounting system is configured any more (commerce.webhook)".to_owned();
        return Ok(OutboxOutcome::Dropped { reason });
    }
    let about: RunItem = parse(&item.payload)?;
    let gone = || ItemError::Stuck(format!("the run of {} is gone", about.run));
    let run = parts.store.closed_run(about.run).await?.ok_or_else(gone)?;
    let body = about.body(&run).map_err(|error| ItemError::Stuck(error.to_string()))?;
    let message = Told { id: item.dedupe_key.clone(), at: parts.clock.now(), body };
    match parts.notifier.tell(&message).await {
        Ok(detail) => Ok(OutboxOutcome::Sent { detail }),
        Err(NotifyError::Permanent(error)) => Err(ItemError::Stuck(error)),
        Err(NotifyError::Transient(error)) => Err(ItemError::Failed(error)),
    }
}

/// One attempt to send a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it ended.
    pub at: Timestamp,
    pub took_ms: u64,
    /// `sent`, `failed` (it is tried again), `parked` (a person is waited for) or `dropped`.
    pub outcome: String,
    /// Of HTTP; `None` where there was no answer.
    pub status: Option<u16>,
    pub detail: String,
    /// When it is tried next.
    pub next_at: Option<Timestamp>,
}

impl Attempt {
    fn new(outcome: &OutboxOutcome, at: Timestamp, took: Duration) -> Self {
        let (word, detail, next_at) = match outcome {
            OutboxOutcome::Sent { detail } => ("sent", detail, None),
            OutboxOutcome::Dropped { reason } => ("dropped", reason, None),
            OutboxOutcome::Retry { due_at, error } => ("failed", error, Some(*due_at)),
            OutboxOutcome::Waiting { due_at, reason } => ("failed", reason, Some(*due_at)),
            OutboxOutcome::Parked { error } => ("parked", error, None),
        };
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (outcome, status) = (word.to_owned(), status(detail));
        Self { at, took_ms, outcome, status, detail: detail.clone(), next_at }
    }
}

/// The log with one attempt more, and without the oldest where there are too many.
pub(super) fn logged(log: &str, outcome: &OutboxOutcome, at: Timestamp, took: Duration) -> String {
    let mut lines: Vec<&str> = log.lines().collect();
    let line = serde_json::json!(Attempt::new(outcome, at, took)).to_string();
    lines.push(&line);
    lines.split_off(lines.len().saturating_sub(ATTEMPTS)).join("\n")
}

/// The attempts of a log, oldest first. What this program cannot read is left out.
pub(super) fn attempts(log: &str) -> Vec<Attempt> {
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What the receiver answered with.
fn status(detail: &str) -> Option<u16> {
    let said = BEFORE_STATUS.iter().find_map(|before| detail.strip_prefix(before)).unwrap_or(detail);
    said.split(' ').next()?.parse().ok().filter(|status| (100..600).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_is_kept_up_to_a_bound_with_what_the_receiver_said() {
        let at: Timestamp = "2026-12-15T15:00:00Z".parse().unwrap();
        let failed = |text: &str| OutboxOutcome::Retry { due_at: at, error: text.to_owned() };
        let mut log =
            logged("", &failed("the accounting system answered 503 Service Unavailable later"), at, Duration::ZERO);
        log = logged(&log, &failed("the accounting system: no answer in time"), at, Duration::from_secs(20));
        let sent = OutboxOutcome::Sent { detail: "204 No Content".to_owned() };
        log = logged(&log, &sent, at, Duration::from_millis(7));
        let told: Vec<_> = attempts(&log).into_iter().map(|a| (a.outcome, a.status, a.took_ms, a.next_at)).collect();
        let told: Vec<_> =
            told.iter().map(|(outcome, status, took, next)| (outcome.as_str(), *status, *took, *next)).collect();
        let expected =
            [("failed", Some(503), 0, Some(at)), ("failed", None, 20_000, Some(at)), ("sent", Some(204), 7, None)];
        assert_eq!(told, expected);
        for _ in 0..ATTEMPTS {
            log = logged(&log, &failed("the accounting system: no answer in time"), at, Duration::ZERO);
        }
        let all = attempts(&log);
        assert_eq!((all.len(), all.iter().filter(|attempt| attempt.outcome == "sent").count()), (ATTEMPTS, 0));
    }

    #[test]
    fn a_long_run_is_told_in_parts_that_hold_each_line_once() {
        let lines: String = (0..1_001).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        let run = ClosedRun {
            run_date: "2026-12-15".parse().unwrap(),
            closed_at: "2026-12-15T15:00:00Z".parse().unwrap(),
            closed_by: "Anna".to_owned(),
            head_seq: 9,
            head_hash: [1; 32],
            lines: lines.into_bytes(),
            prev_hash: [0; 32],
            hash: [2; 32],
        };
        let messages = messages(&run, 1_001, &["1.00 EUR".parse().unwrap()]);
        let keys: Vec<&str> = messages.iter().map(|m| m.dedupe_key.as_str()).collect();
        assert_eq!(keys, ["run_2026-12-15_1", "run_2026-12-15_2", "run_2026-12-15_3"]);
        let mut seen = Vec::new();
        for message in &messages {
            let item: RunItem = serde_json::from_str(&message.payload).unwrap();
            let body = item.body(&run).unwrap();
            assert_eq!(body, item.body(&run).unwrap());
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((&body["data"]["parts"], &body["data"]["totals"][0]), (&3.into(), &"1.00 EUR".into()));
            seen.extend(body["data"]["lines"].as_array().unwrap().iter().map(|line| line["n"].as_u64().unwrap()));
        }
        assert_eq!(seen, (0..1_001).collect::<Vec<_>>());
        assert_eq!(super::messages(&run, 0, &[]).len(), 1, "an empty run is told, too");
    }
}
