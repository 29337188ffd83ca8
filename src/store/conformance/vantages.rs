//! Vantages and agents: sessions, tasks that are answered once, routes that agents carry, and looks.

use fencepost_checks::DomainName;
use fencepost_checks::vantage::SUSPICIOUS;

use super::fixture::{at, effect, new_order, request};
use crate::lifecycle::connection::RouteMode;
use crate::store::{
    AgentAnswer, AgentHello, AgentTake, Answered, MAX_OPEN_TASKS, Mark, NewAgentTask, ProofNote, RouteOutcome,
    RouteReport, RouteRow, Store, StoreError, VantageNote, VantageRow,
};

async fn hello(store: &dyn Store, session: Option<u64>, seconds: i64) -> Result<u64, StoreError> {
    store.greet_agent(AgentHello { name: "gw1".to_owned(), session, version: "1".to_owned(), at: at(seconds) }).await
}

fn task(id: &str, agent: &str, asked: i64, deadline: i64) -> NewAgentTask {
    NewAgentTask {
        id: id.to_owned(),
        agent: agent.to_owned(),
        body: format!("{{\"{id}\":1}}"),
        asked_at: at(asked),
        deadline: at(deadline),
    }
}

async fn taken(store: &dyn Store, session: u64, holding: &[&str], seconds: i64) -> Vec<String> {
    let take = AgentTake {
        agent: "gw1".to_owned(),
        session,
        holding: holding.iter().map(|&id| id.to_owned()).collect(),
        now: at(seconds),
        limit: 2,
    };
    store.take_agent_tasks(take).await.unwrap().into_iter().map(|task| task.id).collect()
}

async fn answer(store: &dyn Store, id: &str, agent: &str, session: u64, result: &str, seconds: i64) -> Answered {
    let answer =
        AgentAnswer { id: id.to_owned(), agent: agent.to_owned(), session, result: result.to_owned(), at: at(seconds) };
    store.answer_agent_task(answer).await.unwrap()
}

pub(crate) async fn the_newest_session_of_an_agent_has_the_word(store: &dyn Store) {
    assert_eq!(hello(store, None, 0).await.unwrap(), 1);
    assert_eq!(hello(store, Some(1), 5).await.unwrap(), 1);
    assert_eq!(hello(store, None, 6).await.unwrap(), 2);
    assert!(matches!(hello(store, Some(1), 7).await, Err(StoreError::Conflict(_))));
    let take = AgentTake { agent: "gw1".to_owned(), session: 1, holding: Vec::new(), now: at(8), limit: 1 };
    assert!(matches!(store.take_agent_tasks(take).await, Err(StoreError::Conflict(_))));
    let rows = store.agents().await.unwrap();
    assert_eq!((rows.len(), rows[0].session, rows[0].session_since, rows[0].seen_at), (1, 2, at(6), at(6)));
    // A store that was restored from a copy knows of fewer sessions than there were.
    assert_eq!(hello(store, Some(9), 9).await.unwrap(), 9);
}

pub(crate) async fn a_task_is_handed_out_until_it_is_held(store: &dyn Store) {
    let session = hello(store, None, 0).await.unwrap();
    for id in ["t1", "t2", "t3"] {
        assert!(store.ask_agent(task(id, "gw1", 0, 60), at(-100)).await.unwrap());
    }
    store.ask_agent(task("t0", "gw2", 0, 60), at(-100)).await.unwrap();
    assert!(store.agent_task_waits("gw1", session, at(1)).await.unwrap());
    assert_eq!(taken(store, session, &[], 1).await, ["t1", "t2"], "oldest first, and only its own");
    assert_eq!(taken(store, session, &["t1", "t2"], 2).await, ["t3"]);
    assert!(!store.agent_task_waits("gw1", session, at(3)).await.unwrap());
    assert_eq!(taken(store, session, &["t1", "t3"], 3).await, ["t2"], "the answer with t2 was lost on the way");
    let state = store.agent_task("t1").await.unwrap().unwrap();
    assert_eq!((state.taken_at, state.answered_at, state.result), (Some(at(1)), None, None));

    let next = hello(store, None, 10).await.unwrap();
    assert!(store.agent_task_waits("gw1", next, at(10)).await.unwrap());
    assert_eq!(taken(store, next, &[], 10).await, ["t1", "t2"], "what the process before it held");
    assert_eq!(taken(store, next, &["t1", "t2"], 59).await, ["t3"]);
    assert_eq!(taken(store, next, &[], 60).await, <[&str; 0]>::default(), "past the deadline");
}

