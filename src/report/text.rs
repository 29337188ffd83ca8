//! The report as plain text, for the first part of the mail and for terminals.

use super::statistics::StatisticsFacts;
use super::{Advice, DomainReport, Report, Tone};
use crate::words::{Language, day, short_moment};

/// Lines are broken before this column.
const WIDTH: usize = 78;
/// Column in which the words of a row begin.
const INDENT: usize = 24;

/// Subject of the mail.
#[must_use]
pub fn subject(report: &Report) -> String {
    match report.language {
        Language::En => format!("{}: security report {}", report.customer_name, report.month.of_it(report.language)),
        Language::Fi => {
            format!("{}: tietoturvaraportti, {}", report.customer_name, report.month.in_words(report.language))
        }
    }
}

/// The whole report.
#[must_use]
pub fn mail_text(report: &Report, service: &str, desk: &str, link: Option<&str>) -> String {
    let l = report.language;
    let mut out = String::new();
    let n = report.advice().count();
    let points = l.counted(n, ("point", "points"), ("kohta", "kohtaa"));
    let to_do = match (l, n) {
        (Language::En, 0) => "nothing.".to_owned(),
        (Language::Fi, 0) => "sinun ei tarvitse tehdä mitään.".to_owned(),
        (Language::En, _) => format!("see what could be better, {points} below."),
        (Language::Fi, _) => format!("katso alta, mitä voisi parantaa ({points})."),
    };
    head(&mut out, l.say("To do", "Tehtävä"), &to_do, l);
    head(&mut out, l.say("Who", "Kuka"), &who(report), l);
    head(&mut out, l.say("By", "Milloin"), &by(report), l);
    head(&mut out, l.say("Why", "Miksi"), &report.headline, l);
    let (first, last) = (day(l, report.from), day(l, report.last_day()));
    let (month, customer) = (report.month.in_words(l), &report.customer_name);
    let days = match l {
        Language::En => format!("Security report of {month} for {customer}: {first} to {last}."),
        Language::Fi => format!("Tietoturvaraportti, {month}, {customer}: {first}–{last}."),
    };
    paragraph(&mut out, &days);
    if let Some(trial) = &report.trial {
        let (ends, before, price) = (day(l, trial.ends), day(l, trial.decide_before), &trial.price);
        let until = match l {
            Language::En => format!(
                "The trial is free until it ends on {ends}; then {price} a month. Please decide before {before}: write \
                 \"customer\" or \"no customer\" to {desk}."
            ),
            Language::Fi => format!(
                "Kokeilujakso on maksuton ja päättyy {ends}; sen jälkeen hinta on {price} kuukaudessa. Päätä ennen \
                 {before}: kirjoita \"asiakas\" tai \"ei asiakas\" osoitteeseen {desk}."
            ),
        };
        paragraph(&mut out, &until);
    }
    for of in &report.domains {
        domain(&mut out, report, of);
    }
    if report.more_domains > 0 {
        paragraph(&mut out, &more_domains(report));
    }
    statistics(&mut out, &report.statistics, l);
    paragraph(&mut out, &compared(report));
    let unknown = l.say(
        "? means that it was not observed: then nothing is claimed.",
        "? tarkoittaa, ettei asiaa ole havaittu: silloin mitään ei väitetä.",
    );
    paragraph(&mut out, unknown);
    if let Some(link) = link {
        paragraph(&mut out, &format!("{}: {link}", l.say("As a page, and to print", "Sivuna ja tulostettavaksi")));
    }
    let questions = l.say(
        "Questions: answer this message, or write to",
        "Kysyttävää? Vastaa tähän viestiin tai kirjoita osoitteeseen",
    );
    paragraph(&mut out, &format!("{questions} {desk}."));
    paragraph(&mut out, service);
    out
}

/// How many domains were left out.
#[must_use]
pub fn more_domains(report: &Report) -> String {
    match (report.language, report.more_domains) {
        (Language::En, 1) => "1 more domain is not shown here.".to_owned(),
        (Language::En, n) => format!("{n} more domains are not shown here."),
        (Language::Fi, n) => format!("Verkkotunnuksia, joita ei näytetä tässä: {n}."),
    }
}

/// With which report it is compared.
pub(super) fn compared(report: &Report) -> String {
    let l = report.language;
    match (report.compared_with, l) {
        (None, _) => l
            .say(
                "This is the first report; there is none to compare it with.",
                "Tämä on ensimmäinen raportti; vertailukohtaa ei ole.",
            )
            .to_owned(),
        (Some(month), Language::En) => format!("Compared with the report {}.", month.of_it(l)),
        (Some(month), Language::Fi) => format!("Vertailukohtana {} raportti.", month.of_it(l)),
    }
}

