//! `fencepost store copy`: from a SQLite file into PostgreSQL, for those who outgrow one machine.

use std::path::PathBuf;

use serde_json::json;

use super::print::{self, lines, table};
use super::{Exit, Output, complain};
use crate::clock::{Clock, SystemClock};
use crate::config::{Database, StoreConfig};
use crate::store;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Copy a SQLite file into an empty PostgreSQL database, all or nothing, and verify the copy
    Copy {
        /// `sqlite:FILE`; nobody may be working on it
        #[arg(long, value_name = "URL")]
        from: String,
        /// `postgres://USER@HOST/DATABASE`, empty; its schema is made where it is missing
        #[arg(long, value_name = "URL")]
        to: String,
        /// File with the password for PostgreSQL; without it PGPASSWORD or ~/.pgpass counts
        #[arg(long, value_name = "FILE")]
        password_file: Option<PathBuf>,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

pub async fn run(args: &Args) -> Exit {
    let Action::Copy { from, to, password_file, output } = &args.action;
    let (from, to) =
        (StoreConfig::at(from), StoreConfig { password_file: password_file.clone(), ..StoreConfig::at(to) });
    for (option, config, wanted) in [("--from", &from, "sqlite:FILE"), ("--to", &to, "postgres://…")] {
        let fits = match config.database() {
            Ok(Database::Sqlite(_)) => option == "--from",
            Ok(Database::Postgres(_)) => option == "--to",
            Err(why) => {
                eprintln!("fencepost: {option} {why}");
                return Exit::Usage;
            }
        };
        if !fits || config.url.is_empty() {
            eprintln!(
                "fencepost: {option} must be {wanted}: a file is copied into PostgreSQL, not the other way round"
            );
            return Exit::Usage;
        }
    }
    match store::copy(&from, &to, SystemClock.now()).await {
        Ok(copied) if *output == Output::Json => {
            let tables: serde_json::Map<_, _> =
                copied.tables.iter().map(|(name, rows)| (name.clone(), json!(rows))).collect();
            let ledger = json!({ "seq": copied.head.seq, "hash": hex::encode(copied.head.hash) });
            print::json(&json!({ "tables": tables, "ledger": ledger }));
            Exit::Pass
        }
        Ok(copied) => {
            let mut out = table(&["table", "rows"]);
            for (name, rows) in &copied.tables {
                out.add_row([name.clone(), rows.to_string()]);
            }
            lines(&out.to_string());
            lines(&format!(
                "copied and read back: every row is the same, the ledger is whole up to entry {} ({}).\n\
                 Set store.url to the new database; the file was not changed, keep it as a backup.",
                copied.head.seq,
                hex::encode(copied.head.hash)
            ));
            Exit::Pass
        }
        Err(error) => complain(&error),
    }
}
