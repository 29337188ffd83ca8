//! The engine over SQLite and a small world: from order to invoice, undisturbed, and killed again
//! and again in the middle of things.

mod audit;
mod books;
mod languages;
mod mail;
mod people;
mod reports;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::world::{World, config};
use super::{Caller, Engine, EngineParts, Idempotency};
use crate::clock::{SharedClock, SteppingClock};
use crate::config::{Config, StoreConfig};
use crate::ledger::chain;
use crate::store::conformance::fixture::{name, order};
use crate::store::sqlite::SqliteStore;
use crate::store::{Page, Scope, Store};

/// A database file, a clock and a world that outlive any engine.
pub(super) struct Stage {
    folder: TempDir,
    pub(super) clock: SharedClock,
    pub(super) world: Arc<World>,
    pub(super) config: Config,
}

/// What a customer's story amounts to.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    phases: Vec<String>,
    /// Distinct notices by name.
    notices: BTreeMap<String, usize>,
    entries: Vec<String>,
}

impl Stage {
    pub(super) fn new() -> Self {
        let start: Timestamp = "2026-09-07T08:00:00Z".parse().unwrap();
        let clock: SharedClock = Arc::new(SteppingClock::starting_at(start));
        Self { folder: TempDir::new().unwrap(), world: World::new(clock.clone()), clock, config: config() }
    }

    /// A new process, so to speak.
    pub(super) fn engine(&self) -> (Engine, Arc<dyn Store>) {
        let path = self.folder.path().join("fencepost.db");
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&StoreConfig::sqlite(path)).unwrap());
        let engine = Engine::new(EngineParts {
            dice: crate::dice::Dice::new(),
            store: store.clone(),
            observer: self.world.clone(),
            gateway: self.world.clone(),
            notifier: self.world.clone(),
            clock: self.clock.clone(),
            config: Arc::new(self.config.clone()),
        });
        (engine, store)
    }

    fn ending(&self, store: &[crate::store::Customer], entries: Vec<String>) -> Ending {
        let letters = self.world.letters.lock().unwrap();
        let distinct: BTreeSet<_> = letters.iter().collect();
        let keys: BTreeSet<_> = letters.iter().map(|(key, _)| key).collect();
        assert_eq!(keys.len(), distinct.len(), "one key is one notice");
        let mut notices = BTreeMap::new();
        for (_, notice) in distinct {
            *notices.entry(notice.clone()).or_insert(0) += 1;
        }
        let phase = |state: &str| {
            let state: serde_json::Value = serde_json::from_str(state).unwrap();
            state["phase"].as_str().unwrap().to_owned()
        };
        let subjects = store.iter().flat_map(|c| std::iter::once(&c.subscription).chain(&c.connections));
        Ending { phases: subjects.map(|s| phase(&s.state)).collect(), notices, entries }
    }
}

