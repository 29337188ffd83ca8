//! `fencepost calendar --connected DATE`: trial, reminders, negotiation, periods and invoicing runs that
//! follow from the day on which the first domain is connected. Asks no service; promises nothing.

use jiff::civil::Date;
use serde::Serialize;

use super::print::{self, lines};
use super::{Exit, Global, Output, complain};
use crate::config::OnNoDecision;
use crate::lifecycle::calendar::{Calendar, next_run, parts};

/// Periods that are printed.
const PERIODS: usize = 6;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Day on which the first domain is connected, in the business time zone
    #[arg(long, value_name = "DATE")]
    connected: Date,
    /// Invoicing group; without it, the one of the rule
    #[arg(long, value_parser = ["15", "30"])]
    group: Option<String>,
    /// A paid order: no trial, charged from the connection
    #[arg(long)]
    paid: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// One day and what happens on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Day {
    on: Date,
    what: String,
}

/// Prints the dates.
#[must_use]
pub fn run(args: &Args, global: &Global) -> Exit {
    let config = match crate::config::load(&global.config) {
        Ok(config) => config,
        Err(error) => return complain(&error),
    };
    let calendar = match Calendar::from_config(&config.commerce) {
        Ok(calendar) => calendar,
        Err(error) => return complain(&error),
    };
    let group = args.group.as_deref().map(|group| if group == "15" { 15 } else { 30 });
    let days = days(&calendar, args.connected, group, args.paid);
    match args.output {
        Output::Json => print::json(&days),
        Output::Table => {
            let text: Vec<String> =
                days.iter().map(|d| format!("{} {}  {}", d.on, d.on.strftime("%a"), d.what)).collect();
            lines(&text.join("\n"));
        }
    }
    Exit::Pass
}

fn days(calendar: &Calendar, connected: Date, group: Option<u8>, paid: bool) -> Vec<Day> {
    let (by_rule, group) = (group.is_none(), group.unwrap_or_else(|| calendar.group_by_rule(connected)));
    let rule = if by_rule { format!(" by rule ({})", calendar.group_rule()) } else { " as asked for".to_owned() };
    let mut all = Vec::new();
    let mut add = |on: Date, what: String| all.push(Day { on, what });
    add(connected, format!("connected; invoicing group {group}{rule}"));
    let mut charged = connected;
    if !paid {
        let dates = calendar.dates_from(connected);
        add(connected, "the trial begins; it is free".to_owned());
        for reminder in calendar.reminders(&dates) {
            add(reminder.on, format!("mail: {}", said(&reminder.notice)));
        }
        add(dates.trial_end, "the trial has ended; negotiation, still free".to_owned());
        let then = match calendar.on_no_decision() {
            OnNoDecision::Invoice => "without an answer by now, the customer is invoiced",
            OnNoDecision::Escalate => "without an answer by now, the desk decides",
            OnNoDecision::Release => "without an answer by now, the service ends",
        };
        add(dates.negotiation_end, then.to_owned());
        charged = dates.negotiation_end;
    }
    let b = calendar.first_charged_day(charged);
    add(
        b,
        if paid { "first charged day".to_owned() } else { "first charged day, unless the answer was no".to_owned() },
    );
    for p in parts(b).take(PERIODS).map(|part| part.period) {
        let last = p.to.yesterday().unwrap_or(p.to);
        add(next_run(group, p.from), format!("invoicing run: charges {} to {last}", p.from));
    }
    all.sort_by_key(|day| day.on);
    all
}

fn said(notice: &impl Serialize) -> String {
    let name = serde_json::to_value(notice).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::config::CommerceConfig;

    fn shown(connected: Date, group: Option<u8>, paid: bool) -> String {
        let calendar = Calendar::from_config(&CommerceConfig::default()).unwrap();
        let days = days(&calendar, connected, group, paid);
        days.iter().map(|d| format!("{}  {}", d.on, d.what)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_trial_from_the_end_of_january_in_group_30() {
        insta::assert_snapshot!(shown(date(2026, 1, 31), Some(30), false));
    }

    #[test]
    fn a_paid_order_from_a_leap_day_by_rule() {
        insta::assert_snapshot!(shown(date(2028, 2, 29), None, true));
    }
}
