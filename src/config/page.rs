//! docs/configuration.md: every key with its default, as the structs have it, and its meaning, as the annotated
//! file has it. Made by a test, which fails where the page is old; nothing of it is in the program.

use std::fmt::Write as _;

use serde_json::Value;

use super::known::KnownKeys;
use super::{Config, tests::ANNOTATED};

const PAGE: &str = "docs/configuration.md";

#[test]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test may ask it to write the page")]
fn the_page_of_settings_is_what_the_program_reads() {
    let made = page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(PAGE, &made).unwrap();
    }
    let there = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(there == made, "{PAGE} is old: UPDATE_DOCS=1 cargo test --lib the_page_of_settings");
    for kind in ["manual", "postfix", "http", "agents"] {
        let known = KnownKeys::with_adapter(Some(kind));
        // What stands in a list is explained with the list.
        for (parent, key) in known.paths().filter(|(parent, _)| !parent.contains("[]")) {
            let name = if parent.is_empty() { format!("\n## {key}\n") } else { format!("`{parent}.{key}`") };
            let named = [name, format!("{key}:"), format!("`{key}`")];
            assert!(named.iter().any(|name| made.contains(name)), "{parent}.{key} is not on {PAGE}");
        }
    }
}

/// Keys that are explained together.
#[derive(Debug, Default)]
struct Entry {
    keys: Vec<String>,
    text: Vec<String>,
}

fn page() -> String {
    let defaults = serde_json::to_value(Config::default()).unwrap();
    let mut out = String::from(
        "# Configuration\n\nMade from the program: the defaults are those of the code, the words those of `config/fencepost.yaml`, which can be copied \
         and changed. Every key may be left out. `fencepost config check` tells every mistake of a file with its line.\n",
    );
    for entry in entries() {
        let Some(first) = entry.keys.first() else { continue };
        if !first.contains('.') {
            let _ = writeln!(out, "\n## {first}");
            write_text(&entry.text, &mut out);
            continue;
        }
        out.push_str("\n### ");
        let names: Vec<String> = entry.keys.iter().map(|key| format!("`{key}`")).collect();
        let _ = writeln!(out, "{}", names.join(", "));
        write_text(&entry.text, &mut out);
        let said: Vec<String> = entry.keys.iter().filter_map(|key| default(&defaults, key)).collect();
        // Where the words name it, they say more than the value.
        if !said.is_empty() && !entry.text.iter().any(|line| line.contains("Default:")) {
            let _ = writeln!(out, "\nDefault: {}", said.join(", "));
        }
    }
    out
}

/// The default of a key, where it has one of its own.
fn default(defaults: &Value, key: &str) -> Option<String> {
    match defaults.pointer(&format!("/{}", key.replace('.', "/")))? {
        Value::Object(_) => None,
        Value::Null => Some("none".to_owned()),
        Value::Array(items) if items.is_empty() => Some("none".to_owned()),
        Value::String(text) if text.is_empty() => Some("empty".to_owned()),
        Value::String(text) => Some(format!("`{text}`")),
        Value::Array(items) => {
            let items: Vec<String> =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            Some(format!("`[{}]`", items.join(", ")))
        }
        other => Some(format!("`{other}`")),
    }
}

/// The annotated file, key by key. What is said of a key stands above it, in its column; an example that is
/// commented out, and what stands before an empty line, belongs to the key before.
fn entries() -> Vec<Entry> {
    let known = KnownKeys::with_adapter(None);
    let is_key = |path: &str| {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        known.paths().any(|(p, k)| p == parent && k == key)
    };
    let mut found: Vec<Entry> = Vec::new();
    let mut mappings: Vec<(usize, String)> = Vec::new();
    let mut said: Vec<String> = Vec::new();
    let mut example = false;
    // The head of the file is for those who read the file.
    let body = ANNOTATED.lines().skip_while(|line| line.starts_with('#'));
    for line in body {
        let column = line.len() - line.trim_start().len();
        let trimmed = line.trim();
        if let Some(words) = trimmed.strip_prefix('#') {
            let words = words.strip_prefix(' ').unwrap_or(words);
            let parent = mappings.iter().rfind(|(at, _)| *at < column).map(|(_, path)| path.clone());
            let key = words.split_once(':').map(|(key, _)| key).filter(|key| !key.contains(' '));
            let path = parent.zip(key).map(|(parent, key)| format!("{parent}.{key}")).filter(|path| is_key(path));
            let last = found.last_mut();
            match (path, last) {
                // The key that was just explained, spelled out.
                (Some(path), Some(last)) if said.is_empty() && last.keys.contains(&path) => {
                    last.text.push(words.to_owned());
                    example = true;
                }
                (_, Some(last)) if example && words.starts_with(' ') => last.text.push(words.to_owned()),
                (Some(path), Some(last)) if !said.is_empty() && !path.ends_with(".adapter") => {
                    let own = paragraph(&mut said);
                    last.text.append(&mut said);
                    found.push(Entry { keys: vec![path], text: own });
                }
                _ => {
                    example = false;
                    said.push(words.to_owned());
                }
            }
            continue;
        }
        example = false;
        if trimmed.is_empty() {
            if let Some(last) = found.last_mut() {
                last.text.append(&mut said);
            }
            continue;
        }
        mappings.retain(|(at, _)| *at < column);
        let Some((key, _)) = trimmed.split_once(':').filter(|(key, _)| !key.starts_with("- ") && !key.contains(' '))
        else {
            continue;
        };
        let path = match mappings.last() {
            Some((_, parent)) => format!("{parent}.{key}"),
            None => key.to_owned(),
        };
        if !is_key(&path) {
            continue;
        }
        mappings.push((column, path.clone()));
        let parent = path.rsplit_once('.').map(|(parent, _)| parent.to_owned());
        match found.last_mut() {
            // One explanation for several keys that follow one another.
            Some(last)
                if said.is_empty()
                    && parent.is_some()
                    && last.keys.iter().all(|k| k.rsplit_once('.').map(|(p, _)| p.to_owned()) == parent) =>
            {
                last.keys.push(path);
            }
            _ => found.push(Entry { keys: vec![path], text: std::mem::take(&mut said) }),
        }
    }
    if let Some(last) = found.last_mut() {
        last.text.append(&mut said);
    }
    found
}

/// Takes the last paragraph off.
fn paragraph(said: &mut Vec<String>) -> Vec<String> {
    while said.last().is_some_and(String::is_empty) {
        said.pop();
    }
    let begin = said.iter().rposition(String::is_empty).map_or(0, |at| at + 1);
    said.split_off(begin)
}

/// Running text; lines of a configuration as such.
fn write_text(lines: &[String], out: &mut String) {
    let mut fenced = false;
    let looks_like_yaml = |line: &str| {
        let word = line.split(':').next().filter(|word| *word != "true").unwrap_or_default();
        line.starts_with("  ")
            || (line.contains(':')
                && !word.is_empty()
                && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                && !line.contains(". "))
    };
    if !lines.is_empty() {
        out.push('\n');
    }
    for line in lines {
        let yaml = looks_like_yaml(line) || fenced && line.is_empty();
        if yaml != fenced {
            while out.ends_with("\n\n") {
                out.pop();
            }
            out.push_str(if yaml { "\n```yaml\n" } else { "```\n\n" });
            fenced = yaml;
        }
        let _ = writeln!(out, "{line}");
    }
    if fenced {
        out.push_str("```\n");
    }
}
