//! `fencepost events DOMAIN`: the history of a domain.

use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages_after;
use super::print::{Paragraphs, cell, json, lines, member, minute, text_width};
use super::{Exit, Output, complain};
use crate::http::event_in_words;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// The domain
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
            lines(&text(&events, text_width()));
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
    let after = (args.after > 0).then(|| args.after.to_string());
    pages_after(&client, &["v1", "domains", &args.domain, "events"], &[], after, args.limit).await
}

/// One event a paragraph, in words.
fn text(events: &[Value], width: usize) -> String {
    let mut out = Paragraphs::new(width);
    for event in events {
        let kind = member(event, "kind");
        let said = event.get("body").map_or_else(|| kind.clone(), |body| event_in_words(&kind, body));
        let by = event.get("cause").and_then(Value::as_str).and_then(by).unwrap_or_default();
        let label = format!("{:>4}  {}  ", member(event, "seq"), minute(event.get("at")));
        out.labelled("", &label, &label, &cell(&format!("{said}{by}")));
    }
    out.finish()
}

/// Who brought the event about, where somebody did through the API.
fn by(cause: &str) -> Option<String> {
    cause.strip_prefix("api:").map(|who| format!(" (by {who})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn events_are_told_in_words() {
        let events = [
            json!({ "seq": 1, "at": "2026-03-02T10:00:07.5Z", "kind": "phase_entered", "cause": "api:desk",
                    "body": { "event": "phase_entered", "phase": "ordered", "why": "a new order" } }),
            json!({ "seq": 2, "at": "2026-03-02T11:00:00Z", "kind": "mx_changed", "cause": "timer:mx",
                    "body": { "event": "mx_changed", "verdict": "ours_only",
                              "names": ["mx1.gateway.example", "mx2.gateway.example\u{1b}[2J"] } }),
            json!({ "seq": 3, "at": "2026-03-02T12:00:00Z", "kind": "from_the_future", "cause": "x",
                    "body": { "event": "from_the_future" } }),
        ];
        insta::assert_snapshot!(text(&events, 70));
    }
}
