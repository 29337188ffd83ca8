//! `fencepost share`: links to the status page of a domain, for whoever has no account: made, listed, revoked.

use serde_json::{Value, json};

use super::client::{ApiArgs, ApiError, Client};
use super::print::{self, lines, member, table};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Args {
    #[command(flatten)]
    make: Option<MakeArgs>,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Args)]
struct MakeArgs {
    /// The domain whose page it shows
    domain: String,
    /// Whom the link is for
    #[arg(long, default_value = "", value_name = "TEXT")]
    label: String,
    /// Days that it holds; until it is revoked, when not given
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: Option<u32>,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show the links of a domain: who made them, and when they were last used
    List {
        domain: String,
        #[command(flatten)]
        api: ApiArgs,
    },
    /// Take a link back: from now on it leads nowhere
    Revoke {
        domain: String,
        /// As listed
        id: String,
        #[command(flatten)]
        api: ApiArgs,
    },
}

pub async fn run(args: &Args) -> Exit {
    let done = match (&args.action, &args.make) {
        (Some(Action::List { domain, api }), _) => list(domain, api).await,
        (Some(Action::Revoke { domain, id, api }), _) => revoke(domain, id, api).await,
        (None, Some(make)) => made(make).await,
        (None, None) => Ok(Exit::Usage),
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

/// The address alone goes to standard output, so that it can be piped; what is to be known of it to standard error.
async fn made(args: &MakeArgs) -> Result<Exit, ApiError> {
    let body = json!({ "label": args.label, "days": args.days });
    let link: Value = Client::new(&args.api)?.post(&["v1", "domains", &args.domain, "links"], &body).await?;
    match args.api.output {
        Output::Json => print::json(&link),
        Output::Table => {
            lines(&member(&link, "url"));
            let until = match link.get("expires_at").and_then(Value::as_str) {
                Some(_) => format!("until {}", member(&link, "expires_at")),
                None => "until it is revoked".to_owned(),
            };
            eprintln!(
                "Shown this once. It holds {until}; `fencepost share revoke {} {}` takes it back.",
                print::cell(&args.domain),
                member(&link, "id")
            );
        }
    }
    Ok(Exit::Pass)
}

async fn list(domain: &str, api: &ApiArgs) -> Result<Exit, ApiError> {
    let answer: Value = Client::new(api)?.get(&["v1", "domains", domain, "links"], &[]).await?;
    let links = answer.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
    if api.output == Output::Json {
        print::json(&links);
        return Ok(Exit::Pass);
    }
    if links.is_empty() {
        lines("there is no link to this page");
        return Ok(Exit::Pass);
    }
    let mut shown = table(&["Id", "For", "Made", "By", "Until", "Last used", "State"]);
    for link in &links {
        let state = match link.get("revoked_at") {
            Some(Value::String(_)) => format!("revoked by {}", member(link, "revoked_by")),
            _ if link.get("in_force") == Some(&Value::Bool(true)) => "in force".to_owned(),
            _ => "expired".to_owned(),
        };
        let row = ["id", "label", "made_at", "made_by", "expires_at", "last_used_at"].map(|name| member(link, name));
        shown.add_row(row.into_iter().chain([state]));
    }
    lines(&shown.to_string());
    Ok(Exit::Pass)
}

async fn revoke(domain: &str, id: &str, api: &ApiArgs) -> Result<Exit, ApiError> {
    Client::new(api)?.delete(&["v1", "domains", domain, "links", id]).await?;
    match api.output {
        Output::Json => print::json(&json!({ "revoked": id })),
        Output::Table => lines("the link leads nowhere any more"),
    }
    Ok(Exit::Pass)
}
