//! What a store keeps for vantages elsewhere: who the agents are, the tasks asked of them, the routes
//! they carry, and how every vantage has been doing. Tasks live here and not in memory, so that one
//! node may ask and another hand out. Nothing here decides what a number means.

use std::net::IpAddr;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::Timestamp;

use super::{NewOutbox, RouteRow, StoreResult};

/// Tasks of one agent that may wait for an answer; one more is refused.
pub const MAX_OPEN_TASKS: usize = 1_000;

/// The use cases around vantages and agents. Every method is one transaction.
#[async_trait]
pub trait VantageStore: Send + Sync {
    // --- Agents and their tasks ------------------------------------------------------------------

    /// Notes that an agent is there, and gives its session. Without a session it gets the next
    /// number, and what an earlier session holds may be taken again. A session lower than the newest
    /// one is [`StoreError::Conflict`](super::StoreError::Conflict): another process took over.
    async fn greet_agent(&self, hello: AgentHello) -> StoreResult<u64>;
    /// All agents that were ever seen, by name.
    async fn agents(&self) -> StoreResult<Vec<AgentRow>>;

    /// Puts a task up. `false` when [`MAX_OPEN_TASKS`] wait already. Tasks whose deadline is older
    /// than `forget_before` are cleared away.
    async fn ask_agent(&self, task: NewAgentTask, forget_before: Timestamp) -> StoreResult<bool>;
    /// Hands out at most `limit` tasks, oldest first: those that nobody holds, those of an earlier
    /// session, and those of this session that the agent says it does not hold (the answer that
    /// carried them was lost). Conflict as in [`greet_agent`](Self::greet_agent).
    async fn take_agent_tasks(&self, take: AgentTake) -> StoreResult<Vec<AgentTask>>;
    /// Whether a task waits that this session was not given.
    async fn agent_task_waits(&self, agent: &str, session: u64, now: Timestamp) -> StoreResult<bool>;
    /// Takes an answer in, once.
    async fn answer_agent_task(&self, answer: AgentAnswer) -> StoreResult<Answered>;
    async fn agent_task(&self, id: &str) -> StoreResult<Option<AgentTaskState>>;
    /// Nobody waits for the task any more: it is handed out no more, a later answer is late, and the
    /// text of one that came is dropped.
    async fn close_agent_task(&self, id: &str, at: Timestamp) -> StoreResult<()>;

    // --- Routes that agents carry ----------------------------------------------------------------

    /// Writes down what these agents shall do with a domain. A lower generation changes nothing.
    async fn want_agent_route(&self, agents: &[String], route: &RouteRow) -> StoreResult<()>;
    /// Everything that is desired becomes open for this agent, what it has confirmed included: a host
    /// that was set up anew gets all of it.
    async fn reopen_agent_routes(&self, agent: &str) -> StoreResult<()>;
    /// Routes that the agent has not confirmed, in domain order, after `after`.
    async fn open_agent_routes(&self, agent: &str, after: Option<&str>, limit: u32) -> StoreResult<Vec<RouteRow>>;
    /// What the agent made of routes. One of another generation than the desired one changes nothing.
    async fn confirm_agent_routes(&self, agent: &str, reports: &[RouteReport], at: Timestamp) -> StoreResult<()>;
    /// What each agent has of a domain.
    async fn agent_routes(&self, domain: &DomainName) -> StoreResult<Vec<AgentRoute>>;

    // --- How vantages are doing ------------------------------------------------------------------

