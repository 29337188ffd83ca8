//! `fencepost events DOMAIN`: the history of a domain.

use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages;
use super::print::{cell, json, lines, member, table};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    domain: String,
    /// Only events after this number
    #[arg(long, default_value_t = 0)]
    after: u64,
    /// At most so many
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub async fn run(args: &Args) -> Exit {
    match load(args).await {
        Ok(events) if args.api.output == Output::Json => json(&events),
        Ok(events) => {
            let mut out = table(&["no.", "at", "event", "what", "cause"]);
            for event in &events {
                out.add_row([
                    member(event, "seq"),
                    member(event, "at"),
                    member(event, "kind"),
                    event.get("body").map(facts).unwrap_or_default(),
                    member(event, "cause"),
                ]);
            }
            lines(&out.to_string());
        }
        Err(error) => {
            complain(&error);
            return error.exit();
        }
    }
    Exit::Pass
}

async fn load(args: &Args) -> Result<Vec<Value>, ApiError> {
    let client = Client::new(&args.api)?;
    let mut items: Vec<Value> = Vec::new();
    let path = ["v1", "domains", &args.domain, "events"];
    if args.after == 0 {
        return pages(&client, &path, &[], args.limit).await;
    }
    let query = [("after", args.after.to_string()), ("limit", args.limit.min(500).to_string())];
    let mut page: Value = client.get(&path, &query).await?;
    if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
        items.extend(more);
    }
    Ok(items)
}

/// The members of an event's body in one cell, without its name.
fn facts(body: &Value) -> String {
    let Some(members) = body.as_object() else { return cell(&body.to_string()) };
    let facts: Vec<String> = members
        .iter()
        .filter(|(name, _)| *name != "event")
        .map(|(name, value)| format!("{name}={}", value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    cell(&facts.join(" "))
}
