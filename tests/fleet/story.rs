//! Orders, blows, the clock, and what must be true in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use fencepost::clock::Clock;
use fencepost::engine::{Caller, Idempotency};
use fencepost::order::Order;
use fencepost::store::postgres::{LeaseClock, PostgresStore};
use fencepost::store::{Customer, Page, Scope, Store};
use futures_util::{StreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};

use super::clock::FileClock;
use super::node::{self, Node, Place};
use super::postgres::Server;
use super::world::TABLES;

const NODES: usize = 3;
/// Between two blows, at most: so much time, or so many steps of the clock where there is little to do.
const BLOWS: Duration = Duration::from_millis(2_500);
const STEPS: usize = 9;
/// What is due within this is done together.
const STEP: SignedDuration = SignedDuration::from_secs(150);
const NOTICES: [&str; 3] = ["order_received", "mx_change_may_be_relayed", "connected"];

pub async fn told() {
    let customers = std::env::var("FENCEPOST_FLEET").ok().map_or(30, |count| count.parse::<u32>().unwrap());
    let bound = Duration::from_secs(120 + u64::from(customers));
    let server = Server::shared();
    let folder = tempfile::tempdir().unwrap();
    let place = Place { store: server.database(), world: server.database(), clock: folder.path().join("clock") };
    let clock = FileClock::open(&place.clock);
    let start: Timestamp = "2026-09-07T08:00:00Z".parse().unwrap();
    clock.set(start);
    fencepost::store::migrate(&node::store_config(&place)).await.unwrap();
    let world = PgPoolOptions::new().connect(&place.world).await.unwrap();
    sqlx::raw_sql(TABLES).execute(&world).await.unwrap();

    let began = Instant::now();
    let (engine, world) = node::engine(&place).await;
    let log = folder.path().join("nodes.log");
    let mut nodes: Vec<Node> = (0..NODES).map(|_| Node::start(&place, &log)).collect();
    let desk = engine.desk();
    let orders = (0..customers).map(|n| {
        let desk = &desk;
        async move { desk.place_order(order(n), &caller(n)).await.unwrap() }
    });
    stream::iter(orders).buffer_unordered(8).collect::<Vec<_>>().await;
    let ordered = began.elapsed();
    let store = PostgresStore::open(&node::store_config(&place), LeaseClock::Caller).await.unwrap();
    let db = PgPoolOptions::new().max_connections(1).connect(&place.store).await.unwrap();
    let (mut kills, mut last_blow, mut steps) = (0_usize, Instant::now(), 0_usize);
    let mut amid_work = 0;
    loop {
        let now = clock.now();
        let looked = Instant::now();
        let stand = Stand::of(&db, now, &nodes).await;
        // Whoever watches takes a tenth of the time at most.
        let pause = looked.elapsed().saturating_mul(9).max(Duration::from_millis(10));
        // In the middle of the work, if there is any.
        if last_blow.elapsed() > BLOWS || steps >= STEPS && stand.leases > 0 {
            nodes[kills % NODES].kill();
            nodes[kills % NODES] = Node::start(&place, &log);
            amid_work += usize::from(stand.leases > 0);
            (kills, last_blow, steps) = (kills + 1, Instant::now(), 0);
            continue;
        }
        if stand.connected == i64::from(customers) && stand.unsent == 0 {
            break;
        }
        assert!(began.elapsed() < bound, "it takes too long: {stand:?} at {now}\n{}", tail(&log));
        if stand.due + stand.leases > 0 {
            tokio::time::sleep(pause).await;
            continue;
        }
        // What only the dead have claimed comes back at the end of their leases.
        let next = store.next_due().await.unwrap().expect("there is always something to look at again");
        clock.set(next.max(now) + if stand.orphans > 0 { SignedDuration::ZERO } else { STEP });
        steps += 1;
    }
    eprintln!(
        "{customers} customers connected after {:.1} s ({:.1} s of it orders), {} of their time; {kills} kills, {amid_work} of \
         them amid work",
        began.elapsed().as_secs_f64(),
        ordered.as_secs_f64(),
        clock.now().duration_since(start),
    );
    assert!(amid_work >= NODES, "too few were killed amid work: {amid_work} of {kills}");
    for node in &mut nodes {
        node.kill();
    }
    everybody_once(&store, customers).await;
    every_letter_once(&world.letters().await, customers);
}

/// How things are.
#[derive(Debug)]
struct Stand {
    due: i64,
    /// Claims of nodes that live.
    leases: i64,
    /// Claims of nodes that are dead.
    orphans: i64,
    connected: i64,
    unsent: i64,
}

