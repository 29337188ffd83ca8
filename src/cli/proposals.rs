//! `fencepost proposals`: mail that asks for a change of what is invoiced, beside what was understood;
//! approved, rejected, judged again; and who may speak for a customer.

use clap::ValueEnum;
use fencepost_checks::escape::clean;
use jiff::civil::Date;
use serde_json::{Value, json};

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages;
use super::print::{self, lines, member, table};
use super::{Exit, Output, complain};
use crate::ledger::{Money, PriceMode};
use crate::proposal::Change;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List mails; status 1 when some wait for approval
    List {
        #[command(flatten)]
        api: ApiArgs,
        /// Which ones
        #[arg(long, value_enum, default_value_t)]
        state: Which,
        /// At most so many
        #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show a mail beside what was understood of it, and what approving it would record
    Show {
        #[command(flatten)]
        api: ApiArgs,
        /// Id of the mail, as `proposals list` shows it
        id: String,
    },
    /// Record what the mail asks for, with the mail as evidence
    Approve(ApproveArgs),
    /// End a mail without a change
    Reject {
        #[command(flatten)]
        api: ApiArgs,
        /// Id of the mail, as `proposals list` shows it
        id: String,
        /// Why, in one line
        #[arg(long)]
        reason: String,
    },
    /// Judge a quarantined mail again, once the list of senders was put right
    Again {
        #[command(flatten)]
        api: ApiArgs,
        /// Id of the mail, as `proposals list` shows it
        id: String,
    },
    /// Show who may speak for a customer, and the token that finds it in a subject
    Senders {
        #[command(flatten)]
        api: ApiArgs,
        /// Customer, or a domain of its
        customer: String,
        /// Put this address on the list
        #[arg(long, value_name = "ADDRESS", conflicts_with = "forbid")]
        allow: Option<String>,
        /// Take this address off the list
        #[arg(long, value_name = "ADDRESS")]
        forbid: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct ApproveArgs {
    #[command(flatten)]
    api: ApiArgs,
    /// Id of the mail, as `proposals list` shows it
    id: String,
    /// What the mail says, instead of what was understood: number of mailboxes
    #[arg(long)]
    mailboxes: Option<u32>,
    /// Monthly price, such as "180.00 EUR"
    #[arg(long)]
    price: Option<Money>,
    /// The price is for each mailbox
    #[arg(long, requires = "price")]
    per_mailbox: bool,
    /// Invoicing group, 15 or 30
    #[arg(long)]
    group: Option<u8>,
    /// customer or no-customer
    #[arg(long, value_enum)]
    decision: Option<Decision>,
    /// The mail gives notice
    #[arg(long)]
    notice: bool,
    /// From which day
    #[arg(long, value_name = "DATE")]
    from: Option<Date>,
    /// It takes the place of an opposite word that stands
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Decision {
    /// The trial becomes a customer
    Customer,
    /// It does not; of a customer that is invoiced: notice
    NoCustomer,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Which {
    /// Waiting for approval
    #[default]
    Open,
    /// Not believed
    Quarantined,
    /// Recorded
    Approved,
    /// Ended without a change
    Rejected,
    All,
}

pub async fn run(args: &Args) -> Exit {
    let done = match &args.action {
        Action::List { api, state, limit } => list(api, *state, *limit).await,
        Action::Show { api, id } => show(api, id).await,
        Action::Approve(args) => approve(args).await,
        Action::Reject { api, id, reason } => {
            let answer = post(api, &["v1", "proposals", id, "reject"], &json!({ "reason": reason })).await;
            answer.map(|answer| say(api, &answer, |answer| format!("{} is rejected", member(answer, "id"))))
        }
        Action::Again { api, id } => {
            let answer = post(api, &["v1", "proposals", id, "again"], &json!({})).await;
            answer.map(|answer| {
                say(api, &answer, |answer| format!("proposal {} waits for approval", member(answer, "id")))
            })
        }
        Action::Senders { api, customer, allow, forbid } => {
            senders(api, customer, allow.as_deref().map(|a| (a, true)).or(forbid.as_deref().map(|a| (a, false)))).await
        }
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

async fn post(api: &ApiArgs, path: &[&str], body: &Value) -> Result<Value, ApiError> {
    Client::new(api)?.post(path, body).await
}

fn say(api: &ApiArgs, answer: &Value, told: impl Fn(&Value) -> String) -> Exit {
    match api.output {
        Output::Json => print::json(answer),
        Output::Table => lines(&told(answer)),
    }
    Exit::Pass
}

async fn list(api: &ApiArgs, which: Which, limit: u32) -> Result<Exit, ApiError> {
    let state = match which {
        Which::Open => Some("open"),
        Which::Quarantined => Some("quarantined"),
        Which::Approved => Some("approved"),
        Which::Rejected => Some("rejected"),
        Which::All => None,
    };
    let query: Vec<_> = state.iter().map(|state| ("state", (*state).to_owned())).collect();
    let rows = pages(&Client::new(api)?, &["v1", "proposals"], &query, limit).await?;
    if api.output == Output::Json {
        print::json(&rows);
    } else if rows.is_empty() {
        lines("no mail");
    } else {
        let mut out = table(&["mail", "state", "received", "from", "subject", "copies", "why"]);
        for row in &rows {
            let columns = ["id", "state", "received_at", "sender", "subject", "copies", "reason"];
            out.add_row(columns.map(|name| print::cell(&member(row, name))));
        }
        lines(&out.to_string());
    }
    let waits = which == Which::Open && !rows.is_empty();
    Ok(if waits { Exit::Fail } else { Exit::Pass })
}

async fn show(api: &ApiArgs, id: &str) -> Result<Exit, ApiError> {
    let view: Value = Client::new(api)?.get(&["v1", "proposals", id], &[]).await?;
    Ok(say(api, &view, told))
}

fn told(view: &Value) -> String {
    let text = |name: &str| clean(&member(view, name), 500);
    let mut out = vec![
        format!("{} {}", text("id"), text("state")),
        format!("from      {}", text("sender")),
        format!("subject   {}", text("subject")),
        format!("received  {} through {}, delivered {} times", text("received_at"), text("via"), text("copies")),
        format!("proof     {}", text("authenticity")),
        format!("customer  {} {}", text("customer"), text("customer_id")),
    ];
    let list = |name: &str| view.pointer(name).and_then(Value::as_array).cloned().unwrap_or_default();
    if !text("reason").is_empty() {
        out.push(format!("quarantine {}", text("reason")));
    }
    for change in list("/understood/changes") {
        let change: Option<Change> = serde_json::from_value(change).ok();
        out.extend(change.map(|change| format!("understood {change}")));
    }
    for doubt in list("/understood/not_understood") {
        out.push(format!("NOT understood “{}”: {}", clean(&member(&doubt, "text"), 200), member(&doubt, "why")));
    }
    for line in list("/would_record") {
        out.push(format!("would record {}", clean(line.as_str().unwrap_or_default(), 300)));
    }
    if view.get("refused").is_some_and(|refused| !refused.is_null()) {
        out.push(format!("not as it is: {}", text("refused")));
    }
    if view.get("settled_by").is_some_and(|by| !by.is_null()) {
        out.push(format!("settled   {} by {}", text("settled_at"), text("settled_by")));
    }
    out.push(String::new());
    out.extend(member(view, "text").lines().take(200).map(|line| format!("| {}", clean(line, 500))));
    out.join("\n")
}

async fn approve(args: &ApproveArgs) -> Result<Exit, ApiError> {
    let mode = if args.per_mailbox { PriceMode::PerMailbox } else { PriceMode::Total };
    let mut said: Vec<Change> = Vec::new();
    said.extend(args.mailboxes.map(|count| Change::Mailboxes { count }));
    said.extend(args.price.map(|amount| Change::Price { mode, amount }));
    said.extend(args.group.map(|group| Change::Group { group }));
    said.extend(args.decision.map(|word| Change::Decision { customer: word == Decision::Customer }));
    said.extend(args.notice.then_some(Change::End { wished: None }));
    let changes = if said.is_empty() { None } else { Some(said) };
    let body = json!({ "changes": changes, "from": args.from, "replace": args.replace });
    let answer = post(&args.api, &["v1", "proposals", &args.id, "approve"], &body).await?;
    Ok(say(&args.api, &answer, |answer| {
        let lines = |name: &str| {
            let items = answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
            items
                .iter()
                .map(|item| item.as_str().map_or_else(|| item.to_string(), |text| clean(text, 300)))
                .collect::<Vec<_>>()
        };
        let mut out = vec![format!("approved; entries {}", lines("entries").join(", "))];
        out.extend(lines("recorded").into_iter().map(|line| format!("  {line}")));
        out.extend(lines("consequences"));
        out.join("\n")
    }))
}

async fn senders(api: &ApiArgs, customer: &str, change: Option<(&str, bool)>) -> Result<Exit, ApiError> {
    let path = ["v1", "customers", customer, "senders"];
    let answer: Value = match change {
        None => Client::new(api)?.get(&path, &[]).await?,
        Some((address, allowed)) => post(api, &path, &json!({ "address": address, "allowed": allowed })).await?,
    };
    Ok(say(api, &answer, |answer| {
        let mut out = table(&["address", "may speak", "since", "by"]);
        for row in answer.get("items").and_then(Value::as_array).into_iter().flatten() {
            let allowed = row.get("allowed").and_then(Value::as_bool).unwrap_or(false);
            out.add_row([
                print::cell(&member(row, "address")),
                if allowed { "yes" } else { "no" }.to_owned(),
                member(row, "at"),
                print::cell(&member(row, "by")),
            ]);
        }
        format!("{out}\nfor a subject: {}", member(answer, "subject_token"))
    }))
}
