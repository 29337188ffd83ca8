//! A simulated year: the real engine, lifecycle, ledger and SQLite store, driven through simulated time
//! over a simulated world that times out, answers by half, fails, comes late, kills and freezes the
//! engine and sets its clocks. Everything random comes from one seed, and the same seed gives the same
//! events to the byte.
//!
//! | | |
//! | --- | --- |
//! | a seed again | `FENCEPOST_SEED=4711 cargo test --test simulation -- --nocapture one_seed` |
//! | larger or longer | with `FENCEPOST_CUSTOMERS=200 FENCEPOST_DAYS=365` as well |
//! | the whole year of 1,000 customers | `cargo test --test simulation -- --ignored --nocapture` |
//!
//! A seed that found a mistake is kept in [`FOUND`].

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod eyes;
mod hands;
mod node;
mod oracle;
mod people;
mod world;

use std::sync::Arc;

use fencepost::config::Config;
use jiff::Timestamp;

use eyes::{EGRESS, GATEWAY_MX};
use node::{LEASE, Nodes};
use oracle::Outcome;
use world::{DAY, State, World};

/// Seeds that found a mistake: seed, customers, days.
const FOUND: [(u64, u32, i64); 0] = [];

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let run = || simulate(1, 2, 70);
    let first = run();
    assert!(first.events > 0 && first.letters > 0);
    assert_eq!(first, run());
    assert_ne!(first.hash, simulate(2, 2, 70).hash);
}

#[test]
fn a_year_of_a_few_customers_from_some_seeds() {
    for seed in 100..103 {
        told(seed, &simulate(seed, 3, 365));
    }
}

#[test]
fn seeds_that_found_a_mistake() {
    for (seed, customers, days) in FOUND {
        told(seed, &simulate(seed, customers, days));
    }
}

#[test]
#[should_panic(expected = "sent (arrived: false)")]
fn the_oracle_sees_a_letter_that_vanished() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(story((3, 1, 61), |state| state.letters_vanish = true));
}

#[test]
fn one_seed() {
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let seed = number("FENCEPOST_SEED", rand::random());
    eprintln!("seed {seed}");
    let customers = u32::try_from(number("FENCEPOST_CUSTOMERS", 5)).unwrap();
    let days = i64::try_from(number("FENCEPOST_DAYS", 200)).unwrap();
    told(seed, &simulate(seed, customers, days));
}

#[test]
#[ignore = "takes about an hour in a development build"]
fn a_year_of_a_thousand_customers() {
    told(7, &simulate(7, 1_000, 365));
}

fn told(seed: u64, outcome: &Outcome) {
    eprintln!("seed {seed}: {outcome:#?}");
}

fn simulate(seed: u64, customers: u32, days: i64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(story((seed, customers, days), |_| {}))
}

async fn story((seed, customers, days): (u64, u32, i64), change: impl FnOnce(&mut State)) -> Outcome {
    let start: Timestamp = "2026-09-01T06:00:00Z".parse().unwrap();
    let folder = folder();
    let world = Arc::new(World::new(seed, start, days));
    people::cast(&mut world.state(), customers, days);
    change(&mut world.state());
    let mut nodes = Nodes::new(world.clone(), config(), folder.path().join("fencepost.db"), seed);
    while let Some(act) = nodes.work().await {
        people::act(&mut nodes, act).await;
    }
    // Some calm days, in which everything that was disturbed comes to its end.
    nodes.calm().await;
    world.state().end += 12 * DAY;
    while let Some(act) = nodes.work().await {
        people::act(&mut nodes, act).await;
    }
    oracle::judge(&nodes).await
}

/// In memory where there is such a place: what a flush costs is no part of the simulation.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn config() -> Config {
    let mut config = Config::default();
    let mx_host = serde_json::json!({ "name": GATEWAY_MX, "preference": 10 });
    config.gateway.mx_hosts = vec![serde_json::from_value(mx_host).unwrap()];
    let egress = |address: std::net::Ipv4Addr| serde_json::json!({ "address": address });
    config.gateway.egress = EGRESS.iter().map(|a| serde_json::from_value(egress(*a)).unwrap()).collect();
    config.notify.smarthost = "smtp://127.0.0.1:1".to_owned();
    config.engine.auto_register = true;
    config.engine.poll_ms = 10;
    config.engine.lease_seconds = LEASE;
    // One piece of work at a time: threads have no say in the order of things.
    config.engine.concurrency = 1;
    config
}
