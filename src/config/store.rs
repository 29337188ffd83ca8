//! Where state is kept, and how the engine works through what is due.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use url::Url;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// SQLite database file; its folder is created. Not used where `url` says otherwise.
    pub path: PathBuf,
    /// `sqlite:FILE` or `postgres://USER@HOST:PORT/DATABASE`; empty means the file in `path`.
    pub url: String,
    /// File with the password for PostgreSQL; without it, PGPASSWORD or the user's `.pgpass` counts.
    pub password_file: Option<PathBuf>,
    /// PostgreSQL: connections of this process at most.
    pub connections: u32,
    /// PostgreSQL: no statement runs for longer.
    pub statement_timeout_ms: u32,
    /// PostgreSQL: nobody waits for longer until another one lets go of a row, nor for a connection.
    pub lock_timeout_ms: u32,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            path: PathBuf::from("data/fencepost.db"),
            url: String::new(),
            password_file: None,
            connections: 16,
            statement_timeout_ms: 30_000,
            lock_timeout_ms: 10_000,
        }
    }
}

/// What a store is kept in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    Sqlite(PathBuf),
    /// A URL without a password.
    Postgres(String),
}

impl StoreConfig {
    /// A SQLite file, and the defaults for the rest.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }

    /// The database that `url` names, and the defaults for the rest.
    #[must_use]
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    /// Which database is meant.
    ///
    /// # Errors
    /// What is wrong with `url`, and how to write it. A password in it is never repeated.
    pub fn database(&self) -> Result<Database, String> {
        const ADVICE: &str = "write sqlite:FILE or postgres://USER@HOST:PORT/DATABASE";
        if self.url.is_empty() {
            return Ok(Database::Sqlite(self.path.clone()));
        }
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(format!("names no file; {ADVICE}"));
            }
            return Ok(Database::Sqlite(path.into()));
        }
        let url = Url::parse(&self.url).map_err(|error| format!("is no URL ({error}); {ADVICE}"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(format!("has another scheme; {ADVICE}"));
        }
        if url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password") {
            return Err("must not hold a password: others can read it here. Write it into a file and name that as \
                        store.password_file, or set PGPASSWORD"
                .to_owned());
        }
        // An empty host is this machine's Unix socket.
        let named = url.path().trim_start_matches('/').is_empty() && url.query_pairs().all(|(key, _)| key != "dbname");
        if named || url.cannot_be_a_base() {
            return Err(format!("names no database; {ADVICE}"));
        }
        Ok(Database::Postgres(self.url.clone()))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EngineConfig {
    /// Subjects worked on at the same time.
    pub concurrency: usize,
    /// Seconds until claimed work becomes due again if its worker died. Longer than any probe.
    pub lease_seconds: u32,
    /// Milliseconds between looks for due work when idle.
    pub poll_ms: u64,
    /// Register an order at once, without the service desk.
    pub auto_register: bool,
    /// Attempts before an outgoing effect is parked.
    pub max_attempts: u32,
    /// Seconds without a word from an agent until it counts as away.
    pub agent_away_seconds: u32,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            concurrency: 64,
            lease_seconds: 300,
            poll_ms: 500,
            auto_register: false,
            max_attempts: 20,
            agent_away_seconds: 60,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_names() {
        let named = |url: &str| StoreConfig::at(url).database().unwrap();
        assert_eq!(named(""), Database::Sqlite("data/fencepost.db".into()));
        for url in ["sqlite:/srv/a.db", "sqlite:///srv/a.db"] {
            assert_eq!(named(url), Database::Sqlite("/srv/a.db".into()));
        }
        assert_eq!(named("sqlite:a.db"), Database::Sqlite("a.db".into()));
        for url in ["postgres://me@db.example:5432/fencepost", "postgresql:///fencepost?host=/run/postgresql"] {
            assert_eq!(named(url), Database::Postgres(url.to_owned()));
        }
    }

    #[test]
    fn what_names_no_database() {
        for bad in ["fencepost", "sqlite:", "mysql://h/db", "postgres:", "postgres://h", "postgres://h/", "postgres:db"]
        {
            assert!(StoreConfig::at(bad).database().is_err(), "{bad}");
        }
        for bad in ["postgres://me:secret@h/db", "postgres://h/db?password=secret"] {
            let message = StoreConfig::at(bad).database().unwrap_err();
            assert!(message.contains("password_file") && !message.contains("secret"), "{message}");
        }
    }
}
