//! The command line: one file a command. Commands parse, wire and print; they never decide.
//!
//! Every command ends in an [`Exit`], so that scripts can rely on the status.

mod act;
mod agent;
mod agreement;
mod audit;
mod backup;
mod calendar;
mod check;
mod client;
mod completions;
mod config;
mod demo;
mod discrepancies;
mod events;
mod explain;
mod healthcheck;
mod help;
mod import;
mod ingest;
mod intake;
mod invoicing;
mod ledger;
mod lifecycle;
mod list;
mod man;
mod migrate;
mod notice;
mod order;
mod parked;
mod person;
mod places;
mod print;
mod proposals;
mod replay;
mod report;
mod rows;
mod serve;
mod share;
mod status;
mod store;
mod sweep;
mod token;
mod vantages;
mod wait;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{FromArgMatches as _, Parser, Subcommand, ValueEnum};
use fencepost_checks::escape::clean;

pub use self::help::{command, groups};
use crate::telemetry;

/// Longest error that is shown: lines, and characters of each.
const MAX_LINES: usize = 200;
const MAX_LINE: usize = 2_000;

/// Takes a customer of an e-mail filtering service from order to invoice.
#[derive(Debug, Parser)]
#[command(name = "fencepost", version, about, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Configuration file
    #[arg(long, global = true, value_name = "FILE", env = "FENCEPOST_CONFIG", default_value = "config/fencepost.yaml")]
    pub config: PathBuf,
    /// Log as JSON lines (on standard error)
    #[arg(long, global = true)]
    pub log_json: bool,
    /// What to log: error, warn, info, debug, trace, or a filter such as `fencepost=debug`
    #[arg(long, global = true, value_name = "FILTER", env = "FENCEPOST_LOG", default_value = "warn")]
    pub log: String,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the whole thing on this machine, with no set-up
    Demo(demo::Args),
    /// Run the service: engine, API and pages
    Serve(serve::Args),
    /// Probe from this machine for an engine elsewhere; set routes
    Agent(agent::Args),
    /// Place an order, or many; add a domain to a customer
    Order(order::Args),
    /// Take over customers that are connected already
    Import(import::Args),
    /// Register a customer with the service
    Register(act::RegisterArgs),
    /// Show what to do about a domain now, and why
    Status(status::Args),
    /// List domains, for whom they wait
    List(list::Args),
    /// Show the history of a domain
    Events(events::Args),
    /// Derive a domain's state from its history, and compare
    Replay(replay::Args),
    /// Work that was given up and waits for a person
    Parked(parked::Args),
    /// Look at a domain again now
    Recheck(act::RecheckArgs),
    /// Record that a trial became a customer, or did not
    Decide(act::DecideArgs),
    /// Let a trial go on for longer
    Extend(act::ExtendArgs),
    /// Say how many mailboxes of a customer are in operation
    Mailboxes(act::MailboxesArgs),
    /// Where operation and accounting differ
    Discrepancies(discrepancies::Args),
    /// Give a customer another partner
    Transfer(agreement::TransferArgs),
    /// Routes set by hand; MX hosts and addresses that come and go
    Gateway(act::GatewayArgs),
    /// Make a link to the page of a domain, for whoever has no account
    Share(share::Args),
    /// End the service for a domain
    Release(act::ReleaseArgs),
    /// Withdraw the order of a domain
    Cancel(act::CancelArgs),
    /// Replace the own mail server of a domain, once verified
    Route(act::RouteArgs),
    /// Hold a domain: nothing goes forward
    Suspend(act::SuspendArgs),
    /// End the suspension of a domain
    Resume(act::ResumeArgs),
    /// Where probes are sent from, and how that is doing
    Vantages(vantages::Args),
    /// Show who did what, over page, API and command line
    Audit(audit::Args),
    /// Look at the billing ledger
    Ledger(ledger::Args),
    /// Mail that asks for a change of what is invoiced
    Proposals(proposals::Args),
    /// Preview and close invoicing runs
    Invoicing(invoicing::Args),
    /// Look at the monthly security report of a customer
    Report(report::Args),
    /// Print the dates that follow from the day of a connection
    Calendar(calendar::Args),
    /// Hand a delivery notice that came by mail to the service
    Intake(intake::Args),
    /// Make, list and revoke access tokens
    Token(token::Args),
    /// Accounts of people who sign in to the pages
    Person(person::Args),
    /// Copy the database of a live node into a new file, verified
    Backup(backup::Args),
    /// Move the store to another database
    Store(store::Args),
    /// Bring the schema of the store up to date
    Migrate(migrate::Args),
    /// Look once at a domain and its mail servers; changes nothing
    Check(check::Args),
    /// Ask for the MX of a list of domains, a cheap question each
    Sweep(sweep::Args),
    /// Say what a finding means and what to do about it
    Explain(explain::Args),
    /// Look at the configuration
    Config(config::Args),
    /// Ask a running server whether it is well
    Healthcheck(healthcheck::Args),
    /// Look at the notices that are sent
    Notice(notice::Args),
    /// Print the states and transitions of both machines
    Lifecycle(lifecycle::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print a manual page, or write them all into a folder
    Man(man::Args),
}

