//! A notice between its template and the wire. Templates are written as plain text with four kinds
//! of blocks; from the same document come the text part (wrapped) and the HTML part (escaped), so
//! that the two can never say different things.
//!
//! The first line is `Subject: …`. Then blocks, parted by blank lines: the head (`To do:`, `Who:`,
//! `By:`, `Why:`, or the same in Finnish), lists (`- `), code (four spaces, never wrapped), and paragraphs.

use askama::Template;

use super::template::Tone;
use crate::words::Language;

/// Columns of the text part (RFC 5322 §2.1.1 recommends at most 78 characters a line).
const WIDTH: usize = 76;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) language: Language,
    pub(super) subject: String,
    pub(super) blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// What to do, who, by when, why.
    Head(Vec<(String, String)>),
    Paragraph(String),
    List(Vec<String>),
    Code(Vec<String>),
}

impl Document {
    /// Reads what a template rendered.
    pub(super) fn parse(rendered: &str, language: Language) -> Self {
        let rendered = rendered.trim_start();
        let (first, rest) = rendered.split_once('\n').unwrap_or((rendered, ""));
        let subject = first.strip_prefix("Subject:").unwrap_or(first).trim().to_owned();
        let mut blocks: Vec<Block> = Vec::new();
        let mut fresh = true;
        for line in rest.lines() {
            let blank = line.trim_end().is_empty();
            // An indented blank line belongs to the code around it.
            if blank && !(line.starts_with("    ") && matches!(blocks.last(), Some(Block::Code(_)))) {
                fresh = true;
                continue;
            }
            let line = if blank { "    " } else { line.trim_end() };
            add(&mut blocks, line, fresh, language);
            fresh = false;
        }
        Self { language, subject, blocks }
    }

    /// The `text/plain` part.
    pub(super) fn text(&self) -> String {
        let mut parts = Vec::new();
        for block in &self.blocks {
            parts.push(match block {
                Block::Head(rows) => {
                    let indent = labels(self.language).iter().map(|label| label.chars().count()).max().unwrap_or(0) + 2;
                    let row =
                        |label: &str, text: &str| wrap(&format!("{:<indent$}{text}", format!("{label}:")), indent);
                    rows.iter().map(|(label, text)| row(label, text)).collect()
                }
                Block::Paragraph(text) => wrap(text, 0),
                Block::List(items) => items.iter().map(|item| wrap(&format!("- {item}"), 2)).collect(),
                Block::Code(lines) => {
                    lines.iter().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect()
                }
            });
        }
        parts.join("\n")
    }

    /// The `text/html` part. `link` becomes a link wherever it stands, and a button on top.
    pub(super) fn html(&self, tone: Tone, service: &str, link: Option<&str>) -> askama::Result<String> {
        Page { document: self, tone, service, link }.render()
    }
}

fn add(blocks: &mut Vec<Block>, line: &str, fresh: bool, language: Language) {
    if let Some(code) = line.strip_prefix("    ") {
        match blocks.last_mut() {
            Some(Block::Code(lines)) => lines.push(code.to_owned()),
            _ => blocks.push(Block::Code(vec![code.to_owned()])),
        }
    } else if let Some(item) = line.strip_prefix("- ") {
        // Items of a loop come with blank lines between them.
        match blocks.last_mut() {
            Some(Block::List(items)) => items.push(item.to_owned()),
            _ => blocks.push(Block::List(vec![item.to_owned()])),
        }
    } else if let Some((label, text)) = head(line, blocks, language) {
        match blocks.last_mut() {
            Some(Block::Head(rows)) => rows.push((label.to_owned(), text.to_owned())),
            _ => blocks.push(Block::Head(vec![(label.to_owned(), text.to_owned())])),
        }
    } else {
        match blocks.last_mut() {
            Some(Block::Paragraph(text)) if !fresh => {
                text.push(' ');
                text.push_str(line);
            }
            _ => blocks.push(Block::Paragraph(line.to_owned())),
        }
    }
}

