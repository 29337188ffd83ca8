//! `fencepost config check`: everything that is wrong with a configuration file, at once.

use std::io::Write;

use super::{Exit, Global, complain};
use crate::config::{self, Config, Database, Problem, StoreConfig};
use crate::store;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Action {
    /// Read the configuration (`--config FILE`) and tell every mistake with its line; status 2 if there is one
    Check,
}

/// Checks the file and prints a summary, or what is wrong.
#[must_use]
pub fn run(args: &Args, global: &Global) -> Exit {
    let Action::Check = args.action;
    match config::load(&global.config) {
        Ok(config) => match write!(std::io::stdout().lock(), "{}: {}", global.config.display(), summary(&config)) {
            Ok(()) => Exit::Pass,
            Err(error) => complain(&error),
        },
        Err(error) => complain(&error),
    }
}

/// What the configuration amounts to.
fn summary(config: &Config) -> String {
    let mx: Vec<&str> = config.gateway.mx_hosts.iter().map(|host| host.name.as_str()).collect();
    let egress: Vec<String> = config.gateway.egress.iter().map(|egress| egress.address.to_string()).collect();
    let smarthost = if config.notify.smarthost.is_empty() { "none" } else { &config.notify.smarthost };
    let mut text = String::from("ok\n");
    for (label, value) in [
        ("state in", state(&config.store)),
        ("pages at", config.http.public_url.clone()),
        ("MX hosts", or_none(&mx.join(", "))),
        ("egress", or_none(&egress.join(", "))),
        ("routes by", config.gateway.adapter.kind().to_owned()),
        ("mail through", smarthost.to_owned()),
        ("time zone", config.commerce.time_zone.clone()),
    ] {
        text += &format!("  {label:<13} {value}\n");
    }
    for Problem { key, message } in config.missing_for_serving() {
        text += &format!("needed before `fencepost serve`: {key} {message}\n");
    }
    for Problem { key, message } in config.notes() {
        text += &format!("note: {key} {message}\n");
    }
    for told in store::exposed(&config.store) {
        text += &format!("note: {told}\n");
    }
    text
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
        insta::assert_snapshot!("annotated", summary(&config::from_text(annotated).unwrap()));
        insta::assert_snapshot!("nothing", summary(&Config::default()));
    }
}