fn caller() -> Caller {
    let idempotency = Some(Idempotency { key: "t/1".to_owned(), request_hash: "h".to_owned() });
    Caller { who: "desk".to_owned(), scope: Scope::All, idempotency }
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs an engine until the customer is active; `None` when it was struck down before.
fn run(stage: &Stage, calls: Option<usize>) -> Option<Ending> {
    let runtime = runtime();
    let (engine, store) = stage.engine();
    let shutdown = CancellationToken::new();
    if let Some(calls) = calls {
        stage.world.strike_after(calls);
    }
    let ending = runtime.block_on(async {
        // The client repeats its request after every restart, as it should.
        engine.desk().place_order(order("p", "d1.example"), &caller()).await.unwrap();
        let working = tokio::spawn({
            let (engine, shutdown) = (engine.clone(), shutdown.clone());
            async move { engine.run(shutdown).await }
        });
        let done = async {
            while !finished(store.as_ref()).await {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = done => {}
            () = stage.world.struck.notified(), if calls.is_some() => return None,
            () = tokio::time::sleep(Duration::from_secs(60)) => panic!("stuck: {}", stuck(store.as_ref()).await),
        }
        shutdown.cancel();
        working.await.unwrap();
        let entries = store.entries(None, 0, 1000).await.unwrap();
        chain::verify(&entries, &[]).unwrap();
        let kinds = entries.iter().map(|e| format!("{:?}", e.draft.kind)).collect();
        let replay = engine.desk().replay(&name("d1.example"), &Scope::All).await.unwrap();
        assert!(replay.equal, "{:?}", replay.differences);
        let customers = store.customers(&Scope::All, &Page { after: None, limit: 10 }).await.unwrap();
        Some(stage.ending(&customers.rows, kinds))
    });
    // Whatever is in the middle of something stays there.
    runtime.shutdown_background();
    ending
}

async fn finished(store: &dyn Store) -> bool {
    let customers = store.customers(&Scope::All, &Page { after: None, limit: 1 }).await.unwrap();
    let state = &customers.rows[0].subscription.state;
    let state: serde_json::Value = serde_json::from_str(state).unwrap();
    let pending = store.notices(&customers.rows[0].id, 100).await.unwrap();
    state["phase"] == "active" && pending.iter().all(|n| n.status == "sent")
}

async fn stuck(store: &dyn Store) -> String {
    let row = store.domain(&name("d1.example"), &Scope::All).await.unwrap().unwrap();
    let events = store.events(&row.connection.id, 0, 500).await.unwrap();
    let parked = store.parked(&Page { after: None, limit: 10 }).await.unwrap();
    let last: Vec<_> = events.iter().rev().take(12).map(|e| format!("{} {}", e.at, e.body)).collect();
    format!("{last:#?}\n{parked:#?}\n{}", row.connection.state)
}

#[test]
fn from_order_to_invoice_killed_or_not() {
    let calm = run(&Stage::new(), None).expect("nobody strikes");
    assert_eq!(calm.phases, ["active", "connected"]);
    for notice in ["order_received", "firewall_instructions", "mx_change_may_be_relayed", "connected", "invoiced"] {
        assert_eq!(calm.notices.get(notice), Some(&1), "{notice}: {:?}", calm.notices);
    }
    assert!(calm.entries.iter().any(|entry| entry == "Activated"), "{:?}", calm.entries);
    // Connected in September, charged from November: group 15 brings one in each of the months between.
    assert_eq!(calm.notices.get("security_report"), Some(&2), "{:?}", calm.notices);

    let stage = Stage::new();
    let (mut strikes, mut calls) = (0, 1);
    let ending = loop {
        match run(&stage, Some(calls)) {
            Some(ending) => break ending,
            None => strikes += 1,
        }
        // Early on every step, later more rarely; the share of randomness is the scheduler's.
        calls = 1 + calls * 4 / 3;
    };
    assert!(strikes >= 8, "only {strikes} strikes");
    assert_eq!(ending, calm);
}

#[test]
fn an_unknown_effect_and_an_unknown_timer_are_parked() {
    let stage = Stage::new();
    let (engine, store) = stage.engine();
    runtime().block_on(async {
        let mut new = crate::store::conformance::fixture::new_order(1, "p", "d1.example");
        new.subjects[1].timers = vec![crate::store::TimerSet { kind: "sorcery".to_owned(), due_at: stage.clock.now() }];
        let effect = crate::store::NewOutbox {
            dedupe_key: "k".to_owned(),
            kind: "carrier_pigeon".to_owned(),
            payload: "{}".to_owned(),
            due_at: stage.clock.now(),
        };
        new.subjects[1].outbox = vec![effect];
        store.place_order(new).await.unwrap();
        let shutdown = CancellationToken::new();
        let page = Page { after: None, limit: 10 };
        tokio::select! {
            () = engine.run(shutdown) => {}
            () = async {
                while store.parked(&page).await.unwrap().rows.len() < 2 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            } => {}
        }
        let parked = store.parked(&page).await.unwrap().rows;
        assert!(parked.iter().any(|row| row.error.contains("sorcery")), "{parked:?}");
        assert!(parked.iter().any(|row| row.error.contains("carrier_pigeon")), "{parked:?}");
    });
}