/// The head comes first, and nowhere else.
fn head<'a>(line: &'a str, blocks: &[Block], language: Language) -> Option<(&'a str, &'a str)> {
    if !matches!(blocks, [] | [Block::Head(_)]) {
        return None;
    }
    let (label, text) = line.split_once(": ")?;
    labels(language).contains(&label).then(|| (label, text.trim()))
}

/// Of the head, in their order.
const fn labels(language: Language) -> [&'static str; 4] {
    match language {
        Language::En => ["To do", "Who", "By", "Why"],
        Language::Fi => ["Tehtävä", "Kuka", "Milloin", "Miksi"],
    }
}

fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    // What precedes the text is kept as it is.
    let start = if indent > 0 { text.char_indices().nth(indent).map_or(text.len(), |(at, _)| at) } else { 0 };
    out.push_str(&text[..start]);
    column += indent.min(text.chars().count());
    let mut first = true;
    for word in text[start..].split_whitespace() {
        let length = word.chars().count();
        if !first && column + 1 + length > WIDTH {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if !first {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        first = false;
    }
    out.push('\n');
    out
}

#[derive(Template)]
#[template(path = "notices/letter.html")]
struct Page<'a> {
    document: &'a Document,
    tone: Tone,
    service: &'a str,
    link: Option<&'a str>,
}

/// A stretch of a paragraph.
enum Piece<'a> {
    Text(&'a str),
    Link(&'a str),
}

/// An MX record as a line of a table.
struct RecordRow<'a> {
    name: &'a str,
    ttl: &'a str,
    preference: &'a str,
    exchange: &'a str,
}

impl Page<'_> {
    fn pieces<'t>(&'t self, text: &'t str) -> Vec<Piece<'t>> {
        match self.link.and_then(|link| text.split_once(link).map(|(before, after)| (before, link, after))) {
            Some((before, link, after)) => vec![Piece::Text(before), Piece::Link(link), Piece::Text(after)],
            None => vec![Piece::Text(text)],
        }
    }

    /// The lines as MX records, where every one of them is one; what is only shown to be copied is none.
    fn records<'t>(&self, lines: &'t [String]) -> Vec<RecordRow<'t>> {
        let rows: Option<Vec<RecordRow<'t>>> = lines.iter().map(|line| record_row(line)).collect();
        rows.unwrap_or_default()
    }

    /// Preference, exchange, and the name that they belong to.
    const fn columns(&self) -> [&'static str; 3] {
        match self.document.language {
            Language::En => ["Prio.", "Server", "Name"],
            Language::Fi => ["Prio.", "Palvelin", "Nimi"],
        }
    }

    /// What is to be done, as a sentence of its own.
    fn capital(&self, text: &str) -> String {
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    const fn button(&self) -> &'static str {
        self.document.language.say("Open the status page", "Avaa tilasivu")
    }

    /// Classes of the style sheet, and colours for programs that know none.
    const fn class(&self) -> &'static str {
        match self.tone {
            Tone::Alarm => "alarm",
            Tone::Act => "act",
            Tone::Calm => "calm",
        }
    }

    const fn ground(&self) -> &'static str {
        match self.tone {
            Tone::Alarm => "#fdeae8",
            Tone::Act => "#e4f0f8",
            Tone::Calm => "#e5f4ec",
        }
    }

    const fn ink(&self) -> &'static str {
        match self.tone {
            Tone::Alarm => "#a32020",
            Tone::Act => "#0b5b88",
            Tone::Calm => "#17724a",
        }
    }
}

/// `name [ttl] IN MX preference exchange`.
fn record_row(line: &str) -> Option<RecordRow<'_>> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        [name, ttl, "IN", "MX", preference, exchange] => Some(RecordRow { name, ttl, preference, exchange }),
        [name, "IN", "MX", preference, exchange] => Some(RecordRow { name, ttl: "", preference, exchange }),
        _ => None,
    }
}
