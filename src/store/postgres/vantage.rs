//! The use cases around vantages and agents, on PostgreSQL: only wiring.

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::Timestamp;

use super::{PostgresStore, agent_routes, agents, vantages};
use crate::failpoint::Step;
use crate::store::{
    AgentAnswer, AgentHello, AgentRoute, AgentRow, AgentTake, AgentTask, AgentTaskState, Answered, Mark, NewAgentTask,
    NewOutbox, RouteReport, RouteRow, StoreResult, VantageNote, VantageRow, VantageStore,
};

#[async_trait]
impl VantageStore for PostgresStore {
    async fn greet_agent(&self, hello: AgentHello) -> StoreResult<u64> {
        self.write(Step::AgentSession, agents::greet(&self.pool, &hello)).await
    }

    async fn agents(&self) -> StoreResult<Vec<AgentRow>> {
        self.pool.bounded(agents::list(&self.pool)).await
    }

    async fn ask_agent(&self, task: NewAgentTask, forget_before: Timestamp) -> StoreResult<bool> {
        self.write(Step::AgentTask, agents::ask(&self.pool, &task, forget_before)).await
    }

    async fn take_agent_tasks(&self, take: AgentTake) -> StoreResult<Vec<AgentTask>> {
        self.write(Step::AgentTask, agents::take(&self.pool, &take)).await
    }

    async fn agent_task_waits(&self, agent: &str, session: u64, now: Timestamp) -> StoreResult<bool> {
        self.pool.bounded(agents::waits(&self.pool, agent, session, now)).await
    }

    async fn answer_agent_task(&self, answer: AgentAnswer) -> StoreResult<Answered> {
        self.write(Step::AgentTask, agents::answer(&self.pool, &answer)).await
    }

    async fn agent_task(&self, id: &str) -> StoreResult<Option<AgentTaskState>> {
        self.pool.bounded(agents::state(&self.pool, id)).await
    }

    async fn close_agent_task(&self, id: &str, at: Timestamp) -> StoreResult<()> {
        self.write(Step::AgentTask, agents::close(&self.pool, id, at)).await
    }

    async fn want_agent_route(&self, agents: &[String], route: &RouteRow) -> StoreResult<()> {
        self.write(Step::AgentRoute, agent_routes::want(&self.pool, agents, route)).await
    }

    async fn reopen_agent_routes(&self, agent: &str) -> StoreResult<()> {
        self.write(Step::AgentRoute, agent_routes::reopen(&self.pool, agent)).await
    }

    async fn open_agent_routes(&self, agent: &str, after: Option<&str>, limit: u32) -> StoreResult<Vec<RouteRow>> {
        self.pool.bounded(agent_routes::open(&self.pool, agent, after, limit)).await
    }

    async fn confirm_agent_routes(&self, agent: &str, reports: &[RouteReport], at: Timestamp) -> StoreResult<()> {
        self.write(Step::AgentRoute, agent_routes::confirm(&self.pool, agent, reports, at)).await
    }

    async fn agent_routes(&self, domain: &DomainName) -> StoreResult<Vec<AgentRoute>> {
        self.pool.bounded(agent_routes::of_domain(&self.pool, domain)).await
    }

    async fn note_looks(
        &self,
        notes: Vec<VantageNote>,
        at: Timestamp,
        since: Timestamp,
    ) -> StoreResult<Vec<VantageRow>> {
        self.write(Step::VantageState, vantages::note(&self.pool, &notes, at, since)).await
    }

    async fn vantages(&self, since: Timestamp) -> StoreResult<Vec<VantageRow>> {
        self.pool.bounded(vantages::list(&self.pool, since)).await
    }

    async fn quarantine_vantage(&self, id: &str, mark: Mark, tell: NewOutbox) -> StoreResult<bool> {
        self.write(Step::VantageState, vantages::quarantine(&self.pool, id, &mark, &tell)).await
    }

    async fn release_vantage(&self, id: &str, by: &str, why: &str, at: Timestamp) -> StoreResult<bool> {
        self.write(Step::VantageState, vantages::release(&self.pool, id, by, why, at)).await
    }
}
