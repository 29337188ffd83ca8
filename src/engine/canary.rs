//! Delivery notices of canaries: which connection a token belongs to, and whether a notice still
//! counts. A forged, foreign, late or repeated one changes nothing.

use std::sync::Arc;
use std::time::Duration;

use fencepost_checks::DomainName;
use fencepost_checks::canary::{Canary, Notice};
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::connections::{self, With};
use super::jobs::{Kept, kept};
use super::ports::Intake;
use super::words::Unreadable;
use super::{Engine, work};
use crate::clock::SharedClock;
use crate::lifecycle::connection::Fact;
use crate::lifecycle::permit::Setup;
use crate::store::{CommitOutcome, Store, StoreError, SubjectKind};

/// Observation kinds: what was sent, and what came back. Apart, so that neither overwrites the other.
pub(super) const SENT: &str = "canary";
pub(super) const NOTICE: &str = "canary:notice";

/// How often a subject that changes under our hands is loaded again.
const ATTEMPTS: usize = 8;
/// Looks for work between two looks into the folder.
const POLLS: u32 = 10;

/// What became of a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Taken {
        domain: DomainName,
    },
    /// Why it changed nothing.
    Ignored(&'static str),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum CanaryError {
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("a stored value cannot be read")]
    Unreadable(#[from] Unreadable),
    #[error("the record is busy")]
    Busy,
}

/// The id of the connection and 128 bits that nobody can guess. `None` for an id that is no UUID.
pub(super) fn token(subject_id: &str) -> Option<String> {
    let id = Uuid::parse_str(subject_id).ok()?;
    Some(format!("{}{}", id.simple(), hex::encode(rand::random::<[u8; 16]>())))
}

/// Takes a notice in, once.
pub(super) async fn receive(
    store: &Arc<dyn Store>,
    clock: &SharedClock,
    setup: Setup,
    notice: &Notice,
) -> Result<Received, CanaryError> {
    let id = notice.token.get(..32).and_then(|id| Uuid::try_parse(id).ok());
    let Some(id) = id.map(|id| id.to_string()) else { return Ok(Received::Ignored("its token is none of ours")) };
    for _ in 0..ATTEMPTS {
        let subject = store.subject(&id).await?.filter(|s| s.kind == SubjectKind::Connection);
        let Some(subject) = subject else { return Ok(Received::Ignored("its token is none of ours")) };
        let loaded = connections::Loaded::read(subject, setup)?;
        let observations = Kept(store.observations(&id).await?);
        let now = clock.now();
        let sent = observations.body::<Canary>(SENT);
        let matches = |canary: &Canary| bool::from(canary.token.as_bytes().ct_eq(notice.token.as_bytes()));
        let Some(sent) = sent.filter(matches) else { return Ok(Received::Ignored("its token is none of ours")) };
        if !sent.is_expected(now) {
            return Ok(Received::Ignored("it came after its time"));
        }
        let before = observations.body::<Notice>(NOTICE).filter(|n| n.token == sent.token);
        if before.is_some_and(|before| before.is_final() || before.action == notice.action) {
            return Ok(Received::Ignored("it was told already"));
        }
        let domain = loaded.connection.domain.clone();
        let with = With {
            cause: "intake".to_owned(),
            observations: vec![kept(NOTICE, &(&notice.token, notice.action), notice, now)],
            ..With::default()
        };
        let fact = Fact::Recheck { by: "canary".to_owned() };
        let (transition, ..) = connections::transition(&loaded, &fact, with, now)?;
        match store.commit(transition).await? {
            CommitOutcome::Committed { .. } | CommitOutcome::Repeated => return Ok(Received::Taken { domain }),
            CommitOutcome::VersionConflict | CommitOutcome::FenceLost => {}
        }
    }
    Err(CanaryError::Busy)
}

/// Looks into the watched folder until `shutdown`. A message that could not be taken in for want of the
/// database stays; any other is put aside, whatever it said.
pub(super) async fn watch(engine: &Engine, intake: &Arc<dyn Intake>, shutdown: &CancellationToken) {
    let parts = &engine.parts;
    let poll = Duration::from_millis(parts.config.engine.poll_ms) * POLLS;
    let every = poll.clamp(Duration::from_secs(1), Duration::from_secs(60));
    while !shutdown.is_cancelled() {
        let waiting = intake.waiting().await.unwrap_or_else(|error| {
            tracing::warn!("{error}");
            Vec::new()
        });
        for message in waiting {
            let _hold = engine.hold();
            match intake.read(&message.message, parts.clock.now()) {
                Err(why) => tracing::info!(message = message.id, "not taken in: {why}"),
                Ok(notice) => match receive(&parts.store, &parts.clock, parts.setup(), &notice).await {
                    Ok(Received::Taken { domain }) => {
                        tracing::info!(%domain, message = message.id, "a delivery notice was taken in");
                        engine.wake.notify_one();
                    }
                    Ok(Received::Ignored(why)) => tracing::info!(message = message.id, "a notice was ignored: {why}"),
                    Err(error) => {
                        tracing::warn!(message = message.id, "to be tried again: {}", work::chain(&error));
                        continue;
                    }
                },
            }
            if let Err(error) = intake.done(&message).await {
                tracing::warn!("{error}");
            }
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(every) => {}
        }
    }
}
