//! `fencepost explain [CODE]`: what a finding code means and what to do. Prints the catalogue of
//! `fencepost-checks`; the example comes from the page that is generated of the same.

use fencepost_checks::Code;
use fencepost_checks::escape::quote;
use fencepost_checks::explain::{Group, explain, nearest};
use serde_json::{Value, json};

use super::{Exit, Output, print};

/// The generated page; here only for its examples.
const PAGE: &str = include_str!("../../docs/findings.md");

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Finding code, such as FW_PARTIAL; without it all codes are listed
    code: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Explains a code, or lists them all. Exit status: 0, or 2 where there is no such code.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let Some(text) = &args.code else {
        match args.output {
            Output::Table => print::lines(&list()),
            Output::Json => print::json(&Code::ALL.iter().map(|code| object(*code)).collect::<Vec<_>>()),
        }
        return Exit::Pass;
    };
    match find(text) {
        Ok(code) => {
            match args.output {
                Output::Table => print::lines(&page(code)),
                Output::Json => print::json(&object(code)),
            }
            Exit::Pass
        }
        Err(message) => {
            eprintln!("fencepost: {message}");
            Exit::Usage
        }
    }
}

/// The code that is meant; case and hyphens do not matter.
fn find(text: &str) -> Result<Code, String> {
    let written = text.trim().to_ascii_uppercase().replace('-', "_");
    written.parse().map_err(|_| {
        let near: Vec<&str> = nearest(text).into_iter().map(Code::as_str).collect();
        let hint = match near.as_slice() {
            [] => "`fencepost explain` lists all codes".to_owned(),
            near => format!("did you mean {}?", near.join(" or ")),
        };
        format!("`{}` is no finding code; {hint}", quote(text))
    })
}

fn list() -> String {
    let width = Code::ALL.iter().map(|code| code.as_str().len()).max().unwrap_or(0);
    let mut out = String::new();
    for group in Group::ALL {
        out.push_str(&format!("{}\n", group.title()));
        for code in group.codes() {
            out.push_str(&format!("  {code:width$}  {}\n", code.about()));
        }
        out.push('\n');
    }
    out
}

fn page(code: Code) -> String {
    let e = explain(code);
    let mut out = format!(
        "{code}: {}\n\n  Severity:    {}\n  Who acts:    {}\n  What to do:  {}\n  Source:      {}\n",
        code.about(),
        e.severity_words(),
        e.who_words(),
        e.remedy,
        e.source
    );
    if let Some((detail, remedy)) = example(PAGE, code) {
        out.push_str(&format!("\nExample\n  Seen:    {detail}\n  Remedy:  {remedy}\n"));
    }
    out
}

fn object(code: Code) -> Value {
    let e = explain(code);
    let example = example(PAGE, code).map(|(detail, remedy)| json!({ "detail": detail, "remedy": remedy }));
    json!({
        "code": code, "group": e.group.title(), "about": code.about(), "severities": e.severities, "who": e.who,
        "remedy": e.remedy, "source": e.source, "example": example,
    })
}

/// What was seen and what to do in the example of a code.
fn example(page: &str, code: Code) -> Option<(String, String)> {
    let (_, rest) = page.split_once(&format!("\n### {code}\n"))?;
    let section = rest.split("\n### ").next().unwrap_or_default();
    let mut quoted = section.lines().filter_map(|line| line.strip_prefix("> ")).map(without_escapes);
    Some((quoted.next()?, quoted.next()?))
}

/// Markdown's backslashes, taken out again.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        out.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_with_an_example() {
        for code in Code::ALL {
            assert!(
                example(PAGE, *code).is_some(),
                "{code} has no example in docs/findings.md: UPDATE_DOCS=1 cargo test -p fencepost-checks --test cases docs"
            );
            assert!(list().contains(code.as_str()));
        }
        assert!(!list().contains('\u{1b}'));
    }

    #[test]
    fn one_code_for_people() {
        insta::assert_snapshot!(page(Code::FwPartial));
    }

    #[test]
    fn a_mistyped_code_is_refused_with_what_was_meant() {
        assert_eq!(find(" fw-partial "), Ok(Code::FwPartial));
        insta::assert_snapshot!(find("FW_PARTAIL").unwrap_err());
        insta::assert_snapshot!(find("\u{1b}[2Jzz").unwrap_err());
    }
}
