//! The conformance suite on PostgreSQL, and what only a server can show.

#[path = "../../../tests/lab/postgres.rs"]
mod server;

use std::sync::Arc;

use super::{LeaseClock, PostgresStore, migrate};
use crate::config::StoreConfig;
use crate::store::Store;
use crate::store::conformance::{every_rule, every_vantage_rule};
use server::Server;

/// An empty database of the shared server, and its store with the caller's clock.
async fn open() -> ((), Arc<dyn Store>) {
    ((), Arc::new(store(&fresh().await).await))
}

async fn fresh() -> StoreConfig {
    let config = StoreConfig { connections: 4, ..StoreConfig::at(&Server::shared().database()) };
    migrate::up_to_date(&config).await.unwrap();
    config
}

async fn store(config: &StoreConfig) -> PostgresStore {
    PostgresStore::open(config, LeaseClock::Caller).await.unwrap()
}

every_rule!(open);
every_vantage_rule!(open);
