//! The loop: claim what is due, work on a bounded number of subjects at the same time, and sleep
//! until the next due time, a wake-up or the poll interval, whichever comes first.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Engine, items, work};
use crate::metrics::{self, Work};
use crate::store::{ClaimRequest, Share, Spread, StoreError, StoreResult};

/// Claims in one go.
const BATCH: usize = 64;

/// The longest wait for a store that fails again and again.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

pub(super) async fn run(engine: &Engine, owner: &str, share: Share, shutdown: &CancellationToken) {
    let mut tasks = JoinSet::new();
    let mut failures: u32 = 0;
    spread_overdue(engine).await;
    while !shutdown.is_cancelled() {
        while let Some(done) = tasks.try_join_next() {
            report(done);
        }
        let claimed = claim(engine, owner, share, &mut tasks).await;
        if failures > 0 && claimed.is_ok() {
            // The store was away: for as long as that, this was a stop.
            spread_overdue(engine).await;
        }
        failures = if claimed.is_ok() { 0 } else { failures.saturating_add(1) };
        match claimed {
            Ok(claimed) => {
                engine.pulse.beat();
                if claimed == 0 {
                    idle(engine, &mut tasks, shutdown).await;
                }
            }
            Err(error) => {
                tracing::error!("nothing could be claimed: {}", work::chain(&error));
                // A full disk is not emptied by a log that grows with every look.
                let wait = poll(engine).saturating_mul(1 << failures.min(10));
                pause(engine, wait.min(LONGEST_WAIT), shutdown).await;
            }
        }
    }
    // What is claimed is finished; every piece of it is bounded by the lease.
    while let Some(done) = tasks.join_next().await {
        report(done);
    }
}

/// After a stop, what was due meanwhile and can wait is spread out. Nodes that went on working have left
/// nothing behind, so each may do it when it starts.
async fn spread_overdue(engine: &Engine) {
    let spread = Spread {
        now: engine.parts.clock.now(),
        late: SignedDuration::from_mins(15),
        pace: SignedDuration::from_millis(50),
        most: SignedDuration::from_hours(1),
    };
    match engine.parts.store.spread_overdue(spread).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "overdue looks at connected domains are spread out"),
        Err(error) => tracing::warn!("overdue work stays as it is: {}", work::chain(&error)),
    }
}

/// Starts what is due and fits; the number of claims taken.
async fn claim(engine: &Engine, owner: &str, share: Share, tasks: &mut JoinSet<()>) -> StoreResult<usize> {
    let parts = &engine.parts;
    let free = parts.config.engine.concurrency.max(1).saturating_sub(tasks.len()).min(BATCH);
    if free == 0 {
        return Ok(0);
    }
    let request = |limit: usize| ClaimRequest {
        now: parts.clock.now(),
        owner: owner.to_owned(),
        lease: SignedDuration::from_secs(i64::from(parts.config.engine.lease_seconds)),
        limit: u32::try_from(limit).unwrap_or(1),
        share,
    };
    // Effects first: a fact that waits for its subject must not be overtaken by that subject's probes.
    let effects = match share {
        Share::Connected => Vec::new(),
        Share::All | Share::Runs => parts.store.claim_outbox(request(free)).await?,
    };
    let mut started = effects.len();
    for item in effects {
        metrics::of_process().claimed(Work::Effect, item.taken_over);
        let parts = Arc::clone(parts);
        tasks.spawn(async move { items::carry_out(&parts, item).await });
    }
    if started < free {
        let claims = parts.store.claim(request(free - started)).await?;
        started += claims.len();
        for claim in claims {
            metrics::of_process().claimed(Work::Timer, claim.taken_over);
            let parts = Arc::clone(parts);
            tasks.spawn(async move { work::carry_out(&parts, claim).await });
        }
    }
    Ok(started)
}

/// Nothing could be started now: waits for whatever may change that.
async fn idle(engine: &Engine, tasks: &mut JoinSet<()>, shutdown: &CancellationToken) {
    if !tasks.is_empty() {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => {}
            () = engine.wake.notified() => {}
            () = engine.parts.store.hinted() => {}
            done = tasks.join_next() => if let Some(done) = done { report(done) },
            () = tokio::time::sleep(poll(engine)) => {}
        }
        return;
    }
    match next_due(engine).await {
        Ok(Some(next)) if !engine.holds.any() => {
            let now = engine.parts.clock.now();
            if next > now && engine.parts.clock.skip_to(next) {
                return;
            }
            let wait = Duration::try_from(next.duration_since(now)).unwrap_or(poll(engine));
            // What is due and yet could not be claimed is leased by somebody: not worth a hot loop.
            let wait = if wait.is_zero() { poll(engine) } else { wait };
            pause(engine, wait.min(poll(engine)), shutdown).await;
        }
        Ok(_) => pause(engine, poll(engine), shutdown).await,
        Err(error) => {
            tracing::error!("the store does not answer: {}", work::chain(&error));
            pause(engine, poll(engine), shutdown).await;
        }
    }
}

async fn next_due(engine: &Engine) -> Result<Option<Timestamp>, StoreError> {
    engine.parts.store.next_due().await
}

async fn pause(engine: &Engine, wait: Duration, shutdown: &CancellationToken) {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => {}
        () = engine.wake.notified() => {}
        () = engine.parts.store.hinted() => {}
        () = tokio::time::sleep(wait) => {}
    }
}

fn poll(engine: &Engine) -> Duration {
    Duration::from_millis(engine.parts.config.engine.poll_ms.clamp(10, 60_000))
}

fn report(done: Result<(), tokio::task::JoinError>) {
    if let Err(error) = done {
        tracing::error!(%error, "a piece of work broke down; it becomes due again when its lease ends");
    }
}