    /// Keeps the newest look of each vantage at each subject, and where the vantage was seen. Gives those
    /// of them about which there is something to decide, counted from `since`: the quarantined ones, and
    /// those of which [`SUSPICIOUS`](fencepost_checks::vantage::SUSPICIOUS) looks turned bad. Nothing is
    /// counted for the others. One note for a vantage and a subject.
    async fn note_looks(
        &self,
        notes: Vec<VantageNote>,
        at: Timestamp,
        since: Timestamp,
    ) -> StoreResult<Vec<VantageRow>>;
    /// Every vantage that was ever noted, by id, its looks counted from `since`.
    async fn vantages(&self, since: Timestamp) -> StoreResult<Vec<VantageRow>>;
    /// Also puts out what tells people of it, under the subject `vantage/<id>`. `false` when it was quarantined
    /// already, and nobody is told again.
    async fn quarantine_vantage(&self, id: &str, mark: Mark, tell: NewOutbox) -> StoreResult<bool>;
    /// Looks from before `at` count no more against it. `false` when it was not quarantined.
    async fn release_vantage(&self, id: &str, by: &str, why: &str, at: Timestamp) -> StoreResult<bool>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentHello {
    pub name: String,
    pub session: Option<u64>,
    pub version: String,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRow {
    pub name: String,
    pub session: u64,
    pub version: String,
    pub session_since: Timestamp,
    pub seen_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAgentTask {
    /// Sorts by the time of asking (UUID version 7).
    pub id: String,
    pub agent: String,
    /// JSON.
    pub body: String,
    pub asked_at: Timestamp,
    pub deadline: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTake {
    pub agent: String,
    pub session: u64,
    /// Ids that the agent has already.
    pub holding: Vec<String>,
    pub now: Timestamp,
    pub limit: u32,
}

/// A task as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTask {
    pub id: String,
    pub body: String,
    pub deadline: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAnswer {
    pub id: String,
    pub agent: String,
    pub session: u64,
    /// JSON.
    pub result: String,
    pub at: Timestamp,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answered {
    Taken,
    /// The very same answer came before.
    Repeated,
    /// Another answer came before.
    Contradicts,
    /// After the deadline, or nobody waits for it any more.
    Late,
    /// There is no such task for this agent, or another session of it has the task.
    Foreign,
}

/// A task as the one who asked sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentTaskState {
    pub taken_at: Option<Timestamp>,
    pub answered_at: Option<Timestamp>,
    pub result: Option<String>,
}

/// What an agent made of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteReport {
    pub domain: DomainName,
    pub generation: u64,
    pub outcome: RouteOutcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RouteOutcome {
    Applied,
    Failed(String),
    /// The gateway has a higher generation.
    Stale(u64),
}

/// What an agent has of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentRoute {
    pub agent: String,
    /// Desired.
    pub route: RouteRow,
    /// The newest generation that it has confirmed; 0: none.
    pub applied: u64,
    pub applied_at: Option<Timestamp>,
    /// Why the desired one is not applied.
    pub error: Option<String>,
    /// A higher generation that the gateway claims to have.
    pub seen: Option<u64>,
}

/// One look from a vantage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VantageNote {
    pub vantage: String,
    pub subject_id: String,
    /// The address that was tried; customers that share one server count once.
    pub target: String,
    /// Whether the other side answered; `None` where the look says nothing about the vantage.
    pub good: Option<bool>,
    pub proof: Option<ProofNote>,
}

/// What our own reference server said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofNote {
    SeenAs(IpAddr),
    NotReached,
}

/// What concerns a vantage stands in the outbox under this subject.
pub(super) fn subject(vantage: &str) -> String {
    format!("vantage/{vantage}")
}

/// A vantage and how it has been doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VantageRow {
    pub id: String,
    pub looked_at: Option<Timestamp>,
    /// Its address as our reference server saw it last.
    pub outside: Option<IpAddr>,
    pub outside_at: Option<Timestamp>,
    /// Since when it has not reached the reference server.
    pub unreached_since: Option<Timestamp>,
    pub quarantine: Option<Mark>,
    /// The last release.
    pub released: Option<Mark>,
    /// Targets whose newest look since `since` was good, bad, and bad after a good one (since the
    /// last release, too).
    pub good: u64,
    pub bad: u64,
    pub turned: u64,
    /// The same for looks after the quarantine began.
    pub good_after: u64,
    pub bad_after: u64,
}

/// Who did something to a vantage, when and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub at: Timestamp,
    pub by: String,
    pub why: String,
}
