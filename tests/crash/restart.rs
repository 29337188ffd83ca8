//! PostgreSQL goes away in the middle of the work, in order and as by a power cut, and comes back. The
//! service lives on, and in the end it is as if the database had always been there.

use std::time::Duration;

use fencepost::config::StoreConfig;
use rand::Rng;
use tokio::time::{sleep, timeout};

use super::dice::seed;
use super::postgres_server::Server;
use super::stage::Stage;

const CUSTOMERS: u8 = 4;
/// While orders arrive, one a customer; then further ones while work goes on.
const LATER: usize = 4;
const BOUND: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_goes_away_and_comes_back_and_nothing_is_lost_or_told_twice() {
    let server = Server::start();
    timeout(BOUND, story(&server)).await.expect("it takes too long: something hangs");
}

async fn story(server: &Server) {
    let mut dice = seed("restart");
    let store = StoreConfig { connections: 8, ..StoreConfig::at(&server.database()) };
    let stage = Stage::on(CUSTOMERS, tempfile::tempdir().unwrap(), store).await;
    let mut process = stage.start();
    stage.up().await;
    let mut orders = Vec::new();
    for n in 0..CUSTOMERS + u8::try_from(LATER).unwrap() {
        if n < CUSTOMERS {
            orders.push(stage.order_through_trouble(n));
        }
        sleep(Duration::from_millis(dice.random_range(0..400))).await;
        if dice.random_bool(0.5) {
            server.crash();
        } else {
            server.stop();
        }
        sleep(Duration::from_millis(dice.random_range(0..700))).await;
        server.start_again();
    }
    let mut answers = Vec::new();
    for order in orders {
        answers.push(order.await.unwrap());
    }
    assert!(process.is_alive(), "{}", stage.log());
    stage.ends_as_if_nothing_had_happened(&mut process, &answers).await;
}
