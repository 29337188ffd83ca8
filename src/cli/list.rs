//! `fencepost list`: the domains under way, one a line.

use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::print::{json, lines, member, table};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// Only this phase
    #[arg(long)]
    phase: Option<String>,
    /// Only domains that begin so
    #[arg(long)]
    prefix: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

pub async fn run(args: &Args) -> Exit {
    match load(args).await {
        Ok(rows) if args.api.output == Output::Json => json(&rows),
        Ok(rows) => {
            let mut out = table(&["domain", "customer", "phase", "answer", "waits for", "since", "next check"]);
            for row in &rows {
                let waits = row.get("waiting_for").and_then(Value::as_array).into_iter().flatten();
                let waits: Vec<String> =
                    waits.map(|wait| format!("{}: {}", member(wait, "who"), member(wait, "what"))).collect();
                out.add_row([
                    member(row, "domain"),
                    member(row, "customer_id"),
                    member(row, "phase"),
                    member(row, "answer"),
                    waits.join("\n"),
                    member(row, "phase_since"),
                    member(row, "next_check_at"),
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
    let mut query = Vec::new();
    query.extend(args.phase.iter().map(|phase| ("phase", phase.clone())));
    query.extend(args.prefix.iter().map(|prefix| ("prefix", prefix.clone())));
    pages(&client, &["v1", "domains"], &query, args.limit).await
}

/// Follows the cursor until there are `limit` items or no more.
///
/// # Errors
/// [`ApiError`] of any page.
pub(super) async fn pages(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
    limit: u32,
) -> Result<Vec<Value>, ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut items: Vec<Value> = Vec::new();
    let mut after: Option<String> = None;
    while items.len() < limit {
        let mut query = query.to_vec();
        query.push(("limit", (limit - items.len()).min(500).to_string()));
        query.extend(after.take().map(|after| ("after", after)));
        let mut page: Value = client.get(path, &query).await?;
        if let Some(Value::Array(more)) = page.get_mut("items").map(Value::take) {
            items.extend(more);
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    Ok(items)
}