pub(crate) async fn a_task_is_answered_once(store: &dyn Store) {
    let session = hello(store, None, 0).await.unwrap();
    for id in ["t1", "t2", "t3", "t4"] {
        store.ask_agent(task(id, "gw1", 0, 60), at(-100)).await.unwrap();
    }
    assert_eq!(answer(store, "t1", "gw1", session, "{}", 1).await, Answered::Foreign, "nobody gave it that task");
    taken(store, session, &[], 1).await;
    taken(store, session, &["t1", "t2"], 1).await;
    assert_eq!(answer(store, "t1", "gw2", session, "{}", 2).await, Answered::Foreign);
    assert_eq!(answer(store, "no such", "gw1", session, "{}", 2).await, Answered::Foreign);
    assert_eq!(answer(store, "t1", "gw1", session, "{}", 2).await, Answered::Taken);
    assert_eq!(answer(store, "t1", "gw1", session, "{}", 99).await, Answered::Repeated);
    assert_eq!(answer(store, "t1", "gw1", session, "[]", 3).await, Answered::Contradicts);
    let state = store.agent_task("t1").await.unwrap().unwrap();
    assert_eq!((state.answered_at, state.result.as_deref()), (Some(at(2)), Some("{}")));
    store.close_agent_task("t1", at(4)).await.unwrap();
    assert_eq!(store.agent_task("t1").await.unwrap().unwrap().result, None);
    assert_eq!(answer(store, "t1", "gw1", session, "{}", 5).await, Answered::Repeated, "known by its hash");

    assert_eq!(answer(store, "t2", "gw1", session, "{}", 60).await, Answered::Late);
    store.close_agent_task("t3", at(30)).await.unwrap();
    assert_eq!(answer(store, "t3", "gw1", session, "{}", 31).await, Answered::Late, "nobody waits any more");
    let next = hello(store, None, 40).await.unwrap();
    taken(store, next, &[], 40).await;
    assert_eq!(answer(store, "t4", "gw1", session, "{}", 41).await, Answered::Foreign, "the next session has it");
    assert_eq!(answer(store, "t4", "gw1", next, "{}", 42).await, Answered::Taken);
}

pub(crate) async fn tasks_of_an_agent_are_bounded_and_forgotten(store: &dyn Store) {
    for n in 0..MAX_OPEN_TASKS {
        assert!(store.ask_agent(task(&format!("t{n:04}"), "gw1", 0, 60), at(-100)).await.unwrap());
    }
    assert!(!store.ask_agent(task("u", "gw1", 0, 60), at(-100)).await.unwrap());
    assert!(store.ask_agent(task("v", "gw2", 0, 60), at(-100)).await.unwrap(), "another agent has its own");
    assert!(store.ask_agent(task("w", "gw1", 60, 99), at(-100)).await.unwrap(), "what is past its deadline is over");
    assert!(store.agent_task("t0000").await.unwrap().is_some());
    assert!(store.ask_agent(task("x", "gw1", 61, 99), at(61)).await.unwrap());
    assert!(store.agent_task("t0000").await.unwrap().is_none(), "cleared away");
    assert!(store.agent_task("w").await.unwrap().is_some());
}

fn route(domain: &str, generation: u64, mode: RouteMode) -> RouteRow {
    RouteRow { domain: DomainName::parse(domain).unwrap(), mode, servers: Vec::new(), generation }
}

fn report(domain: &str, generation: u64, outcome: RouteOutcome) -> RouteReport {
    RouteReport { domain: DomainName::parse(domain).unwrap(), generation, outcome }
}

