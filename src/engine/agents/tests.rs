//! The asking side against an agent that is played by hand, over a real store.

use std::sync::Arc;
use std::time::Duration;

use fencepost_checks::observation::smtp::{SmtpReply, StageOutcome, StageRecord};
use fencepost_checks::observation::{
    ConnectOutcome, DnsAnswer, MxRecord, Proof, ResolverAnswer, SmtpDialogue, Stage, Vantage, VantageRole,
};
use jiff::Timestamp;

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::config::{EgressAddress, RemoteResolver, StoreConfig};
use crate::engine::ports::wire::{
    AgentJob, AgentResult, PollAnswer, PollRequest, ResultReport, RouteResult, RouteResultKind, RoutesRequest,
};
use crate::engine::ports::{
    Asked, DialogueTask, Gateway, GatewayError, QuestionTask, RouteDesire, TaskTimes, Vantages,
};
use crate::lifecycle::connection::RouteMode;
use crate::store::sqlite::SqliteStore;

const PATIENCE: Duration = Duration::from_secs(20);

struct Office {
    agents: Agents,
    _folder: tempfile::TempDir,
}

fn office() -> Office {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { store: StoreConfig::sqlite(folder.path().join("t.db")), ..Config::default() };
    let egress = EgressAddress { agent: Some("gw1".to_owned()), ..EgressAddress::here([192, 0, 2, 10].into()) };
    config.gateway.egress = vec![egress];
    config.probe.remote_resolvers = vec![RemoteResolver { agent: "gw1".to_owned(), address: None }];
    config.gateway.adapter = crate::config::AdapterConfig::Agents { agents: vec!["gw1".to_owned()] };
    let store = Arc::new(SqliteStore::open(&config.store).unwrap());
    let agents = Agents::new(store, Arc::new(SystemClock), Arc::new(config), Dice::seeded(1));
    Office { agents, _folder: folder }
}

fn task() -> DialogueTask {
    DialogueTask {
        vantage: Vantage {
            id: "egress-192.0.2.10".to_owned(),
            role: VantageRole::Egress,
            address: Some([192, 0, 2, 10].into()),
        },
        host: "mail.customer.example".to_owned(),
        peer: "203.0.113.25:25".parse().unwrap(),
        standby: false,
        ehlo_name: "probe.gateway.example".parse().unwrap(),
        sender: None,
        recipients: Vec::new(),
        digests: false,
        times: TaskTimes { connect_ms: 1000, banner_ms: 1000, stage_ms: 1000, total_ms: 3000 },
        reference: Vec::new(),
    }
}

/// What an honest agent would say, and everything that a hostile one would put into it.
fn lie() -> SmtpDialogue {
    let reply = SmtpReply { code: 220, enhanced: None, lines: vec!["\u{1b}[2Jhello\r\n".to_owned(); 5_000] };
    SmtpDialogue {
        vantage: Vantage { id: "egress-192.0.2.99".to_owned(), role: VantageRole::Outsider, address: None },
        host: "elsewhere.example".to_owned(),
        peer: Some("198.51.100.1:99".parse().unwrap()),
        port: 99,
        standby: true,
        started_at: Timestamp::MAX,
        connect: ConnectOutcome::Connected { elapsed_ms: 3 },
        stages: vec![StageRecord { stage: Stage::Banner, elapsed_ms: 3, outcome: StageOutcome::Reply { reply } }; 90],
        capabilities: vec!["\u{7}SIZE".to_owned(); 900],
        tls: None,
        proof: Some(Proof { at: Timestamp::MAX, outside: None, detail: "\u{202e}x".to_owned() }),
        transcript: vec!["S: \u{1b}]0;x\u{7}".repeat(200); 600],
    }
}

impl Office {
    async fn poll(&self, session: Option<u64>, holding: &[String], wait_ms: u64) -> PollAnswer {
        let request = PollRequest { session, version: "t".to_owned(), holding: holding.to_vec(), room: 4, wait_ms };
        self.agents.poll("gw1", request).await.unwrap()
    }

    async fn answer(&self, session: u64, task: &str, result: AgentResult) -> Result<(), AgentError> {
        self.agents.result("gw1", ResultReport { session, task: task.to_owned(), result }).await
    }
}

