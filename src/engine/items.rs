//! Effects from the outbox: facts for other subjects, taken in exactly once, and notices, delivered
//! at least once under one key. What cannot be carried out is parked and shown, never dropped.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tracing::Instrument;

use super::connections::{self, With};
use super::letter::{self, Written};
use super::payload::{FACT, FactItem, NOTICE, NoticeItem, SIGN_IN, VANTAGE, VantageItem, WishItem};
use super::ports::NotifyError;
use super::subscriptions;
use super::webhook::{self, WEBHOOK};
use super::words::{Unreadable, parse};
use super::work::chain;
use super::{EngineParts, backoff};
use crate::lifecycle::calendar::Calendar;
use crate::metrics::{self, Outcome, Work};
use crate::store::{CommitOutcome, OutboxItem, OutboxOutcome, Scope, StoreError, SubjectKind, Transition};

/// How often a subject that changes under our hands is loaded again.
const ATTEMPTS: usize = 8;
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(20);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);
/// How often an installation without a smarthost looks at its pending notices.
const UNSENT: SignedDuration = SignedDuration::from_hours(1);

/// Carries an item out. Whatever happens, it is settled or becomes due again when its lease ends.
pub(super) async fn carry_out(parts: &EngineParts, item: OutboxItem) {
    // Its key names the subject, the version of the transition that caused it, and what it is.
    let span = tracing::info_span!("effect", kind = item.kind, cause = item.dedupe_key, subject = item.subject_id);
    settle(parts, item).instrument(span).await;
}

async fn settle(parts: &EngineParts, mut item: OutboxItem) {
    let began = Instant::now();
    let outcome = match item.kind.as_str() {
        FACT => fact(parts, &item).await,
        NOTICE => notice(parts, &item).await,
        VANTAGE => vantage(parts, &item).await,
        SIGN_IN => sign_in(parts, &item).await,
        WEBHOOK => webhook::send(parts, &item).await,
        other => Ok(OutboxOutcome::Parked { error: format!("effect kind `{other}` is not known to this program") }),
    };
    let now = parts.clock.now();
    let outcome = outcome.unwrap_or_else(|error| match error {
        ItemError::Stuck(error) => OutboxOutcome::Parked { error },
        ItemError::Failed(error) => again(parts, &item, error, now),
        ItemError::Store(error) => again(parts, &item, chain(&error), now),
    });
    if item.kind == WEBHOOK {
        item.log = webhook::logged(&item.log, &outcome, now, began.elapsed());
    }
    match &outcome {
        OutboxOutcome::Sent { .. } => {}
        OutboxOutcome::Dropped { reason: text } => tracing::info!(key = item.dedupe_key, "not sent: {text}"),
        OutboxOutcome::Waiting { reason: text, .. } => tracing::debug!(key = item.dedupe_key, "waits: {text}"),
        OutboxOutcome::Retry { error: text, .. } => tracing::warn!(key = item.dedupe_key, "to be tried again: {text}"),
        OutboxOutcome::Parked { error: text } => tracing::error!(key = item.dedupe_key, "parked: {text}"),
    }
    let counted = match &outcome {
        OutboxOutcome::Sent { .. } => Outcome::Done,
        OutboxOutcome::Dropped { .. } => Outcome::Dropped,
        OutboxOutcome::Waiting { .. } => Outcome::Waiting,
        OutboxOutcome::Retry { .. } => Outcome::Retried,
        OutboxOutcome::Parked { .. } => Outcome::Parked,
    };
    match parts.store.outbox_done(&item, now, outcome).await {
        Ok(true) => metrics::of_process().ended(Work::Effect, counted),
        Ok(false) => {
            metrics::of_process().fence_rejected(Work::Effect);
            tracing::info!(key = item.dedupe_key, "the item was taken over, its outcome is dropped");
        }
        Err(error) => {
            tracing::error!(key = item.dedupe_key, "the item stays until its lease ends: {}", chain(&error));
        }
    }
}

#[derive(Debug)]
pub(super) enum ItemError {
    Stuck(String),
    Failed(String),
    Store(StoreError),
}

impl From<Unreadable> for ItemError {
    fn from(error: Unreadable) -> Self {
        Self::Stuck(error.to_string())
    }
}

impl From<StoreError> for ItemError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn again(parts: &EngineParts, item: &OutboxItem, error: String, now: Timestamp) -> OutboxOutcome {
    if item.attempt >= parts.config.engine.max_attempts {
        return OutboxOutcome::Parked { error };
    }
    OutboxOutcome::Retry { due_at: now + backoff::pause(item.attempt, FIRST_PAUSE, LONGEST_PAUSE, &parts.dice), error }
}

