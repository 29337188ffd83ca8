//! Where state is kept, and how the engine works through what is due.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// SQLite database file; its folder is created.
    pub path: PathBuf,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { path: PathBuf::from("data/fencepost.db") }
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
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { concurrency: 64, lease_seconds: 300, poll_ms: 500, auto_register: false, max_attempts: 20 }
    }
}
