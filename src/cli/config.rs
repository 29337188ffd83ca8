//! `fencepost config check`: everything that is wrong with a configuration file, at once.

use std::io::Write;

use fencepost_checks::escape::clean;
use serde::Serialize;
use serde_json::json;

use super::print::{self, lines};
use super::{Exit, Global, Output, complain};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, Database, EgressState, HostState, Problem, StoreConfig};
use crate::engine::places_report;
use crate::store::{self, StoreError};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Action {
    /// Read the configuration (`--config FILE`) and tell every mistake with its line; status 2 if there is one
    Check {
        /// Hold it against the store too: whether all customers are ready for the gateway that it describes; status 1
        /// if some would lose mail
        #[arg(long)]
        with_store: bool,
        /// How to print
        #[arg(long, value_enum, default_value_t)]
        output: Output,
    },
}

/// Checks the file and prints a summary, or what is wrong.
#[must_use]
pub async fn run(args: &Args, global: &Global) -> Exit {
    let Action::Check { with_store, output } = args.action;
    let config = match config::load(&global.config) {
        Ok(config) => config,
        Err(error) => return complain(&error),
    };
    let told = Told::of(&config);
    if output == Output::Table
        && let Err(error) = write!(std::io::stdout().lock(), "{}: {}", global.config.display(), told.text())
    {
        return complain(&error);
    }
    let (customers, exit) = match with_store {
        false => (None, Exit::Pass),
        true => match customers(&config).await {
            Ok((text, exit)) => (Some(text), exit),
            Err(error) => return complain(&error),
        },
    };
    match output {
        Output::Json => {
            print::json(&json!({ "file": global.config, "ok": true, "told": told, "customers": customers }));
        }
        Output::Table => customers.iter().for_each(|text| lines(text)),
    }
    exit
}

/// What the customers in the store have to say to it.
async fn customers(config: &Config) -> Result<(String, Exit), StoreError> {
    // Looking must not make a database.
    if let Ok(Database::Sqlite(path)) = config.store.database()
        && !path.exists()
    {
        return Ok((format!("customers: none, there is no database at {} yet", path.display()), Exit::Pass));
    }
    let store = store::open(&config.store).await?;
    let report = places_report(store.as_ref(), &config.gateway, SystemClock.now()).await?;
    if report.warnings.is_empty() {
        let text =
            format!("customers: none of {} domains would lose mail by these MX hosts and addresses", report.domains);
        return Ok((text, Exit::Pass));
    }
    let text: Vec<String> =
        report.warnings.iter().map(|warning| format!("WARNING: {}", clean(&warning.text, 2_000))).collect();
    Ok((text.join("\n"), Exit::Fail))
}

/// What the configuration amounts to.
#[derive(Debug, Serialize)]
struct Told {
    settings: Vec<(&'static str, String)>,
    needed_before_serve: Vec<String>,
    notes: Vec<String>,
}

impl Told {
    fn of(config: &Config) -> Self {
        let host = |host: &config::MxHost| match host.state {
            HostState::Current => host.name.to_string(),
            HostState::Accepted => format!("{} (accepted)", host.name),
            HostState::Retired => format!("{} (retired)", host.name),
        };
        let mx: Vec<String> = config.gateway.mx_hosts.iter().map(host).collect();
        let address = |egress: &config::EgressAddress| match egress.state {
            EgressState::Active => egress.address.to_string(),
            EgressState::Announced => format!("{} (announced)", egress.address),
            EgressState::Retired => format!("{} (retired)", egress.address),
        };
        let egress: Vec<String> = config.gateway.egress.iter().map(address).collect();
        let smarthost = if config.notify.smarthost.is_empty() { "none" } else { &config.notify.smarthost };
        let said = |Problem { key, message }: Problem| format!("{key} {message}");
        let notes = config.notes().into_iter().map(said).chain(store::exposed(&config.store));
        Self {
            settings: vec![
                ("state in", state(&config.store)),
                ("pages at", config.http.public_url.clone()),
                ("MX hosts", or_none(&mx.join(", "))),
                ("egress", or_none(&egress.join(", "))),
                ("routes by", config.gateway.adapter.kind().to_owned()),
                ("mail through", smarthost.to_owned()),
                ("time zone", config.commerce.time_zone.clone()),
            ],
            needed_before_serve: config.missing_for_serving().into_iter().map(said).collect(),
            notes: notes.collect(),
        }
    }

    fn text(&self) -> String {
        let mut text = String::from("ok\n");
        for (label, value) in &self.settings {
            text += &format!("  {label:<13} {value}\n");
        }
        for needed in &self.needed_before_serve {
            text += &format!("needed before `fencepost serve`: {needed}\n");
        }
        for note in &self.notes {
            text += &format!("note: {note}\n");
        }
        text
    }
}

fn state(store: &StoreConfig) -> String {
    match store.database() {
        Ok(Database::Sqlite(path)) => path.display().to_string(),
        Ok(Database::Postgres(url)) => url,
        Err(why) => why,
    }
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_says_what_it_amounts_to() {
        let annotated = include_str!("../../config/fencepost.yaml");
        insta::assert_snapshot!("annotated", Told::of(&config::from_text(annotated).unwrap()).text());
        insta::assert_snapshot!("nothing", Told::of(&Config::default()).text());
    }
}
