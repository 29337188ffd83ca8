//! Measures the store against its peers, side by side in one run. Each command is one comparison of
//! `benches/RESULTS.md`; `node` is a process that another one starts. PostgreSQL runs from private folders,
//! durable as it comes. Nothing here is judged: medians and their ratios are printed as they came out.

mod claims;
mod clock;
mod nodes;
mod outcome;
mod peer;
mod pgbench;
#[allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "the server of the tests says what went wrong by panicking"
)]
#[path = "../../tests/lab/postgres.rs"]
mod server;
mod sides;
mod sqlite;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What any step may fail with; `main` prints it.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "fencepost's stores against their peers, on this machine")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// SQLite: group commit against one by one, Python's sqlite3 and apalis-sqlite
    Sqlite(sqlite::Options),
    /// PostgreSQL: set-based commits against pgbench with the same statements
    Postgres(pgbench::Options),
    /// PostgreSQL: claim and complete against pgqueuer and apalis-postgres
    Claims(claims::Options),
    /// Whole onboarding transitions with 1, 2 and 4 nodes on one PostgreSQL
    Nodes(nodes::Options),
    /// One of those nodes
    Node(nodes::Place),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Line::parse().command {
        Command::Sqlite(options) => sqlite::run(&options).await,
        Command::Postgres(options) => pgbench::run(&options).await,
        Command::Claims(options) => claims::run(&options).await,
        Command::Nodes(options) => nodes::run(&options).await,
        Command::Node(place) => nodes::node(&place).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text.push_str(&format!(": {error}"));
                cause = error.source();
            }
            eprintln!("store: {text}");
            ExitCode::FAILURE
        }
    }
}
