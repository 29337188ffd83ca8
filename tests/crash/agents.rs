//! What a store keeps for agents and vantages, as a part of the books: an agent greets, is asked,
//! answers and carries a route; its vantage is noted, quarantined and released. Asked again after
//! every stop.

use fencepost::failpoint::Step;
use fencepost::lifecycle::connection::RouteMode;
use fencepost::store::{
    AgentAnswer, AgentHello, AgentTake, Answered, Mark, NewAgentTask, NewOutbox, RouteOutcome, RouteReport, RouteRow,
    Store, VantageNote,
};
use fencepost_checks::DomainName;
use jiff::{SignedDuration, Timestamp};

pub const STEPS: [Step; 4] = [Step::AgentSession, Step::AgentTask, Step::AgentRoute, Step::VantageState];
const AGENT: &str = "helsinki";
const TASK: &str = "task-1";

pub async fn write(store: &dyn Store, now: Timestamp) {
    let hello = AgentHello { name: AGENT.to_owned(), session: None, version: "1".to_owned(), at: now };
    let session = store.greet_agent(hello).await.unwrap();
    if store.agent_task(TASK).await.unwrap().is_none() {
        let deadline = now + SignedDuration::from_hours(10_000);
        let task = NewAgentTask {
            id: TASK.to_owned(),
            agent: AGENT.to_owned(),
            body: "{}".to_owned(),
            asked_at: now,
            deadline,
        };
        assert!(store.ask_agent(task, now - SignedDuration::from_hours(1)).await.unwrap());
    }
    let take = AgentTake { agent: AGENT.to_owned(), session, holding: Vec::new(), now, limit: 10 };
    store.take_agent_tasks(take).await.unwrap();
    let (id, agent) = (TASK.to_owned(), AGENT.to_owned());
    let answer = AgentAnswer { id, agent, session, result: r#"{"saw":1}"#.to_owned(), at: now };
    let answered = store.answer_agent_task(answer).await.unwrap();
    // A session that was closed with its task has nothing to say any more.
    assert!(!matches!(answered, Answered::Contradicts), "{answered:?}");
    store.close_agent_task(TASK, now).await.unwrap();
    let domain = DomainName::parse("d1.example").unwrap();
    let route = RouteRow { domain: domain.clone(), mode: RouteMode::Defer, servers: Vec::new(), generation: 3 };
    store.want_agent_route(&[AGENT.to_owned()], &route).await.unwrap();
    let report = RouteReport { domain, generation: 3, outcome: RouteOutcome::Applied };
    store.confirm_agent_routes(AGENT, &[report], now).await.unwrap();
    vantage(store, now).await;
}

async fn vantage(store: &dyn Store, now: Timestamp) {
    let note = VantageNote {
        vantage: AGENT.to_owned(),
        subject_id: "c1".to_owned(),
        target: "203.0.113.25".to_owned(),
        good: Some(false),
        proof: None,
    };
    store.note_looks(vec![note], now, now - SignedDuration::from_hours(10_000)).await.unwrap();
    let mark = Mark { at: now, by: "engine".to_owned(), why: "everything fails".to_owned() };
    let tell = NewOutbox {
        dedupe_key: "vantage/told".to_owned(),
        kind: "vantage".to_owned(),
        payload: "{}".to_owned(),
        // Nobody sends it in this story.
        due_at: now + SignedDuration::from_hours(100_000),
    };
    store.quarantine_vantage(AGENT, mark, tell).await.unwrap();
    store.release_vantage(AGENT, "desk", "mended", now).await.unwrap();
}

pub async fn told(store: &dyn Store) -> String {
    let task = store.agent_task(TASK).await.unwrap().map(|task| (task.answered_at.is_some(), task.result));
    let routes = store.agent_routes(&DomainName::parse("d1.example").unwrap()).await.unwrap();
    let routes: Vec<_> = routes.into_iter().map(|row| (row.agent, row.route, row.applied, row.error)).collect();
    let since = "2026-10-01T00:00:00Z".parse().unwrap();
    let vantages = store.vantages(since).await.unwrap();
    let vantages: Vec<_> = vantages
        .into_iter()
        .map(|row| (row.id, row.bad, row.quarantine.is_some(), row.released.map(|mark| (mark.by, mark.why))))
        .collect();
    format!("{task:?}\n{routes:?}\n{vantages:?}\n")
}