pub(super) fn who(report: &Report) -> String {
    let mut whom: Vec<&str> = report.advice().map(|(_, advice)| advice.who.as_str()).collect();
    whom.sort_unstable();
    whom.dedup();
    if whom.is_empty() { report.language.say("nobody", "ei kukaan").to_owned() } else { whom.join(", ") }
}

pub(super) fn by(report: &Report) -> String {
    let l = report.language;
    match &report.trial {
        None => l.say("no date", "ei määräaikaa").to_owned(),
        Some(t) => format!("{} ({})", day(l, t.decide_before), l.say("decision", "päätös")),
    }
}

fn domain(out: &mut String, report: &Report, of: &DomainReport) {
    let l = report.language;
    out.push_str(&format!("\n{}\n{}\n", of.domain, "-".repeat(of.domain.as_str().chars().count().min(WIDTH))));
    for row in &of.rows {
        let before = match &row.before {
            Some(before) if row.changed() => format!(" ({}: {before})", l.say("before", "aiemmin")),
            _ => String::new(),
        };
        let start = format!("{} {}", row.tone.sign(), row.about.label(l));
        entry(out, &start, &format!("{}{before}", row.says));
        if !row.note.is_empty() && row.tone != Tone::Good {
            entry(out, "", &row.note);
        }
    }
    let zone = report.zone();
    if !of.changes.is_empty() {
        out.push_str(l.say("\nChanges of the MX:\n", "\nMX-tietueiden muutokset:\n"));
        for change in &of.changes {
            let at = match l {
                Language::En => change.at.to_zoned(zone.clone()).strftime("%-d %b %Y %H:%M").to_string(),
                Language::Fi => short_moment(l, change.at, &zone),
            };
            entry(out, &format!("  {at}"), &format!("{} ({})", change.names.join(", "), change.verdict));
        }
        if of.more_changes > 0 {
            let more = l.counted(of.more_changes, ("change", "changes"), ("muutos", "muutosta"));
            out.push_str(&match l {
                Language::En => format!("  and {more} before them\n"),
                Language::Fi => format!("  ja niitä ennen {more}\n"),
            });
        }
    }
    out.push_str(l.say(
        "\nThe month, a sign a day (+ in order, ! not quite, x trouble, ? nobody looked):\n",
        "\nKuukausi, merkki päivältä (+ kunnossa, ! ei aivan, x häiriö, ? ei tarkistettu):\n",
    ));
    for lane in &of.lanes {
        out.push_str(&format!("  {:<14}{}\n", lane.label, lane.days));
    }
    if !of.advice.is_empty() {
        out.push_str(l.say("\nWhat could be better:\n", "\nParannettavaa:\n"));
        for advice in &of.advice {
            let code = if advice.code.is_empty() { String::new() } else { format!(" [{}]", advice.code) };
            wrapped(out, "- ", &format!("{}: {}{code}", for_whom(advice, l), advice.text), 2);
        }
    }
}

/// `For your partner`, `Kumppanisi`.
#[must_use]
pub fn for_whom(advice: &Advice, l: Language) -> String {
    match l {
        Language::En => format!("For {}", advice.who),
        Language::Fi => {
            let mut letters = advice.who.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

fn statistics(out: &mut String, facts: &StatisticsFacts, l: Language) {
    out.push_str(l.say("\nFiltered mail\n-------------\n", "\nSuodatettu posti\n----------------\n"));
    match facts {
        StatisticsFacts::Missing { why } => wrapped(out, "", why.in_words(l), 0),
        StatisticsFacts::Known { figures, without } => {
            for (label, number) in figures.kinds(l) {
                entry(out, &format!("  {label}"), &number.to_string());
            }
            if !without.is_empty() {
                let names: Vec<String> = without.iter().map(ToString::to_string).collect();
                wrapped(out, "", &format!("{}: {}.", l.say("Without figures", "Ilman lukuja"), names.join(", ")), 0);
            }
        }
    }
}

fn head(out: &mut String, label: &str, text: &str, l: Language) {
    let indent = match l {
        Language::En => 8,
        Language::Fi => 9,
    };
    wrapped(out, &format!("{:<indent$}", format!("{label}:")), text, indent);
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