impl Stand {
    async fn of(db: &PgPool, now: Timestamp, nodes: &[Node]) -> Self {
        // The name of an owner begins with the id of its process.
        let alive: Vec<String> = nodes.iter().map(|node| node.id().to_string()).collect();
        let (due, leases, orphans, connected, unsent) = sqlx::query_as(
            "WITH lease AS (SELECT split_part(lease_owner, '-', 1) = ANY($2) AS alive FROM subject WHERE lease_until > $1 \
                  UNION ALL SELECT split_part(lease_owner, '-', 1) = ANY($2) FROM outbox WHERE lease_until > $1) \
             SELECT (SELECT count(*) FROM timer t JOIN subject s ON s.id = t.subject_id \
                       WHERE t.due_at <= $1 AND (s.lease_until IS NULL OR s.lease_until <= $1)) \
                  + (SELECT count(*) FROM outbox o WHERE due_at <= $1 AND NOT EXISTS \
                       (SELECT 1 FROM outbox p WHERE p.subject_id = o.subject_id AND p.lease_until > $1)), \
                    (SELECT count(*) FROM lease WHERE alive), \
                    (SELECT count(*) FROM lease WHERE NOT alive), \
                    (SELECT count(*) FROM subject WHERE phase = 'connected'), \
                    (SELECT count(*) FROM outbox WHERE due_at IS NOT NULL)",
        )
        .bind(now.as_microsecond())
        .bind(alive)
        .fetch_one(db)
        .await
        .unwrap();
        Self { due, leases, orphans, connected, unsent }
    }
}

async fn everybody_once(store: &PostgresStore, expected: u32) {
    let mut page = Page { after: None, limit: 200 };
    let mut seen = 0;
    loop {
        let listing = store.customers(&Scope::All, &page).await.unwrap();
        for customer in &listing.rows {
            seen += 1;
            without_a_gap(store, customer).await;
        }
        let Some(next) = listing.next else { break };
        page.after = Some(next);
    }
    assert_eq!(seen, expected);
    let parked = store.parked(&Page { after: None, limit: 10 }).await.unwrap().rows;
    assert!(parked.is_empty(), "{parked:#?}");
}

async fn without_a_gap(store: &PostgresStore, customer: &Customer) {
    for subject in std::iter::once(&customer.subscription).chain(&customer.connections) {
        let events = store.events(&subject.id, 0, 10_000).await.unwrap();
        let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=subject.last_seq).collect::<Vec<_>>(), "{}", subject.id);
    }
    let state: Value = serde_json::from_str(&customer.connections[0].state).unwrap();
    assert_eq!(state["phase"], "connected");
}

/// A delivery may be repeated under its key, from which the Message-ID is made; the same notice under
/// two keys would be told twice.
fn every_letter_once(letters: &[(String, String, String)], customers: u32) {
    let mut keys: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for (key, notice, customer) in letters {
        keys.entry((customer, notice)).or_default().insert(key);
    }
    for (what, keys) in &keys {
        assert_eq!(keys.len(), 1, "{what:?} was told under several keys: {keys:?}");
    }
    for notice in NOTICES {
        let told = keys.keys().filter(|(_, told)| *told == notice).count();
        assert_eq!(told, customers as usize, "{notice}");
    }
    let repeated = letters.len() - keys.values().map(BTreeSet::len).sum::<usize>();
    eprintln!("{} letters, {repeated} of them repetitions under the same Message-ID", letters.len());
}

fn order(n: u32) -> Order {
    serde_json::from_value(json!({
        "partner": "acme", "customer_name": format!("Customer {n}"), "business_id": null, "billing_address": null,
        "vat_id": null, "bill_to": "customer",
        "contacts": [
            { "name": "T", "email": "tech@customer.example", "role": "technical" },
            { "name": "P", "email": "orders@partner.example", "role": "partner" },
        ],
        "domains": [format!("c{n}.example")], "servers": [{ "host": "mail.example.com", "port": 25 }], "hosted": false,
        "test_mailbox": "test", "mailboxes": 10, "kind": "trial", "price": "120.00 EUR",
        "sales_rep": "rep@partner.example", "invoicing_group": null, "language": "en",
    }))
    .unwrap()
}

fn caller(n: u32) -> Caller {
    let idempotency = Some(Idempotency { key: format!("t/{n}"), request_hash: "h".to_owned() });
    Caller { who: "desk".to_owned(), scope: Scope::All, idempotency }
}

fn tail(log: &std::path::Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.chars().skip(text.chars().count().saturating_sub(2_000)).collect()
}
