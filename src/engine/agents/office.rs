//! The agents' side of the counter: what is said to an agent that asks for work, hands in an answer or
//! asks for its routes. The agent's name comes from its token and from nowhere else.

use std::time::Duration;

use tokio::time::Instant;

use super::Agents;
use crate::engine::ports::wire::{
    AgentJob, MAX_HELD, MAX_ROUTES, PollAnswer, PollRequest, ResultReport, RouteResultKind, RoutesAnswer,
    RoutesRequest, TaskOffer, WantedRoute,
};
use crate::store::{AgentAnswer, AgentHello, AgentTake, AgentTask, Answered, RouteOutcome, RouteReport, StoreError};

/// Longest wait for work, whatever is asked for: shorter than what proxies allow.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Why an agent is refused.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(
        "nothing is configured for the agent `{0}`: name it at gateway.egress[].agent, \
         probe.remote_outsiders[].agent, probe.remote_resolvers[].agent or gateway.adapter.agents, or give its token another label"
    )]
    Unknown(String),
    /// Another process has taken over, or the task is somebody else's.
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Invalid(String),
    #[error("the deadline of this task is over, or nobody waits for it any more")]
    Late,
    #[error("there is no such task for this agent")]
    NoTask,
    #[error("the store failed")]
    Store(#[source] StoreError),
}

impl From<StoreError> for AgentError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(text) => Self::Conflict(text),
            other => Self::Store(other),
        }
    }
}

