//! What a person at the terminal sees: progress while virtual time runs, the stories, and a table
//! of how everybody ended.

use std::fmt::Write as _;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::account::Account;
use super::telling::phase_word;

/// Shows how far virtual time has come: a bar on a terminal, a line a week elsewhere.
pub struct Progress {
    bar: ProgressBar,
    start: Timestamp,
    zone: TimeZone,
    last_week: Option<i64>,
}

impl Progress {
    /// From `start` to `end`, on standard error.
    #[must_use]
    pub fn new(start: Timestamp, end: Timestamp, zone: TimeZone) -> Self {
        let days = u64::try_from(days(start, end)).unwrap_or(0);
        let bar = ProgressBar::with_draw_target(Some(days), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {msg}") {
            bar.set_style(style);
        }
        Self { bar, start, zone, last_week: None }
    }

    /// Shows the present virtual time and how many domains are in which phase.
    pub fn update(&mut self, now: Timestamp, phases: &[(String, usize)]) {
        let day = days(self.start, now);
        let when = now.to_zoned(self.zone.clone()).strftime("%a %d %b %Y").to_string();
        let phases: Vec<String> = phases.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
        let text = format!("{when}: {}", phases.join(", "));
        if self.bar.is_hidden() {
            let week = day / 7;
            if self.last_week != Some(week) {
                self.last_week = Some(week);
                eprintln!("{text}");
            }
            return;
        }
        self.bar.set_position(u64::try_from(day).unwrap_or(0));
        self.bar.set_message(text);
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).max(SignedDuration::ZERO).as_hours() / 24
}

/// How everybody ended, one row a customer.
#[must_use]
pub fn summary(accounts: &[Account]) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic).set_width(140);
    table.set_header(["customer", "story", "domain is", "subscription is", "invoiced", "mail", "as it should"]);
    for account in accounts {
        let invoiced: Vec<String> = account.invoiced.iter().map(|(run, amount)| format!("{run} {amount}")).collect();
        let mail = format!("{} of {} arrived, {} deferrals", account.arrived, account.sent, account.deferred);
        table.add_row([
            account.name.to_owned(),
            account.title.to_owned(),
            phase_word(account.connection).to_owned(),
            format!("{:?}", account.subscription).to_lowercase(),
            if invoiced.is_empty() { "—".to_owned() } else { invoiced.join("\n") },
            mail,
            if account.failures.is_empty() { "yes".to_owned() } else { "NO".to_owned() },
        ]);
    }
    table.to_string()
}

/// What went wrong, one line each; empty when nothing did.
#[must_use]
pub fn failures(accounts: &[Account], others: &[String]) -> String {
    let mut text = String::new();
    for account in accounts {
        for failure in &account.failures {
            let _ = writeln!(text, "{}: {failure}", account.domain);
        }
    }
    for other in others {
        let _ = writeln!(text, "{other}");
    }
    text
}
