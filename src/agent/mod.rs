//! `fencepost agent`: a vantage on another machine. It asks the engine for work over HTTPS, has the
//! conversations that it is given from its own addresses, and says what it saw; on a gateway it sets
//! the routes, too. It opens no port, holds no database and decides nothing; what it may reach, its own
//! configuration says.

mod link;
mod routes;
mod work;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use link::{Link, LinkError};

use crate::dice::Dice;
use crate::engine::ports::{Gateway, Talker};

/// First and longest pause when the engine cannot be reached.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// What an agent works with.
pub struct AgentParts {
    pub link: Link,
    pub talker: Arc<dyn Talker>,
    /// How routes are set on this host; `None`: not by this program.
    pub gateway: Option<Arc<dyn Gateway>>,
    pub dice: Dice,
    /// Of this program.
    pub version: String,
    /// What an operator should read: connected, lost, refused.
    pub says: Box<dyn Fn(&str) + Send + Sync>,
}

/// One agent.
pub struct Agent {
    parts: AgentParts,
    standing: Mutex<Standing>,
}

/// How things stand with the engine.
#[derive(Debug, Default)]
struct Standing {
    session: Option<u64>,
    /// Whether the engine wants this agent to carry routes.
    routes: bool,
    /// What was said last, so that it is said once.
    said: String,
}

impl Agent {
    #[must_use]
    pub fn new(parts: AgentParts) -> Arc<Self> {
        Arc::new(Self { parts, standing: Mutex::default() })
    }

    /// Works until `stop` is cancelled, then finishes what is under way, within bounds. Comes back to an
    /// engine that was lost for ever.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let routes = tokio::spawn(Arc::clone(&self).carry_routes(stop.clone()));
        Arc::clone(&self).work(stop).await;
        if let Err(error) = routes.await {
            tracing::error!(%error, "the routes broke down");
        }
    }

    fn session(&self) -> Option<u64> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner).session
    }

    /// Says something once, until something else is said.
    fn say(&self, text: &str) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        if standing.said != text {
            text.clone_into(&mut standing.said);
            (self.parts.says)(text);
        }
    }

    /// Waits before attempt `attempt` + 1, or until `stop`; with chance, so that agents that were lost
    /// together do not come back together.
    async fn pause(&self, attempt: u32, stop: &CancellationToken) {
        let whole = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(10)).min(LONGEST);
        let whole = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
        let wait = Duration::from_millis(whole - self.parts.dice.up_to(whole / 2));
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
}
