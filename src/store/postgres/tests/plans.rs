//! The plans of the statements that run all the time, as the server itself writes them down while the use
//! cases run on tables with many rows: nothing walks a table, and nothing looks at many rows to give few.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{LeaseClock, PostgresStore, Server, migrate};
use crate::config::StoreConfig;
use crate::store::conformance::fixture::{at, effect, event, name, new_order, placed, request, subject, transition};
use crate::store::conformance::ledger::draft;
use crate::store::{
    Allowance, ClaimRequest, DomainFilter, InboxKey, Manners, Observation, OutboxOutcome, Page, Scope, Share, Spread,
    Store, TurnRequest,
};
use jiff::SignedDuration;

/// Rows of each large table.
const MANY: u32 = 4_000;
/// A use case asks for pages and batches of this size.
const PAGE: u32 = 20;
/// What one step of a plan may look at: a few pages' worth, and far from all.
const MOST: f64 = 200.0;

/// A large installation: what a test has once is multiplied. Two of a hundred timers are due.
const MULTIPLY: &str = "
    INSERT INTO customer SELECT 'x' || n, 'q' || n % 50, 'xo' || n, order_body, ordered_at, ordered_by
        FROM customer, generate_series(1, 4000) n WHERE id = 'k1';
    INSERT INTO subject SELECT 'y' || n, s.kind, 'q' || n % 50, 'x' || n, 'y' || n || '.example', NULL, machine_version,
            CASE WHEN n % 100 = 0 THEN 'ready' ELSE 'connected' END, state, state_since, version, last_seq, 0
        FROM subject s, generate_series(1, 4000) n WHERE id = 'c1';
    INSERT INTO subject (id, kind, partner_id, customer_id, machine_version, phase, state, state_since, version, last_seq)
        SELECT 'x' || n, kind, 'q' || n % 50, 'x' || n, machine_version, phase, state, state_since, version, last_seq
        FROM subject s, generate_series(1, 4000) n WHERE id = 'k1';
    INSERT INTO timer (subject_id, kind, due_at) SELECT 'y' || n, kind,
            1800000000000000 + CASE WHEN n % 50 = 0 THEN 0 ELSE n * 100000000::bigint END
        FROM generate_series(1, 4000) n, (VALUES ('mx'), ('probe')) k(kind);
    INSERT INTO event SELECT 'y' || n % 400, n, 0, 'looked', '{}', 'mx' FROM generate_series(1, 20000) n;
    INSERT INTO observation SELECT 'y' || n, 'mx', 'd', 0, 0, '{}' FROM generate_series(1, 4000) n;
    INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, status, sent_at)
        SELECT 'y' || n % 400, 'k' || n, 'notice', '{}', 0, 'sent', 0 FROM generate_series(1, 20000) n;
    INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, due_at)
        SELECT 'y' || n, 'w' || n, 'notice', '{}', 0, 1900000000000000 FROM generate_series(1, 4000) n;
    INSERT INTO inbox SELECT 'i' || n, 'h', 'r', 0 FROM generate_series(1, 4000) n;
    INSERT INTO route SELECT 'y' || n || '.example', 'deliver', '[]', 1 FROM generate_series(1, 4000) n;
    INSERT INTO billing_entry SELECT 100 + n, 'x' || n % 400, kind, valid_from, recorded_at, body, prev_hash, hash
        FROM billing_entry, generate_series(1, 4000) n WHERE seq = 1;
    INSERT INTO turn SELECT 'smtp ' || n, NULL, NULL, 'a', 0 FROM generate_series(1, 4000) n;
    INSERT INTO turn_visit SELECT 'smtp ' || n, 'a', 0, 1, 0, 0 FROM generate_series(1, 4000) n;
    INSERT INTO allowance SELECT 'dns ' || n, 0, 1 FROM generate_series(1, 4000) n;
    ANALYZE;";

