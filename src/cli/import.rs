//! `fencepost import --connected FILE.csv`: takes over an existing base of connected customers; `fencepost
//! order import FILE.csv`: places many orders. A long file goes to the service in pieces; the report speaks of
//! the lines of the file.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::client::{ApiArgs, Client};
use super::print::{self, cell, lines};
use super::{Exit, Output, complain};
use crate::engine::ImportReport;
use crate::order::base::{COLUMNS, NEEDED};
use crate::order::flat::{ORDER_COLUMNS, ORDER_NEEDED};
use crate::order::sheet::{LineOutcome, LineReport, MAX_BYTES, SheetError, pieces};

/// Lines and bytes of one request, where the file may be divided.
const ROWS: usize = 500;
const BYTES: usize = 512 << 10;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// Customers that are connected already, as CSV; `-` reads standard input
    #[arg(long, value_name = "FILE.csv", required_unless_present = "columns")]
    connected: Option<PathBuf>,
    /// Store nothing; say what would become of each line
    #[arg(long)]
    check: bool,
    /// Store nothing unless every line can be; at most 2,000 lines
    #[arg(long)]
    all_or_nothing: bool,
    /// Print the columns of the file and stop
    #[arg(long)]
    columns: bool,
}

/// Why there is no table to send.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path}")]
    Table { path: PathBuf, source: SheetError },
}

/// Sends the table and prints what became of each line. Status 0 when every line is stored or was there
/// already (or, with `--check`, could be), 1 when one was refused.
pub async fn run(args: &Args) -> Exit {
    let Some(path) = args.connected.as_ref().filter(|_| !args.columns) else {
        print_columns(COLUMNS, NEEDED, args.api.output);
        return Exit::Pass;
    };
    let Args { api, check, all_or_nothing, .. } = args;
    let how = How { api, check: *check, all_or_nothing: *all_or_nothing, to: "connected" };
    table(path, &how).await
}

#[derive(Debug, clap::Args)]
pub struct OrdersArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The orders as CSV; `-` reads standard input
    #[arg(value_name = "FILE.csv", required_unless_present = "columns")]
    file: Option<PathBuf>,
    /// Store nothing; say what would become of each line
    #[arg(long)]
    check: bool,
    /// Store nothing unless every line can be; at most 2,000 lines
    #[arg(long)]
    all_or_nothing: bool,
    /// Print the columns of the file and stop
    #[arg(long)]
    columns: bool,
}

/// Places the orders of a table; statuses as of [`run`].
pub async fn orders(args: &OrdersArgs) -> Exit {
    let Some(path) = args.file.as_ref().filter(|_| !args.columns) else {
        print_columns(ORDER_COLUMNS, ORDER_NEEDED, args.api.output);
        return Exit::Pass;
    };
    let OrdersArgs { api, check, all_or_nothing, .. } = args;
    let how = How { api, check: *check, all_or_nothing: *all_or_nothing, to: "orders" };
    table(path, &how).await
}

/// How a table is taken in, and as what.
struct How<'a> {
    api: &'a ApiArgs,
    check: bool,
    all_or_nothing: bool,
    /// `connected` or `orders`.
    to: &'static str,
}

