//! The invoices of a closed run as files, and the messages about it. A file is written whole or not at
//! all; an invoice that cannot be written is told with what is missing, and holds up no other.

use std::path::Path;

use serde_json::{Value, json};

use super::RunArgs;
use crate::cli::client::{ApiError, Client};
use crate::cli::print::{self, cell, lines, member, table};
use crate::cli::{Exit, Output};

/// Invoices asked for in one go.
const PIECE: u32 = 200;

pub(super) async fn save(args: &RunArgs, folder: Option<&Path>, customer: Option<&str>) -> Result<Exit, ApiError> {
    let Some(folder) = folder else {
        eprintln!("fencepost: UBL is one file for each invoice: name a folder with --out FOLDER");
        return Ok(Exit::Usage);
    };
    let (mut written, mut refused) = (0_usize, 0_usize);
    let mut after = String::new();
    let client = Client::new(&args.api)?;
    loop {
        let (items, next) = page(&client, args, &after, customer, true).await?;
        for item in &items {
            match item.get("xml").and_then(Value::as_str) {
                Some(xml) => match write(folder, &member(item, "file"), xml.as_bytes())? {
                    Exit::Pass => written += 1,
                    failed => return Ok(failed),
                },
                None => {
                    refused += 1;
                    eprintln!("{}", told(item));
                }
            }
        }
        match next {
            Some(next) => after = next,
            None => break,
        }
    }
    lines(&format!("{written} invoices in {}, {refused} could not be written", folder.display()));
    Ok(if refused == 0 { Exit::Pass } else { Exit::Fail })
}

pub(super) async fn list(args: &RunArgs) -> Result<Exit, ApiError> {
    let client = Client::new(&args.api)?;
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let (items, next) = page(&client, args, &after, None, false).await?;
        all.extend(items);
        match next {
            Some(next) => after = next,
            None => break,
        }
    }
    let whole = all.iter().all(|item| missing(item).is_empty());
    let exit = if whole { Exit::Pass } else { Exit::Fail };
    if args.api.output == Output::Json {
        print::json(&all);
        return Ok(exit);
    }
    let mut out = table(&["number", "customer", "bill to", "kind", "net", "tax", "payable", "due"]);
    for item in all.iter().filter(|item| missing(item).is_empty()) {
        let names = ["number", "customer_id", "bill_to", "kind", "net", "tax", "payable", "due"];
        out.add_row(names.map(|name| member(item, name)));
    }
    lines(&out.to_string());
    for item in all.iter().filter(|item| !missing(item).is_empty()) {
        lines(&told(item));
    }
    Ok(exit)
}

pub(super) async fn deliveries(args: &RunArgs, log: bool) -> Result<Exit, ApiError> {
    let date = args.date.to_string();
    let all: Vec<Value> = Client::new(&args.api)?.get(&["v1", "invoicing", &date, "deliveries"], &[]).await?;
    let exit = show(&all, args.api.output);
    if log && args.api.output != Output::Json {
        lines(&attempts(&all));
    }
    Ok(exit)
}

pub(super) async fn send(args: &RunArgs, part: Option<u32>) -> Result<Exit, ApiError> {
    let date = args.date.to_string();
    let all: Vec<Value> =
        Client::new(&args.api)?.post(&["v1", "invoicing", &date, "send"], &json!({ "part": part })).await?;
    Ok(show(&all, args.api.output))
}

/// A file appears under its name when it is whole.
pub(super) fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<Exit, ApiError> {
    let whole = || {
        // The name came from the service.
        if name.starts_with('.') || name.contains(['/', '\\']) {
            return Err(std::io::Error::other("is no name of a file"));
        }
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        std::io::Write::write_all(&mut file, bytes)?;
        file.persist(folder.join(name)).map_err(|error| error.error)?;
        Ok::<(), std::io::Error>(())
    };
    match whole() {
        Ok(()) => Ok(Exit::Pass),
        Err(error) => {
            eprintln!("fencepost: {}: {error}", folder.join(name).display());
            Ok(Exit::Inconclusive)
        }
    }
}

async fn page(
    client: &Client,
    args: &RunArgs,
    after: &str,
    customer: Option<&str>,
    xml: bool,
) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let mut query = vec![("limit", PIECE.to_string()), ("xml", xml.to_string())];
    if !after.is_empty() {
        query.push(("after", after.to_owned()));
    }
    query.extend(customer.map(|customer| ("customer", customer.to_owned())));
    let page: Value = client.get(&["v1", "invoicing", &args.date.to_string(), "invoices"], &query).await?;
    let items = page.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok((items, page.get("next").and_then(Value::as_str).map(str::to_owned)))
}

fn missing(item: &Value) -> &[Value] {
    item.get("missing").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn told(item: &Value) -> String {
    let mut text = format!("NOT WRITTEN {} for {}:", member(item, "number"), member(item, "bill_to"));
    for one in missing(item) {
        text.push_str(&format!("\n  {}: {}", member(one, "field"), member(one, "message")));
    }
    text
}

/// Each attempt on a line of its own.
fn attempts(deliveries: &[Value]) -> String {
    let mut out = table(&["message", "when", "outcome", "status", "ms", "next", "answer"]);
    for one in deliveries {
        for attempt in one.get("log").and_then(Value::as_array).into_iter().flatten() {
            let of = |name: &str| member(attempt, name);
            out.add_row([
                member(one, "id"),
                of("at"),
                of("outcome"),
                of("status"),
                of("took_ms"),
                of("next_at"),
                of("detail"),
            ]);
        }
    }
    out.to_string()
}

fn show(deliveries: &[Value], output: Output) -> Exit {
    let word = |delivery: &Value| delivery.get("status").and_then(Value::as_str).map(cell).unwrap_or_default();
    let stuck = deliveries.iter().any(|delivery| word(delivery) == "parked");
    if output == Output::Json {
        print::json(&deliveries);
    } else if deliveries.is_empty() {
        lines("nobody was told of this run; `fencepost invoicing send` does, where commerce.webhook is configured");
    } else {
        let mut out = table(&["message", "part", "status", "attempts", "taken", "next", "answer"]);
        for one in deliveries {
            out.add_row([
                member(one, "id"),
                format!("{} of {}", member(one, "part"), member(one, "parts")),
                word(one),
                member(one, "attempts"),
                member(one, "sent_at"),
                member(one, "due_at"),
                member(one, "detail"),
            ]);
        }
        lines(&out.to_string());
    }
    if stuck { Exit::Fail } else { Exit::Pass }
}