#[tokio::test]
async fn an_agent_that_was_never_here_is_not_waited_for() {
    let office = office();
    let why = office.agents.talk("gw1", task(), PATIENCE).await.unwrap_err();
    assert!(why.contains("`gw1` has never been here"), "{why}");
    let unknown = office
        .agents
        .poll("gw9", PollRequest { session: None, version: String::new(), holding: Vec::new(), room: 1, wait_ms: 0 })
        .await;
    assert!(matches!(unknown, Err(AgentError::Unknown(name)) if name == "gw9"));
}

#[tokio::test]
async fn a_task_goes_out_and_its_answer_comes_back_as_words_of_a_stranger() {
    let office = office();
    let begun = SystemClock.now();
    let session = office.poll(None, &[], 0).await.session;
    let agents = office.agents.clone();
    let asked = tokio::spawn(async move { agents.talk("gw1", task(), PATIENCE).await });
    let offer = office.poll(Some(session), &[], 10_000).await.tasks.remove(0);
    let AgentJob::Dialogue(given) = &offer.task else { panic!("{offer:?}") };
    assert_eq!(**given, task());
    assert!(offer.within_ms <= 20_000, "{}", offer.within_ms);
    // The next request says that the task is held, so it is not given again.
    assert_eq!(office.poll(Some(session), std::slice::from_ref(&offer.id), 0).await.tasks, []);
    let answer = || AgentResult::Dialogue { dialogue: Box::new(lie()) };
    office.answer(session, &offer.id, answer()).await.unwrap();
    let seen = asked.await.unwrap().unwrap();
    assert_eq!(
        (&seen.vantage, seen.host.as_str(), seen.peer),
        (&task().vantage, "mail.customer.example", Some(task().peer))
    );
    assert!(seen.started_at >= begun && seen.started_at <= SystemClock.now(), "{}", seen.started_at);
    assert!(seen.proof.as_ref().unwrap().at <= SystemClock.now());
    let text = serde_json::to_string(&seen).unwrap();
    assert!(text.len() < 2_000_000 && !text.contains("\\u001b") && !text.contains('\u{202e}'), "{} bytes", text.len());
    // Said again, it is known; said differently, it contradicts; by another session, it is nobody's.
    office.answer(session, &offer.id, answer()).await.unwrap();
    let other = AgentResult::Failed { reason: "changed my mind".to_owned() };
    assert!(matches!(office.answer(session, &offer.id, other).await, Err(AgentError::Conflict(_))));
    assert!(matches!(office.answer(session, "no-such-task", answer()).await, Err(AgentError::NoTask)));
}

fn question() -> QuestionTask {
    QuestionTask {
        vantage: Vantage { id: "resolver-gw1".to_owned(), role: VantageRole::Resolver, address: None },
        domain: "customer.example".parse().unwrap(),
        resolver: None,
        reference: Vec::new(),
    }
}

