//! The conformance suite on PostgreSQL, and what only a server and several nodes can show.

mod plans;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;

use super::server::Server;
use super::{LeaseClock, Pool, PostgresStore, migrate};
use crate::clock::{Clock, SystemClock};
use crate::config::StoreConfig;
use crate::ledger::chain;
use crate::store::conformance::fixture::{
    at, effect, event, name, new_order, placed, request, subject, timer, transition,
};
use crate::store::conformance::history::lived;
use crate::store::conformance::ledger::draft;
use crate::store::conformance::{every_rule, every_vantage_rule};
use crate::store::{
    Allowance, ClaimRequest, CommitOutcome, Manners, Placed, PolitenessStore, Schema, Scope, Spread, Store, StoreError,
    TurnAnswer, TurnRequest,
};

/// An empty database of the shared server, and its store with the caller's clock.
async fn open() -> ((), Arc<dyn Store>) {
    ((), Arc::new(node(&fresh().await).await))
}

async fn fresh() -> StoreConfig {
    let config = empty();
    migrate::up_to_date(&config).await.unwrap();
    config
}

fn empty() -> StoreConfig {
    StoreConfig { connections: 4, ..StoreConfig::at(&Server::shared().database()) }
}

async fn node(config: &StoreConfig) -> PostgresStore {
    PostgresStore::open(config, LeaseClock::Caller).await.unwrap()
}

async fn sql(config: &StoreConfig, statements: &'static str) -> Result<(), sqlx::Error> {
    let pool = Pool::new(config).unwrap();
    let mut db = pool.get().await.unwrap();
    sqlx::raw_sql(statements).execute(&mut *db).await.map(drop)
}

every_rule!(open);
every_vantage_rule!(open);

#[tokio::test]
async fn a_schema_of_another_age_is_refused_in_words() {
    let config = empty();
    let older = PostgresStore::open(&config, LeaseClock::Caller).await.unwrap_err();
    assert!(older.to_string().contains("run `fencepost migrate`"), "{older}");
    assert_eq!(crate::store::schema(&config).await.unwrap(), Schema { found: 0, known: migrate::SCHEMA });
    assert_eq!(crate::store::migrate(&config).await.unwrap().found, 0);
    assert_eq!(crate::store::migrate(&config).await.unwrap().found, migrate::SCHEMA, "a second time changes nothing");
    let store = node(&config).await;
    sql(&config, "INSERT INTO schema_version (version) VALUES (1000)").await.unwrap();
    let newer = PostgresStore::open(&config, LeaseClock::Caller).await.unwrap_err();
    assert!(newer.to_string().contains("run a newer fencepost"), "{newer}");
    assert!(matches!(store.ready().await, Err(StoreError::NewerSchema { found: 1000, .. })), "a running node says so");
    assert!(matches!(crate::store::migrate(&config).await, Err(StoreError::NewerSchema { .. })));
}

#[tokio::test]
async fn every_earlier_schema_is_brought_up_to_date_with_what_it_holds() {
    for version in 1..migrate::SCHEMA {
        let config = empty();
        let pool = Pool::new(&config).unwrap();
        migrate::up_to(&mut pool.get().await.unwrap(), version).await.unwrap();
        sql(
            &config,
            "INSERT INTO customer VALUES ('k1', 'p', 'o1', '{}', 0, 'desk');
             INSERT INTO event VALUES ('c1', 1, 0, 'a', '{}', 'test');
             INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, status)
                 VALUES ('c1', 'x', 'notice', '{}', 0, 'parked');
             INSERT INTO invoicing_run (run_date, closed_at, closed_by, head_seq, head_hash, lines)
                 VALUES ('2027-01-15', 0, 'a', 0, sha256('')::bytea, '');",
        )
        .await
        .unwrap();
        assert_eq!(migrate::up_to_date(&config).await.unwrap(), version);
        let store = node(&config).await;
        store.ready().await.unwrap();
        assert_eq!(store.events("c1", 0, 10).await.unwrap().len(), 1);
        assert_eq!(store.parked(&crate::store::Page { after: None, limit: 5 }).await.unwrap().rows.len(), 1);
        assert!(store.closed_runs().await.unwrap()[0].is_unsealed());
        lived_after(&store).await;
    }
}

