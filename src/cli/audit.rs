//! `fencepost audit`: who did what, the newest first.

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages;
use super::print::{Paragraphs, json, lines, member, minute, text_width};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fencepost audit --subject example.com
  fencepost audit --actor Anna --from 2026-11-01T00:00:00Z
  fencepost audit --outcome refused --output json")]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// Only what this token or person did: its id, or its label
    #[arg(long)]
    actor: Option<String>,
    /// Only this action, such as `suspend`
    #[arg(long)]
    action: Option<String>,
    /// Only what was done to this domain, customer, invoicing run, …
    #[arg(long)]
    subject: Option<String>,
    /// Only what was done, or only what was refused
    #[arg(long, value_enum)]
    outcome: Option<OutcomeWord>,
    /// Not before this instant
    #[arg(long, value_name = "INSTANT")]
    from: Option<Timestamp>,
    /// Before this instant
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
    /// At most so many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum OutcomeWord {
    Done,
    Refused,
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

async fn load(args: &Args) -> Result<Vec<Value>, ApiError> {
    let mut query = Vec::new();
    let outcome = args.outcome.map(|outcome| match outcome {
        OutcomeWord::Done => "done".to_owned(),
        OutcomeWord::Refused => "refused".to_owned(),
    });
    let instant = |at: Option<Timestamp>| at.map(|at| at.to_string());
    for (name, value) in [
        ("actor", args.actor.clone()),
        ("action", args.action.clone()),
        ("subject", args.subject.clone()),
        ("outcome", outcome),
        ("from", instant(args.from)),
        ("until", instant(args.until)),
    ] {
        query.extend(value.map(|value| (name, value)));
    }
    pages(&Client::new(&args.api)?, &["v1", "audit"], &query, args.limit).await
}

fn text(rows: &[Value], width: usize) -> String {
    if rows.is_empty() {
        return "Nothing was found.".to_owned();
    }
    let has = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let mut out = Paragraphs::new(width);
    for row in rows {
        let refused = if member(row, "outcome") == "refused" { "refused: " } else { "" };
        let who = if has(row, "who") {
            format!("{} ({})", member(row, "who"), member(row, "role"))
        } else {
            "nobody known".to_owned()
        };
        let subject = if has(row, "subject") { format!(" {}", member(row, "subject")) } else { String::new() };
        out.block("", "", &format!("{}  {who}  {refused}{}{subject}", minute(row.get("at")), member(row, "action")));
        if has(row, "detail") {
            out.block("    ", "", &member(row, "detail"));
        }
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_act_is_one_line_with_its_reason_below() {
        let row = json!({ "at": "2026-03-02T10:00:07.123Z", "who": "Anna", "role": "desk", "action": "suspend",
            "subject": "example.com", "detail": "a holiday", "outcome": "done" });
        let refused = json!({ "at": "2026-03-02T10:00:07.123Z", "who": "", "role": "", "action": "sign-in",
            "subject": "", "detail": "", "outcome": "refused" });
        let told = text(&[row, refused], 72);
        assert_eq!(
            told.trim_end(),
            "2026-03-02 10:00 UTC Anna (desk) suspend example.com\n    a holiday\n2026-03-02 10:00 UTC nobody known refused: sign-in"
        );
        assert_eq!(text(&[], 80), "Nothing was found.");
    }
}
