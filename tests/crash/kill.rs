//! `fencepost serve` is killed (SIGKILL) again and again in the middle of its work and started anew.
//! Every order must still arrive at its permit, no event may be lost, and no notice may be lost or
//! told twice under different names. Real processes, real sockets, the real clock.

use std::time::Duration;

use rand::Rng;
use tokio::time::{sleep, timeout};

use super::database::Database;
use super::dice::seed;
use super::stage::Stage;

const CUSTOMERS: u8 = 6;
/// Kills while orders arrive, one a customer; then further ones while work goes on.
const LATER_KILLS: usize = 8;
/// For everything; a hang shows as this.
const BOUND: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_nothing_is_lost_and_nothing_is_told_twice_on_sqlite() {
    timeout(BOUND, story(&Database::Sqlite)).await.expect("it takes too long: something hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_nothing_is_lost_and_nothing_is_told_twice_on_postgres() {
    timeout(BOUND, story(&Database::postgres())).await.expect("it takes too long: something hangs");
}

async fn story(database: &Database) {
    let mut dice = seed("kill");
    let stage = Stage::new(CUSTOMERS, database).await;
    let mut process = stage.start();
    let mut orders = Vec::new();
    let mut kills = 0;

    // An order is on its way whenever the process dies; its client repeats it until it is answered.
    for n in 0..CUSTOMERS {
        stage.up().await;
        orders.push(stage.order(n));
        sleep(Duration::from_millis(dice.random_range(0..120))).await;
        process.kill();
        kills += 1;
        process = stage.start();
    }
    for _ in 0..LATER_KILLS {
        sleep(Duration::from_millis(dice.random_range(100..1_200))).await;
        process.kill();
        kills += 1;
        process = stage.start();
    }
    let mut answers = Vec::new();
    for order in orders {
        answers.push(order.await.unwrap());
    }
    assert!(kills >= 14);
    stage.ends_as_if_nothing_had_happened(&mut process, &answers).await;
}
