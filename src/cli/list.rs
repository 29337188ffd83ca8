//! `fencepost list`: the domains under way, one a line.

use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::print::{Paragraphs, json, lines, member, minute, text_width};
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
            lines(&text(&rows, text_width()));
        }
        Err(error) => {
            complain(&error);
            return error.exit();
        }
    }
    Exit::Pass
}

/// One domain a paragraph: names and ids stay whole at any width, so that they can be copied.
fn text(rows: &[Value], width: usize) -> String {
    if rows.is_empty() {
        return "No domain.".to_owned();
    }
    let mut out = Paragraphs::new(width);
    for row in rows {
        out.gap();
        let words = |name| member(row, name).replace('_', " ");
        out.block("", "", &format!("{}  {}: {}", member(row, "domain"), words("phase"), words("answer")));
        for wait in row.get("waiting_for").and_then(Value::as_array).into_iter().flatten() {
            let who = member(wait, "who").replace('_', " ");
            out.block("  ", "", &format!("waits for {who}: {}", member(wait, "what")));
        }
        let since = minute(row.get("phase_since"));
        let next = match row.get("next_check_at") {
            None | Some(Value::Null) => "none".to_owned(),
            at => minute(at),
        };
        out.block("  ", "", &format!("since {since}, next check {next}"));
        out.block("  ", "", &format!("customer {}", member(row, "customer_id")));
    }
    out.finish()
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
    pages_after(client, path, query, None, limit).await
}

/// The same from a cursor on.
///
/// # Errors
/// [`ApiError`] of any page.
pub(super) async fn pages_after(
    client: &Client,
    path: &[&str],
    query: &[(&str, String)],
    mut after: Option<String>,
    limit: u32,
) -> Result<Vec<Value>, ApiError> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut items: Vec<Value> = Vec::new();
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_ids_stay_whole_on_a_narrow_terminal() {
        let row = json!({ "domain": "a-domain-with-a-very-long-name.customer.example", "phase": "ready",
            "customer_id": "01939a7e-0000-7000-8000-000000000001", "answer": "change_now",
            "waiting_for": [{ "who": "dns_provider", "what": "set the MX records on all name servers" }],
            "phase_since": "2026-03-02T10:00:07.123Z", "next_check_at": null });
        insta::assert_snapshot!(text(&[row.clone(), row], 32));
        assert_eq!(text(&[], 80), "No domain.");
    }
}