impl Agents {
    /// Gives tasks, at once where some wait, else when one comes or the wait is over.
    ///
    /// # Errors
    /// [`AgentError`]; a session that another process has replaced is a conflict.
    pub async fn poll(&self, agent: &str, request: PollRequest) -> Result<PollAnswer, AgentError> {
        self.known(agent)?;
        if request.holding.len() > MAX_HELD {
            return Err(AgentError::Invalid(format!("`holding` has more than {MAX_HELD} ids")));
        }
        if request.version.len() > 100 || request.version.chars().any(char::is_control) {
            return Err(AgentError::Invalid("`version` is no version".to_owned()));
        }
        let session = self.greet(agent, request.session, &request.version).await?;
        let until = Instant::now() + self.wait(request.wait_ms);
        let routes = self.config.route_agents().iter().any(|name| name == agent);
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let take = AgentTake {
                agent: agent.to_owned(),
                session,
                holding: request.holding.clone(),
                now: self.clock.now(),
                limit: request.room.min(u32::try_from(MAX_HELD).unwrap_or(u32::MAX)),
            };
            let tasks = if take.limit > 0 { self.store.take_agent_tasks(take).await? } else { Vec::new() };
            // The first answer tells the session, so it does not wait.
            if !tasks.is_empty() || Instant::now() >= until || request.session.is_none() {
                let tasks = tasks.into_iter().filter_map(|task| self.offer(task)).collect();
                return Ok(PollAnswer { agent: agent.to_owned(), session, routes, tasks });
            }
            self.some_news(news, until).await;
            // Reading first: an idle agent costs no writes.
            while Instant::now() < until
                && !(request.room > 0 && self.store.agent_task_waits(agent, session, self.clock.now()).await?)
            {
                let news = self.news.notified();
                self.some_news(news, until).await;
            }
        }
    }

    /// Takes an answer in.
    ///
    /// # Errors
    /// [`AgentError::Late`], [`AgentError::NoTask`], or a conflict with the answer that came first.
    pub async fn result(&self, agent: &str, report: ResultReport) -> Result<(), AgentError> {
        self.known(agent)?;
        let result = serde_json::to_string(&report.result).map_err(|error| AgentError::Invalid(error.to_string()))?;
        let answer = AgentAnswer {
            id: report.task,
            agent: agent.to_owned(),
            session: report.session,
            result,
            at: self.clock.now(),
        };
        match self.store.answer_agent_task(answer).await? {
            Answered::Taken | Answered::Repeated => {
                self.news.notify_waiters();
                Ok(())
            }
            Answered::Contradicts => Err(AgentError::Conflict("this task was answered differently before".to_owned())),
            Answered::Late => Err(AgentError::Late),
            Answered::Foreign => Err(AgentError::NoTask),
        }
    }

    /// Takes in what became of routes, and gives those that are open.
    ///
    /// # Errors
    /// [`AgentError`].
    pub async fn routes(&self, agent: &str, request: RoutesRequest) -> Result<RoutesAnswer, AgentError> {
        self.known(agent)?;
        if !self.config.route_agents().iter().any(|name| name == agent) {
            return Err(AgentError::Unknown(agent.to_owned()));
        }
        if request.reports.len() > MAX_ROUTES {
            return Err(AgentError::Invalid(format!("`reports` has more than {MAX_ROUTES} items")));
        }
        self.greet_again(agent, request.session).await?;
        if request.all {
            self.store.reopen_agent_routes(agent).await?;
        }
        if !request.reports.is_empty() {
            let reports: Vec<RouteReport> = request
                .reports
                .into_iter()
                .map(|report| RouteReport {
                    domain: report.domain,
                    generation: report.generation,
                    outcome: match report.outcome {
                        RouteResultKind::Applied => RouteOutcome::Applied,
                        RouteResultKind::Stale { seen } => RouteOutcome::Stale(seen),
                        RouteResultKind::Failed { reason } => {
                            RouteOutcome::Failed(fencepost_checks::escape::clean(&reason, 500))
                        }
                    },
                })
                .collect();
            self.store.confirm_agent_routes(agent, &reports, self.clock.now()).await?;
            self.news.notify_waiters();
        }
        let until = Instant::now() + self.wait(request.wait_ms);
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            let limit = u32::try_from(MAX_ROUTES).unwrap_or(u32::MAX);
            let open = self.store.open_agent_routes(agent, None, limit).await?;
            if !open.is_empty() || Instant::now() >= until {
                let wanted = |row: crate::store::RouteRow| WantedRoute {
                    domain: row.domain,
                    mode: row.mode,
                    servers: row.servers,
                    generation: row.generation,
                };
                return Ok(RoutesAnswer { routes: open.into_iter().map(wanted).collect() });
            }
            self.some_news(news, until).await;
        }
    }

    fn known(&self, agent: &str) -> Result<(), AgentError> {
        if self.config.agents().contains(agent) { Ok(()) } else { Err(AgentError::Unknown(agent.to_owned())) }
    }

    async fn greet(&self, agent: &str, session: Option<u64>, version: &str) -> Result<u64, AgentError> {
        let hello = AgentHello { name: agent.to_owned(), session, version: version.to_owned(), at: self.clock.now() };
        Ok(self.store.greet_agent(hello).await?)
    }

    /// As [`greet`](Self::greet), with the version that it said first.
    async fn greet_again(&self, agent: &str, session: u64) -> Result<(), AgentError> {
        let rows = self.store.agents().await?;
        let version = rows.iter().find(|row| row.name == agent).map(|row| row.version.clone()).unwrap_or_default();
        self.greet(agent, Some(session), &version).await.map(drop)
    }

    /// A third of the time after which a silent agent is away, so that an idle one never is.
    fn wait(&self, wait_ms: u64) -> Duration {
        let third = Duration::from_millis(u64::from(self.config.engine.agent_away_seconds) * 1000 / 3);
        Duration::from_millis(wait_ms).min(LONGEST_WAIT).min(third)
    }

    /// One that cannot be read is left to its deadline.
    fn offer(&self, task: AgentTask) -> Option<TaskOffer> {
        let left = task.deadline.duration_since(self.clock.now()).as_millis();
        let job: AgentJob = serde_json::from_str(&task.body)
            .inspect_err(|error| tracing::error!(%error, id = task.id, "a task of an agent cannot be read"))
            .ok()?;
        Some(TaskOffer { id: task.id, within_ms: u64::try_from(left).unwrap_or(0), task: job })
    }
}
