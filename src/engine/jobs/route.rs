//! Brings the gateway's route in line with what is desired: reconciled, not fired. Every desire has
//! a generation, and a gateway refuses a lower one, so that a frozen process cannot undo a later wish.

use super::{Found, Job, JobError};
use crate::engine::ports::{GatewayError, RouteDesire};
use crate::lifecycle::connection::{Fact, Phase};

pub(super) async fn run(job: &Job<'_>) -> Result<Found, JobError> {
    let connection = &job.loaded.connection;
    let wanted = job.loaded.servers();
    let row = job.parts.store.route(&connection.domain).await?;
    let at = job.now();
    let ended = matches!(connection.phase, Phase::Cancelled | Phase::Released);
    if ended && row.as_ref().is_none_or(|row| row.mode != connection.route) {
        // The domain is in other hands: what the gateway does with it is theirs to say.
        return Ok(Found::of(Fact::RouteApplied { mode: connection.route, at }, Vec::new()));
    }
    let Some(row) = row.filter(|row| row.mode == connection.route && row.servers == *wanted) else {
        // The connection took the domain over from another one: its wish was never written down.
        return Ok(Found { fact: Fact::Due, observations: Vec::new(), route_again: true });
    };
    let desire = RouteDesire { domain: row.domain, mode: row.mode, servers: row.servers, generation: row.generation };
    // `at` was taken before the gateway is asked, so that a wish that comes meanwhile is not confirmed.
    match job.parts.gateway.apply(&desire).await {
        Ok(()) => Ok(Found::of(Fact::RouteApplied { mode: desire.mode, at }, Vec::new())),
        Err(error @ GatewayError::Stale { .. }) => {
            // The gateway knows more than this database: it was restored from a copy, perhaps.
            tracing::warn!(domain = %desire.domain, %error, "the route is desired again");
            Ok(Found { fact: Fact::Due, observations: Vec::new(), route_again: true })
        }
        // Whoever sets it confirms it: see `Desk::confirm_route`.
        Err(GatewayError::ByHand) => Ok(Found { fact: Fact::Due, observations: Vec::new(), route_again: false }),
        Err(GatewayError::Failed(reason)) => Err(JobError::Failed(reason)),
    }
}
