//! `fencepost migrate`: brings the schema of the store up to date. Forward only; a node never does it
//! by itself on a database that it shares.

use serde_json::json;

use super::print::{self, lines};
use super::{Exit, Global, Output, complain};
use crate::config;
use crate::store::{self, Schema, StoreResult};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Change nothing: status 0 when the schema is current, 1 when `migrate` has something to do
    #[arg(long)]
    check: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub async fn run(args: &Args, global: &Global) -> Exit {
    let config = match config::load(&global.config) {
        Ok(config) => config.store,
        Err(error) => return complain(&error),
    };
    let done: StoreResult<Schema> =
        if args.check { store::schema(&config).await } else { store::migrate(&config).await };
    if args.output == Output::Json
        && let Ok(Schema { found, known }) = &done
        && found <= known
    {
        let waits = args.check && found < known;
        print::json(&json!({ "found": found, "known": known, "current": !waits }));
        return if waits { Exit::Fail } else { Exit::Pass };
    }
    match done {
        Err(error) => complain(&error),
        Ok(Schema { found, known }) if found == known => {
            lines(&format!("the schema is current ({known})"));
            Exit::Pass
        }
        Ok(Schema { found, known }) if found > known => complain(&store::StoreError::NewerSchema { found, known }),
        Ok(Schema { found, known }) if args.check => {
            lines(&format!("the database has schema {found}, this program needs {known}: run `fencepost migrate`"));
            Exit::Fail
        }
        Ok(Schema { found, known }) => {
            lines(&format!("migrated from schema {found} to {known}"));
            Exit::Pass
        }
    }
}