async fn table(path: &Path, how: &How<'_>) -> Exit {
    let bytes = match read(path) {
        Ok(bytes) => bytes,
        Err(error) => return complain(&error),
    };
    let mut total = ImportReport {
        sha256: hex::encode(Sha256::digest(&bytes)),
        stored: true,
        accepted: 0,
        already_there: 0,
        refused: 0,
        lines: Vec::new(),
    };
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let whole = how.check || how.all_or_nothing;
    let (rows, about) = if whole { (usize::MAX, usize::MAX) } else { (ROWS, BYTES) };
    let divided = match pieces(&bytes, rows, about) {
        Ok(divided) => divided,
        Err(source) => return complain(&FileError::Table { path: path.to_path_buf(), source }),
    };
    let client = match Client::new(how.api) {
        Ok(client) => client,
        Err(error) => {
            complain(&error);
            return error.exit();
        }
    };
    let several = divided.len() > 1;
    for piece in divided {
        let mut query = vec![("name", name.clone()), ("line_offset", piece.line_offset.to_string())];
        query.push(("check", how.check.to_string()));
        query.push(("all_or_nothing", how.all_or_nothing.to_string()));
        if several {
            query.push(("whole_sha256", total.sha256.clone()));
        }
        let body = if several { piece.bytes } else { bytes.clone() };
        let report: Result<ImportReport, _> = client.post_table(&["v1", "imports", how.to], &query, body).await;
        match report {
            Ok(report) => {
                total.stored &= report.stored;
                total.accepted += report.accepted;
                total.already_there += report.already_there;
                total.refused += report.refused;
                if how.api.output == Output::Table {
                    report.lines.iter().for_each(|line| lines(&sentence(line, report.stored)));
                }
                total.lines.extend(report.lines);
            }
            Err(error) => {
                complain(&error);
                if !total.lines.is_empty() {
                    let done = total.lines.len();
                    eprintln!("the first {done} lines are as reported; run it again: what is there stays as it is");
                }
                return error.exit();
            }
        }
    }
    match how.api.output {
        Output::Json => print::json(&total),
        Output::Table => lines(&summary(&total, how)),
    }
    if total.refused == 0 { Exit::Pass } else { Exit::Fail }
}

/// The header alone goes where it may be redirected to; what is needed is for whoever reads along.
fn print_columns(columns: &[&str], needed: &[&str], output: Output) {
    if output == Output::Json {
        let rows = columns.iter().map(|name| json!({ "column": name, "needed": needed.contains(name) }));
        print::json(&rows.collect::<Vec<_>>());
        return;
    }
    let starred = |name: &&str| if needed.contains(name) { format!("{name} *") } else { (*name).to_owned() };
    let listed: Vec<String> = columns.iter().map(starred).collect();
    lines(&columns.join(","));
    eprintln!("\n{}\n\n* needed; docs/import.md says more", listed.join("\n"));
}

fn sentence(line: &LineReport, stored: bool) -> String {
    let domains: Vec<String> = line.domains.iter().map(|domain| cell(domain)).collect();
    let who = format!("line {}: {} ({})", line.line, cell(&line.customer), domains.join(", "));
    match &line.outcome {
        LineOutcome::Accepted { customer_id, notes } => {
            let what = match customer_id {
                Some(id) if stored => format!("accepted, customer {}", cell(id)),
                _ => "would be accepted".to_owned(),
            };
            let notes: String = notes.iter().map(|note| format!("\n  {}", cell(note))).collect();
            format!("{who}: {what}{notes}")
        }
        LineOutcome::AlreadyThere { customer_id } => {
            format!("{who}: already there, customer {}", cell(customer_id))
        }
        LineOutcome::Refused { errors } => {
            let reasons: String =
                errors.iter().map(|e| format!("\n  {}: {}", cell(&e.field), cell(&e.message))).collect();
            format!("{who}: refused{reasons}")
        }
    }
}

fn summary(total: &ImportReport, how: &How<'_>) -> String {
    let counts =
        format!("{} accepted, {} already there, {} refused", total.accepted, total.already_there, total.refused);
    let said = match (how.check, total.stored, total.accepted) {
        (true, ..) => "; nothing was stored (--check)",
        (false, false, _) => "; nothing was stored, because not every line can be (--all-or-nothing)",
        (false, true, 0) if total.refused == 0 => "; nothing was changed",
        (false, true, 0) => "",
        (false, true, _) if how.to == "orders" => "; `fencepost list` shows how far they are",
        (false, true, _) => "; the engine looks at their MX now, `fencepost list` shows what it finds",
    };
    format!("{counts}{said}\nfile sha256 {}", total.sha256)
}

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |source| FileError::Read { path: path.to_path_buf(), source };
    let bound = MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(bound).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(bound).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() > MAX_BYTES {
        return Err(FileError::Table { path: path.to_path_buf(), source: SheetError::TooLong(bytes.len()) });
    }
    Ok(bytes)
}
