//! `fencepost ledger show|verify|ingest`: the billing ledger, for accounting.

use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages;
use super::print::{cell, json, lines, member, table};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the entries
    Show {
        #[command(flatten)]
        api: ApiArgs,
        /// Only of this customer
        #[arg(long)]
        customer: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        limit: u32,
    },
    /// Verify entries, head, closed runs and evidence; status 1 when something is not as it was sealed
    Verify {
        #[command(flatten)]
        api: ApiArgs,
        /// A head written down elsewhere, such as 42:9f86d0…
        #[arg(long, value_name = "SEQ:HASH")]
        anchor: Option<String>,
    },
    /// Hand a mail over as evidence; usable as a pipe of a mail server (statuses of sysexits)
    Ingest(super::ingest::Args),
}

pub async fn run(args: &Args) -> Exit {
    let done = match &args.action {
        Action::Show { api, customer, limit } => show(api, customer.as_deref(), *limit).await,
        Action::Verify { api, anchor } => verify(api, anchor.as_deref()).await,
        Action::Ingest(args) => return super::ingest::run(args).await,
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

async fn show(api: &ApiArgs, customer: Option<&str>, limit: u32) -> Result<Exit, ApiError> {
    let query: Vec<_> = customer.iter().map(|customer| ("customer", (*customer).to_owned())).collect();
    let entries = pages(&Client::new(api)?, &["v1", "ledger", "entries"], &query, limit).await?;
    if api.output == Output::Json {
        json(&entries);
        return Ok(Exit::Pass);
    }
    let mut out = table(&["no.", "recorded", "customer", "entry", "valid from", "evidence", "by"]);
    for entry in &entries {
        out.add_row([
            member(entry, "seq"),
            member(entry, "recorded_at"),
            member(entry, "customer_id"),
            entry.get("kind").map(words).unwrap_or_default(),
            member(entry, "valid_from"),
            entry.get("evidence").map(words).unwrap_or_default(),
            member(entry, "recorded_by"),
        ]);
    }
    lines(&out.to_string());
    Ok(Exit::Pass)
}

async fn verify(api: &ApiArgs, anchor: Option<&str>) -> Result<Exit, ApiError> {
    let query: Vec<_> = anchor.iter().map(|anchor| ("anchor", (*anchor).to_owned())).collect();
    let verified: Value = Client::new(api)?.get(&["v1", "ledger", "verify"], &query).await?;
    let whole = verified.get("whole").and_then(Value::as_bool).unwrap_or(false);
    match api.output {
        Output::Json => json(&verified),
        Output::Table => lines(&told(&verified, whole)),
    }
    Ok(if whole { Exit::Pass } else { Exit::Fail })
}

fn told(verified: &Value, whole: bool) -> String {
    if whole {
        return format!(
            "whole: {} entries, {} closed runs, {} documents, {} looks that permits rest on; head {}:{}",
            member(verified, "seq"),
            member(verified, "runs"),
            member(verified, "documents"),
            member(verified, "permit_evidence"),
            member(verified, "seq"),
            member(verified, "hash")
        );
    }
    let mut text = format!("NOT WHOLE; {} entries are good before the first problem", member(verified, "seq"));
    for problem in verified.get("problems").and_then(Value::as_array).into_iter().flatten() {
        text.push_str(&format!("\n\nBROKEN {}\n  to do: {}", member(problem, "problem"), member(problem, "remedy")));
    }
    text
}

/// The values of an object, its kind first.
fn words(value: &Value) -> String {
    let Some(members) = value.as_object() else { return value.as_str().map_or_else(|| cell(&value.to_string()), cell) };
    let texts = members.iter().map(|(name, value)| match (name.as_str(), value) {
        ("kind" | "type", Value::String(text)) => text.clone(),
        (_, Value::String(text)) => format!("{name}={text}"),
        (_, other) => format!("{name}={other}"),
    });
    cell(&texts.collect::<Vec<_>>().join(" "))
}
