//! `fencepost order -f order.yaml`: places an order; `--customer C --domain D` adds a domain to a customer;
//! `fencepost order import` places many.

use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;

use super::client::{ApiArgs, Client};
use super::print::{cell, json, lines, member};
use super::wait::WaitArgs;
use super::{Exit, Output, agreement, complain};
use crate::order::OrderForm;

const MAX_FILE: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Place the orders of a table, with a report a line
    Import(super::import::OrdersArgs),
}

#[derive(Debug, clap::Args)]
struct PlaceArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// The order in YAML; `-` reads standard input
    #[arg(short, long, value_name = "FILE", required_unless_present = "customer")]
    file: Option<PathBuf>,
    /// Add further domains to this customer: its id, its order's id, or a domain of its
    #[arg(long, conflicts_with = "file", requires = "domain")]
    customer: Option<String>,
    /// A further domain; may be given several times
    #[arg(long, requires = "customer")]
    domain: Vec<String>,
    /// Own mail server of these domains; those of the order, when not given
    #[arg(long, value_name = "HOST[:PORT]", requires = "customer")]
    server: Vec<String>,
    /// It is a hosted platform that cannot be firewalled
    #[arg(long, requires = "server")]
    hosted: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Why there is no order to place.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{path} is longer than {MAX_FILE} bytes")]
    TooLong { path: PathBuf },
    #[error("{path}: {message}")]
    Yaml { path: PathBuf, message: String },
}

/// Reads, sends, and prints what came into being.
pub async fn run(args: &Args) -> Exit {
    match &args.action {
        Some(Action::Import(args)) => super::import::orders(args).await,
        None => place(&args.place).await,
    }
}

async fn place(args: &PlaceArgs) -> Exit {
    let Some(file) = args.file.as_ref().filter(|_| args.customer.is_none()) else {
        let customer = args.customer.as_deref().unwrap_or_default();
        if args.wait.phase.is_none() {
            return agreement::add_domains(&args.api, customer, &args.domain, &args.server, args.hosted).await;
        }
        let body = agreement::domains(&args.domain, &args.server, args.hosted);
        let added = match Client::new(&args.api) {
            Ok(client) => client.post(&["v1", "customers", customer, "domains"], &body).await,
            Err(error) => Err(error),
        };
        return match added {
            Ok(added) => until(args, &args.domain, added).await,
            Err(error) => {
                complain(&error);
                error.exit()
            }
        };
    };
    let form = match read(file) {
        Ok(form) => form,
        Err(error) => return complain(&error),
    };
    let placed: Result<Value, _> = match Client::new(&args.api) {
        Ok(client) => client.post(&["v1", "orders"], &form).await,
        Err(error) => Err(error),
    };
    let placed = match placed {
        Ok(placed) => placed,
        Err(error) => {
            complain(&error);
            return error.exit();
        }
    };
    let connections: Vec<&Value> = placed.get("connections").and_then(Value::as_array).into_iter().flatten().collect();
    match args.api.output {
        // One document: with `--wait`, what came of it belongs to it.
        Output::Json if args.wait.phase.is_some() => {}
        Output::Json => json(&placed),
        Output::Table => {
            lines(&format!("order {}\ncustomer {}", member(&placed, "order_id"), member(&placed, "customer_id")));
            for connection in &connections {
                let domain = member(connection, "domain");
                lines(&format!("{domain}: connection {}", member(connection, "connection_id")));
            }
        }
    }
    let domains: Vec<String> =
        connections.iter().filter_map(|c| c.get("domain").and_then(Value::as_str).map(str::to_owned)).collect();
    until(args, &domains, placed).await
}

/// Waits, where that was asked for.
async fn until(args: &PlaceArgs, domains: &[String], mut placed: Value) -> Exit {
    let Some(wanted) = args.wait.phase else { return Exit::Pass };
    let done = match Client::new(&args.api) {
        Ok(client) => super::act::waited(&client, &args.api, &mut placed, domains, (wanted, args.wait.timeout)).await,
        Err(error) => Err(error),
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

fn read(path: &PathBuf) -> Result<OrderForm, FileError> {
    let failed = |source| FileError::Read { path: path.clone(), source };
    let mut text = String::new();
    if path.as_os_str() == "-" {
        std::io::stdin().take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    } else {
        std::fs::File::open(path).map_err(failed)?.take(MAX_FILE + 1).read_to_string(&mut text).map_err(failed)?;
    }
    if text.len() as u64 > MAX_FILE {
        return Err(FileError::TooLong { path: path.clone() });
    }
    parse(&text).map_err(|message| FileError::Yaml { path: path.clone(), message })
}

/// The form, or what is wrong with line and column.
fn parse(text: &str) -> Result<OrderForm, String> {
    serde_yaml::from_str(text).map_err(|error| error.to_string().lines().map(cell).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_place() {
        insta::assert_snapshot!("unknown_key", parse("partner: acme\ncolour: blue\n").unwrap_err());
        insta::assert_snapshot!("wrong_type", parse("partner: acme\ndomains: example.com\n").unwrap_err());
        insta::assert_snapshot!("no_yaml", parse("partner: [acme\n").unwrap_err());
    }

    #[test]
    fn the_example_is_an_order_that_is_taken() {
        let form = parse(include_str!("../../config/order.example.yaml")).unwrap();
        let rules = crate::order::OrderRules::new(&[], Vec::new()).unwrap();
        assert!(form.check(&rules).is_ok(), "{:?}", form.check(&rules));
    }

    #[test]
    fn numbers_and_text_are_both_understood() {
        let form = parse("mailboxes: 12\ninvoicing_group: 15\nprice: 120.00 EUR\n").unwrap();
        assert_eq!(form.mailboxes.as_deref(), Some("12"));
        assert_eq!(form.price.as_deref(), Some("120.00 EUR"));
    }
}
