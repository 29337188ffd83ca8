//! The gateway behind agents: a route is desired of each of them, and set when each has confirmed this
//! generation. Nothing is fired; an agent that was away finds the desire when it comes back.

use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use tokio::time::Instant;

use super::Agents;
use crate::engine::ports::{Gateway, GatewayError, RouteDesire};
use crate::lifecycle::connection::RouteMode;
use crate::store::{AgentRoute, RouteRow, StoreError};

/// How long a desire is waited for before it is asked for again.
const PATIENCE: Duration = Duration::from_secs(15);

/// Gateways whose routes are set by agents on them.
#[derive(Debug, Clone)]
pub struct AgentGateway {
    agents: Agents,
    names: Vec<String>,
}

impl AgentGateway {
    /// `names`: the agents that have to confirm.
    #[must_use]
    pub fn new(agents: Agents, names: Vec<String>) -> Self {
        Self { agents, names }
    }

    async fn states(&self, domain: &DomainName) -> Result<Vec<AgentRoute>, GatewayError> {
        let mut states = self.agents.store.agent_routes(domain).await.map_err(|error| failed(&error))?;
        // One that is configured no more has no say.
        states.retain(|state| self.names.contains(&state.agent));
        Ok(states)
    }
}

#[async_trait]
impl Gateway for AgentGateway {
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError> {
        let RouteDesire { domain, mode, servers, generation } = desire.clone();
        let row = RouteRow { domain: domain.clone(), mode, servers, generation };
        self.agents.store.want_agent_route(&self.names, &row).await.map_err(|error| failed(&error))?;
        self.agents.news.notify_waiters();
        let until = Instant::now() + PATIENCE;
        loop {
            let news = self.agents.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let states = self.states(&domain).await?;
            let newer = states.iter().flat_map(|state| [Some(state.route.generation), state.seen]).flatten().max();
            if let Some(seen) = newer.filter(|seen| *seen > generation) {
                return Err(GatewayError::Stale { domain, ours: generation, seen });
            }
            let open: Vec<&AgentRoute> = states.iter().filter(|state| state.applied < generation).collect();
            if open.is_empty() && states.len() == self.names.len() {
                return Ok(());
            }
            let all_failed = !open.is_empty() && open.iter().all(|state| state.error.is_some());
            if all_failed || Instant::now() >= until {
                return Err(GatewayError::Failed(reasons(&open)));
            }
            self.agents.some_news(news, until).await;
        }
    }

    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        let states = self.states(domain).await?;
        let open: Vec<&AgentRoute> = states.iter().filter(|state| state.applied < state.route.generation).collect();
        if !open.is_empty() {
            return Err(GatewayError::Failed(reasons(&open)));
        }
        Ok(states.first().map(|state| state.route.mode).filter(|mode| *mode != RouteMode::Absent))
    }
}

fn reasons(open: &[&AgentRoute]) -> String {
    let reason = |state: &&AgentRoute| match &state.error {
        Some(error) => format!("the agent `{}` could not set the route: {error}", state.agent),
        None => format!("the agent `{}` has not confirmed the route yet", state.agent),
    };
    open.iter().map(reason).collect::<Vec<_>>().join("; ")
}

fn failed(error: &StoreError) -> GatewayError {
    GatewayError::Failed(format!("the store failed: {error}"))
}
