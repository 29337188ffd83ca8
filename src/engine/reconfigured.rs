//! At the start: connections whose evidence was gathered under another configuration are looked at
//! again now, and whoever holds a go-ahead that rests on it is told. Until then nothing is permitted
//! anyway; this only makes it soon. Never decides anything itself.

use super::EngineParts;
use super::connections::{self, Loaded, With};
use super::words::{Unreadable, word};
use super::work::chain;
use crate::lifecycle::connection::{Fact, Phase};
use crate::store::{DomainFilter, Page, Scope, StoreError, Subject};

/// Phases in which evidence gets old; a connected domain is looked at again in its turn.
const PHASES: [Phase; 5] = [Phase::Allowlisting, Phase::Probing, Phase::Provisioning, Phase::Ready, Phase::Confirming];
/// Connections read at once.
const PIECE: u32 = 200;

#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    #[error("the store failed: {}", chain(.0))]
    Store(#[from] StoreError),
}

/// Hurries every connection whose evidence does not count any more. A failure is logged: the looks
/// come by their timers then, later.
pub(super) async fn hurry(parts: &EngineParts) {
    let mut hurried = 0_u64;
    for phase in PHASES {
        match of_phase(parts, phase).await {
            Ok(count) => hurried += count,
            Err(error) => tracing::error!(?phase, "not everything could be looked at again at once: {error}"),
        }
    }
    if hurried > 0 {
        tracing::warn!(domains = hurried, "the gateway was configured anew: every check before a change is made again");
    }
}

async fn of_phase(parts: &EngineParts, phase: Phase) -> Result<u64, SweepError> {
    let filter = DomainFilter { phase: Some(word(&phase)?), ..DomainFilter::default() };
    let mut page = Page { after: None, limit: PIECE };
    let mut hurried = 0;
    loop {
        let listing = parts.store.domains(&Scope::All, &filter, &page).await?;
        for row in listing.rows.into_iter().filter(|row| row.held_by.is_none()) {
            hurried += u64::from(recheck(parts, row.connection).await?);
        }
        let Some(next) = listing.next else { return Ok(hurried) };
        page.after = Some(next);
    }
}

/// A conflict means that somebody is at work on it, who knows the configuration as well.
async fn recheck(parts: &EngineParts, subject: Subject) -> Result<bool, SweepError> {
    let loaded = Loaded::read(subject, parts.setup())?;
    if !loaded.connection.reconfigured() {
        return Ok(false);
    }
    let with = With { cause: "configuration".to_owned(), ..With::default() };
    let fact = Fact::Recheck { by: "engine".to_owned() };
    let (transition, ..) = connections::transition(&loaded, &fact, with, parts.clock.now())?;
    parts.store.commit(transition).await?;
    Ok(true)
}
