//! Whole onboarding transitions, from order to connection, with 1, 2 and 4 nodes on one PostgreSQL. Nodes
//! are processes with the engine that `serve` runs; what they see and touch answers at once, so that the
//! work of engine and store is what is measured. A clock steps ahead when nothing is due.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fencepost::clock::{Clock, SharedClock};
use fencepost::config::{Config, StoreConfig};
use fencepost::dice::Dice;
use fencepost::engine::{Caller, Engine, EngineParts, Idempotency};
use fencepost::store::postgres::{LeaseClock, PostgresStore};
use fencepost::store::{Scope, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::SignedDuration;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::clock::FileClock;
use crate::pgbench::name_of;
use crate::server::Server;
use crate::sides::{self, Side};
use crate::world::{EGRESS, World};
use crate::{Outcome, outcome};

/// What is due within this is done together.
const STEP: SignedDuration = SignedDuration::from_secs(600);
const BOUND: Duration = Duration::from_secs(600);

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// Customers who go from order to connection in a round
    #[arg(long, default_value_t = 600)]
    customers: u32,
    /// Numbers of nodes
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    nodes: Vec<usize>,
}

#[derive(clap::Args)]
pub struct Place {
    #[arg(long)]
    store: String,
    #[arg(long)]
    clock: PathBuf,
}

pub async fn run(options: &Options) -> Outcome<()> {
    let server = Arc::new(Server::durable());
    let mut sides: Vec<(usize, Side, Vec<String>)> = options
        .nodes
        .iter()
        .map(|n| (*n, Side::new(&format!("fencepost, {n} nodes, transitions")), Vec::new()))
        .collect();
    for round in 1..=options.rounds {
        sides::begin(round)?;
        for (nodes, side, limits) in &mut sides {
            let (rate, limit) = onboarded(&server, *nodes, options.customers).await?;
            side.add_rate(rate);
            println!("      {limit}");
            limits.push(limit);
        }
    }
    println!("nodes | transitions a second (median) | one round, as an example");
    for (nodes, side, limits) in &sides {
        println!("{nodes} | {:.0} | {}", side.median(), limits.last().map_or("", String::as_str));
    }
    Ok(())
}

