//! `fencepost invoicing preview|close|list|export|invoices|deliveries|send`: the runs of the 15th and the 30th.

mod documents;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use serde_json::{Value, json};

use super::client::{ApiArgs, ApiError, Client};
use super::print::{self, cell, lines, member, table};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// What the run would invoice; status 1 when a customer could not be invoiced
    Preview(RunArgs),
    /// Freeze the run; a closed run stays as it is
    Close(RunArgs),
    /// List the closed runs
    List(ApiArgs),
    /// Print a closed run for another program
    Export {
        #[command(flatten)]
        run: RunArgs,
        /// For which program
        #[arg(long, value_enum, default_value_t)]
        format: Format,
        /// Folder for the files; UBL needs one, one invoice a file
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// UBL: only of this customer
        #[arg(long, value_name = "ID")]
        customer: Option<String>,
    },
    /// List the invoices of a closed run, and what is missing for those that cannot be written
    Invoices(RunArgs),
    /// What became of the messages to the accounting system about a closed run
    Deliveries {
        #[command(flatten)]
        run: RunArgs,
        /// With each attempt: when, how long it took, what was answered
        #[arg(long)]
        attempts: bool,
    },
    /// Send the messages about a closed run once more, under the ids that they had
    Send {
        #[command(flatten)]
        run: RunArgs,
        /// Only this message, as `deliveries` counts them
        #[arg(long)]
        part: Option<u32>,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// RFC 4180, with a header
    #[default]
    Csv,
    /// The run as the API has it
    Json,
    /// UBL 2.1, Peppol BIS Billing 3: one file for each invoice
    Ubl,
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Day of the run, such as 2026-12-15
    date: Date,
}

pub async fn run(args: &Args) -> Exit {
    let done = match &args.action {
        Action::Preview(run) => preview(run).await,
        Action::Close(run) => close(run).await,
        Action::List(api) => list(api).await,
        Action::Export { run, format: Format::Ubl, out, customer } => {
            documents::save(run, out.as_deref(), customer.as_deref()).await
        }
        Action::Export { run, format, out, customer } => {
            export(run, *format, out.as_deref(), customer.as_deref()).await
        }
        Action::Invoices(run) => documents::list(run).await,
        Action::Deliveries { run, attempts } => documents::deliveries(run, *attempts).await,
        Action::Send { run, part } => documents::send(run, *part).await,
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

async fn preview(args: &RunArgs) -> Result<Exit, ApiError> {
    let date = args.date.to_string();
    let run: Value = Client::new(&args.api)?.get(&["v1", "invoicing", &date, "preview"], &[]).await?;
    Ok(show(&run, args.api.output))
}

async fn close(args: &RunArgs) -> Result<Exit, ApiError> {
    let date = args.date.to_string();
    let run: Value = Client::new(&args.api)?.post(&["v1", "invoicing", &date, "close"], &json!({})).await?;
    Ok(show(&run, args.api.output))
}

async fn list(api: &ApiArgs) -> Result<Exit, ApiError> {
    let client = Client::new(api)?;
    let mut runs: Vec<Value> = Vec::new();
    let mut after = String::new();
    loop {
        let query = [("limit", "500".to_owned()), ("after", after)];
        let mut page: Value = client.get(&["v1", "invoicing"], &query).await?;
        runs.extend(page["items"].as_array_mut().map(std::mem::take).unwrap_or_default());
        let Some(next) = page["next"].as_str() else { break };
        after = next.to_owned();
    }
    if api.output == Output::Json {
        print::json(&runs);
        return Ok(Exit::Pass);
    }
    let mut out = table(&["run", "lines", "total", "closed", "by"]);
    for run in &runs {
        let totals = run.get("totals").and_then(Value::as_array).into_iter().flatten();
        let totals: Vec<String> = totals.filter_map(Value::as_str).map(cell).collect();
        out.add_row([
            member(run, "run_date"),
            member(run, "lines"),
            totals.join(", "),
            member(run, "closed_at"),
            member(run, "closed_by"),
        ]);
    }
    lines(&out.to_string());
    Ok(Exit::Pass)
}

/// The bytes of the service as they are.
async fn export(args: &RunArgs, format: Format, out: Option<&Path>, customer: Option<&str>) -> Result<Exit, ApiError> {
    if customer.is_some() {
        eprintln!("fencepost: --customer goes with --format ubl; the other formats are the whole run");
        return Ok(Exit::Usage);
    }
    let format = match format {
        Format::Csv => "csv",
        Format::Json => "json",
        Format::Ubl => "ubl",
    };
    let query = [("format", format.to_owned())];
    let date = args.date.to_string();
    let bytes = Client::new(&args.api)?.get_bytes(&["v1", "invoicing", &date, "export"], &query).await?;
    match out {
        Some(folder) => documents::write(folder, &format!("fencepost-{date}.{format}"), &bytes),
        // A reader that went away is no error.
        None => {
            let _ = std::io::stdout().write_all(&bytes);
            Ok(Exit::Pass)
        }
    }
}

/// A period with its last day, not with the first day of the next one.
pub(super) fn days(period: &Value) -> String {
    let last = period.get("to").and_then(Value::as_str).and_then(|to| to.parse::<Date>().ok()?.yesterday().ok());
    let last = last.map_or_else(|| member(period, "to"), |day| day.to_string());
    format!("{} to {last}", member(period, "from"))
}

/// Numbers of the entries that a line rests on, with spaces, so that a long list can be wrapped.
fn entries(line: &Value) -> String {
    let numbers = line.get("entries").and_then(Value::as_array).into_iter().flatten();
    numbers.map(|number| cell(&number.to_string())).collect::<Vec<_>>().join(" ")
}

fn show(run: &Value, output: Output) -> Exit {
    let array = |name: &str| run.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let problems = array("problems");
    let exit = if problems.is_empty() { Exit::Pass } else { Exit::Fail };
    if output == Output::Json {
        print::json(run);
        return exit;
    }
    let closed = run.get("closed").and_then(Value::as_bool).unwrap_or(false);
    let state = if closed {
        format!("closed {} by {}", member(run, "closed_at"), member(run, "closed_by"))
    } else {
        "not closed".to_owned()
    };
    lines(&format!("run of {}, {state}, ledger head {}", member(run, "run_date"), member(run, "head_seq")));
    let mut out = table(&["line", "customer", "bill to", "kind", "period", "mailboxes", "amount", "entries"]);
    for (index, line) in array("lines").iter().enumerate() {
        let period = line.get("period").map(days);
        out.add_row([
            (index + 1).to_string(),
            member(line, "customer_id"),
            member(line, "bill_to"),
            member(line, "kind"),
            period.unwrap_or_default(),
            member(line, "mailboxes"),
            member(line, "amount"),
            entries(line),
        ]);
    }
    lines(&out.to_string());
    let totals: Vec<String> = array("totals").iter().filter_map(Value::as_str).map(cell).collect();
    lines(&format!("total {}", if totals.is_empty() { "nothing".to_owned() } else { totals.join(", ") }));
    for problem in problems {
        lines(&format!("NOT INVOICED {}: {}", member(problem, "customer_id"), member(problem, "what")));
    }
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_shown_with_its_last_day() {
        let shown = days(&serde_json::json!({ "from": "2026-01-31", "to": "2026-03-01" }));
        assert_eq!(shown, "2026-01-31 to 2026-02-28");
    }
}