/// How data is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// The exit status of a command. The numbers are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0
    Pass,
    /// 1: a check failed, or the thing asked about is not ready.
    Fail,
    /// 2: usage or configuration.
    Usage,
    /// 3: it could not be found out.
    Inconclusive,
    /// 65, for mail servers: the message itself cannot be taken (sysexits `EX_DATAERR`).
    BadData,
    /// 66: there is no such file (sysexits `EX_NOINPUT`).
    NoInput,
    /// 75, for mail servers: the message could not be handed over now (sysexits `EX_TEMPFAIL`).
    TryLater,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Pass => 0,
            Exit::Fail => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::BadData => 65,
            Exit::NoInput => 66,
            Exit::TryLater => 75,
        })
    }
}

/// Parses the command line and runs the command.
#[must_use]
pub fn main() -> ExitCode {
    main_from(std::env::args_os())
}

/// The same with a command line handed in, program name first.
#[must_use]
pub fn main_from(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.len() < 2 {
        print::lines(help::START);
        return Exit::Usage.into();
    }
    let matches = help::command().get_matches_from(arguments);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    // TLS needs one provider for the whole process; a second installation is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error).into(),
    };
    let collector = collector(&cli);
    let telemetry = match telemetry::start(&cli.global.log, cli.global.log_json, collector.as_ref(), runtime.handle()) {
        Ok(telemetry) => telemetry,
        Err(error) => return complain(&error).into(),
    };
    let exit = runtime.block_on(run(cli));
    telemetry.end();
    exit.into()
}

/// Only a service sends traces. What is wrong with its configuration it says itself.
fn collector(cli: &Cli) -> Option<url::Url> {
    let serves = matches!(cli.command, Command::Serve(_));
    let config = if serves { crate::config::load(&cli.global.config).ok() } else { None };
    config.and_then(|config| config.telemetry.otlp.endpoint)
}

async fn run(cli: Cli) -> Exit {
    match cli.command {
        Command::Demo(args) => demo::run(&args).await,
        Command::Serve(args) => serve::run(&args, &cli.global).await,
        Command::Agent(args) => agent::run(&args, &cli.global).await,
        Command::Vantages(args) => vantages::run(&args).await,
        Command::Audit(args) => audit::run(&args).await,
        Command::Order(args) => order::run(&args).await,
        Command::Import(args) => import::run(&args).await,
        Command::Register(args) => act::register(&args).await,
        Command::Status(args) => status::run(&args).await,
        Command::List(args) => list::run(&args).await,
        Command::Events(args) => events::run(&args).await,
        Command::Replay(args) => replay::run(&args).await,
        Command::Proposals(args) => proposals::run(&args).await,
        Command::Parked(args) => parked::run(&args).await,
        Command::Recheck(args) => act::recheck(&args).await,
        Command::Decide(args) => act::decide(&args).await,
        Command::Extend(args) => act::extend(&args).await,
        Command::Mailboxes(args) => act::mailboxes(&args).await,
        Command::Discrepancies(args) => discrepancies::run(&args).await,
        Command::Transfer(args) => agreement::transfer(&args).await,
        Command::Gateway(args) => act::gateway(&args).await,
        Command::Share(args) => share::run(&args).await,
        Command::Release(args) => act::release(&args).await,
        Command::Cancel(args) => act::cancel(&args).await,
        Command::Route(args) => act::route(&args).await,
        Command::Suspend(args) => act::suspend(&args).await,
        Command::Resume(args) => act::resume(&args).await,
        Command::Ledger(args) => ledger::run(&args).await,
        Command::Invoicing(args) => invoicing::run(&args).await,
        Command::Report(args) => report::run(&args).await,
        Command::Calendar(args) => calendar::run(&args, &cli.global),
        Command::Intake(args) => intake::run(&args).await,
        Command::Token(args) => token::run(&args, &cli.global).await,
        Command::Person(args) => person::run(&args, &cli.global).await,
        Command::Backup(args) => backup::run(&args, &cli.global).await,
        Command::Store(args) => store::run(&args).await,
        Command::Migrate(args) => migrate::run(&args, &cli.global).await,
        Command::Check(args) => check::run(&args, &cli.global).await,
        Command::Sweep(args) => sweep::run(&args, &cli.global).await,
        Command::Explain(args) => explain::run(&args),
        Command::Config(args) => config::run(&args, &cli.global).await,
        Command::Healthcheck(args) => healthcheck::run(&args).await,
        Command::Notice(args) => notice::run(&args, &cli.global),
        Command::Lifecycle(args) => lifecycle::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// Says on standard error what went wrong, with the chain of causes.
pub fn complain(error: &dyn std::error::Error) -> Exit {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    eprintln!("fencepost: {}", inert(&text));
    Exit::Usage
}

/// An error may quote a file or an answer that somebody else wrote: line by line, nothing in it acts on the terminal.
fn inert(text: &str) -> String {
    let lines: Vec<String> = text.lines().take(MAX_LINES).map(|line| clean(line, MAX_LINE)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_quotes_a_stranger_does_nothing_to_the_terminal() {
        assert_eq!(inert("a.yaml: line 1\n  \u{1b}]0;x\u{7}\u{9b}2J"), "a.yaml: line 1\n  \\u{1b}]0;x\\u{7}\\u{9b}2J");
    }
}
