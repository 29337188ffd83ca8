//! The use cases around vantages and agents, on SQLite: only wiring to reader and writer.

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::Timestamp;

use super::{SqliteStore, agent_routes, agents, vantages};
use crate::failpoint::Step;
use crate::store::{
    AgentAnswer, AgentHello, AgentRoute, AgentRow, AgentTake, AgentTask, AgentTaskState, Answered, Mark, NewAgentTask,
    NewOutbox, RouteReport, RouteRow, StoreResult, VantageNote, VantageRow, VantageStore,
};

#[async_trait]
impl VantageStore for SqliteStore {
    async fn greet_agent(&self, hello: AgentHello) -> StoreResult<u64> {
        self.write(Step::AgentSession, move |db| agents::greet(db, &hello)).await
    }

    async fn agents(&self) -> StoreResult<Vec<AgentRow>> {
        self.read(agents::list).await
    }

    async fn ask_agent(&self, task: NewAgentTask, forget_before: Timestamp) -> StoreResult<bool> {
        self.write(Step::AgentTask, move |db| agents::ask(db, &task, forget_before)).await
    }

    async fn take_agent_tasks(&self, take: AgentTake) -> StoreResult<Vec<AgentTask>> {
        self.write(Step::AgentTask, move |db| agents::take(db, &take)).await
    }

    async fn agent_task_waits(&self, agent: &str, session: u64, now: Timestamp) -> StoreResult<bool> {
        let agent = agent.to_owned();
        self.read(move |db| agents::waits(db, &agent, session, now)).await
    }

    async fn answer_agent_task(&self, answer: AgentAnswer) -> StoreResult<Answered> {
        self.write(Step::AgentTask, move |db| agents::answer(db, &answer)).await
    }

    async fn agent_task(&self, id: &str) -> StoreResult<Option<AgentTaskState>> {
        let id = id.to_owned();
        self.read(move |db| agents::state(db, &id)).await
    }

    async fn close_agent_task(&self, id: &str, at: Timestamp) -> StoreResult<()> {
        let id = id.to_owned();
        self.write(Step::AgentTask, move |db| agents::close(db, &id, at)).await
    }

    async fn want_agent_route(&self, agents: &[String], route: &RouteRow) -> StoreResult<()> {
        let (agents, route) = (agents.to_vec(), route.clone());
        self.write(Step::AgentRoute, move |db| agent_routes::want(db, &agents, &route)).await
    }

    async fn reopen_agent_routes(&self, agent: &str) -> StoreResult<()> {
        let agent = agent.to_owned();
        self.write(Step::AgentRoute, move |db| agent_routes::reopen(db, &agent)).await
    }

    async fn open_agent_routes(&self, agent: &str, after: Option<&str>, limit: u32) -> StoreResult<Vec<RouteRow>> {
        let (agent, after) = (agent.to_owned(), after.map(str::to_owned));
        self.read(move |db| agent_routes::open(db, &agent, after.as_deref(), limit)).await
    }

    async fn confirm_agent_routes(&self, agent: &str, reports: &[RouteReport], at: Timestamp) -> StoreResult<()> {
        let (agent, reports) = (agent.to_owned(), reports.to_vec());
        self.write(Step::AgentRoute, move |db| agent_routes::confirm(db, &agent, &reports, at)).await
    }

    async fn agent_routes(&self, domain: &DomainName) -> StoreResult<Vec<AgentRoute>> {
        let domain = domain.clone();
        self.read(move |db| agent_routes::of_domain(db, &domain)).await
    }

    async fn note_looks(
        &self,
        notes: Vec<VantageNote>,
        at: Timestamp,
        since: Timestamp,
    ) -> StoreResult<Vec<VantageRow>> {
        self.write(Step::VantageState, move |db| vantages::note(db, &notes, at, since)).await
    }

    async fn vantages(&self, since: Timestamp) -> StoreResult<Vec<VantageRow>> {
        self.read(move |db| vantages::list(db, since)).await
    }

    async fn quarantine_vantage(&self, id: &str, mark: Mark, tell: NewOutbox) -> StoreResult<bool> {
        let id = id.to_owned();
        self.write(Step::VantageState, move |db| vantages::quarantine(db, &id, &mark, &tell)).await
    }

    async fn release_vantage(&self, id: &str, by: &str, why: &str, at: Timestamp) -> StoreResult<bool> {
        let (id, by, why) = (id.to_owned(), by.to_owned(), why.to_owned());
        self.write(Step::VantageState, move |db| vantages::release(db, &id, &by, &why, at)).await
    }
}