/// Transitions a second, and what the time went to.
async fn onboarded(server: &Arc<Server>, nodes: usize, customers: u32) -> Outcome<(f64, String)> {
    let folder = tempfile::tempdir()?;
    let place = Place { store: server.database(), clock: folder.path().join("clock") };
    let clock = FileClock::open(&place.clock)?;
    clock.set(outcome::at(outcome::BEGIN))?;
    fencepost::store::migrate(&StoreConfig::at(&place.store)).await?;
    let orderer = engine(&place).await?;
    let desk = orderer.desk();
    let orders =
        (0..customers).map(|n| {
            let desk = &desk;
            async move {
                desk.place_order(outcome::order(&format!("d{n:07}.example"))?, &caller(n)).await.map_err(Into::into)
            }
        });
    let _: Vec<_> = stream::iter(orders)
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await
        .map_err(|e: Box<dyn std::error::Error + Send + Sync>| e)?;
    let store = PostgresStore::open(&StoreConfig::at(&place.store), LeaseClock::Caller).await?;
    let database = name_of(&place.store).to_owned();
    server.psql(&database, "ANALYZE");

    let running: Vec<Running> = (0..nodes).map(|_| Running::start(&place)).collect::<Outcome<_>>()?;
    let before = (running.iter().map(Running::cpu).sum::<Outcome<f64>>()?, machine()?);
    let began = Instant::now();
    let ended = Arc::new(AtomicBool::new(false));
    let sampler = tokio::task::spawn_blocking({
        let (server, database, ended) = (server.clone(), database.clone(), ended.clone());
        move || waits(&server, &database, &ended)
    });
    let mut steps = 0_u32;
    loop {
        if began.elapsed() > BOUND {
            return Err(format!("{nodes} nodes do not come to an end").into());
        }
        let now = clock.now();
        let figures = store.figures(now).await?;
        if figures.timers_due + figures.effects_due + figures.leases > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        }
        let left = server.psql(
            &database,
            &format!(
                "SELECT (SELECT count(*) FROM outbox WHERE lease_until > {now}) || ' ' || \
                        (SELECT count(*) FROM subject WHERE kind = 'connection' AND phase <> 'connected')",
                now = now.as_microsecond()
            ),
        );
        match left.split_once(' ') {
            Some(("0", "0")) => break,
            Some(("0", _)) => {
                let next = store.next_due().await?.ok_or("nothing is due any more")?;
                clock.set(next.max(now) + STEP)?;
                steps += 1;
            }
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    let took = began.elapsed().as_secs_f64();
    ended.store(true, Ordering::Relaxed);
    let after = (running.iter().map(Running::cpu).sum::<Outcome<f64>>()?, machine()?);
    let done: f64 = server.psql(&database, "SELECT sum(version) - count(*) FROM subject").parse()?;
    let (of_nodes, machine) = (after.0 - before.0, after.1 - before.1);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = |seconds: f64| 100.0 * seconds / took / f64::from(u32::try_from(cores).unwrap_or(1));
    let limit = format!(
        "{done:.0} transitions in {took:.1} s, {steps} steps of the clock; CPU {:.0} % busy, of it nodes {:.0} %, rest {:.0} %; \
         backends that were busy: {}",
        share(machine),
        share(of_nodes),
        share(machine - of_nodes),
        sampler.await?
    );
    Ok((done / took, limit))
}

struct Running(Child);

impl Running {
    fn start(place: &Place) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["node", "--store", &place.store, "--clock"]).arg(&place.clock);
        Ok(Self(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?))
    }

    /// User and system time so far, seconds.
    fn cpu(&self) -> Outcome<f64> {
        ticks(Path::new(&format!("/proc/{}/stat", self.0.id())), ')', 11..13)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What all cores together have worked, seconds: user, nice, system, and interrupts.
fn machine() -> Outcome<f64> {
    Ok(ticks(Path::new("/proc/stat"), 'u', 0..3)? + ticks(Path::new("/proc/stat"), 'u', 5..7)?)
}

/// Sums fields that the kernel counts in hundredths of a second, after the last `mark` of the first line.
fn ticks(file: &Path, mark: char, fields: std::ops::Range<usize>) -> Outcome<f64> {
    let text = std::fs::read_to_string(file)?;
    let line = text.lines().next().unwrap_or_default();
    let (_, rest) = line.rsplit_once(mark).ok_or("no such field")?;
    let numbers: Vec<f64> = rest.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    Ok(numbers.get(fields).ok_or("no such field")?.iter().sum::<f64>() / 100.0)
}

/// What busy backends were doing, looked at a few times a second: the most frequent, in parts of a hundred.
fn waits(server: &Server, database: &str, ended: &AtomicBool) -> String {
    let sql = "SELECT coalesce(wait_event, 'computing') FROM pg_stat_activity \
               WHERE application_name = 'fencepost' AND state = 'active'";
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    while !ended.load(Ordering::Relaxed) {
        for event in server.psql(database, sql).lines() {
            *seen.entry(event.to_owned()).or_default() += 1;
        }
        #[allow(clippy::disallowed_methods, reason = "the pause between two looks at a running server")]
        std::thread::sleep(Duration::from_millis(200));
    }
    let all: u32 = seen.values().sum();
    let mut counts: Vec<(u32, String)> = seen.into_iter().map(|(event, count)| (count, event)).collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let shown = counts.iter().take(4).map(|(count, event)| format!("{event} {} %", count * 100 / all.max(1)));
    shown.collect::<Vec<_>>().join(", ")
}

pub async fn node(place: &Place) -> Outcome<()> {
    engine(place).await?.run(CancellationToken::new()).await;
    Ok(())
}

async fn engine(place: &Place) -> Outcome<Engine> {
    let clock: SharedClock = Arc::new(FileClock::open(&place.clock)?);
    let world =
        Arc::new(World { clock: clock.clone(), moved_at: outcome::at(outcome::BEGIN) + SignedDuration::from_hours(3) });
    let store = PostgresStore::open(&StoreConfig::at(&place.store), LeaseClock::Caller).await?;
    Ok(Engine::new(EngineParts {
        store: Arc::new(store),
        observer: world.clone(),
        gateway: world.clone(),
        notifier: world,
        clock,
        config: Arc::new(config()?),
        dice: Dice::new(),
    }))
}

fn config() -> Outcome<Config> {
    let mut config = Config::default();
    let host = json!({ "name": "mx1.gateway.example", "preference": 10 });
    config.gateway.mx_hosts = vec![serde_json::from_value(host)?];
    for address in EGRESS {
        config.gateway.egress.push(serde_json::from_value(json!({ "address": address }))?);
    }
    config.notify.smarthost = "smtp://127.0.0.1:1".to_owned();
    config.engine.auto_register = true;
    config.engine.poll_ms = 20;
    Ok(config)
}

fn caller(n: u32) -> Caller {
    let idempotency = Some(Idempotency { key: format!("t/{n}"), request_hash: "h".to_owned() });
    Caller { who: "desk".to_owned(), scope: Scope::All, idempotency }
}
