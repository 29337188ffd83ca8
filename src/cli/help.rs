//! The command line as people meet it: what a newcomer is shown, the commands by what they are for, and
//! after the help of each its examples and exit statuses. Nothing is parsed or carried out here.

pub(super) mod lessons;

use std::fmt::Write as _;

use clap::{Command, CommandFactory};

use self::lessons::{LESSONS, Lesson};
use super::Cli;

/// Commands by what they are for, in the order in which they are met.
pub(super) const GROUPS: &[(&str, &[&str])] = &[
    ("Look, without any set-up", &["demo", "check", "sweep", "explain", "calendar", "lifecycle"]),
    (
        "Customers",
        &[
            "order",
            "import",
            "register",
            "status",
            "list",
            "events",
            "share",
            "recheck",
            "decide",
            "extend",
            "mailboxes",
            "transfer",
        ],
    ),
    ("A domain in service", &["route", "suspend", "resume", "release", "cancel"]),
    ("Accounting", &["ledger", "invoicing", "proposals", "discrepancies", "report", "audit"]),
    (
        "Operation",
        &["serve", "agent", "config", "token", "person", "vantages", "gateway", "parked", "replay", "intake", "notice"],
    ),
    ("The store", &["migrate", "backup", "store", "healthcheck"]),
    ("Your shell", &["completions", "man", "help"]),
];

const WIDTH: usize = 100;

/// What somebody sees who types the name alone.
pub(super) const START: &str = "\
fencepost takes a customer of an e-mail filtering service from order to invoice.

See it, on this machine, with nothing set up:
  fencepost demo                         ten customers, from order to invoice; pages at http://127.0.0.1:8080
  fencepost check example.com            look at a real domain; changes nothing
  fencepost explain FW_PARTIAL           what a finding means, and what to do about it

Your first customer:
  $EDITOR config/fencepost.yaml          the gateway's MX hosts and addresses; then `fencepost config check`
  fencepost token create --role desk --label NAME
  fencepost serve                        engine, API and pages
  fencepost order -f order.yaml          with FENCEPOST_TOKEN set; config/order.example.yaml is one to copy
  fencepost register example.com --wait ready
  fencepost status example.com           what to do now, why, and who has to act

`fencepost --help` lists all commands; `fencepost help COMMAND` explains one, with examples.
docs/first-customer.md goes through it step by step.";

/// The whole command line, with everything that is said of it. Help, completions, manual pages and
/// docs/cli.md are made of this.
#[must_use]
pub fn command() -> Command {
    let root = teach(Cli::command(), "");
    let groups = listed(&root);
    let template = "{about-with-newline}\n{usage-heading} {usage}{after-help}\n\nOptions:\n{options}";
    root.term_width(0).max_term_width(WIDTH).help_template(template).after_help(groups)
}

/// The commands of a group with what they do, for whoever prints them group by group.
#[must_use]
pub fn groups() -> &'static [(&'static str, &'static [&'static str])] {
    GROUPS
}

fn teach(command: Command, path: &str) -> Command {
    let mut command = command;
    if let Some(lesson) = lesson(path) {
        // What a command says at the end of its short help stays.
        let own = command.get_after_help().map(ToString::to_string).filter(|own| !own.starts_with("Examples"));
        let own = own.map(|own| format!("{own}\n\n")).unwrap_or_default();
        command = command.after_long_help(format!("{own}{}", said(lesson)));
    }
    command.mut_subcommands(|inner| {
        let path = if path.is_empty() { inner.get_name().to_owned() } else { format!("{path} {}", inner.get_name()) };
        teach(inner, &path)
    })
}

/// The lesson of a command, by its path below `fencepost`.
pub(super) fn lesson(path: &str) -> Option<&'static Lesson> {
    LESSONS.iter().find(|lesson| lesson.command == path)
}

fn said(lesson: &Lesson) -> String {
    let mut text = String::from("Examples:\n");
    for (line, what) in lesson.examples {
        let _ = writeln!(text, "  {line}\n      {what}");
    }
    let _ = write!(text, "\nExit status:\n{}", statuses(lesson));
    text
}

/// Each status on a line of its own.
pub(super) fn statuses(lesson: &Lesson) -> String {
    let mut text = String::new();
    for (status, meaning) in lesson.statuses() {
        let _ = writeln!(text, "  {status:<3} {meaning}");
    }
    text.trim_end().to_owned()
}

/// All commands by group, one a line.
fn listed(root: &Command) -> String {
    let about = |name: &str| match name {
        "help" => "Explain a command, with examples".to_owned(),
        name => root.find_subcommand(name).and_then(Command::get_about).map(ToString::to_string).unwrap_or_default(),
    };
    let width = GROUPS.iter().flat_map(|(_, names)| names.iter()).map(|name| name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for (title, names) in GROUPS {
        let _ = writeln!(text, "{title}:");
        for name in *names {
            let _ = writeln!(text, "  {name:width$}  {}", about(name));
        }
        text.push('\n');
    }
    text.push_str(
        "Address and token of the service come from FENCEPOST_URL and FENCEPOST_TOKEN.\n\
         Exit status: 0 fine, 1 a check failed or it is not ready, 2 usage or\n\
         configuration, 3 it could not be found out.",
    );
    text
}

#[cfg(test)]
mod tests;
