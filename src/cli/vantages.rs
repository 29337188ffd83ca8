//! `fencepost vantages`: how every place that probes are sent from is doing; and for the desk, taking
//! one out of use or saying that it is sound.

use serde_json::{Value, json};

use super::client::{ApiArgs, ApiError, Client};
use super::print::{cell, json as print_json, lines, member, table};
use super::{Exit, Output, complain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    api: ApiArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Believe a quarantined vantage again; what it saw so far counts no more against it
    Release(Change),
    /// Take a vantage out of use: what it sees counts no more
    Quarantine(Change),
}

#[derive(Debug, clap::Args)]
struct Change {
    /// Its name, as `fencepost vantages` shows it
    id: String,
    /// Why, for the record
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    api: ApiArgs,
}

/// Status 0 when every vantage is in use and well, 1 otherwise.
pub async fn run(args: &Args) -> Exit {
    let done = match &args.action {
        None => list(&args.api).await,
        Some(Action::Release(change)) => set(change, "release").await,
        Some(Action::Quarantine(change)) => set(change, "quarantine").await,
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

async fn list(api: &ApiArgs) -> Result<Exit, ApiError> {
    let answer: Value = Client::new(api)?.get(&["v1", "vantages"], &[]).await?;
    let of = |name: &str| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let (vantages, agents) = (of("items"), of("agents"));
    let unwell = vantages.iter().any(|vantage| !matches!(member(vantage, "state").as_str(), "ok" | "unused"));
    let away = agents.iter().any(|agent| !agent.get("away").is_none_or(Value::is_null));
    if api.output == Output::Json {
        print_json(&answer);
    } else {
        lines(&text(&vantages, &agents));
    }
    Ok(if unwell || away { Exit::Fail } else { Exit::Pass })
}

fn text(vantages: &[Value], agents: &[Value]) -> String {
    let mut out = table(&["vantage", "at", "state", "seen as", "last seen", "answered (24 h)", "what is the matter"]);
    for vantage in vantages {
        let count = |name: &str| vantage.get(name).and_then(Value::as_u64).unwrap_or(0);
        let at = member(vantage, "agent");
        out.add_row([
            member(vantage, "id"),
            if at == "–" { "this host".to_owned() } else { format!("agent {at}") },
            member(vantage, "state"),
            member(vantage, "outside"),
            member(vantage, "last_seen"),
            rate(count("good"), count("bad")),
            matter(vantage),
        ]);
    }
    let mut text = out.to_string();
    if !agents.is_empty() {
        let mut out = table(&["agent", "version", "last seen", "its process since", "carries routes", "away"]);
        for agent in agents {
            let carries = agent.get("carries_routes") == Some(&Value::Bool(true));
            out.add_row([
                member(agent, "name"),
                member(agent, "version"),
                member(agent, "last_seen"),
                member(agent, "since"),
                if carries { "yes".to_owned() } else { "no".to_owned() },
                member(agent, "away"),
            ]);
        }
        text.push('\n');
        text.push_str(&out.to_string());
    }
    text
}

fn rate(good: u64, bad: u64) -> String {
    match good + bad {
        0 => "–".to_owned(),
        all => format!("{good} of {all} ({} %)", good * 100 / all),
    }
}

fn matter(vantage: &Value) -> String {
    match vantage.get("quarantined").filter(|mark| !mark.is_null()) {
        None => member(vantage, "detail"),
        Some(mark) => cell(&format!("since {} by {}: {}", member(mark, "at"), member(mark, "by"), member(mark, "why"))),
    }
}

async fn set(change: &Change, what: &str) -> Result<Exit, ApiError> {
    let client = Client::new(&change.api)?;
    let body = json!({ "reason": change.reason });
    let answer: Value = client.post(&["v1", "vantages", &change.id, what], &body).await?;
    if change.api.output == Output::Json {
        print_json(&answer);
    } else {
        lines(&format!("{} is now {}", member(&answer, "id"), member(&answer, "state")));
    }
    Ok(Exit::Pass)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_an_operator_can_read() {
        let vantages = json!([
            { "id": "egress-192.0.2.10", "agent": "gw1", "state": "away", "outside": "192.0.2.10",
              "last_seen": "2026-11-23T08:00:00Z", "good": 41, "bad": 1, "quarantined": null,
              "detail": "the agent `gw1` is away since 2026-11-23 08:00:00 UTC" },
            { "id": "outsider-default", "agent": null, "state": "unused", "outside": null, "last_seen": null,
              "good": 0, "bad": 0, "quarantined": null, "detail": null },
            { "id": "egress-192.0.2.11", "agent": "gw2", "state": "quarantined", "outside": "192.0.2.11",
              "last_seen": "2026-11-23T09:00:00Z", "good": 3, "bad": 9, "detail": "x",
              "quarantined": { "at": "2026-11-23T08:59:00Z", "by": "fencepost", "why": "9 of 12 targets" } },
        ]);
        let agents = json!([{ "name": "gw1", "version": "0.1.0", "last_seen": "2026-11-23T08:00:00Z",
            "since": "2026-11-20T08:00:00Z", "carries_routes": true, "away": "away since 08:00" }]);
        insta::assert_snapshot!(text(vantages.as_array().unwrap(), agents.as_array().unwrap()));
    }
}
