//! Vantages on other machines: tasks are put into the store, agents fetch them over HTTP from whatever
//! node they reach, and whoever asked waits for the answer. An agent that is away, silent or late is
//! a fault of the vantage, never of a customer's server.

mod answer;
mod ask;
mod list;
mod office;
mod routes;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

pub use list::{AgentStatus, Since, VantageState, VantageStatus};
pub use office::AgentError;
pub use routes::AgentGateway;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::dice::Dice;
use crate::store::Store;

/// How often the store is asked for what another node may have put there. What happens in this
/// process is told at once.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Everything around agents. Cheap to clone; clones wake each other.
#[derive(Clone)]
pub struct Agents {
    store: Arc<dyn Store>,
    clock: SharedClock,
    config: Arc<Config>,
    dice: Dice,
    /// A task was asked or answered, a route desired or confirmed.
    news: Arc<Notify>,
}

impl std::fmt::Debug for Agents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Agents")
    }
}

impl Agents {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, config: Arc<Config>, dice: Dice) -> Self {
        Self { store, clock, config, dice, news: Arc::new(Notify::new()) }
    }

    /// How long an agent may be silent.
    fn patience(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::from(self.config.engine.agent_away_seconds))
    }

    /// Why an agent cannot be asked at `now`; `None` when it is there.
    async fn absence(&self, agent: &str, now: Timestamp) -> Option<String> {
        let rows = match self.store.agents().await {
            Ok(rows) => rows,
            Err(error) => return Some(format!("whether the agent `{agent}` is there is not known: {error}")),
        };
        absence(agent, rows.iter().find(|row| row.name == agent).map(|row| row.seen_at), now, self.patience())
    }

    /// Waits for news or for [`LOOK_AGAIN`], and until `until` at most.
    async fn some_news(&self, news: impl Future<Output = ()>, until: tokio::time::Instant) {
        tokio::select! {
            () = news => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

/// Whether an agent is away, in words.
pub(super) fn absence(
    agent: &str,
    seen_at: Option<Timestamp>,
    now: Timestamp,
    patience: SignedDuration,
) -> Option<String> {
    match seen_at {
        None => Some(format!("the agent `{agent}` has never been here")),
        Some(at) if now.duration_since(at) > patience => {
            Some(format!("the agent `{agent}` is away since {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")))
        }
        Some(_) => None,
    }
}
