//! A report for people: the outcome first, then the MX, then a table of findings with remedies. Colours
//! are ours alone; text from outside is cleaned before it gets here, and once more.

use comfy_table::{Attribute, Cell, Color};
use fencepost_checks::escape::clean;
use fencepost_checks::firewall::Product;
use fencepost_checks::{Actor, Finding, Severity};

use super::report::{FirewallRules, Report};
use crate::cli::print;

/// Width where there is no terminal to ask.
const WIDTH: u16 = 120;
const MAX_CELL: usize = 1500;

/// Renders with or without colours; `width` overrides that of the terminal.
pub(super) fn render(report: &Report, firewall: Option<Product>, coloured: bool, width: Option<u16>) -> String {
    let mut out = format!("{}\n\n{}\n", clean(&report.summary, MAX_CELL), mx_line(report));
    if report.findings.is_empty() {
        return out;
    }
    let mut table = print::table(&["", "Finding", "What was seen", "What to do"]);
    match width {
        Some(width) => drop(table.set_width(width)),
        None if table.width().is_none() => drop(table.set_width(WIDTH)),
        None => {}
    }
    if coloured {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    for finding in &report.findings {
        table.add_row(row(finding, coloured));
    }
    out.push('\n');
    out.push_str(&table.to_string());
    out.push('\n');
    for rules in &report.firewall_rules {
        out.push_str(&rules_to_paste(rules, firewall));
    }
    out
}

/// The rules of one product, compactly; without a choice a hint says which others there are.
fn rules_to_paste(rules: &FirewallRules, firewall: Option<Product>) -> String {
    let product = firewall.unwrap_or(Product::Nftables);
    let Some(snippet) = rules.rules.iter().find(|s| s.product == product) else { return String::new() };
    let hint = if firewall.is_none() { "; others: --firewall iptables, pf, windows, asa or fortigate" } else { "" };
    let head = format!("{} ({}), rules for {}{hint}:", rules.code, clean(&rules.subject, MAX_CELL), product.name());
    let text: String = snippet.text.lines().map(|line| format!("  {}\n", clean(line, MAX_CELL))).collect();
    format!("\n{head}\n{text}")
}

fn mx_line(report: &Report) -> String {
    if report.mx.is_empty() {
        return format!("MX of {}: none seen", report.domain);
    }
    let records: Vec<String> = report.mx.iter().map(|r| format!("{} {}", r.preference, r.exchange)).collect();
    let provider = report.dns_provider.as_ref().map(|p| format!(" (DNS at {})", p.name)).unwrap_or_default();
    clean(&format!("MX of {}{provider}: {}", report.domain, records.join(", ")), MAX_CELL)
}

fn row(finding: &Finding, coloured: bool) -> Vec<Cell> {
    let (word, colour) = match finding.severity {
        Severity::Blocking => ("BLOCKING", Color::Red),
        Severity::Warning => ("warning", Color::Yellow),
        Severity::Info => ("info", Color::Green),
    };
    let severity = if coloured { Cell::new(word).fg(colour).add_attribute(Attribute::Bold) } else { Cell::new(word) };
    let remedy = match who(finding.who) {
        Some(who) => format!("{who}: {}", finding.remedy),
        None => finding.remedy.clone(),
    };
    vec![
        severity,
        Cell::new(clean_lines(&format!("{}\n{}", finding.code, finding.subject))),
        Cell::new(clean_lines(&finding.detail)),
        Cell::new(clean_lines(&remedy)),
    ]
}

/// Line breaks are ours and stay; everything else that acts on a terminal goes.
fn clean_lines(text: &str) -> String {
    text.split('\n').map(|line| clean(line, MAX_CELL)).collect::<Vec<_>>().join("\n")
}

fn who(actor: Actor) -> Option<&'static str> {
    match actor {
        Actor::Customer => Some("customer"),
        Actor::Partner => Some("partner"),
        Actor::DnsProvider => Some("DNS provider"),
        Actor::Desk => Some("service desk"),
        Actor::Vendor => Some("gateway operator"),
        Actor::Time | Actor::Nobody => None,
    }
}

#[cfg(test)]
mod tests {
    use fencepost_checks::Code;
    use fencepost_checks::firewall::Allow;

    use super::*;

    #[test]
    fn rules_are_shown_for_one_product_and_the_others_are_named() {
        let allow = Allow::new(["192.0.2.10".parse().unwrap()], ["198.51.100.5".parse().unwrap()], 25).unwrap();
        let rules = FirewallRules {
            code: Code::FwPartial,
            subject: "mail.example.com:25\u{1b}[2J".to_owned(),
            rules: allow.rules(),
        };
        insta::assert_snapshot!("rules_by_default", rules_to_paste(&rules, None));
        insta::assert_snapshot!("rules_of_a_product", rules_to_paste(&rules, Some(Product::Iptables)));
    }
}
