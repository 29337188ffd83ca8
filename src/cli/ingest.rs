//! `fencepost ledger ingest FILE|-`: hands a mail to the service as evidence, by hand or as a mail server's
//! pipe. Statuses are those of sysexits: 0 once the message lies on disk, 75 whenever it may do so later, so
//! that the mail server keeps it; never another one for what is not the message's fault.

use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use fencepost_checks::escape::clean;
use reqwest::StatusCode;
use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::print::{json, lines, member};
use super::{Exit, Output, complain};

/// More is never read; the service takes less.
const MAX_MESSAGE: u64 = 26 << 20;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// The message as it came; `-` reads standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Envelope sender, as your mail server got it (in a pipe of Postfix: ${sender})
    #[arg(long, value_name = "ADDRESS")]
    sender: Option<String>,
    /// From which address your mail server got it (${client_address})
    #[arg(long, value_name = "IP")]
    client_address: Option<IpAddr>,
    /// The name that it called itself (${client_helo})
    #[arg(long, value_name = "NAME")]
    helo: Option<String>,
}

pub async fn run(args: &Args) -> Exit {
    let message = match read(&args.file) {
        Ok(message) if u64::try_from(message.len()).unwrap_or(u64::MAX) >= MAX_MESSAGE => {
            eprintln!("fencepost: the message is longer than is taken");
            return Exit::BadData;
        }
        Ok(message) if message.trim_ascii().is_empty() => {
            eprintln!("fencepost: the message is empty");
            return Exit::BadData;
        }
        Ok(message) => message,
        Err(error) => {
            eprintln!("fencepost: cannot read the message from `{}`: {error}", args.file.display());
            return if args.file.as_os_str() == "-" { Exit::TryLater } else { Exit::NoInput };
        }
    };
    match hand_over(args, message).await {
        Ok(receipt) => {
            match args.api.output {
                Output::Json => json(&receipt),
                Output::Table => lines(&told(&receipt)),
            }
            Exit::Pass
        }
        Err(error) => {
            complain(&error);
            status(&error)
        }
    }
}

/// Only what no later attempt can mend is the message's own fault.
fn status(error: &ApiError) -> Exit {
    match error {
        ApiError::Refused { status: StatusCode::PAYLOAD_TOO_LARGE, .. } => Exit::BadData,
        _ => Exit::TryLater,
    }
}

async fn hand_over(args: &Args, message: Vec<u8>) -> Result<Value, ApiError> {
    let mut query = Vec::new();
    query.extend(args.sender.iter().map(|sender| ("sender", sender.trim_matches(['<', '>']).to_owned())));
    query.extend(args.client_address.iter().map(|address| ("client", address.to_string())));
    query.extend(args.helo.iter().map(|helo| ("helo", helo.clone())));
    Client::new(&args.api)?.post_message_with(&["v1", "ledger", "ingest"], &query, message).await
}

fn told(receipt: &Value) -> String {
    let (id, state) = (member(receipt, "id"), member(receipt, "state"));
    let copies = receipt.get("copies").and_then(Value::as_u64).unwrap_or(1);
    let again = if copies > 1 { format!(" (delivered {copies} times, kept once)") } else { String::new() };
    match state.as_str() {
        "open" => format!("proposal {id} waits for approval{again}"),
        "quarantined" => format!("{id} is in quarantine{again}: {}", clean(&member(receipt, "reason"), 300)),
        state => format!("{id} was {state} before{again}"),
    }
}

fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().take(MAX_MESSAGE).read_to_end(&mut message)?;
    } else {
        std::fs::File::open(file)?.take(MAX_MESSAGE).read_to_end(&mut message)?;
    }
    Ok(message)
}