#[tokio::test]
async fn no_statement_of_the_work_walks_a_table() {
    let server = Server::start();
    let url = server.database();
    let config = StoreConfig { connections: 2, ..StoreConfig::at(&url) };
    migrate::up_to_date(&config).await.unwrap();
    let store = PostgresStore::open(&config, LeaseClock::Caller).await.unwrap();
    placed(&store, 2).await;
    store.append_entries(vec![draft("k1")], at(0)).await.unwrap();
    server.psql("test0", MULTIPLY);
    // Every session from now on writes down what it did and how.
    for setting in [
        "session_preload_libraries = 'auto_explain'",
        "auto_explain.log_min_duration = 0",
        "auto_explain.log_analyze = on",
        "auto_explain.log_timing = off",
        "auto_explain.log_format = json",
    ] {
        server.psql("postgres", &format!("ALTER DATABASE test0 SET {setting}"));
    }
    let store = PostgresStore::open(&config, LeaseClock::Caller).await.unwrap();
    work(&store).await;
    lists(&store).await;
    manners(&store).await;

    let plans = plans(&server.log());
    let mut looked_at = BTreeSet::new();
    let mut faults = Vec::new();
    for plan in &plans {
        let statement = plan["Query Text"].as_str().unwrap_or_default();
        steps(&plan["Plan"], &mut |step| {
            let Some(table) = step["Relation Name"].as_str().filter(|table| is_large(table)) else { return };
            looked_at.insert(table.to_owned());
            let number = |name: &str| step[name].as_f64().unwrap_or(0.0);
            let seen =
                (number("Actual Rows") + number("Rows Removed by Filter") + number("Rows Removed by Index Recheck"))
                    * number("Actual Loops");
            if step["Node Type"] == "Seq Scan" || seen > MOST {
                faults.push(format!("{} on {table}, {seen} rows: {statement}", step["Node Type"]));
            }
        });
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    let of_work = ["subject", "timer", "outbox", "event", "customer", "observation", "inbox", "turn", "allowance"];
    for table in of_work {
        assert!(looked_at.contains(table), "no plan over {table} was seen among {}", plans.len());
    }
}

fn is_large(table: &str) -> bool {
    !matches!(
        table,
        "heartbeat" | "ledger_head" | "invoicing_run" | "schema_version" | "agent" | "vantage" | "token" | "retry"
    )
}

/// Claims, outcomes and effects, as an engine does them.
async fn work(store: &dyn Store) {
    for share in [Share::All, Share::Runs, Share::Connected] {
        let claims = store.claim(ClaimRequest { limit: 4, share, ..request(1) }).await.unwrap();
        assert!(!claims.is_empty());
        for claim in claims {
            let before = subject(store, &claim.subject_id).await;
            store.observations(&before.id).await.unwrap();
            store.route(before.domain.as_ref().unwrap()).await.unwrap();
            let mut next = transition(&before, Some(&claim), 1);
            next.events = vec![event("looked")];
            next.outbox = vec![effect(&format!("told {}", before.id), 0)];
            next.entries = vec![draft(&before.customer_id)];
            next.consumes = Some(format!("fact {}", before.id));
            next.observations = vec![Observation {
                kind: "mx".to_owned(),
                digest: "d".to_owned(),
                first_at: at(1),
                last_at: at(1),
                body: "{}".to_owned(),
            }];
            next.timers = vec![crate::store::conformance::fixture::timer("mx", 900)];
            store.commit(next).await.unwrap();
        }
    }
    let claims = store.claim(ClaimRequest { limit: 2, ..request(1) }).await.unwrap();
    store.abandon(&claims[0], at(60), "no luck").await.unwrap();
    store.park(&claims[1], at(60), "unknown").await.unwrap();
    let items = store.claim_outbox(ClaimRequest { limit: PAGE, ..request(1) }).await.unwrap();
    assert!(!items.is_empty());
    for item in items {
        store.outbox_done(&item, at(2), OutboxOutcome::Sent { detail: String::new() }).await.unwrap();
    }
    store.next_due().await.unwrap().unwrap();
    let mut order = new_order(7, "q7", "d7.example");
    order.inbox = Some(InboxKey { key: "k".to_owned(), request_hash: "h".to_owned(), response: String::new() });
    order.trials_since = Some(at(-1_000));
    store.place_order(order).await.unwrap();
    let mut end = transition(&subject(store, "c7").await, None, 3);
    end.phase = "released".to_owned();
    store.commit(end).await.unwrap();
}

/// What people and metrics read.
async fn lists(store: &dyn Store) {
    let page = Page { after: Some("x2".to_owned()), limit: PAGE };
    let one = Scope::Partner("q7".to_owned());
    for scope in [Scope::All, one] {
        let named = DomainFilter { prefix: Some("y2".to_owned()), phase: None };
        let waiting = DomainFilter { prefix: None, phase: Some("ready".to_owned()) };
        let beginning = Page { after: None, limit: PAGE };
        store.customers(&scope, &page).await.unwrap();
        store.domains(&scope, &named, &beginning).await.unwrap();
        store.domains(&scope, &waiting, &beginning).await.unwrap();
        store.domain(&name("y107.example"), &scope).await.unwrap().unwrap();
        store.customer("x57", &scope).await.unwrap().unwrap();
        store.customer("xo57", &scope).await.unwrap().unwrap();
    }
    assert_eq!(store.events("y7", 100, PAGE).await.unwrap().len(), PAGE as usize);
    assert_eq!(store.notices("y7", PAGE).await.unwrap().len(), PAGE as usize);
    assert!(!store.parked(&Page { after: None, limit: PAGE }).await.unwrap().rows.is_empty());
    store.answered("i7").await.unwrap().unwrap();
    store.entries(Some("x7"), 0, PAGE).await.unwrap();
    store.entries(None, 100, PAGE).await.unwrap();
    store.ledger_customers("x7", PAGE).await.unwrap();
    store.figures(at(1)).await.unwrap();
}

async fn manners(store: &dyn Store) {
    let manners = Manners {
        same: SignedDuration::from_secs(30),
        other: SignedDuration::from_secs(5),
        looks: 3,
        look: SignedDuration::from_mins(5),
    };
    let turn = TurnRequest {
        target: "smtp 7".to_owned(),
        vantage: "a".to_owned(),
        holder: "node".to_owned(),
        now: at(1),
        lease: SignedDuration::from_secs(200),
        manners,
    };
    store.take_turn(turn).await.unwrap();
    store.end_turn("smtp 7", "node", at(2)).await.unwrap();
    store.draw("dns 7", 3, Allowance { count: 10, per: SignedDuration::from_secs(1) }, at(1)).await.unwrap();
    let minutes = SignedDuration::from_mins;
    let spread = Spread { now: at(1), late: minutes(15), pace: minutes(1), most: minutes(60) };
    store.spread_overdue(spread).await.unwrap();
}

/// The plans that a log of auto_explain holds.
fn plans(log: &str) -> Vec<Value> {
    let mut plans = Vec::new();
    let mut lines = log.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.trim_end().ends_with("plan:") {
            continue;
        }
        let mut text = String::new();
        while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
            text.push_str(more);
        }
        plans.push(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")));
    }
    plans
}

fn steps(step: &Value, seen: &mut impl FnMut(&Value)) {
    seen(step);
    for below in step["Plans"].as_array().into_iter().flatten() {
        steps(below, seen);
    }
}

#[test]
fn the_multiplied_tables_are_far_larger_than_what_a_step_may_see() {
    assert!(f64::from(MANY) > 10.0 * MOST && MULTIPLY.contains(&format!("generate_series(1, {MANY})")));
}
