//! A report for people: where the domain stands, what is wrong and what to do about it, then what was
//! checked, the records to set and what was seen besides. Colours are ours alone; text from outside is
//! cleaned before it gets here, and once more.

use std::fmt::Write as _;

use fencepost_checks::escape::clean;
use fencepost_checks::explain::{Group, explain};
use fencepost_checks::firewall::Product;
use fencepost_checks::{Actor, Code, Finding, Severity, Verdict};

use super::report::{Part, PartVerdict, Report};
use crate::cli::print::{Paint, Paragraphs};

/// Longest piece of text, characters.
const MAX: usize = 1500;

/// Which firewall rules are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rules {
    /// Those of one product, and which others there are.
    Example,
    Of(Product),
    All,
}

/// How a report is laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) rules: Rules,
    pub(super) paint: Paint,
    /// Characters a line; words, names and rules to paste are never broken.
    pub(super) width: usize,
}

pub(super) fn render(report: &Report, layout: Layout) -> String {
    let mut page = Page { report, rules: layout.rules, paint: layout.paint, out: Paragraphs::new(layout.width) };
    page.headline();
    page.tasks();
    page.checked();
    page.records();
    page.message();
    page.remarks();
    page.closing();
    page.out.finish()
}

struct Page<'a> {
    report: &'a Report,
    rules: Rules,
    paint: Paint,
    out: Paragraphs,
}

