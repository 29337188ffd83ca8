//! A history that touches every table, always the same, to be held against itself in another store.

use jiff::SignedDuration;
use jiff::civil::date;
use sha2::{Digest, Sha256};

use super::fixture::{at, effect, event, name, new_order, request, subject, timer, transition};
use super::ledger::draft;
use super::people::{link as person_link, person, session};
use crate::lifecycle::connection::RouteMode;
use crate::store::{
    AgentAnswer, AgentHello, AgentTake, Allowance, ClaimRequest, ClosedRun, EvidenceName, HolderId, InboxKey, Manners,
    Mark, NewAgentTask, NewToken, Observation, OutboxOutcome, ProofNote, Role, RouteChange, RouteOutcome, RouteReport,
    Store, TurnAnswer, TurnRequest, VantageNote,
};

/// What it fills.
pub(crate) const TABLES: &[&str] = &[
    "act",
    "agent",
    "agent_route",
    "agent_task",
    "allowance",
    "billing_entry",
    "customer",
    "event",
    "evidence",
    "heartbeat",
    "inbox",
    "invoicing_run",
    "journal",
    "journal_end",
    "ledger_head",
    "observation",
    "observation_archive",
    "outbox",
    "person",
    "retry",
    "route",
    "session",
    "sign_in_link",
    "subject",
    "timer",
    "token",
    "trial",
    "turn",
    "turn_visit",
    "vantage",
    "vantage_look",
];

/// Leaves a claim in force at `at(0)` that has ended long before `at(1_000_000)`.
pub(crate) async fn lived(store: &dyn Store) {
    orders(store).await;
    for round in 0..6 {
        work(store, round * 1_000).await;
    }
    effects(store).await;
    books(store).await;
    elsewhere(store).await;
    manners(store).await;
    store.record_acts(vec![super::acts::act(1), super::acts::act(4)]).await.unwrap();
    people(store).await;
    store.heartbeat(at(9)).await.unwrap();
    store.claim(ClaimRequest { limit: 1, ..request(9_000) }).await.unwrap();
}

async fn orders(store: &dyn Store) {
    for (n, partner, domain) in
        [(1, "p", "a.example"), (2, "q", "a.example"), (3, "p", "ö.example"), (4, "r", "z.example")]
    {
        let mut order = new_order(n, partner, name(domain).as_str());
        order.order.customer_name = "Äiti \u{1f980} 'quoted' \\ Oy".to_owned();
        order.subjects[1].outbox = vec![effect(&format!("welcome-{n}"), 0), effect(&format!("second-{n}"), 5)];
        order.subjects[1].timers = vec![timer("mx", 0), timer("probe", i64::from(n)), timer("Lint", 0)];
        order.inbox =
            Some(InboxKey { key: format!("key-{n}"), request_hash: "h".to_owned(), response: "{\"a\":1}".to_owned() });
        order.entries = vec![draft(&format!("k{n}"))];
        store.place_order(order).await.unwrap();
    }
    let again = new_order(9, "p", "a.example");
    assert!(store.place_order(again).await.is_err(), "and leaves nothing");
    store
        .create_token(NewToken {
            id: "t1".to_owned(),
            hash: [7; 32],
            role: Role::Partner,
            partner: Some("p".to_owned()),
            label: String::new(),
            created_at: at(0),
            expires_at: None,
        })
        .await
        .unwrap();
}

