//! Printing for people and programs. Whatever came from outside is cleaned before it reaches a
//! terminal; a reader that went away (`| head`) is no error.

use std::io::Write;

use anstream::{AutoStream, ColorChoice};
use comfy_table::Table;
use fencepost_checks::escape::{clean, is_harmful};
use serde::Serialize;
use serde_json::Value;

use super::rows::Rows;

/// Longest line of running text, characters, and the narrowest terminal that is tried to fit.
const TEXT: usize = 100;
const NARROWEST: usize = 30;
/// Longest cell, characters.
const CELL: usize = 400;

/// A table with these columns.
#[must_use]
pub fn table(columns: &[&str]) -> Rows {
    Rows::new(columns)
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

/// Width of running text: the terminal's as far as lines stay readable, or that of a page.
#[must_use]
pub fn text_width() -> usize {
    Table::new().width().map_or(TEXT, |width| usize::from(width).clamp(NARROWEST, TEXT))
}

/// Colours, where they are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// On a terminal that takes them, unless `NO_COLOR` says no.
    #[must_use]
    pub fn of_stdout() -> Self {
        Self(AutoStream::choice(&std::io::stdout()) != ColorChoice::Never)
    }

    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.with("1;32", text)
    }

    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    #[must_use]
    pub fn doubtful(self, text: &str) -> String {
        self.with("1;33", text)
    }

    #[must_use]
    pub fn strong(self, text: &str) -> String {
        self.with("1", text)
    }

    /// SGR (ECMA-48 §8.3.117) around the text.
    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Running text, wrapped between words. A word is never broken, so that names and addresses can be copied.
#[derive(Debug)]
pub struct Paragraphs {
    width: usize,
    out: String,
}

impl Paragraphs {
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width, out: String::new() }
    }

    /// An empty line, once.
    pub fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    /// A paragraph: its first line begins with `label`, all are indented.
    pub fn block(&mut self, indent: &str, label: &str, text: &str) {
        let rest = if label.len() <= 3 { format!("{indent}{}", " ".repeat(label.len())) } else { indent.to_owned() };
        let wrapped = wrap(&format!("{label}{text}"), indent, &rest, self.width);
        self.out.push_str(&wrapped);
    }

    /// A label of fixed width, shown as `painted`, and a text beside it; below it on a narrow terminal.
    pub fn labelled(&mut self, indent: &str, label: &str, painted: &str, text: &str) {
        let beside = label.chars().count() + indent.len();
        if self.width < beside + 30 {
            self.out.push_str(&format!("{indent}{}\n", painted.trim_end()));
            return self.block(&format!("{indent}  "), "", text);
        }
        let hang = " ".repeat(beside);
        let wrapped = wrap(text, &hang, &hang, self.width);
        let wrapped = wrapped.get(beside..).unwrap_or_default();
        self.out.push_str(format!("{indent}{painted}{wrapped}").trim_end());
        self.out.push('\n');
    }

    /// A paragraph of one colour: `painted` holds `plain` between its escape sequences.
    pub fn painted(&mut self, painted: &str, plain: &str) {
        self.painted_with("", "", painted, plain);
    }

    /// The same with indentation.
    pub fn painted_with(&mut self, first: &str, rest: &str, painted: &str, plain: &str) {
        let wrapped = wrap(plain, first, rest, self.width);
        match painted.split_once(plain) {
            Some((before, after)) => self.out.push_str(&format!("{before}{}{after}\n", wrapped.trim_end())),
            None => self.out.push_str(&wrapped),
        }
    }

    /// A line as it is.
    pub fn verbatim(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }
}

/// Lines of at most `width` characters where words allow it, each ended.
fn wrap(text: &str, first: &str, rest: &str, width: usize) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            out.push_str(&line);
            out.push('\n');
            rest.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    if !empty {
        out.push_str(&line);
    }
    out.push('\n');
    out
}

/// An instant of the API to the minute; a dash where there is none.
#[must_use]
pub fn minute(value: Option<&Value>) -> String {
    let at = value.and_then(Value::as_str).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    at.map_or_else(|| "–".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// Prints lines.
pub fn lines(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.trim_end());
}

/// Prints JSON, indented.
pub fn json(value: &impl Serialize) {
    lines(&inert(&serde_json::to_string_pretty(value).unwrap_or_default()));
}

/// Prints a line of JSON.
pub fn json_line(value: &impl Serialize) {
    lines(&inert(&serde_json::to_string(value).unwrap_or_default()));
}

/// The same JSON without a character that acts on a terminal: what JSON lets stand in a text (DEL, C1, marks
/// that turn the direction) is written as `\u…` (RFC 8259 §7), which says the same to programs.
fn inert(json: &str) -> String {
    if json.is_ascii() && !json.contains('\u{7f}') {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_harmful(c) && c != '\n' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_on_a_terminal_says_the_same_and_does_nothing() {
        let said = serde_json::json!({ "\u{9b}31m": "a\u{1b}[2J\u{7f}\u{9d}0;x\u{9c}\u{202e}b\u{e0041}", "ä": ["Grüße", "日本"] });
        let shown = inert(&serde_json::to_string_pretty(&said).unwrap());
        assert!(!shown.chars().any(|c| is_harmful(c) && c != '\n'), "{shown:?}");
        assert!(shown.contains("Grüße") && shown.contains("日本") && shown.contains("\\u009b31m"), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), said);
    }
}
