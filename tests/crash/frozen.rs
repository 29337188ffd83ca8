//! A process is frozen (SIGSTOP) for longer than its lease, right before it would commit, write to the
//! gateway or send a notice. Another one takes its work over; then the first one wakes up and goes on
//! as if no time had passed. Its late commit is refused by the fence, and a notice that it sends again
//! carries the same name.

use std::time::Duration;

use fencepost::failpoint::{Point, Side, Step};
use tokio::time::{sleep, timeout};

use super::database::Database;
use super::role::{self, Blow, Process};
use super::stage::{LEASE, Place, Stage};

const BOUND: Duration = Duration::from_secs(90);
/// Where each process is frozen, with an order of its own on its way.
const FROZEN: [(Side, Step, u32); 5] = [
    (Side::Before, Step::Transition, 3),
    (Side::Before, Step::GatewayRequest, 2),
    (Side::After, Step::GatewayRequest, 2),
    (Side::Before, Step::NoticeDelivery, 1),
    (Side::After, Step::NoticeDelivery, 1),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_past_the_lease_what_comes_late_is_refused_on_sqlite() {
    timeout(BOUND, story(&Database::Sqlite)).await.expect("it takes too long: something hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_past_the_lease_what_comes_late_is_refused_on_postgres() {
    timeout(BOUND, story(&Database::postgres())).await.expect("it takes too long: something hangs");
}

async fn story(database: &Database) {
    let stage = Stage::new(u8::try_from(FROZEN.len()).unwrap(), database).await;
    let mut frozen: Vec<(Process, Place)> = Vec::new();
    let mut answers = Vec::new();
    for (n, (side, step, nth)) in (0..).zip(FROZEN) {
        let point = Point { side, step };
        let place = stage.another(&format!("frozen-{n}"));
        let process = stage.start_armed(&place, (point, nth, Blow::Freeze));
        // Frozen, it may never answer; the client asks another one, under the same key.
        let asking = stage.order_at(&place, n);
        until(|| process.is_frozen(), || format!("{point} is not reached {nth} times:\n{}", stage.log())).await;
        asking.abort();
        // SQLite's lock is for a whole file: whoever is frozen with it stops everybody, which is why one
        // node on SQLite is one process. What is meant here is the lease.
        while stage.is_locked() {
            process.thaw();
            sleep(Duration::from_millis(5)).await;
            process.freeze();
            until(|| process.is_frozen(), || stage.log()).await;
        }
        frozen.push((process, place));
    }
    let mut heir = stage.start();
    stage.up().await;
    for n in 0..u8::try_from(FROZEN.len()).unwrap() {
        answers.push(stage.order(n).await.unwrap());
        stage.permitted(n).await;
    }
    for (process, place) in &frozen {
        role::go_on(&place.config);
        process.thaw();
    }
    let log = || stage.log();
    for (side, step, _) in FROZEN {
        let woken = format!("goes on at {}", Point { side, step });
        until(|| log().contains(&woken), log).await;
    }
    // Late commits of every one that was about to commit something.
    until(|| log().contains("the claim was taken over, its outcome is dropped"), log).await;
    // Whatever else they hold is settled within the lease.
    sleep(LEASE).await;
    for (process, _) in &mut frozen {
        process.kill();
    }
    stage.ends_as_if_nothing_had_happened(&mut heir, &answers).await;
}

async fn until(done: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let waiting = async {
        while !done() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    if timeout(Duration::from_secs(20), waiting).await.is_err() {
        panic!("{}", otherwise());
    }
}
