//! The nodes: one engine at a time on the store, which dies at commits and in the middle of calls and is
//! started anew, or is frozen while another one takes over. Acts of people go through the desk of
//! whichever lives. One piece of work at a time, so that the same seed gives the same bytes.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Once};

use fencepost::config::{Config, StoreConfig};
use fencepost::dice::Dice;
use fencepost::engine::{Desk, Engine, EngineParts};
use fencepost::failpoint::{self, Point, Step};
use fencepost::store::Store;
use fencepost::store::sqlite::SqliteStore;
use futures_util::FutureExt;
use rand::Rng;
use tokio_util::sync::CancellationToken;

use super::world::{Act, Blow, SECOND, World};

/// A claim comes back after this, seconds.
pub const LEASE: u32 = 300;
/// Deaths at a commit, per mille of the points passed.
const DEATHS: u32 = 1;

thread_local! {
    /// The world of the simulation on this thread, while its node may die at a commit.
    static MORTAL: RefCell<Option<Arc<World>>> = const { RefCell::new(None) };
}

/// What unwinds when a node dies exactly at a point.
struct Struck;

struct Node {
    engine: Engine,
    stop: CancellationToken,
    run: Pin<Box<dyn Future<Output = ()>>>,
}

pub struct Nodes {
    pub world: Arc<World>,
    pub config: Arc<Config>,
    pub store: Arc<dyn Store>,
    path: PathBuf,
    seed: u64,
    started: u64,
    node: Node,
    frozen: Option<(Node, i64)>,
}

impl Nodes {
    pub fn new(world: Arc<World>, config: Config, path: PathBuf, seed: u64) -> Self {
        static ARMED: Once = Once::new();
        ARMED.call_once(|| failpoint::install(strike).unwrap());
        let config = Arc::new(config);
        let store = open(&path);
        let node = node(&world, &config, &store, seed);
        Self { world, config, store, path, seed, started: 0, node, frozen: None }
    }

    pub fn desk(&self) -> Desk {
        self.node.engine.desk()
    }

    /// Works until a person has something to do, or the story ends.
    pub async fn work(&mut self) -> Option<Act> {
        loop {
            self.thaw_in_time().await;
            // Without any work an engine waits for a person, whenever that may be.
            if self.store.next_due().await.unwrap().is_none() {
                let mut state = self.world.state();
                let next = state.next_act().filter(|(_, act)| act.is_of_people()).map(|(at, _)| at);
                let until = state.next_act().map_or(state.end, |(at, _)| at.min(state.end));
                state.pass(until);
                match next {
                    Some(at) if at <= state.now => return state.take_act(),
                    _ if state.now >= state.end => return None,
                    _ => continue,
                }
            }
            let world = self.world.clone();
            mortal(Some(world.clone()));
            let struck = tokio::select! {
                biased;
                () = world.struck.notified() => true,
                () = world.idle.notified() => false,
                ended = AssertUnwindSafe(self.node.run.as_mut()).catch_unwind() => {
                    assert!(ended.is_err_and(|dead| dead.is::<Struck>()), "an engine ends only when it is told");
                    true
                }
            };
            mortal(None);
            if struck {
                self.after_a_blow();
                continue;
            }
            let mut state = self.world.state();
            match state.next_act() {
                Some((at, act)) if at <= state.now && act.is_of_people() => return state.take_act(),
                _ if state.now >= state.end => return None,
                _ => {}
            }
        }
    }

    /// Does what a person asks for, again and again if the node dies over it.
    pub async fn insist<T>(&mut self, ask: impl AsyncFn(Desk) -> T) -> T {
        loop {
            mortal(Some(self.world.clone()));
            let answer = AssertUnwindSafe(ask(self.desk())).catch_unwind().await;
            mortal(None);
            match answer {
                Ok(answer) => return answer,
                Err(dead) if dead.is::<Struck>() => self.after_a_blow(),
                Err(other) => std::panic::resume_unwind(other),
            }
        }
    }

    fn after_a_blow(&mut self) {
        let blow = self.world.state().blow.take();
        // A death at a commit is told twice: by the unwinding, too.
        let _ = self.world.struck.notified().now_or_never();
        let new = |nodes: &mut Self| {
            nodes.started += 1;
            node(&nodes.world, &nodes.config, &nodes.store, nodes.seed.wrapping_add(nodes.started))
        };
        if blow == Some(Blow::Frost) && self.frozen.is_none() {
            let until = self.world.state().now + 3 * i64::from(LEASE) * SECOND;
            let heir = new(self);
            self.frozen = Some((std::mem::replace(&mut self.node, heir), until));
            return;
        }
        // Everything of the dead one goes; its store is opened anew, as by a new process.
        self.store = open(&self.path);
        self.node = new(self);
    }

    /// The frozen one goes on where it was, as if no time had passed, and is then told to end.
    async fn thaw_in_time(&mut self) {
        if self.frozen.as_ref().is_none_or(|(_, until)| self.world.state().now < *until) {
            return;
        }
        if let Some((node, _)) = self.frozen.take() {
            let troubled = std::mem::replace(&mut self.world.state().troubled, false);
            node.stop.cancel();
            self.world.thaw.notify_one();
            node.run.await;
            self.world.state().troubled = troubled;
        }
    }

    /// No more faults; whoever is frozen wakes up.
    pub async fn calm(&mut self) {
        self.world.state().troubled = false;
        if let Some((_, until)) = &mut self.frozen {
            *until = 0;
        }
        self.thaw_in_time().await;
    }
}

fn open(path: &std::path::Path) -> Arc<dyn Store> {
    Arc::new(SqliteStore::open(&StoreConfig::sqlite(path)).unwrap())
}

fn node(world: &Arc<World>, config: &Arc<Config>, store: &Arc<dyn Store>, seed: u64) -> Node {
    let engine = Engine::new(EngineParts {
        store: store.clone(),
        observer: world.clone(),
        gateway: world.clone(),
        notifier: world.clone(),
        clock: world.clone(),
        config: config.clone(),
        dice: Dice::seeded(seed),
    });
    let stop = CancellationToken::new();
    let run = Box::pin({
        let (engine, stop) = (engine.clone(), stop.clone());
        async move { engine.run(stop).await }
    });
    Node { engine, stop, run }
}

fn mortal(world: Option<Arc<World>>) {
    MORTAL.with_borrow_mut(|mortal| *mortal = world);
}

/// At every point of the code that is passed on the thread of a simulation.
fn strike(point: Point) {
    // The writer's own thread is another one; and whether a look is due is asked all the time.
    let Some(world) = MORTAL.with_borrow(Clone::clone) else { return };
    let rare = matches!(point.step, Step::Claim | Step::ClaimOutbox);
    let dies = {
        let mut state = world.state();
        let spared = rare && state.dice.random_ratio(19, 20);
        let dies = !spared && state.chance("death at a commit", DEATHS);
        if dies {
            state.blow = Some(Blow::Death);
        }
        dies
    };
    if dies {
        world.struck.notify_one();
        std::panic::resume_unwind(Box::new(Struck));
    }
}