async fn fact(parts: &EngineParts, item: &OutboxItem) -> Result<OutboxOutcome, ItemError> {
    let told: FactItem = parse(&item.payload)?;
    for _ in 0..ATTEMPTS {
        let transition = taken_in(parts, &told, item).await?;
        match parts.store.commit(transition).await? {
            CommitOutcome::Committed { .. } | CommitOutcome::Repeated => {
                return Ok(OutboxOutcome::Sent { detail: format!("taken in by {}", told.to) });
            }
            CommitOutcome::VersionConflict | CommitOutcome::FenceLost => {}
        }
    }
    Err(ItemError::Failed(format!("{} changed again and again meanwhile", told.to)))
}

async fn taken_in(parts: &EngineParts, told: &FactItem, item: &OutboxItem) -> Result<Transition, ItemError> {
    let with =
        With { cause: format!("fact:{}", item.subject_id), consumes: Some(item.dedupe_key.clone()), ..With::default() };
    let gone = || ItemError::Stuck(format!("{} is gone", told.to));
    let fact = told.fact.clone();
    match told.machine {
        SubjectKind::Connection => {
            let loaded =
                connections::Loaded::read(parts.store.subject(&told.to).await?.ok_or_else(gone)?, parts.setup())?;
            let fact = serde_json::from_value(fact).map_err(Unreadable::from)?;
            Ok(connections::transition(&loaded, &fact, with, parts.clock.now())?.0)
        }
        SubjectKind::Subscription => {
            let customer = parts.store.customer(&told.to, &Scope::All).await?.ok_or_else(gone)?;
            let loaded = subscriptions::Loaded::read(customer)?;
            let calendar =
                Calendar::from_config(&parts.config.commerce).map_err(|error| ItemError::Failed(error.to_string()))?;
            let fact = serde_json::from_value(fact).map_err(Unreadable::from)?;
            Ok(subscriptions::transition(&loaded, &calendar, &fact, with, parts.clock.now())?.0)
        }
    }
}

async fn notice(parts: &EngineParts, item: &OutboxItem) -> Result<OutboxOutcome, ItemError> {
    let about: NoticeItem = parse(&item.payload)?;
    send(parts, letter::write(parts, &about, &item.dedupe_key)).await
}

async fn vantage(parts: &EngineParts, item: &OutboxItem) -> Result<OutboxOutcome, ItemError> {
    let about: VantageItem = parse(&item.payload)?;
    send(parts, letter::about_vantage(parts, &about, &item.dedupe_key)).await
}

async fn sign_in(parts: &EngineParts, item: &OutboxItem) -> Result<OutboxOutcome, ItemError> {
    let wish: WishItem = parse(&item.payload)?;
    send(parts, letter::about_sign_in(parts, &wish, &item.dedupe_key)).await
}

/// Writes the letters and hands them to the next hop, where there is one.
async fn send(
    parts: &EngineParts,
    written: impl Future<Output = Result<Written, letter::WriteError>>,
) -> Result<OutboxOutcome, ItemError> {
    if parts.config.notify.smarthost.is_empty() {
        let reason = "no smarthost is configured (notify.smarthost)".to_owned();
        return Ok(OutboxOutcome::Waiting { due_at: parts.clock.now() + UNSENT, reason });
    }
    let letters = match written.await? {
        Written::Letters(letters) => letters,
        Written::NoLongerTrue(reason) => return Ok(OutboxOutcome::Dropped { reason }),
    };
    // A letter that fails keeps nobody from reading the others; the notifier remembers who has got which.
    let (mut said, mut sent, mut later) = (Vec::new(), false, false);
    for letter in &letters {
        match parts.notifier.deliver(letter).await {
            Ok(detail) => {
                sent = true;
                said.push(detail);
            }
            Err(NotifyError::Permanent(error)) => said.push(error),
            Err(NotifyError::Transient(error)) => {
                later = true;
                said.push(error);
            }
        }
    }
    let detail = said.join("; ");
    match (sent, later) {
        (_, true) => Err(ItemError::Failed(detail)),
        (true, false) => Ok(OutboxOutcome::Sent { detail }),
        (false, false) => Err(ItemError::Stuck(detail)),
    }
}

impl From<letter::WriteError> for ItemError {
    fn from(error: letter::WriteError) -> Self {
        match error {
            letter::WriteError::Unreadable(error) => error.into(),
            letter::WriteError::Gone(what) => Self::Stuck(format!("{what} is gone")),
            letter::WriteError::Store(error) => error.into(),
        }
    }
}