/// Claims what is due; one claim is given up, one parked, one lost, the rest committed together.
async fn work(store: &dyn Store, seconds: i64) {
    let claims = store.claim(request(seconds)).await.unwrap();
    let mut outcomes = Vec::new();
    for (place, claim) in claims.iter().enumerate() {
        if place == 1 && seconds == 1_000 {
            store.abandon(claim, at(seconds + 3), "no luck").await.unwrap();
            continue;
        }
        if place == 2 && seconds == 2_000 {
            store.park(claim, at(seconds + 1), "unknown").await.unwrap();
            continue;
        }
        let before = subject(store, &claim.subject_id).await;
        let mut outcome = transition(&before, Some(claim), seconds + 1);
        let body = format!(r#"{{"look":"{}","at":{seconds}}}"#, claim.subject_id);
        outcome.archive = vec![EvidenceName { kind: "smtp".to_owned(), sha256: hex::encode(Sha256::digest(&body)) }];
        outcome.observations = ["mx", "smtp"]
            .map(|kind| Observation {
                kind: kind.to_owned(),
                digest: format!("{}", seconds / 2_000),
                first_at: at(seconds),
                last_at: at(seconds),
                body: body.clone(),
            })
            .to_vec();
        outcome.events = vec![event("looked"), event("told")];
        outcome.outbox = vec![effect(&format!("{}-{seconds}", claim.subject_id), seconds), effect("welcome-1", 0)];
        outcome.entries = vec![draft(&before.customer_id)];
        outcome.timers = vec![timer("mx", seconds + 900), timer("probe", seconds + 950), timer("Lint", seconds + 990)];
        outcome.route = before.domain.clone().map(|domain| RouteChange {
            domain,
            mode: RouteMode::Deliver,
            servers: before.order.servers.clone(),
        });
        outcome.consumes = Some(format!("fact-{}-{seconds}", claim.subject_id));
        if seconds >= 4_000 && before.id == "c1" {
            outcome.phase = "released".to_owned();
        }
        if seconds == 3_000 && place == 0 {
            outcome.version += 7;
        }
        outcomes.push(outcome);
    }
    // One by one: which of several goes first is not the store's to say.
    for outcome in outcomes {
        store.commit(outcome).await.unwrap();
    }
}

async fn effects(store: &dyn Store) {
    let outcomes = [
        OutboxOutcome::Sent { detail: "250 ok".to_owned() },
        OutboxOutcome::Dropped { reason: "gone".to_owned() },
        OutboxOutcome::Retry { due_at: at(60), error: "451".to_owned() },
        OutboxOutcome::Parked { error: "550".to_owned() },
    ];
    for (round, outcome) in outcomes.into_iter().cycle().take(9).enumerate() {
        let now = 6_000 + i64::try_from(round).unwrap() * 400;
        let items = store.claim_outbox(ClaimRequest { limit: 2, ..request(now) }).await.unwrap();
        for item in items {
            store.outbox_done(&item, at(now + 1), outcome.clone()).await.unwrap();
        }
    }
    let page = crate::store::Page { after: None, limit: 10 };
    let parked = store.parked(&page).await.unwrap().rows;
    store.retry_parked(&parked.last().unwrap().id, at(9_000), "desk").await.unwrap();
}

async fn books(store: &dyn Store) {
    let head = store.entries(None, 0, 1_000).await.unwrap().pop().unwrap();
    let run = ClosedRun {
        run_date: date(2027, 1, 15),
        closed_at: at(0),
        closed_by: "accounting".to_owned(),
        head_seq: head.seq,
        head_hash: head.hash,
        lines: crate::ledger::invoice::to_bytes(&[]),
        prev_hash: [0; 32],
        hash: [0; 32],
    };
    store.close_run(run.sealed(None), Vec::new()).await.unwrap();
    store.append_entries(vec![draft("k1")], at(5)).await.unwrap();
    let sha256 = hex::encode(Sha256::digest([0, 1, 255]));
    store.keep_evidence(&sha256, &[0, 1, 255], at(0)).await.unwrap();
}

async fn elsewhere(store: &dyn Store) {
    let hello = AgentHello { name: "north".to_owned(), session: None, version: "1".to_owned(), at: at(0) };
    let session = store.greet_agent(hello).await.unwrap();
    for n in 0..3 {
        let task = NewAgentTask {
            id: format!("task-{n}"),
            agent: "north".to_owned(),
            body: "{}".to_owned(),
            asked_at: at(0),
            deadline: at(100),
        };
        store.ask_agent(task, at(-100)).await.unwrap();
    }
    let take = AgentTake { agent: "north".to_owned(), session, holding: Vec::new(), now: at(1), limit: 2 };
    store.take_agent_tasks(take).await.unwrap();
    let answer =
        AgentAnswer { id: "task-0".to_owned(), agent: "north".to_owned(), session, result: "{}".to_owned(), at: at(2) };
    store.answer_agent_task(answer).await.unwrap();
    store.close_agent_task("task-1", at(3)).await.unwrap();
    let route = store.route(&name("a.example")).await.unwrap().unwrap();
    store.want_agent_route(&["north".to_owned(), "south".to_owned()], &route).await.unwrap();
    let report =
        RouteReport { domain: route.domain.clone(), generation: route.generation, outcome: RouteOutcome::Applied };
    store.confirm_agent_routes("north", &[report], at(4)).await.unwrap();
    store.reopen_agent_routes("south").await.unwrap();
    for (n, good) in [true, false].into_iter().enumerate() {
        let note = VantageNote {
            vantage: "north".to_owned(),
            subject_id: "c1".to_owned(),
            target: "mail.a.example:25".to_owned(),
            good: Some(good),
            proof: Some(ProofNote::SeenAs([192, 0, 2, 1].into())),
        };
        store.note_looks(vec![note], at(i64::try_from(n).unwrap()), at(-50)).await.unwrap();
    }
    let mark = Mark { at: at(7), by: "engine".to_owned(), why: "turned".to_owned() };
    store.quarantine_vantage("north", mark, effect("vantage/north/7", 7)).await.unwrap();
}

/// An account with a link that waits, and somebody who is signed in.
async fn people(store: &dyn Store) {
    store.add_person(person("maija")).await.unwrap();
    store.begin_session(HolderId::Person("maija".to_owned()), session(1, 0)).await.unwrap();
    store.touch_session(&[1; 32], at(90)).await.unwrap();
    assert!(store.keep_sign_in_link(person_link("maija", 2, 100)).await.unwrap());
}

/// Visits that have ended, one whose visitor is gone, and questions.
async fn manners(store: &dyn Store) {
    for (n, vantage) in ["north", "south", "north"].into_iter().enumerate() {
        let seconds = i64::try_from(n).unwrap() * 100;
        assert_eq!(store.take_turn(visit("smtp 192.0.2.1", vantage, seconds)).await.unwrap(), TurnAnswer::Yours);
        store.end_turn("smtp 192.0.2.1", vantage, at(seconds + 2)).await.unwrap();
    }
    store.take_turn(visit("smtp 192.0.2.2", "north", 300)).await.unwrap();
    assert_eq!(store.draw("dns 192.0.2.53", 7, QUESTIONS, at(0)).await.unwrap().granted, 7);
}

pub(crate) const QUESTIONS: Allowance = Allowance { count: 10, per: SignedDuration::from_hours(1000) };

pub(crate) fn visit(target: &str, vantage: &str, seconds: i64) -> TurnRequest {
    TurnRequest {
        target: target.to_owned(),
        vantage: vantage.to_owned(),
        holder: vantage.to_owned(),
        now: at(seconds),
        lease: SignedDuration::from_secs(200),
        manners: Manners {
            same: SignedDuration::from_secs(30),
            other: SignedDuration::from_secs(5),
            looks: 2,
            look: SignedDuration::from_secs(60),
        },
    }
}
