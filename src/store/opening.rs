//! From the configuration to a store, and its schema. A SQLite file has one owner, who brings it up to
//! date by opening it; a PostgreSQL database is shared, so that is asked for by name.

use std::sync::Arc;

use super::postgres::{self, LeaseClock, PostgresStore};
use super::sqlite::{self, SqliteStore};
use super::{Store, StoreError, StoreResult};
use crate::config::{Database, StoreConfig};

/// Opens the store that `config` names.
///
/// # Errors
/// [`StoreError::NewerSchema`], [`StoreError::OlderSchema`] (PostgreSQL), [`StoreError::Unavailable`]
/// and [`StoreError::Database`].
pub async fn open(config: &StoreConfig) -> StoreResult<Arc<dyn Store>> {
    Ok(match named(config)? {
        Database::Sqlite(path) => Arc::new(SqliteStore::open(&StoreConfig::sqlite(path))?),
        Database::Postgres(_) => Arc::new(PostgresStore::open(config, LeaseClock::Database).await?),
    })
}

/// Files of the store that others than its owner can read or write, each in a sentence with what to do.
#[must_use]
pub fn exposed(config: &StoreConfig) -> Vec<String> {
    match config.database() {
        Ok(Database::Sqlite(path)) => sqlite::exposed(&path),
        Ok(Database::Postgres(_)) | Err(_) => Vec::new(),
    }
}

/// The number of the last migration that a database has, and that this program has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schema {
    /// 0 for an empty database, or none.
    pub found: u32,
    pub known: u32,
}

/// Looks at the schema and changes nothing.
///
/// # Errors
/// The database cannot be read.
pub async fn schema(config: &StoreConfig) -> StoreResult<Schema> {
    Ok(match named(config)? {
        Database::Sqlite(path) => Schema { found: sqlite::found(&path)?, known: sqlite::SCHEMA },
        Database::Postgres(_) => {
            Schema { found: postgres::migrate::found(config).await?, known: postgres::migrate::SCHEMA }
        }
    })
}

/// Brings the schema up to date; what was found before.
///
/// # Errors
/// [`StoreError::NewerSchema`] untouched; the database cannot be written.
pub async fn migrate(config: &StoreConfig) -> StoreResult<Schema> {
    let before = schema(config).await?;
    if before.found > before.known {
        return Err(StoreError::NewerSchema { found: before.found, known: before.known });
    }
    match named(config)? {
        Database::Sqlite(path) => drop(SqliteStore::open(&StoreConfig::sqlite(path))?),
        Database::Postgres(_) => drop(postgres::migrate::up_to_date(config).await?),
    }
    Ok(before)
}

fn named(config: &StoreConfig) -> StoreResult<Database> {
    config.database().map_err(|why| StoreError::Database {
        what: "the store is not named",
        source: format!("store.url {why}").into(),
    })
}
