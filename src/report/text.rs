//! The report as plain text, for the first part of the mail and for terminals.

use super::statistics::StatisticsFacts;
use super::words::counted;
use super::{DomainReport, Report, Tone};

/// Lines are broken before this column.
const WIDTH: usize = 78;
/// Column in which the words of a row begin.
const INDENT: usize = 24;

/// Subject of the mail.
#[must_use]
pub fn subject(report: &Report) -> String {
    format!("{}: security report of {}", report.customer_name, report.month.in_words())
}

/// The whole report.
#[must_use]
pub fn mail_text(report: &Report, service: &str, desk: &str, link: Option<&str>) -> String {
    let mut out = String::new();
    let to_do = match report.advice().count() {
        0 => "nothing.".to_owned(),
        n => format!("see what could be better, {} below.", counted(n, "point", "points")),
    };
    head(&mut out, "To do", &to_do);
    head(&mut out, "Who", &who(report));
    head(&mut out, "By", &by(report));
    head(&mut out, "Why", &report.headline);
    let days = format!(
        "Security report of {} for {}: {} to {}.",
        report.month.in_words(),
        report.customer_name,
        report.from.strftime("%-d %B %Y"),
        report.last_day().strftime("%-d %B %Y")
    );
    paragraph(&mut out, &days);
    if let Some(trial) = &report.trial {
        let until = format!(
            "The trial is free until it ends on {}; then {} a month. Please decide before {}: write \"customer\" or \
             \"no customer\" to {desk}.",
            trial.ends.strftime("%-d %B %Y"),
            trial.price,
            trial.decide_before.strftime("%-d %B %Y")
        );
        paragraph(&mut out, &until);
    }
    for of in &report.domains {
        domain(&mut out, report, of);
    }
    if report.more_domains > 0 {
        paragraph(
            &mut out,
            &format!("{} are not shown here.", counted(report.more_domains, "more domain", "more domains")),
        );
    }
    statistics(&mut out, &report.statistics);
    let compared = report.compared_with.map_or_else(
        || "This is the first report; there is none to compare it with.".to_owned(),
        |month| format!("Compared with the report of {}.", month.in_words()),
    );
    paragraph(&mut out, &compared);
    paragraph(&mut out, "? means that it was not observed: then nothing is claimed.");
    if let Some(link) = link {
        paragraph(&mut out, &format!("As a page, and to print: {link}"));
    }
    paragraph(&mut out, &format!("Questions: answer this message, or write to {desk}."));
    paragraph(&mut out, service);
    out
}

pub(super) fn who(report: &Report) -> String {
    let mut whom: Vec<&str> = report.advice().map(|(_, advice)| advice.who.as_str()).collect();
    whom.sort_unstable();
    whom.dedup();
    if whom.is_empty() { "nobody".to_owned() } else { whom.join(", ") }
}

pub(super) fn by(report: &Report) -> String {
    let trial = report.trial.as_ref();
    trial.map_or_else(|| "no date".to_owned(), |t| format!("{} (decision)", t.decide_before.strftime("%-d %B %Y")))
}

fn domain(out: &mut String, report: &Report, of: &DomainReport) {
    out.push_str(&format!("\n{}\n{}\n", of.domain, "-".repeat(of.domain.as_str().chars().count().min(WIDTH))));
    for row in &of.rows {
        let before = match &row.before {
            Some(before) if row.changed() => format!(" (before: {before})"),
            _ => String::new(),
        };
        let start = format!("{} {}", row.tone.sign(), row.about.label());
        entry(out, &start, &format!("{}{before}", row.says));
        if !row.note.is_empty() && row.tone != Tone::Good {
            entry(out, "", &row.note);
        }
    }
    let zone = report.zone();
    if !of.changes.is_empty() {
        out.push_str("\nChanges of the MX:\n");
        for change in &of.changes {
            let at = change.at.to_zoned(zone.clone()).strftime("%-d %b %Y %H:%M");
            entry(out, &format!("  {at}"), &format!("{} ({})", change.names.join(", "), change.verdict));
        }
        if of.more_changes > 0 {
            out.push_str(&format!("  and {} before them\n", counted(of.more_changes, "change", "changes")));
        }
    }
    out.push_str("\nThe month, a sign a day (+ in order, ! not quite, x trouble, ? nobody looked):\n");
    for lane in &of.lanes {
        out.push_str(&format!("  {:<14}{}\n", lane.label, lane.days));
    }
    if !of.advice.is_empty() {
        out.push_str("\nWhat could be better:\n");
        for advice in &of.advice {
            let code = if advice.code.is_empty() { String::new() } else { format!(" [{}]", advice.code) };
            wrapped(out, "- ", &format!("For {}: {}{code}", advice.who, advice.text), 2);
        }
    }
}

fn statistics(out: &mut String, facts: &StatisticsFacts) {
    out.push_str("\nFiltered mail\n-------------\n");
    match facts {
        StatisticsFacts::Missing { why } => wrapped(out, "", why.in_words(), 0),
        StatisticsFacts::Known { figures, without } => {
            for (label, number) in figures.kinds() {
                entry(out, &format!("  {label}"), &number.to_string());
            }
            if !without.is_empty() {
                let names: Vec<String> = without.iter().map(ToString::to_string).collect();
                wrapped(out, "", &format!("Without figures: {}.", names.join(", ")), 0);
            }
        }
    }
}

fn head(out: &mut String, label: &str, text: &str) {
    wrapped(out, &format!("{:<8}", format!("{label}:")), text, 8);
}

fn paragraph(out: &mut String, text: &str) {
    out.push('\n');
    wrapped(out, "", text, 0);
}

fn entry(out: &mut String, start: &str, text: &str) {
    wrapped(out, &format!("{start:<INDENT$}"), text, INDENT);
}

/// `start`, then the words, broken before the last column; further lines begin at `indent`.
fn wrapped(out: &mut String, start: &str, text: &str, indent: usize) {
    let mut line = start.to_owned();
    let mut fresh = true;
    for word in text.split_whitespace() {
        let length = line.chars().count();
        if !fresh && length + 1 + word.chars().count() > WIDTH {
            out.push_str(line.trim_end());
            out.push('\n');
            line = " ".repeat(indent);
        } else if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    out.push_str(line.trim_end());
    out.push('\n');
}
