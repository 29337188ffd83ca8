//! Measures the status of a domain, as partners and their programs ask for it: a store that is filled with
//! what a real run left behind, the smallest axum service as the peer, and a load at a set rate whose waiting
//! times begin when a request was due. Nothing here is judged: figures are printed as they came out.

mod fill;
mod hello;
mod paced;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What any step may fail with; `main` prints it.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
#[command(about = "fencepost's status endpoint, on this machine")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fill a database with customers whose domains stand where those of a sample stand
    Fill {
        file: PathBuf,
        /// A database of a run, such as the demonstration's
        #[arg(long)]
        sample: PathBuf,
        #[arg(long, default_value_t = 100_000)]
        customers: u32,
    },
    /// The peer: one line of JSON, from axum
    Hello { listen: SocketAddr },
    /// Ask at a set rate and print how long the answers took
    Paced(paced::Args),
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Line::parse().command {
        Command::Fill { file, sample, customers } => fill::fill(&file, &sample, customers).await,
        Command::Hello { listen } => hello::serve(listen).await,
        Command::Paced(args) => paced::run(&args).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
