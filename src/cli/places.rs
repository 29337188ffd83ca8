//! `fencepost gateway places`: how far the customers are with the gateway's MX hosts and egress addresses
//! that come and go, as a report, or domain by domain for one of them.

use clap::ValueEnum;
use fencepost_checks::escape::clean;
use serde_json::Value;

use super::client::{ApiArgs, ApiError, Client};
use super::list::pages;
use super::print::{self, Paragraphs, lines, member, minute, table, text_width};
use super::{Exit, Output, complain};

/// Longest warning, characters.
const WARNING: usize = 2_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    api: ApiArgs,
    /// An address or MX host: the domains one by one, instead of the counts of all places
    place: Option<String>,
    /// Only domains that stand so towards the place
    #[arg(long, value_enum, requires = "place")]
    standing: Option<Standing>,
    /// At most so many domains
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000), requires = "place")]
    limit: u32,
}

/// As the service names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Standing {
    /// Lets the address in
    Verified,
    /// Does not
    Blocked,
    /// Was tried, and nothing can be said
    Unknown,
    /// The MX names the host
    Named,
    /// The MX does not name it
    Left,
    /// Nobody has looked yet
    Unseen,
    /// A hosted platform, where nothing can be verified
    Hosted,
}

/// Status 0 when no mail is in danger, 1 when there is a warning; with a place, always 0.
pub async fn run(args: &Args) -> Exit {
    let done = match &args.place {
        None => report(&args.api).await,
        Some(place) => domains(args, place).await,
    };
    done.unwrap_or_else(|error| {
        complain(&error);
        error.exit()
    })
}

async fn report(api: &ApiArgs) -> Result<Exit, ApiError> {
    let answer: Value = Client::new(api)?.get(&["v1", "gateway", "places"], &[]).await?;
    if api.output == Output::Json {
        print::json(&answer);
    } else {
        lines(&text(&answer, text_width()));
    }
    Ok(if items(&answer, "warnings").is_empty() { Exit::Pass } else { Exit::Fail })
}

async fn domains(args: &Args, place: &str) -> Result<Exit, ApiError> {
    let mut query = Vec::new();
    if let Some(standing) = args.standing.and_then(|standing| standing.to_possible_value()) {
        query.push(("standing", standing.get_name().to_owned()));
    }
    let path = ["v1", "gateway", "places", place, "domains"];
    let rows = pages(&Client::new(&args.api)?, &path, &query, args.limit).await?;
    if args.api.output == Output::Json {
        print::json(&rows);
    } else {
        lines(&list(&rows, text_width()));
    }
    Ok(Exit::Pass)
}

fn items(value: &Value, name: &str) -> Vec<Value> {
    value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
}

fn text(report: &Value, width: usize) -> String {
    let mut warnings = Paragraphs::new(width);
    for warning in items(report, "warnings") {
        let said = warning.get("text").and_then(Value::as_str).map(|text| clean(text, WARNING)).unwrap_or_default();
        warnings.labelled("", "WARNING  ", "WARNING  ", &said);
        warnings.gap();
    }
    let mut egress =
        table(&["deliver from", "label", "state", "verified", "blocked", "not verified", "hosted", "next"]);
    for row in items(report, "egress") {
        egress.add_row(
            ["address", "label", "state", "verified", "blocked", "unverified", "hosted", "next"]
                .map(|of| member(&row, of)),
        );
    }
    let mut hosts = table(&["MX host", "preference", "state", "named by", "not looked at", "next"]);
    for row in items(report, "mx_hosts") {
        hosts.add_row(["name", "preference", "state", "named", "unseen", "next"].map(|of| member(&row, of)));
    }
    let all = member(report, "domains");
    format!("{}{egress}\n{hosts}\n{all} domains in all, as of {}", warnings.finish(), minute(report.get("as_of")))
}

/// One domain a paragraph.
fn list(rows: &[Value], width: usize) -> String {
    if rows.is_empty() {
        return "No domain.".to_owned();
    }
    let mut out = Paragraphs::new(width);
    for row in rows {
        let standing = member(row, "standing");
        let since = match row.get("since") {
            None | Some(Value::Null) => String::new(),
            at => format!(" since {}", minute(at)),
        };
        let words = format!(
            "{}  {standing}{since} ({}, partner {})",
            member(row, "domain"),
            member(row, "phase"),
            member(row, "partner")
        );
        out.block("", "", &words);
        if row.get("detail").and_then(Value::as_str).is_some_and(|detail| !detail.is_empty()) {
            out.block("  ", "", &member(row, "detail"));
        }
    }
    out.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_that_begins_with_what_is_wrong() {
        let report = json!({
            "as_of": "2026-11-23T12:00:00Z", "domains": 100,
            "egress": [
                { "address": "192.0.2.10", "label": "helsinki", "state": "active", "verified": 90, "blocked": 0,
                  "unverified": 0, "hosted": 10, "next": "in use, and every domain lets it in" },
                { "address": "192.0.2.40", "label": "oulu", "state": "active", "verified": 80, "blocked": 3,
                  "unverified": 7, "hosted": 10, "next": "in use, and 3 domains do not let it in" },
            ],
            "mx_hosts": [
                { "name": "mx1.gateway.example", "preference": 10, "state": "current", "named": null, "unseen": null,
                  "next": "customers are told to name it" },
                { "name": "mx0.gateway.example", "preference": 5, "state": "accepted", "named": 12, "unseen": 1,
                  "next": "wait: 12 domains are asked to leave it, the MX of 1 domain is not looked at yet" },
            ],
            "warnings": [{ "place": "192.0.2.40", "standing": "blocked", "domains": ["a.example"],
                "text": "192.0.2.40 is active, and 3 domains do not let it in: mail that the gateway delivers from there to them is delayed, and lost in the end." }],
        });
        insta::assert_snapshot!("report", text(&report, 100));
        let rows = json!([
            { "domain": "a.example", "customer_id": "k", "partner": "p", "phase": "connected", "standing": "blocked",
              "since": "2026-11-22T12:00:00Z", "seen_at": "2026-11-23T12:00:00Z",
              "detail": "A connection from 192.0.2.40 to 198.51.100.5:25 timed out." },
            { "domain": "b.example", "customer_id": "k", "partner": "p", "phase": "ready", "standing": "unseen",
              "since": null, "seen_at": null, "detail": "" },
        ]);
        insta::assert_snapshot!("domains", list(rows.as_array().unwrap(), 100));
    }
}
