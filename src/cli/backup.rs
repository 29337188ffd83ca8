//! `fencepost backup FILE`: a verified copy of the SQLite database, also while a server works with it.

use std::path::PathBuf;

use serde_json::json;

use super::print::{self, lines};
use super::{Exit, Global, Output, complain};
use crate::config::{self, Database};
use crate::store;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The new file; one that exists is never overwritten
    file: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub async fn run(args: &Args, global: &Global) -> Exit {
    let config = match config::load(&global.config) {
        Ok(config) => config.store,
        Err(error) => return complain(&error),
    };
    let path = match config.database() {
        Ok(Database::Sqlite(path)) => path,
        Ok(Database::Postgres(url)) => {
            eprintln!(
                "fencepost: the store is PostgreSQL, which has a tool of its own for that:\n  \
                 pg_dump --format=custom --file={} '{url}'\n\
                 docs/backup.md says how to restore and to verify it.",
                args.file.display()
            );
            return Exit::Usage;
        }
        Err(why) => {
            eprintln!("fencepost: store.url {why}");
            return Exit::Usage;
        }
    };
    let file = args.file.clone();
    match tokio::task::spawn_blocking(move || store::backup(&path, &file)).await {
        Ok(Ok(done)) if args.output == Output::Json => {
            print::json(&json!({
                "file": args.file, "bytes": done.bytes, "customers": done.customers, "events": done.events,
                "ledger": { "seq": done.head.seq, "hash": hex::encode(done.head.hash) },
                "runs": done.runs, "documents": done.documents, "looks": done.looks,
            }));
            Exit::Pass
        }
        Ok(Ok(done)) => {
            lines(&format!(
                "backed up and verified: {} bytes, {} customers, {} events; ledger up to entry {} ({}), {} closed runs, \
                 {} documents, {} looks that permits rest on",
                done.bytes,
                done.customers,
                done.events,
                done.head.seq,
                hex::encode(done.head.hash),
                done.runs,
                done.documents,
                done.looks
            ));
            Exit::Pass
        }
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&error),
    }
}