pub(crate) async fn an_agent_confirms_its_routes(store: &dyn Store) {
    let both = ["gw1".to_owned(), "gw2".to_owned()];
    store.want_agent_route(&both, &route("a.example", 2, RouteMode::Defer)).await.unwrap();
    store.want_agent_route(&both, &route("b.example", 1, RouteMode::Defer)).await.unwrap();
    store.want_agent_route(&both, &route("a.example", 1, RouteMode::Absent)).await.unwrap();
    let open = |agent: &'static str, after: Option<&'static str>| async move {
        let rows = store.open_agent_routes(agent, after, 10).await.unwrap();
        rows.into_iter().map(|row| (row.domain.to_string(), row.generation, row.mode)).collect::<Vec<_>>()
    };
    let a = ("a.example".to_owned(), 2, RouteMode::Defer);
    let b = ("b.example".to_owned(), 1, RouteMode::Defer);
    assert_eq!(open("gw1", None).await, [a.clone(), b.clone()], "a lower generation changes nothing");
    assert_eq!(open("gw1", Some("a.example")).await, std::slice::from_ref(&b));
    let reports = [
        report("a.example", 1, RouteOutcome::Applied),
        report("b.example", 1, RouteOutcome::Failed("no reload".to_owned())),
    ];
    store.confirm_agent_routes("gw1", &reports, at(5)).await.unwrap();
    assert_eq!(open("gw1", None).await, [a.clone(), b.clone()], "another generation, and a failure");
    store.confirm_agent_routes("gw1", &[report("a.example", 2, RouteOutcome::Applied)], at(6)).await.unwrap();
    assert_eq!(open("gw1", None).await, std::slice::from_ref(&b));
    assert_eq!(open("gw2", None).await.len(), 2);
    let states = store.agent_routes(&DomainName::parse("a.example").unwrap()).await.unwrap();
    let shown: Vec<_> = states.iter().map(|s| (s.agent.as_str(), s.applied, s.applied_at)).collect();
    assert_eq!(shown, [("gw1", 2, Some(at(6))), ("gw2", 0, None)]);
    store.confirm_agent_routes("gw2", &[report("a.example", 2, RouteOutcome::Stale(7))], at(7)).await.unwrap();
    let states = store.agent_routes(&DomainName::parse("a.example").unwrap()).await.unwrap();
    assert_eq!((states[1].applied, states[1].seen), (0, Some(7)));
    // A new wish forgets what went wrong with the one before.
    store.want_agent_route(&both, &route("a.example", 8, RouteMode::Deliver)).await.unwrap();
    let states = store.agent_routes(&DomainName::parse("a.example").unwrap()).await.unwrap();
    assert_eq!((states[1].seen, states[1].error.as_deref(), states[0].applied), (None, None, 2));
}

pub(crate) async fn a_host_set_up_anew_gets_every_route(store: &dyn Store) {
    store.place_order(new_order(1, "p", "d1.example")).await.unwrap();
    store.place_order(new_order(2, "p", "d2.example")).await.unwrap();
    let d1 = DomainName::parse("d1.example").unwrap();
    let wanted = store.route(&d1).await.unwrap().unwrap();
    store.want_agent_route(&["gw1".to_owned()], &wanted).await.unwrap();
    let applied = report("d1.example", wanted.generation, RouteOutcome::Applied);
    store.confirm_agent_routes("gw1", &[applied], at(1)).await.unwrap();
    assert!(store.open_agent_routes("gw1", None, 10).await.unwrap().is_empty());
    store.reopen_agent_routes("gw1").await.unwrap();
    let open = store.open_agent_routes("gw1", None, 10).await.unwrap();
    assert_eq!(open.iter().map(|row| row.domain.as_str()).collect::<Vec<_>>(), ["d1.example", "d2.example"]);
    assert_eq!(open[0], wanted);
}

fn look(vantage: &str, subject: &str, good: Option<bool>) -> VantageNote {
    VantageNote {
        vantage: vantage.to_owned(),
        subject_id: subject.to_owned(),
        target: format!("server of {subject}"),
        good,
        proof: None,
    }
}

/// Notes looks; how the first vantage among them stands then.
async fn note(store: &dyn Store, looks: Vec<VantageNote>, seconds: i64) -> VantageRow {
    let first = looks[0].vantage.clone();
    let undecided = store.note_looks(looks, at(seconds), at(0)).await.unwrap();
    let row = store.vantages(at(0)).await.unwrap().into_iter().find(|row| row.id == first).unwrap();
    let given = undecided.into_iter().find(|row| row.id == first);
    let to_decide = row.turned >= SUSPICIOUS || row.quarantine.is_some();
    assert!(given.is_some() || !to_decide, "given where there is something to decide");
    assert!(given.is_none_or(|given| given == row), "as it stands");
    row
}

