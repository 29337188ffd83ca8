//! `fencepost discrepancies`: where operation and accounting differ, with the mail to the service desk that
//! ends each.

use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages;
use super::print::{self, lines, member};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// At most so many
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
}

/// Status 0 when nothing differs, 1 when something does.
pub async fn run(args: &Args) -> Exit {
    list(args).await.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

async fn list(args: &Args) -> Result<Exit, ApiError> {
    let found = pages(&Client::new(&args.api)?, &["v1", "discrepancies"], &[], args.limit).await?;
    if args.api.output == Output::Json {
        print::json(&found);
    } else if found.is_empty() {
        lines("operation and accounting agree");
    } else {
        lines(&found.iter().map(told).collect::<Vec<_>>().join("\n\n"));
    }
    Ok(if found.is_empty() { Exit::Pass } else { Exit::Fail })
}

fn told(row: &Value) -> String {
    let mut text = format!(
        "{} ({}), customer {}\n  {} since {}: {}",
        member(row, "customer"),
        member(row, "partner"),
        member(row, "customer_id"),
        member(row, "code"),
        member(row, "since"),
        member(row, "what")
    );
    if row.get("set_by").is_some() {
        text.push_str(&format!("\n  last set {} by {}", member(row, "set_at"), member(row, "set_by")));
    }
    if let Some(mail) = row.get("mail").filter(|mail| !mail.is_null()) {
        text.push_str(&format!(
            "\n  an approved entry ends it; a mail to {} that asks for one:\n    Subject: {}",
            member(mail, "to"),
            member(mail, "subject")
        ));
        for line in mail.get("text").and_then(Value::as_str).unwrap_or_default().lines() {
            text.push_str(&format!("\n    {}", print::cell(line)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_as_it_is_told() {
        let row = json!({
            "code": "MAILBOXES_DIFFER", "customer_id": "k1", "customer": "Bakery\u{1b}[2J", "partner": "Northern IT",
            "since": "2026-11-23T10:00:00Z", "what": "20 mailboxes are charged, 25 are in operation",
            "set_at": "2026-11-23T10:00:00Z", "set_by": "anna",
            "mail": { "to": "desk@gateway.example", "subject": "Mailboxes of Bakery [FP-X]",
                      "text": "We have 25 mailboxes from 2026-11-23.\nThe price is ________ EUR a month.\n" },
        });
        insta::assert_snapshot!(told(&row));
    }
}
