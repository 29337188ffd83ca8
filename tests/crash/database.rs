//! Which store a story runs on.

use std::path::Path;

use fencepost::config::StoreConfig;

use super::postgres_server::Server;

pub enum Database {
    Sqlite,
    Postgres(&'static Server),
}

impl Database {
    /// On the PostgreSQL server of this test process.
    pub fn postgres() -> Self {
        Self::Postgres(Server::shared())
    }

    /// An empty database; a file goes into `folder`.
    pub fn fresh(&self, folder: &Path) -> StoreConfig {
        match self {
            Self::Sqlite => StoreConfig::sqlite(folder.join("fencepost.db")),
            Self::Postgres(server) => StoreConfig { connections: 8, ..StoreConfig::at(&server.database()) },
        }
    }
}
