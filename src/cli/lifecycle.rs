//! `fencepost lifecycle`: prints both transition tables, as the machines themselves describe them.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{Exit, Output, print};
use crate::lifecycle::table::{Transition, render_mermaid, render_table};
use crate::lifecycle::{connection, subscription};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How to print the transition tables
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// `json` prints the transitions for a program
    #[arg(long, value_enum, default_value_t, conflicts_with = "format")]
    output: Output,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Columns
    #[default]
    Table,
    /// State diagrams for Mermaid
    Mermaid,
}

/// Prints the tables. A reader that stops reading is no error.
#[must_use]
pub fn run(args: &Args) -> Exit {
    match args.output {
        Output::Json => print::json(&transitions()),
        Output::Table => {
            let _ = std::io::stdout().write_all(render(args.format).as_bytes());
        }
    }
    Exit::Pass
}

fn transitions() -> Value {
    let rows = |rows: &[Transition]| -> Vec<Value> {
        rows.iter().map(|row| json!({ "from": row.from, "to": row.to, "when": row.when, "who": row.who })).collect()
    };
    json!({ "connection": rows(connection::table()), "subscription": rows(subscription::table()) })
}

fn render(format: Format) -> String {
    let machines: [(&str, &[Transition]); 2] =
        [("connection, one a domain", connection::table()), ("subscription, one a customer", subscription::table())];
    let parts = machines.map(|(title, rows)| match format {
        Format::Table => format!("{title}\n\n{}", render_table(rows)),
        Format::Mermaid => format!("%% {title}\n{}", render_mermaid(rows)),
    });
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_machines_are_printed_in_both_forms() {
        let text = render(Format::Table);
        assert!(text.contains("confirming") && text.contains("negotiation"), "{text}");
        assert_eq!(render(Format::Mermaid).matches("stateDiagram-v2").count(), 2);
    }
}