#[tokio::test]
async fn a_resolver_elsewhere_is_asked_and_answers_as_a_stranger() {
    let office = office();
    let begun = SystemClock.now();
    let session = office.poll(None, &[], 0).await.session;
    let ask = || {
        let agents = office.agents.clone();
        tokio::spawn(async move { agents.question("gw1", question(), PATIENCE).await })
    };
    let asked = ask();
    let offer = office.poll(Some(session), &[], 10_000).await.tasks.remove(0);
    assert_eq!(offer.task, AgentJob::Question(Box::new(question())));
    let record = MxRecord { preference: 10, exchange: "mx1\u{1b}[2J.example".to_owned() };
    let answer = ResolverAnswer {
        vantage: "resolver-of-somebody-else".to_owned(),
        address: "10.0.0.53:53".parse().unwrap(),
        answer: DnsAnswer::Mx { records: vec![record; 900], ttl: 300 },
        elapsed_ms: 3,
        observed_at: Timestamp::MAX,
    };
    let outside = Some([192, 0, 2, 77].into());
    let proof = Some(Proof { at: Timestamp::MAX, outside, detail: String::new() });
    office.answer(session, &offer.id, AgentResult::Asked { asked: Box::new(Asked { answer, proof }) }).await.unwrap();
    let seen = asked.await.unwrap().unwrap();
    assert_eq!((seen.vantage.as_str(), seen.address.port()), ("resolver-gw1", 53));
    assert!(seen.observed_at >= begun && seen.observed_at <= SystemClock.now(), "{}", seen.observed_at);
    let DnsAnswer::Mx { records, .. } = &seen.answer else { panic!("{seen:?}") };
    assert!(records.len() <= 100 && !records[0].exchange.contains('\u{1b}'), "{records:?}");
    let vantages = office.agents.vantages().await.unwrap();
    let known = vantages.iter().find(|vantage| vantage.id == "resolver-gw1").unwrap();
    assert_eq!((known.role, known.state, known.outside), (VantageRole::Resolver, VantageState::Ok, outside));

    // A conversation is no answer to a question.
    let asked = ask();
    let offer = office.poll(Some(session), &[], 10_000).await.tasks.remove(0);
    office.answer(session, &offer.id, AgentResult::Dialogue { dialogue: Box::new(lie()) }).await.unwrap();
    let why = asked.await.unwrap().unwrap_err();
    assert!(why.contains("something else than what was asked"), "{why}");
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_refused() {
    let office = office();
    let session = office.poll(None, &[], 0).await.session;
    let agents = office.agents.clone();
    let asked = tokio::spawn(async move { agents.talk("gw1", task(), Duration::from_millis(1_500)).await });
    let offer = office.poll(Some(session), &[], 10_000).await.tasks.remove(0);
    let why = asked.await.unwrap().unwrap_err();
    assert!(why.contains("did not answer in time"), "{why}");
    let late = office.answer(session, &offer.id, AgentResult::Failed { reason: "x".to_owned() }).await;
    assert!(matches!(late, Err(AgentError::Late)), "{late:?}");
}

#[tokio::test]
async fn a_process_that_was_replaced_is_told() {
    let office = office();
    let first = office.poll(None, &[], 0).await.session;
    let second = office.poll(None, &[], 0).await.session;
    assert!(second > first);
    let request =
        PollRequest { session: Some(first), version: "t".to_owned(), holding: Vec::new(), room: 1, wait_ms: 0 };
    assert!(matches!(office.agents.poll("gw1", request).await, Err(AgentError::Conflict(_))));
}

#[tokio::test]
async fn a_route_is_set_when_its_agent_says_so() {
    let office = office();
    let gateway = AgentGateway::new(office.agents.clone(), vec!["gw1".to_owned()]);
    let desire = |generation| RouteDesire {
        domain: "customer.example".parse().unwrap(),
        mode: RouteMode::Deliver,
        servers: Vec::new(),
        generation,
    };
    let session = office.poll(None, &[], 0).await.session;
    let applied = tokio::spawn({
        let (gateway, desire) = (gateway.clone(), desire(3));
        async move { gateway.apply(&desire).await }
    });
    let request = |reports: Vec<RouteResult>, wait_ms| RoutesRequest { session, all: false, reports, wait_ms };
    let wanted = office.agents.routes("gw1", request(Vec::new(), 10_000)).await.unwrap().routes.remove(0);
    assert_eq!((wanted.domain.as_str(), wanted.generation, wanted.mode), ("customer.example", 3, RouteMode::Deliver));
    let report = |outcome, generation| RouteResult { domain: wanted.domain.clone(), generation, outcome };
    let done = report(RouteResultKind::Applied, 3);
    assert_eq!(office.agents.routes("gw1", request(vec![done], 0)).await.unwrap().routes, []);
    applied.await.unwrap().unwrap();
    assert_eq!(gateway.observe(&wanted.domain).await.unwrap(), Some(RouteMode::Deliver));

    let stale = gateway.apply(&desire(2)).await;
    assert!(matches!(stale, Err(GatewayError::Stale { seen: 3, .. })), "{stale:?}");
    let failing = tokio::spawn({
        let (gateway, desire) = (gateway.clone(), desire(4));
        async move { gateway.apply(&desire).await }
    });
    office.agents.routes("gw1", request(Vec::new(), 10_000)).await.unwrap();
    let failed = report(RouteResultKind::Failed { reason: "postfix reload: exit 1".to_owned() }, 4);
    office.agents.routes("gw1", request(vec![failed], 0)).await.unwrap();
    let why = failing.await.unwrap().unwrap_err().to_string();
    assert!(why.contains("`gw1`") && why.contains("postfix reload: exit 1"), "{why}");
}