impl Page<'_> {
    fn headline(&mut self) {
        let text = clean(&self.report.summary, MAX);
        let painted = match self.report.verdict {
            Verdict::Pass => self.paint.good(&text),
            Verdict::Fail => self.paint.bad(&text),
            Verdict::Inconclusive => self.paint.doubtful(&text),
        };
        self.out.painted(&painted, &text);
    }

    fn tasks(&mut self) {
        for (index, finding) in self.report.to_do().enumerate() {
            self.out.gap();
            let word = match finding.severity {
                Severity::Blocking => "BLOCKING",
                Severity::Warning => "Warning",
                Severity::Info => "Note",
            };
            let head = format!("{}. {word}: {}", index + 1, finding.code.about());
            let painted = match finding.severity {
                Severity::Blocking => self.paint.bad(&head),
                _ => self.paint.doubtful(&head),
            };
            self.out.painted_with("", "   ", &painted, &head);
            self.out.block("   ", &format!("What to do{}: ", whose(finding.who)), &clean(&finding.remedy, MAX));
            self.out.block("   ", "Seen: ", &clean(&finding.detail, MAX));
            let following: Vec<String> = self
                .report
                .following(finding)
                .map(|other| format!("{} of {}", other.code, clean(&other.subject, MAX)))
                .collect();
            if !following.is_empty() {
                self.out.block("   ", "Follows from it: ", &following.join(", "));
            }
            self.out.block("   ", "", &format!("{}, {}", finding.code, clean(&finding.subject, MAX)));
            self.rules_to_paste(finding);
        }
    }

    /// Rules are never wrapped: they are to be pasted.
    fn rules_to_paste(&mut self, finding: &Finding) {
        let Some(allow) = &finding.allow else { return };
        let products: &[Product] = match &self.rules {
            Rules::Example => &[Product::Nftables],
            Rules::Of(product) => &[*product],
            Rules::All => &Product::ALL,
        };
        for product in products {
            self.out.gap();
            self.out.block("   ", "", &format!("Rules to paste, {}:", product.name()));
            for line in allow.rule(*product).text.lines() {
                self.out.verbatim(&format!("     {}", clean(line, MAX)));
            }
        }
        if self.rules == Rules::Example {
            self.out.block("   ", "", "For another firewall: --rules iptables, pf, windows, asa, fortigate or all.");
        }
    }

    fn checked(&mut self) {
        self.heading("Checked");
        for part in &self.report.parts {
            let (word, painted) = self.verdict(part);
            let name = match part.part {
                Part::Mx => "MX",
                Part::Smtp => "Mail server",
                Part::Firewall => "Firewall",
                Part::Lint => "Policies",
            };
            let label = format!("{name:<12}{word:<9}");
            let shown = format!("{name:<12}{painted}{}", " ".repeat(9_usize.saturating_sub(word.len())));
            self.out.labelled("  ", &label, &shown, &self.says(part));
        }
        let with_server = self.report.parts.iter().any(|p| p.part == Part::Smtp);
        if !with_server {
            self.out.block(
                "  ",
                "Not checked: ",
                "the own mail server and its firewall. Name the server with --server HOST[:PORT].",
            );
        }
        if !self.report.compared_with_gateway {
            self.out.block(
                "  ",
                "Not checked: ",
                "whether the domain fits the gateway; no gateway is configured (gateway.mx_hosts).",
            );
        }
    }

    fn verdict(&self, part: &PartVerdict) -> (&'static str, String) {
        match part.verdict {
            Verdict::Pass => ("pass", self.paint.good("pass")),
            Verdict::Fail if part.code == Some(Code::MxForeignOnly) => ("not yet", self.paint.doubtful("not yet")),
            Verdict::Fail => ("FAIL", self.paint.bad("FAIL")),
            Verdict::Inconclusive => ("unclear", self.paint.doubtful("unclear")),
        }
    }

    fn says(&self, part: &PartVerdict) -> String {
        if part.part == Part::Mx && !self.report.mx.is_empty() {
            let records: Vec<String> =
                self.report.mx.iter().map(|r| format!("{} {}", r.preference, r.exchange)).collect();
            return clean(&records.join(", "), MAX);
        }
        let Some(code) = part.code else { return String::new() };
        if part.part == Part::Lint && part.verdict == Verdict::Pass && !self.grave(code) {
            return "Nothing around the domain stands in the way of a change.".to_owned();
        }
        code.about().to_owned()
    }

    /// Whether a policy calls for more than a remark.
    fn grave(&self, code: Code) -> bool {
        explain(code).group == Group::Policies
            && self.report.findings.iter().any(|t| t.finding.code == code && t.finding.severity > Severity::Info)
    }

    fn records(&mut self) {
        if self.report.records_to_set.is_empty() {
            return;
        }
        if self.report.message_to_provider.is_none() {
            self.out.gap();
            let later = "The MX records to set are shown here once nothing else stands in the way.";
            return self.out.block("", "", later);
        }
        self.heading(if self.report.not_yet_moved() {
            "The MX as it shall be; not before you have the go-ahead"
        } else {
            "The MX as it shall be"
        });
        for record in &self.report.records_to_set {
            if let Some(spelled) = &record.spellings {
                self.out.verbatim(&format!("  {}", clean(&spelled.zone_line, MAX)));
            }
        }
        for (title, whole) in [("In a form with whole names", true), ("In a form that adds the domain", false)] {
            self.out.block("  ", "", &format!("{title}:"));
            for spelled in self.report.records_to_set.iter().filter_map(|record| record.spellings.as_ref()) {
                let form = if whole { &spelled.fqdn } else { &spelled.relative };
                let line =
                    format!("name {}  type MX  priority {}  server {}", form.name, form.preference, form.exchange);
                self.out.verbatim(&format!("    {}", clean(&line, MAX)));
            }
        }
        if !self.report.records_to_remove.is_empty() {
            self.out.block("  ", "", "To take out in the same change:");
        }
        for record in &self.report.records_to_remove {
            let line = format!("{} IN MX {} {}", record.name, record.preference, record.exchange);
            self.out.verbatim(&format!("    {}", clean(&line, MAX)));
        }
        let Some(provider) = &self.report.dns_provider else { return };
        self.heading(&format!("How to change records at {}", clean(&provider.name, MAX)));
        for (index, step) in provider.instructions.iter().enumerate() {
            self.out.block("  ", &format!("{}. ", index + 1), &clean(step, MAX));
        }
        if let Some(console) = &provider.console {
            self.out.block("  ", "Sign in at ", &clean(console, MAX));
        }
        match provider.domain_connect {
            Some(true) => self.out.block("  ", "", "The provider speaks Domain Connect."),
            Some(false) => self.out.block("  ", "", "The zone does not announce Domain Connect."),
            None => {}
        }
    }

    fn message(&mut self) {
        let Some(message) = &self.report.message_to_provider else { return };
        self.heading(if self.report.not_yet_moved() {
            "Message to the DNS provider, to forward once you have the go-ahead"
        } else {
            "Message to the DNS provider, ready to forward"
        });
        for line in message.lines() {
            // Records stand indented, to be copied as they are.
            match line.strip_prefix("  ") {
                Some(record) => self.out.verbatim(&format!("    {}", clean(record, MAX))),
                None if line.is_empty() => self.out.gap(),
                None => self.out.block("  ", "", &clean(line, MAX)),
            }
        }
    }

    fn remarks(&mut self) {
        let findings = self.report.findings.iter().map(|told| &told.finding);
        let remarks: Vec<&Finding> = findings.filter(|finding| finding.severity == Severity::Info).collect();
        if remarks.is_empty() {
            return;
        }
        self.heading("Seen besides");
        for finding in remarks {
            let mut text = clean(&finding.detail, MAX);
            if !matches!(finding.who, Actor::Nobody | Actor::Time) {
                let _ = write!(text, " {}", clean(&finding.remedy, MAX));
            }
            let _ = write!(text, " [{}]", finding.code);
            self.out.block("  ", "- ", &text);
        }
    }

    fn closing(&mut self) {
        self.out.gap();
        let at = self.report.checked_at.strftime("%Y-%m-%d %H:%M UTC");
        let again = if self.report.verdict == Verdict::Inconclusive { " Run it again in some minutes." } else { "" };
        self.out.block(
            "",
            "",
            &format!("One look, at {at}.{again} `fencepost explain CODE` says more about a finding."),
        );
    }

    fn heading(&mut self, text: &str) {
        self.out.gap();
        let painted = self.paint.strong(text);
        self.out.painted(&painted, text);
    }
}

/// Who has to act, in brackets; nothing where only time has to pass.
fn whose(actor: Actor) -> String {
    let who = match actor {
        Actor::Customer => "customer",
        Actor::Partner => "whoever manages the domain",
        Actor::DnsProvider => "whoever manages the domain, with the DNS provider",
        Actor::Desk => "service desk",
        Actor::Vendor => "gateway operator",
        Actor::Time | Actor::Nobody => return String::new(),
    };
    format!(" ({who})")
}
