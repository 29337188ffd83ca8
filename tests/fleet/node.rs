//! A process of this test program that is a node: the store, the engine, and scripted surroundings.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use fencepost::clock::SharedClock;
use fencepost::config::{Config, StoreConfig};
use fencepost::dice::Dice;
use fencepost::engine::{Engine, EngineParts};
use fencepost::store::postgres::{LeaseClock, PostgresStore};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::clock::FileClock;
use super::world::World;

const PLACE: &str = "FENCEPOST_FLEET_NODE";

/// What every node needs to know.
#[derive(serde::Serialize, serde::Deserialize)]
pub struct Place {
    pub store: String,
    pub world: String,
    pub clock: PathBuf,
}

/// It never outlives the story.
pub struct Node(Child);

impl Node {
    pub fn start(place: &Place, log: &Path) -> Self {
        let log = std::fs::File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "node_process", "--ignored", "--nocapture"])
            .env(PLACE, serde_json::to_string(place).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    pub fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

pub fn run() {
    let Ok(place) = std::env::var(PLACE) else { return };
    let place: Place = serde_json::from_str(&place).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (engine, _world) = engine(&place).await;
        engine.run(CancellationToken::new()).await;
    });
}

/// An engine in these surroundings; the story uses one as well, to place orders.
pub async fn engine(place: &Place) -> (Engine, Arc<World>) {
    let clock: SharedClock = Arc::new(FileClock::open(&place.clock));
    let world = Arc::new(World::open(&place.world, clock.clone()).await);
    let store = PostgresStore::open(&store_config(place), LeaseClock::Caller).await.unwrap();
    let engine = Engine::new(EngineParts {
        store: Arc::new(store),
        observer: world.clone(),
        gateway: world.clone(),
        notifier: world.clone(),
        clock,
        config: Arc::new(config()),
        dice: Dice::new(),
    });
    (engine, world)
}

pub fn store_config(place: &Place) -> StoreConfig {
    StoreConfig { connections: 12, ..StoreConfig::at(&place.store) }
}

fn config() -> Config {
    let mut config = Config::default();
    let host = json!({ "name": "mx1.gateway.example", "preference": 10 });
    config.gateway.mx_hosts = vec![serde_json::from_value(host).unwrap()];
    config.gateway.egress =
        super::world::EGRESS.iter().map(|a| serde_json::from_value(json!({ "address": a })).unwrap()).collect();
    config.notify.smarthost = "smtp://127.0.0.1:1".to_owned();
    config.engine.auto_register = true;
    config.engine.poll_ms = 20;
    config.engine.concurrency = 64;
    config
}
