//! The service is stopped once before and once after every step that it cannot undo, each time with
//! a new order on its way, and started again. In the end all of them stand where an order stands that
//! nothing happened to. Steps that the service does not come by have runs of their own.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use fencepost::failpoint::{Point, Step};
use rand::Rng;
use tokio::time::timeout;

use super::database::Database;
use super::dice::seed;
use super::role::Blow;
use super::stage::Stage;
use super::{agents, books, canary, mails, postfix};

/// What the service comes by between an order and its permit, and how often at the least.
const STEPS: [(Step, u32); 9] = [
    (Step::Migrate, 1),
    (Step::PlaceOrder, 1),
    (Step::Claim, 6),
    (Step::ClaimOutbox, 6),
    (Step::Transition, 4),
    (Step::OutboxDone, 2),
    (Step::Flush, 12),
    (Step::GatewayRequest, 2),
    (Step::NoticeDelivery, 3),
];
/// PostgreSQL is brought up to date beforehand.
const OF_SQLITE: [Step; 1] = [Step::Migrate];
/// One stop; and for everything.
const STOP: Duration = Duration::from_secs(20);
const BOUND: Duration = Duration::from_secs(150);
const SIGABRT: i32 = 6;

#[test]
fn every_step_that_the_code_knows_is_stopped_at_somewhere() {
    let here = STEPS.iter().map(|(step, _)| *step);
    let stopped: BTreeSet<Step> = here
        .chain(books::STEPS)
        .chain(agents::STEPS)
        .chain(mails::STEPS)
        .chain(canary::STEPS)
        .chain(postfix::STEPS)
        .collect();
    let known: BTreeSet<Step> = Step::ALL.iter().copied().collect();
    assert_eq!(stopped, known, "a new step needs a run that stops at it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_once_at_every_point_the_service_ends_as_if_nothing_had_happened_on_sqlite() {
    timeout(BOUND, story(&Database::Sqlite)).await.expect("it takes too long: something hangs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_once_at_every_point_the_service_ends_as_if_nothing_had_happened_on_postgres() {
    timeout(BOUND, story(&Database::postgres())).await.expect("it takes too long: something hangs");
}

async fn story(database: &Database) {
    let mut dice = seed("points");
    let points: Vec<(Point, u32)> = Point::all()
        .filter_map(|point| Some((point, STEPS.iter().find(|(step, _)| *step == point.step)?.1)))
        .filter(|(point, _)| matches!(database, Database::Sqlite) || !OF_SQLITE.contains(&point.step))
        .collect();
    // Number 0 is the one that nothing happens to.
    let customers = u8::try_from(points.len() + 1).unwrap();
    let stage = Stage::new(customers, database).await;
    let mut calm = stage.start();
    let mut orders = vec![stage.order(0)];
    stage.permitted(0).await;
    calm.kill();
    for (n, (point, most)) in (1..).zip(points) {
        let nth = dice.random_range(1..=most);
        let mut process = stage.start_armed(&stage.main, (point, nth, Blow::Abort));
        orders.push(stage.order(n));
        let status =
            process.ended(STOP).unwrap_or_else(|| panic!("{point} is not reached {nth} times:\n{}", stage.log()));
        assert_eq!(status.signal(), Some(SIGABRT), "{point} ({nth}): {status}\n{}", stage.log());
    }
    let mut process = stage.start();
    let mut answers = Vec::new();
    for order in orders {
        answers.push(order.await.unwrap());
    }
    stage.ends_as_if_nothing_had_happened(&mut process, &answers).await;
}
