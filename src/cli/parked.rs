//! `fencepost parked`: work that was given up and waits for a person, why, and trying it again.

use serde_json::{Value, json};

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages;
use super::print::{self, lines, member};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(flatten)]
    list: ListArgs,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// At most so many
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Try parked work again now; who asked is kept
    Retry {
        #[command(flatten)]
        api: ApiArgs,
        /// As listed
        id: String,
    },
}

/// Status 0 when nothing is parked, 1 when something is.
pub async fn run(args: &Args) -> Exit {
    let done = match &args.action {
        None => list(&args.list).await,
        Some(Action::Retry { api, id }) => retry(api, id).await,
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

async fn list(args: &ListArgs) -> Result<Exit, ApiError> {
    let parked = pages(&Client::new(&args.api)?, &["v1", "parked"], &[], args.limit).await?;
    if args.api.output == Output::Json {
        print::json(&parked);
    } else if parked.is_empty() {
        lines("nothing is parked");
    } else {
        lines(&parked.iter().map(told).collect::<Vec<_>>().join("\n\n"));
    }
    Ok(if parked.is_empty() { Exit::Pass } else { Exit::Fail })
}

async fn retry(api: &ApiArgs, id: &str) -> Result<Exit, ApiError> {
    let row: Value = Client::new(api)?.post(&["v1", "parked", id, "retry"], &json!({})).await?;
    match api.output {
        Output::Json => print::json(&row),
        Output::Table => lines(&format!("due again now: {} of {}", member(&row, "what"), about(&row))),
    }
    Ok(Exit::Pass)
}

fn told(row: &Value) -> String {
    let mut text = format!(
        "{}\n  {} of {}\n  since {} after {} attempts: {}\n  to do: {}",
        member(row, "id"),
        member(row, "what"),
        about(row),
        member(row, "since"),
        member(row, "attempts"),
        member(row, "error"),
        member(row, "to_do")
    );
    if row.get("retried_by").is_some_and(|by| !by.is_null()) {
        text.push_str(&format!("\n  last retried {} by {}", member(row, "retried_at"), member(row, "retried_by")));
    }
    text
}

fn about(row: &Value) -> String {
    match row.get("domain").and_then(Value::as_str) {
        Some(_) => member(row, "domain"),
        None => member(row, "subject_id"),
    }
}
