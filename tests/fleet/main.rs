//! Many customers run through from order to connection on three nodes and one PostgreSQL, while a node
//! is killed (SIGKILL) every few seconds. Nodes are real processes with the real engine and store; what
//! they observe comes from a scripted world, and one clock for all of them steps ahead when nothing is
//! due. At the end everybody is connected, no notice was told twice, and no history has a gap.
//!
//! `FENCEPOST_FLEET=2000 cargo test --release --test fleet -- --nocapture` runs with 2,000 customers;
//! without it there are few enough for every run of the tests.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod clock;
mod node;
#[path = "../lab/postgres.rs"]
mod postgres;
mod story;
mod world;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_connected_although_nodes_are_killed() {
    story::told().await;
}

/// A node, when started as one by the story; otherwise nothing.
#[test]
#[ignore = "a role of the other test"]
fn node_process() {
    node::run();
}
