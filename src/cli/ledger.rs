//! `fencepost ledger show|as-of|explain|export|verify|ingest`: the billing ledger, for accounting.

mod explain;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages;
use super::print::{cell, json, json_line, lines, member, table};
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
    /// What is charged to a customer on a day, and what was believed about it at an instant
    AsOf {
        #[command(flatten)]
        api: ApiArgs,
        /// Id of the customer, or one of its domains
        #[arg(long)]
        customer: String,
        /// The day, such as 2026-03-15
        #[arg(long, value_name = "DATE")]
        on: Date,
        /// Only what was recorded by then, such as 2026-03-15T12:00Z
        #[arg(long, value_name = "INSTANT", value_parser = instant, conflicts_with = "known_seq")]
        known_at: Option<Timestamp>,
        /// Only the ledger up to this entry
        #[arg(long, value_name = "SEQ")]
        known_seq: Option<u64>,
    },
    /// Say why a line of a closed run is what it is, back to the mails that caused it
    Explain(explain::Args),
    /// Print every entry as a line of JSON, with its hashes, to be kept and verified elsewhere
    Export {
        #[command(flatten)]
        api: ApiArgs,
        /// Only of this customer
        #[arg(long)]
        customer: Option<String>,
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
        Action::AsOf { api, customer, on, known_at, known_seq } => {
            let mut query = vec![("customer", customer.clone()), ("on", on.to_string())];
            query.extend(known_at.map(|at| ("known_at", at.to_string())));
            query.extend(known_seq.map(|seq| ("known_seq", seq.to_string())));
            as_of(api, &query).await
        }
        Action::Explain(args) => explain::run(args).await,
        Action::Export { api, customer } => export(api, customer.as_deref()).await,
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
    lines(&entry_table(&entries));
    Ok(Exit::Pass)
}

fn entry_table(entries: &[Value]) -> String {
    let mut out = table(&["no.", "recorded", "customer", "entry", "valid from", "evidence", "by"]);
    for entry in entries {
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
    out.to_string()
}

async fn as_of(api: &ApiArgs, query: &[(&str, String)]) -> Result<Exit, ApiError> {
    let told: Value = Client::new(api)?.get(&["v1", "ledger", "as-of"], query).await?;
    if api.output == Output::Json {
        json(&told);
        return Ok(Exit::Pass);
    }
    lines(&format!("{}\n(as known at entry {})", member(&told, "answer"), member(&told, "known_seq")));
    let entries = told.get("entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let drafts: Vec<Value> = entries.iter().map(flat).collect();
    lines(&entry_table(&drafts));
    Ok(Exit::Pass)
}

/// A stored entry with the members of its draft beside its own, as listings have it.
fn flat(entry: &Value) -> Value {
    let mut flat = entry.get("draft").cloned().unwrap_or_default();
    if let (Some(flat), Some(own)) = (flat.as_object_mut(), entry.as_object()) {
        flat.extend(own.iter().filter(|(name, _)| *name != "draft").map(|(name, value)| (name.clone(), value.clone())));
    }
    flat
}

/// One piece after the other, so that a ledger of any length goes through.
async fn export(api: &ApiArgs, customer: Option<&str>) -> Result<Exit, ApiError> {
    let client = Client::new(api)?;
    let mut after = 0;
    loop {
        let mut query = vec![("after", after.to_string()), ("limit", "500".to_owned())];
        query.extend(customer.map(|customer| ("customer", customer.to_owned())));
        let page: Value = client.get(&["v1", "ledger", "entries"], &query).await?;
        let items = page.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let Some(last) = items.last().and_then(|entry| entry.get("seq")).and_then(Value::as_u64) else {
            return Ok(Exit::Pass);
        };
        after = last;
        for entry in items {
            json_line(entry);
        }
    }
}

/// An instant of RFC 3339; seconds may be left out.
fn instant(text: &str) -> Result<Timestamp, String> {
    let full = text.parse().or_else(|_| match text.strip_suffix('Z') {
        Some(short) => format!("{short}:00Z").parse(),
        None => text.parse::<Timestamp>(),
    });
    full.map_err(|_| "write an instant like 2026-03-15T12:00Z".to_owned())
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