pub(crate) async fn looks_of_a_vantage_are_counted_by_customer(store: &dyn Store) {
    note(store, vec![look("v1", "c1", Some(true)), look("v1", "c2", Some(true)), look("v2", "c1", Some(false))], 1)
        .await;
    let row = note(store, vec![look("v1", "c1", Some(false)), look("v1", "c3", Some(false))], 10).await;
    assert_eq!((row.good, row.bad, row.turned), (1, 2, 1), "c3 was never good: it did not turn");
    let row = note(store, vec![look("v1", "c1", Some(false)), look("v1", "c9", None)], 11).await;
    assert_eq!((row.good, row.bad, row.turned), (1, 2, 1), "the same customer counts once");
    let row = note(store, vec![look("v1", "c1", Some(true))], 12).await;
    assert_eq!((row.good, row.bad, row.turned), (2, 1, 0));
    let given = store.note_looks(vec![look("v1", "c1", Some(true))], at(12), at(0)).await.unwrap();
    assert_eq!(given, [], "nothing is to be decided, and nothing is counted");
    let rows = store.vantages(at(2)).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.id.as_str(), row.good, row.bad)).collect::<Vec<_>>(),
        [("v1", 1, 1), ("v2", 0, 0)]
    );

    let shared = |n: u8| VantageNote { target: "one server".to_owned(), ..look("v3", &format!("s{n}"), Some(false)) };
    let row = note(store, (0..9).map(shared).collect(), 13).await;
    assert_eq!((row.good, row.bad), (0, 1), "customers with one server between them");

    let seen = |proof| VantageNote { proof: Some(proof), ..look("v1", "c1", None) };
    let row = note(store, vec![seen(ProofNote::SeenAs([192, 0, 2, 7].into()))], 20).await;
    assert_eq!((row.outside, row.outside_at, row.unreached_since), (Some([192, 0, 2, 7].into()), Some(at(20)), None));
    note(store, vec![seen(ProofNote::NotReached)], 21).await;
    let row = note(store, vec![seen(ProofNote::NotReached)], 22).await;
    assert_eq!((row.outside_at, row.unreached_since), (Some(at(20)), Some(at(21))));
    let row = note(store, vec![seen(ProofNote::SeenAs([192, 0, 2, 7].into()))], 23).await;
    assert_eq!(row.unreached_since, None);
}

pub(crate) async fn a_quarantine_begins_and_ends_once(store: &dyn Store) {
    note(store, vec![look("v1", "c1", Some(true)), look("v1", "c2", Some(true))], 1).await;
    note(store, vec![look("v1", "c1", Some(false)), look("v1", "c2", Some(false))], 5).await;
    assert!(!store.release_vantage("v1", "desk", "nothing to release", at(5)).await.unwrap());
    let quarantine = async |id: &str, by: &str, why: &str, seconds| {
        let mark = Mark { at: at(seconds), by: by.to_owned(), why: why.to_owned() };
        store.quarantine_vantage(id, mark, effect(&format!("{id} at {seconds}"), seconds)).await.unwrap()
    };
    assert!(quarantine("v1", "engine", "two of two", 6).await);
    assert!(!quarantine("v1", "desk", "again", 7).await);
    let told = store.notices("vantage/v1", 9).await.unwrap();
    assert_eq!(told.iter().map(|row| row.dedupe_key.as_str()).collect::<Vec<_>>(), ["v1 at 6"], "once");
    assert_eq!(store.claim_outbox(request(6)).await.unwrap().len(), 1, "it goes out like any other");
    let row = note(store, vec![look("v1", "c1", Some(true)), look("v1", "c3", Some(false))], 8).await;
    let mark = row.quarantine.unwrap();
    assert_eq!((mark.at, mark.by.as_str(), mark.why.as_str()), (at(6), "engine", "two of two"));
    assert_eq!((row.good_after, row.bad_after, row.turned), (1, 1, 1));
    assert!(store.release_vantage("v1", "desk", "it was the partner's firewall", at(9)).await.unwrap());
    let row = store.vantages(at(0)).await.unwrap().remove(0);
    assert_eq!((row.quarantine, row.turned, row.good_after), (None, 0, 0), "what turned before counts no more");
    assert_eq!(row.released.unwrap().why, "it was the partner's firewall");
    let row = note(store, vec![look("v1", "c1", Some(false))], 10).await;
    assert_eq!(row.turned, 1);
    assert!(quarantine("new", "desk", "by hand", 11).await, "one that never looked");
}
