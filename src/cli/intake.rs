//! `fencepost intake FILE|-`: hands one message to the service, as a mail server's pipe or by hand.

use std::io::Read;
use std::path::PathBuf;

use fencepost_checks::escape::clean;
use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::print::{self, lines, member};
use super::{Exit, Output, complain};

/// A delivery notice is a few kilobytes; more is never read.
const MAX_MESSAGE: u64 = 256 << 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// The message as it came; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// For a mail server's pipe: status 0 whatever the message says, 75 to be tried again later
    #[arg(long)]
    pipe: bool,
}

/// Why there is no message.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the message from `{file}`")]
struct ReadError {
    file: PathBuf,
    source: std::io::Error,
}

pub async fn run(args: &Args) -> Exit {
    let message = match message(&args.file) {
        Ok(message) => message,
        Err(error) => {
            let exit = complain(&error);
            return if args.pipe { Exit::TryLater } else { exit };
        }
    };
    match hand_over(&args.api, message).await {
        Ok(answer) => {
            let taken = answer.get("taken").and_then(Value::as_bool).unwrap_or(false);
            match args.api.output {
                Output::Json => print::json(&answer),
                Output::Table if taken => {
                    lines(&format!("a delivery notice about {} was taken in", member(&answer, "domain")));
                }
                Output::Table => lines(&format!("nothing was taken in: {}", clean(&member(&answer, "reason"), 300))),
            }
            if taken || args.pipe { Exit::Pass } else { Exit::Fail }
        }
        Err(error) => {
            complain(&error);
            if args.pipe { Exit::TryLater } else { error.exit() }
        }
    }
}

async fn hand_over(api: &ApiArgs, message: Vec<u8>) -> Result<Value, ApiError> {
    Client::new(api)?.post_message(&["v1", "intake"], message).await
}

fn message(file: &PathBuf) -> Result<Vec<u8>, ReadError> {
    let failed = |source| ReadError { file: file.clone(), source };
    let mut message = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().take(MAX_MESSAGE).read_to_end(&mut message).map_err(failed)?;
    } else {
        std::fs::File::open(file).map_err(failed)?.take(MAX_MESSAGE).read_to_end(&mut message).map_err(failed)?;
    }
    Ok(message)
}
