//! Printing for people and programs. Whatever came from outside is cleaned before it reaches a
//! terminal; a reader that went away (`| head`) is no error.

use std::io::Write;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use fencepost_checks::escape::clean;
use serde::Serialize;
use serde_json::Value;

/// Width of tables that go into a pipe or a file, characters.
const PIPED: u16 = 140;
/// Longest cell, characters.
const CELL: usize = 400;

/// A table with these columns.
#[must_use]
pub fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_header(columns);
    if table.width().is_none() {
        // No terminal: without a width, one long sentence would make every line as long.
        table.set_width(PIPED);
    }
    table
}

/// A cell's text, harmless to a terminal.
#[must_use]
pub fn cell(text: &str) -> String {
    clean(text, CELL)
}

/// A member of a JSON object as a cell; a dash where there is none.
#[must_use]
pub fn member(value: &Value, name: &str) -> String {
    match value.get(name) {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => cell(text),
        Some(other) => cell(&other.to_string()),
    }
}

/// Prints lines.
pub fn lines(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
}

/// Prints JSON, indented.
pub fn json(value: &impl Serialize) {
    lines(&serde_json::to_string_pretty(value).unwrap_or_default());
}
