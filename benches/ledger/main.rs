//! Measures accounting on SQLite: closing a run, verifying the ledger, asking what was charged. A database is
//! filled once for each size, by the store itself, and read by a process of its own, so that the peak of memory
//! is of that work alone. Nothing here is judged: figures are printed as they came out.

mod fill;
mod measure;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What any step may fail with; `main` prints it.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "fencepost's ledger and invoicing, on this machine")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fill a database with customers that have ten entries each, interleaved as they come in
    Fill {
        file: PathBuf,
        #[arg(long, default_value_t = 100_000)]
        customers: u32,
    },
    /// Close the run of 2026-12-15
    Close { file: PathBuf },
    /// Verify the whole ledger
    Verify {
        file: PathBuf,
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
    /// Ask what is charged to single customers
    AsOf {
        file: PathBuf,
        #[arg(long, default_value_t = 2_000)]
        questions: u32,
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Line::parse().command {
        Command::Fill { file, customers } => fill::fill(&file, customers).await,
        Command::Close { file } => measure::close(&file).await,
        Command::Verify { file, rounds } => measure::verify(&file, rounds).await,
        Command::AsOf { file, questions, rounds } => measure::as_of(&file, questions, rounds).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ledger: {error}");
            ExitCode::FAILURE
        }
    }
}
