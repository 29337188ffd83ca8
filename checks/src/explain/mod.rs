//! What every finding code means and what to do about it: the source of `fencepost explain` and of
//! `docs/findings.md`. Texts only; nothing here judges.

mod finnish;
mod rows;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{Actor, Code, Severity};

pub use finnish::{FinnishWords, in_finnish};

/// The explanation of a code. What it means stands in [`Code::about`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    pub group: Group,
    /// Every severity that findings of this code may have, the mildest first.
    pub severities: &'static [Severity],
    /// Whoever may have to act.
    pub who: &'static [Actor],
    /// The pattern of the remedy; a finding itself gives the exact values.
    pub remedy: &'static str,
    /// The document and section that it rests on.
    pub source: &'static str,
}

/// Codes that belong together, in the order in which they are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    Mx,
    NameServers,
    Firewall,
    Smtp,
    Tls,
    Policies,
    Gateway,
    General,
}

/// A finding of a case file that shows what the code looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// File and name of the case.
    pub case: String,
    pub subject: String,
    pub detail: String,
    pub remedy: String,
}

/// Explains a code.
#[must_use]
pub const fn explain(code: Code) -> Explanation {
    rows::of(code)
}

/// Up to three codes that somebody may have meant, the nearest first.
#[must_use]
pub fn nearest(text: &str) -> Vec<Code> {
    let wanted: String =
        text.trim().chars().take(60).map(|c| if c == '-' { '_' } else { c.to_ascii_uppercase() }).collect();
    let mut ranked: Vec<(usize, Code)> = Code::ALL
        .iter()
        .map(|code| {
            let part = wanted.len() >= 3 && code.as_str().contains(&wanted);
            (if part { 0 } else { distance(&wanted, code.as_str()) }, *code)
        })
        // Further away than half of it, it is another word.
        .filter(|(far, _)| *far <= wanted.len().max(4) / 2)
        .collect();
    ranked.sort();
    ranked.into_iter().take(3).map(|(_, code)| code).collect()
}

/// All codes as the page `docs/findings.md`.
#[must_use]
pub fn markdown(examples: &BTreeMap<Code, Example>) -> String {
    let mut out = String::from(
        "# Findings\n\nEvery finding of a check has a code. The codes are stable: scripts may rely on them. \
         `fencepost explain CODE` prints the same.\n\n\
         This page is generated. After a change of a code, an explanation or a case file, run\n\
         `UPDATE_DOCS=1 cargo test -p fencepost-checks --test cases docs`.\n",
    );
    for group in Group::ALL {
        let _ = write!(out, "\n## {}\n", group.title());
        for code in group.codes() {
            section(&mut out, code, examples.get(&code));
        }
    }
    out
}

fn section(out: &mut String, code: Code, example: Option<&Example>) {
    let e = explain(code);
    let _ = write!(
        out,
        "\n### {code}\n\n{}\n\n- **Severity:** {}\n- **Who acts:** {}\n- **What to do:** {}\n- **Source:** {}\n",
        code.about(),
        e.severity_words(),
        e.who_words(),
        e.remedy,
        e.source
    );
    if let Some(example) = example {
        let _ = write!(
            out,
            "\nExample (`{}`), about {}:\n\n> {}\n>\n> {}\n",
            example.case,
            plain(&example.subject),
            plain(&example.detail),
            plain(&example.remedy)
        );
    }
}

/// Text that must not act as markup.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '#' | '|') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

impl Explanation {
    /// `info or warning`.
    #[must_use]
    pub fn severity_words(&self) -> String {
        let word = |s: &Severity| match s {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Blocking => "blocking",
        };
        self.severities.iter().map(word).collect::<Vec<_>>().join(" or ")
    }

    /// `the customer or the service desk`.
    #[must_use]
    pub fn who_words(&self) -> String {
        let word = |a: &Actor| match a {
            Actor::Customer => "the customer",
            Actor::Partner => "the partner",
            Actor::DnsProvider => "the DNS provider",
            Actor::Desk => "the service desk",
            Actor::Vendor => "the operator of the gateway and of fencepost",
            Actor::Time => "nobody, time has to pass",
            Actor::Nobody => "nobody",
        };
        self.who.iter().map(word).collect::<Vec<_>>().join(" or ")
    }
}

impl Group {
    pub const ALL: [Self; 8] = [
        Self::Mx,
        Self::NameServers,
        Self::Firewall,
        Self::Smtp,
        Self::Tls,
        Self::Policies,
        Self::Gateway,
        Self::General,
    ];

    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Mx => "MX",
            Self::NameServers => "Name servers and resolvers",
            Self::Firewall => "Firewall",
            Self::Smtp => "SMTP",
            Self::Tls => "TLS",
            Self::Policies => "Policies around the domain",
            Self::Gateway => "The gateway's own side",
            Self::General => "General",
        }
    }

    /// Its codes, in the order of the catalogue.
    pub fn codes(self) -> impl Iterator<Item = Code> {
        Code::ALL.iter().copied().filter(move |code| explain(*code).group == self)
    }
}

/// Edit distance (insertions, deletions, replacements) of two short texts.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((y, diagonal), above) in b.iter().zip(&row).zip(row.iter().skip(1)) {
            let left = next.last().copied().unwrap_or(0);
            next.push((diagonal + usize::from(x != *y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_codes_are_offered_and_far_ones_are_not() {
        assert_eq!(nearest("fw_partal").first(), Some(&Code::FwPartial));
        assert_eq!(nearest("tls-pkix").first(), Some(&Code::TlsPkix));
        assert_eq!(nearest("greylist").first(), Some(&Code::SmtpGreylisted));
        assert!(nearest("\u{1b}[2J").is_empty());
        assert!(nearest("something else altogether, really").is_empty());
    }
}