async fn lived_after(store: &dyn Store) {
    store.place_order(new_order(5, "p", "d5.example")).await.unwrap();
    assert_eq!(store.claim(request(0)).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_never_share_a_claim() {
    let config = fresh().await;
    let nodes: Vec<Arc<PostgresStore>> =
        futures_util::future::join_all((0..3).map(|_| node(&config))).await.into_iter().map(Arc::new).collect();
    placed(nodes[0].as_ref(), 60).await;
    let work = |store: Arc<PostgresStore>| async move {
        let mut done = Vec::new();
        loop {
            let claims = store.claim(ClaimRequest { limit: 7, ..request(1) }).await.unwrap();
            if claims.is_empty() {
                return done;
            }
            for claim in claims {
                let outcome = transition(&subject(store.as_ref(), &claim.subject_id).await, Some(&claim), 1);
                assert!(matches!(store.commit(outcome).await.unwrap(), CommitOutcome::Committed { .. }));
                done.push(claim.subject_id);
            }
        }
    };
    let tasks = nodes.iter().map(|node| tokio::spawn(work(node.clone())));
    let done: Vec<Vec<String>> = futures_util::future::join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let distinct: BTreeSet<&String> = done.iter().flatten().collect();
    assert_eq!((distinct.len(), done.iter().flatten().count()), (60, 60));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_of_one_domain_at_the_same_moment_have_one_holder() {
    let config = fresh().await;
    let nodes = [node(&config).await, node(&config).await];
    let orders = (0..12_u32).map(|n| {
        let order = new_order(n, &format!("p{}", n / 2), "d.example");
        nodes[(n % 2) as usize].place_order(order)
    });
    let placed = futures_util::future::join_all(orders).await;
    let new = placed.iter().filter(|placed| matches!(placed, Ok(Placed::New { .. }))).count();
    assert_eq!(new, 6, "one of each partner's two");
    assert!(placed.iter().all(|placed| matches!(placed, Ok(_) | Err(StoreError::Conflict(_)))), "{placed:?}");
    let page = crate::store::Page { after: None, limit: 20 };
    let rows = nodes[0].domains(&Scope::All, &crate::store::DomainFilter::default(), &page).await.unwrap().rows;
    assert_eq!(rows.iter().filter(|row| row.held_by.is_none()).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeated_request_at_two_nodes_is_answered_once() {
    let config = fresh().await;
    let nodes = [node(&config).await, node(&config).await];
    let inbox =
        crate::store::InboxKey { key: "key".to_owned(), request_hash: "h".to_owned(), response: "r".to_owned() };
    let orders = (0..8_u32).map(|n| {
        let mut order = new_order(n, "p", "d.example");
        order.inbox = Some(inbox.clone());
        nodes[(n % 2) as usize].place_order(order)
    });
    let placed = futures_util::future::join_all(orders).await;
    let new = placed.iter().filter(|placed| matches!(placed, Ok(Placed::New { .. }))).count();
    let repeated = placed.iter().filter(|placed| matches!(placed, Ok(Placed::Repeated { .. }))).count();
    assert_eq!((new, repeated), (1, 7), "{placed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_has_one_chain_whoever_writes() {
    let config = fresh().await;
    let nodes = [node(&config).await, node(&config).await];
    placed(&nodes[0], 4).await;
    let rounds = (0..40_i64).map(|n| {
        let store = &nodes[usize::try_from(n).unwrap() % 2];
        async move {
            if n % 4 == 0 {
                store.append_entries(vec![draft("k9")], at(n)).await.unwrap();
                return;
            }
            let id = format!("c{}", n % 4);
            loop {
                let mut next = transition(&subject(store, &id).await, None, n);
                next.entries = vec![draft(&id), draft(&id)];
                match store.commit(next).await.unwrap() {
                    CommitOutcome::Committed { .. } => return,
                    other => assert_eq!(other, CommitOutcome::VersionConflict),
                }
            }
        }
    });
    futures_util::future::join_all(rounds).await;
    let entries = nodes[0].entries(None, 0, 1_000).await.unwrap();
    assert_eq!(entries.len(), 10 + 30 * 2);
    chain::verify(&entries, &[]).unwrap();
}

#[tokio::test]
async fn the_database_s_clock_decides_leases() {
    let config = fresh().await;
    let store = PostgresStore::open(&config, LeaseClock::Database).await.unwrap();
    let now = SystemClock.now();
    let mut order = new_order(1, "p", "d1.example");
    order.at = now;
    order.subjects[1].timers = vec![crate::store::TimerSet { kind: "mx".to_owned(), due_at: now }];
    store.place_order(order).await.unwrap();
    let hour = SignedDuration::from_hours(1);
    let asked_at = |now| ClaimRequest { now, ..request(0) };
    assert_eq!(store.claim(asked_at(now - hour)).await.unwrap(), [], "not due for a node that is behind");
    assert_eq!(store.claim(asked_at(now + hour)).await.unwrap().len(), 1);
    assert_eq!(store.claim(asked_at(now + hour)).await.unwrap(), [], "a node that is ahead takes no lease away");
    let until = store.next_due().await.unwrap().unwrap();
    let lease = until.duration_since(now);
    assert!(lease > SignedDuration::from_secs(299) && lease < SignedDuration::from_secs(310), "{lease}");
}

/// One node is an hour ahead, another one an hour behind.
#[tokio::test]
async fn the_database_s_clock_decides_turns_and_allowances() {
    let config = fresh().await;
    let store = PostgresStore::open(&config, LeaseClock::Database).await.unwrap();
    let now = SystemClock.now();
    let (ahead, behind) = (now + SignedDuration::from_hours(1), now - SignedDuration::from_hours(1));
    let seconds = SignedDuration::from_secs;
    let ask = async |vantage: &str, holder: &str, now| {
        let manners = Manners { same: seconds(300), other: seconds(200), looks: 9, look: SignedDuration::ZERO };
        let (target, vantage, holder) = ("smtp 192.0.2.25".to_owned(), vantage.to_owned(), holder.to_owned());
        store.take_turn(TurnRequest { target, vantage, holder, now, lease: seconds(900), manners }).await.unwrap()
    };
    let pause = |answer| match answer {
        TurnAnswer::Wait { pause } => pause.as_secs_f64(),
        other => panic!("{other:?}"),
    };
    assert_eq!(ask("a", "behind", behind).await, TurnAnswer::Yours);
    assert!(pause(ask("b", "ahead", ahead).await) <= 1.0, "the lease is not over for a node that is ahead");
    store.end_turn("smtp 192.0.2.25", "behind", behind).await.unwrap();
    for at in [ahead, behind] {
        let (same, other) = (pause(ask("a", "x", at).await), pause(ask("b", "y", at).await));
        assert!((250.0..=300.0).contains(&same) && (150.0..=200.0).contains(&other), "{same} s, {other} s");
    }
    let minutes = Allowance { count: 100, per: SignedDuration::from_mins(10) };
    let mut granted = Vec::new();
    for at in [behind, ahead, now] {
        let drawn = store.draw("dns 192.0.2.53", 60, minutes, at).await.unwrap();
        assert!(drawn.lasts > seconds(500) && drawn.lasts <= seconds(600), "{drawn:?}");
        granted.push(drawn.granted);
    }
    assert_eq!(granted, [60, 40, 0], "one allowance, whatever the clocks of the nodes say");
}

/// What is overdue is so by the clock that decides when it is claimed.
#[tokio::test]
async fn the_database_s_clock_decides_what_is_overdue() {
    let config = fresh().await;
    let store = PostgresStore::open(&config, LeaseClock::Database).await.unwrap();
    let now = SystemClock.now();
    let mut order = new_order(1, "p", "d1.example");
    order.subjects[1].phase = "connected".to_owned();
    order.subjects[1].timers = vec![crate::store::TimerSet { kind: "mx".to_owned(), due_at: now }];
    store.place_order(order).await.unwrap();
    let minute = SignedDuration::from_mins(1);
    let ahead = Spread { now: now + minute * 600, late: minute * 15, pace: minute, most: minute * 60 };
    assert_eq!(store.spread_overdue(ahead).await.unwrap(), 0, "a node that is ahead puts nothing off");
}

#[tokio::test]
async fn a_bad_outcome_in_a_group_hinders_nobody() {
    let config = fresh().await;
    let store = node(&config).await;
    placed(&store, 5).await;
    let mut outcomes = Vec::new();
    for n in 1..=5 {
        let mut next = transition(&subject(&store, &format!("c{n}")).await, None, 1);
        // What PostgreSQL refuses.
        next.events = vec![event(if n == 3 { "\0" } else { "fine" })];
        outcomes.push(next);
    }
    let stored = futures_util::future::join_all(outcomes.into_iter().map(|next| store.commit(next))).await;
    for (n, stored) in (1..).zip(&stored) {
        assert_eq!(stored.is_ok(), n != 3, "{n}: {stored:?}");
        assert_eq!(store.events(&format!("c{n}"), 0, 9).await.unwrap().len(), if n == 3 { 1 } else { 2 });
    }
}

#[tokio::test]
async fn history_and_ledger_refuse_update_delete_and_truncate() {
    let config = fresh().await;
    lived(&node(&config).await).await;
    for statement in [
        "UPDATE event SET body = 'x'",
        "DELETE FROM event",
        "TRUNCATE event",
        "UPDATE billing_entry SET body = 'x'",
        "INSERT INTO billing_entry SELECT * FROM billing_entry ON CONFLICT (seq) DO UPDATE SET body = 'x'",
        "DELETE FROM billing_entry",
        "TRUNCATE billing_entry",
        "UPDATE invoicing_run SET lines = 'x'",
        "DELETE FROM invoicing_run",
        "UPDATE evidence SET content = 'x'",
        "UPDATE observation_archive SET body = 'x'",
    ] {
        let refused = sql(&config, statement).await.unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{statement}: {refused}");
    }
}

#[tokio::test]
async fn a_role_with_the_documented_rights_can_work_and_cannot_rewrite() {
    let owner = fresh().await;
    let server = Server::shared();
    let database = owner.url.split(['/', '?']).find(|part| part.starts_with("test")).unwrap();
    let role = format!("node_of_{database}");
    server.psql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    let rights = include_str!("../../../config/postgres-rights.sql").replace(":\"role\"", &role);
    server.psql(database, &rights);
    let config = StoreConfig { url: server.url_as(&role, &owner.url), ..owner.clone() };
    lived(&node(&config).await).await;
    // Even without its triggers.
    sql(&owner, "ALTER TABLE billing_entry DISABLE TRIGGER ALL; ALTER TABLE event DISABLE TRIGGER ALL").await.unwrap();
    for statement in [
        "UPDATE billing_entry SET body = 'x'",
        "DELETE FROM billing_entry",
        "TRUNCATE billing_entry",
        "DELETE FROM event",
        "UPDATE invoicing_run SET lines = 'x'",
        "UPDATE schema_version SET version = 9",
        "ALTER TABLE billing_entry ENABLE TRIGGER ALL",
    ] {
        let refused = sql(&config, statement).await.unwrap_err().to_string();
        assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{statement}: {refused}");
    }
}

#[tokio::test]
async fn a_locked_row_is_unavailable_and_not_an_error_of_ours() {
    let config = StoreConfig { lock_timeout_ms: 100, ..fresh().await };
    let store = node(&config).await;
    placed(&store, 1).await;
    let before = subject(&store, "c1").await;
    let pool = Pool::new(&config).unwrap();
    let mut other = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM subject FOR UPDATE").execute(&mut *other).await.unwrap();
    let stuck = store.commit(transition(&before, None, 1)).await;
    assert!(matches!(stuck, Err(StoreError::Unavailable(_))), "{stuck:?}");
    assert_eq!(store.claim(request(0)).await.unwrap(), [], "a claim waits for nobody");
    drop(other);
    assert!(matches!(store.commit(transition(&before, None, 1)).await, Ok(CommitOutcome::Committed { .. })));
}

#[tokio::test]
async fn a_server_that_goes_away_and_comes_back_is_found_again() {
    let server = Server::start();
    let config = StoreConfig { connections: 4, lock_timeout_ms: 500, ..StoreConfig::at(&server.database()) };
    migrate::up_to_date(&config).await.unwrap();
    let store = node(&config).await;
    placed(&store, 1).await;
    server.crash();
    for _ in 0..3 {
        let away = store.subject("c1").await;
        assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
        let away = store.commit(transition_of("c1")).await;
        assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
    }
    let absent = PostgresStore::open(&config, LeaseClock::Caller).await;
    assert!(matches!(absent, Err(StoreError::Unavailable(_))), "{absent:?}");
    server.start_again();
    let found = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            match store.subject("c1").await {
                Ok(found) => return found.unwrap(),
                Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it is not found again");
    assert!(matches!(store.commit(transition(&found, None, 1)).await, Ok(CommitOutcome::Committed { .. })));
}

fn transition_of(id: &str) -> crate::store::Transition {
    let subject = crate::store::Subject {
        id: id.to_owned(),
        kind: crate::store::SubjectKind::Connection,
        partner_id: String::new(),
        customer_id: String::new(),
        domain: None,
        held_by: None,
        machine_version: 1,
        state: String::new(),
        state_since: at(0),
        version: 1,
        last_seq: 1,
        order: crate::store::conformance::fixture::order("p", "d1.example"),
    };
    transition(&subject, None, 1)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_hears_of_what_another_one_was_given() {
    let config = fresh().await;
    let (here, there) = (node(&config).await, node(&config).await);
    let heard = tokio::time::timeout(Duration::from_secs(20), async {
        // Listening begins some time after opening: what is told again and again is heard once it does.
        for n in 1.. {
            here.place_order(new_order(n, "p", &format!("d{n}.example"))).await.unwrap();
            if tokio::time::timeout(Duration::from_millis(200), there.hinted()).await.is_ok() {
                return;
            }
        }
    });
    heard.await.expect("no hint was heard");
}

#[tokio::test]
async fn a_domain_is_handed_over_to_who_ordered_while_it_was_let_go() {
    let config = fresh().await;
    let nodes = [node(&config).await, node(&config).await];
    for round in 0..10_u32 {
        let (first, second) = (round * 2 + 1, round * 2 + 2);
        let domain = format!("d{round}.example");
        nodes[0].place_order(new_order(first, "p", &domain)).await.unwrap();
        let mut end = transition(&subject(&nodes[0], &format!("c{first}")).await, None, 1);
        end.phase = "released".to_owned();
        let (ended, ordered) =
            tokio::join!(nodes[0].commit(end), nodes[1].place_order(new_order(second, "q", &domain)));
        assert!(matches!(ended, Ok(CommitOutcome::Committed { .. })) && ordered.is_ok());
        let row = nodes[0].domain(&name(&domain), &Scope::Partner("q".to_owned())).await.unwrap().unwrap();
        assert_eq!(row.held_by, None, "nobody waits for one that is gone");
        assert!(row.next_check_at.is_some());
    }
}

#[tokio::test]
async fn timers_of_one_outcome_may_be_the_same_as_before() {
    let store = node(&fresh().await).await;
    placed(&store, 1).await;
    let mut next = transition(&subject(&store, "c1").await, None, 5);
    next.timers = vec![timer("mx", 50), timer("probe", 60)];
    next.outbox = vec![effect("a", 0)];
    store.commit(next).await.unwrap();
    assert_eq!(store.claim(request(5)).await.unwrap()[0].due_at, at(0), "what was due stays due");
}
