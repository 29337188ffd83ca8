//! One claim from beginning to end: load the subject, find out what its timer asks for, decide,
//! commit once. When the subject changed meanwhile, what was found out still counts: it is decided
//! again on the new state, as long as the fence is held.

use std::time::Duration;

use jiff::SignedDuration;
use tracing::{Instrument, Span};

use super::connections::{self, With};
use super::jobs::{self, Job, JobError, Kept};
use super::reports::{self, ReportsError};
use super::subscriptions;
use super::words::{Unreadable, named};
use super::{EngineParts, backoff};
use crate::lifecycle::calendar::{Calendar, CalendarError};
use crate::lifecycle::connection::TimerKind;
use crate::lifecycle::subscription::{self, TimerKind as SubscriptionTimer};
use crate::metrics::{self, Outcome, Work};
use crate::store::{Claim, CommitOutcome, Scope, StoreError, Subject, SubjectKind, Transition};

/// How often a subject that changes under our hands is loaded again.
const ATTEMPTS: usize = 8;
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// How a claim ended.
enum Ended {
    Done,
    /// It belonged to somebody else by then.
    Lost,
}

/// Why a claim ended without an outcome.
#[derive(Debug, thiserror::Error)]
enum WorkError {
    /// Nothing that time would mend: shown, and not tried again by itself.
    #[error("{0}")]
    Stuck(String),
    #[error("{0}")]
    Failed(String),
    #[error("the store failed: {}", chain(.0))]
    Store(#[from] StoreError),
}

impl From<Unreadable> for WorkError {
    fn from(error: Unreadable) -> Self {
        Self::Stuck(error.to_string())
    }
}

impl From<CalendarError> for WorkError {
    fn from(error: CalendarError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ReportsError> for WorkError {
    fn from(error: ReportsError) -> Self {
        match error {
            ReportsError::Store(error) => Self::Store(error),
            other => Self::Failed(other.to_string()),
        }
    }
}

impl From<JobError> for WorkError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Failed(text) => Self::Failed(text),
            JobError::Store(error) => Self::Store(error),
        }
    }
}

/// Carries a claim out. Whatever happens, it is settled or becomes due again when its lease ends.
pub(super) async fn carry_out(parts: &EngineParts, claim: Claim) {
    let span = tracing::info_span!(
        "claim",
        subject = claim.subject_id,
        cause = claim.kind,
        attempt = claim.attempt,
        domain = tracing::field::Empty
    );
    let error = match attempt(parts, &claim).instrument(span).await {
        Ok(Ended::Done) => return metrics::of_process().ended(Work::Timer, Outcome::Done),
        Ok(Ended::Lost) => {
            metrics::of_process().fence_rejected(Work::Timer);
            return metrics::of_process().ended(Work::Timer, Outcome::Dropped);
        }
        Err(error) => error,
    };
    let text = error.to_string();
    tracing::warn!(subject = claim.subject_id, kind = claim.kind, attempt = claim.attempt, "{text}");
    let now = parts.clock.now();
    // A gateway that cannot be told is asked for ever; what it shall do stays desired.
    let enough = claim.attempt >= parts.config.engine.max_attempts && claim.kind != "route";
    let parked = enough || matches!(error, WorkError::Stuck(_));
    metrics::of_process().ended(Work::Timer, if parked { Outcome::Parked } else { Outcome::Retried });
    let settled = if parked {
        parts.store.park(&claim, now, &text).await
    } else {
        let due_at = now + backoff::pause(claim.attempt, FIRST_PAUSE, LONGEST_PAUSE, &parts.dice);
        parts.store.abandon(&claim, due_at, &text).await
    };
    if let Err(error) = settled {
        tracing::error!(subject = claim.subject_id, "the claim stays until its lease ends: {}", chain(&error));
    }
}

async fn attempt(parts: &EngineParts, claim: &Claim) -> Result<Ended, WorkError> {
    let subject = parts.store.subject(&claim.subject_id).await?;
    let subject = subject.ok_or_else(|| WorkError::Stuck(format!("{} is gone", claim.subject_id)))?;
    match subject.kind {
        SubjectKind::Connection => connection(parts, claim, subject).await,
        SubjectKind::Subscription => subscription(parts, claim).await,
    }
}

