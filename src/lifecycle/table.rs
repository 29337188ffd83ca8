//! A transition table as data, and how it is printed. Both machines describe themselves with it; a
//! model checker holds the description against what the machines really do.

use std::fmt::Write as _;

/// One permitted change of phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transition {
    /// Name of the phase as people see it; `-` for the beginning.
    pub from: &'static str,
    pub to: &'static str,
    pub when: &'static str,
    /// Who brings it about.
    pub who: &'static str,
}

/// Aligned columns for a terminal.
#[must_use]
pub fn render_table(rows: &[Transition]) -> String {
    let width = |f: fn(&Transition) -> &str, title: &str| {
        rows.iter().map(|r| f(r).chars().count()).chain([title.len()]).max().unwrap_or(0)
    };
    let (from, to, who) = (width(|r| r.from, "from"), width(|r| r.to, "to"), width(|r| r.who, "who"));
    let mut text = String::new();
    let mut line = |a: &str, b: &str, c: &str, d: &str| {
        let _ = writeln!(text, "{a:from$}  {b:to$}  {c:who$}  {d}");
    };
    line("from", "to", "who", "when");
    for row in rows {
        line(row.from, row.to, row.who, row.when);
    }
    text
}

/// A Mermaid state diagram.
#[must_use]
pub fn render_mermaid(rows: &[Transition]) -> String {
    let state = |name: &'static str| if name == "-" { "[*]" } else { name };
    let mut text = String::from("stateDiagram-v2\n");
    for row in rows {
        // A colon or semicolon would end the label.
        let label = row.when.replace([':', ';'], ",");
        let _ = writeln!(text, "    {} --> {}: {label} ({})", state(row.from), state(row.to), row.who);
    }
    text
}
