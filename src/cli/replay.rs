//! `fencepost replay DOMAIN`: derives a domain's state again from its history, step by step, and says
//! whether that is what is stored. With `--subscription`, that of the customer's subscription.

use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::print::{self, cell, lines, member};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// A domain; with `--subscription` also the id of a customer or an order
    domain: String,
    /// The subscription of the customer instead of the connection of the domain
    #[arg(long)]
    subscription: bool,
}

/// Status 0 when the history leads to what is stored, 1 when it does not.
pub async fn run(args: &Args) -> Exit {
    match load(args).await {
        Ok(replay) => show(&replay, args.api.output),
        Err(error) => {
            complain(&error);
            error.exit()
        }
    }
}

async fn load(args: &Args) -> Result<Value, ApiError> {
    let list = if args.subscription { "customers" } else { "domains" };
    Client::new(&args.api)?.get(&["v1", list, &args.domain, "replay"], &[]).await
}

fn show(replay: &Value, output: Output) -> Exit {
    let equal = replay.get("equal").and_then(Value::as_bool).unwrap_or(false);
    match output {
        Output::Json => print::json(replay),
        Output::Table => lines(&told(replay, equal)),
    }
    if equal { Exit::Pass } else { Exit::Fail }
}

fn told(replay: &Value, equal: bool) -> String {
    let array = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut text = match replay.get("connection_id") {
        Some(_) => format!("{}, connection {}\n", member(replay, "domain"), member(replay, "connection_id")),
        None => format!("subscription of the customer {}\n", member(replay, "customer_id")),
    };
    for step in array(replay, "steps") {
        let (seq, at) = (member(&step, "seq"), member(&step, "at"));
        text.push_str(&format!(
            "\n{seq:>4}  {at}  {}\n      because of {}\n",
            member(&step, "says"),
            member(&step, "cause")
        ));
        for change in array(&step, "changes") {
            let (from, to) = (member(&change, "from"), member(&change, "to"));
            text.push_str(&format!("      {}: {from} → {to}\n", member(&change, "field")));
        }
    }
    if equal {
        text.push_str("\nThe history leads to what is stored.");
    } else {
        text.push_str("\nNOT EQUAL: the history does not lead to what is stored.");
        for difference in array(replay, "differences") {
            text.push_str(&format!("\n  {}", cell(difference.as_str().unwrap_or_default())));
        }
    }
    text
}