async fn connection(parts: &EngineParts, claim: &Claim, subject: Subject) -> Result<Ended, WorkError> {
    let Some(kind) = named::<TimerKind>(&claim.kind) else {
        return Err(WorkError::Stuck(format!("timer kind `{}` is not known to this program", claim.kind)));
    };
    let mut loaded = connections::Loaded::read(subject, parts.setup())?;
    Span::current().record("domain", loaded.connection.domain.as_str());
    let kept = Kept(parts.store.observations(&claim.subject_id).await?);
    let job = Job { parts, loaded: &loaded, kept: &kept };
    // Shorter than the lease: whoever still works on a claim also still holds it.
    let bound = Duration::from_secs(u64::from(parts.config.engine.lease_seconds) * 4 / 5);
    let look = jobs::run(kind, &job).instrument(tracing::info_span!("observe", kind = claim.kind));
    let found = tokio::time::timeout(bound, look)
        .await
        .map_err(|_| WorkError::Failed(format!("gave up after {} s", bound.as_secs())))??;
    for _ in 0..ATTEMPTS {
        let mut with = With {
            claim: Some(claim.clone()),
            cause: claim.kind.clone(),
            observations: found.observations.clone(),
            route_again: found.route_again,
            ..With::default()
        };
        reports::count(parts, kind, &kept, &mut with, parts.clock.now());
        let decided = tracing::info_span!("decide")
            .in_scope(|| connections::transition(&loaded, &found.fact, with, parts.clock.now()));
        match commit(parts, decided?.0).await? {
            CommitOutcome::Committed { .. } | CommitOutcome::Repeated => return Ok(Ended::Done),
            CommitOutcome::FenceLost => return lost(claim),
            CommitOutcome::VersionConflict => {}
        }
        let subject = parts.store.subject(&claim.subject_id).await?.ok_or(StoreError::NotFound)?;
        loaded = connections::Loaded::read(subject, parts.setup())?;
    }
    Err(busy())
}

async fn subscription(parts: &EngineParts, claim: &Claim) -> Result<Ended, WorkError> {
    let Some(kind) = named::<SubscriptionTimer>(&claim.kind) else {
        return Err(WorkError::Stuck(format!("timer kind `{}` is not known to this program", claim.kind)));
    };
    let calendar = Calendar::from_config(&parts.config.commerce)?;
    for _ in 0..ATTEMPTS {
        let customer = parts.store.customer(&claim.subject_id, &Scope::All).await?.ok_or(StoreError::NotFound)?;
        let loaded = subscriptions::Loaded::read(customer)?;
        let mut with = With { claim: Some(claim.clone()), cause: claim.kind.clone(), ..With::default() };
        let now = parts.clock.now();
        let due = match kind {
            SubscriptionTimer::Calendar => subscription::Fact::Due,
            SubscriptionTimer::Report => {
                if let Some(on) = subscription::report_due(&loaded.subscription, &calendar, now) {
                    with.observations.push(reports::due(parts, &loaded, on).await?);
                }
                subscription::Fact::ReportDue
            }
        };
        let decided =
            tracing::info_span!("decide").in_scope(|| subscriptions::transition(&loaded, &calendar, &due, with, now));
        match commit(parts, decided?.0).await? {
            CommitOutcome::Committed { .. } | CommitOutcome::Repeated => return Ok(Ended::Done),
            CommitOutcome::FenceLost => return lost(claim),
            CommitOutcome::VersionConflict => {}
        }
    }
    Err(busy())
}

/// Commits within a span that names what the outcome holds.
async fn commit(parts: &EngineParts, transition: Transition) -> Result<CommitOutcome, StoreError> {
    let effects: Vec<&str> = transition.outbox.iter().map(|effect| effect.dedupe_key.as_str()).collect();
    let span = tracing::info_span!(
        "commit",
        phase = transition.phase,
        events = transition.events.len(),
        effects = effects.join(" ")
    );
    parts.store.commit(transition).instrument(span).await
}

/// Somebody else has the work by now; what was found out is theirs to find out again.
fn lost(claim: &Claim) -> Result<Ended, WorkError> {
    tracing::info!(subject = claim.subject_id, kind = claim.kind, "the claim was taken over, its outcome is dropped");
    Ok(Ended::Lost)
}

fn busy() -> WorkError {
    WorkError::Failed("the subject changed again and again meanwhile".to_owned())
}

/// An error with its sources.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
