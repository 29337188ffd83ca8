//! `fencepost man [--out DIR]`: manual pages, one a command, made of the same words as the help.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::help::{self, lessons::Lesson};
use super::print::lines;
use super::{Exit, complain};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Write all pages into this folder, which is made where it is missing
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The pages cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the manual page {}", path.display())]
struct WriteError {
    path: PathBuf,
    source: std::io::Error,
}

/// Writes all pages, or prints the first.
#[must_use]
pub fn run(args: &Args) -> Exit {
    let pages = match pages() {
        Ok(pages) => pages,
        Err(error) => return complain(&error),
    };
    let Some(folder) = &args.out else {
        if let Some((_, page)) = pages.first() {
            // A reader that went away is no error.
            let _ = std::io::stdout().write_all(page);
        }
        return Exit::Pass;
    };
    match write(folder, &pages) {
        Ok(()) => {
            lines(&format!("{} pages in {}", pages.len(), folder.display()));
            Exit::Pass
        }
        Err(error) => complain(&error),
    }
}

fn write(folder: &Path, pages: &[(String, Vec<u8>)]) -> Result<(), WriteError> {
    std::fs::create_dir_all(folder).map_err(|source| WriteError { path: folder.to_owned(), source })?;
    for (name, page) in pages {
        let path = folder.join(name);
        std::fs::write(&path, page).map_err(|source| WriteError { path, source })?;
    }
    Ok(())
}

/// File name and content of every page, that of `fencepost` itself first.
fn pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    // Everything is known before the first page is made.
    let mut root = help::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    collect(&root, "", &mut pages)?;
    Ok(pages)
}

fn collect(command: &Command, path: &str, pages: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    let name = if path.is_empty() { "fencepost".to_owned() } else { format!("fencepost-{}", path.replace(' ', "-")) };
    pages.push((format!("{name}.1"), page(command, &name, path)?));
    for inner in command.get_subcommands() {
        let path = if path.is_empty() { inner.get_name().to_owned() } else { format!("{path} {}", inner.get_name()) };
        collect(inner, &path, pages)?;
    }
    Ok(())
}

fn page(command: &Command, name: &str, path: &str) -> std::io::Result<Vec<u8>> {
    let man = Man::new(command.clone())
        .title(name)
        .manual("fencepost")
        .source(format!("fencepost {}", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    man.render_options_section(&mut page)?;
    if let Some(lesson) = help::lesson(path) {
        taught(lesson).to_writer(&mut page)?;
    }
    if !path.is_empty() {
        let mut also = Roff::new();
        also.control("SH", ["SEE ALSO"]).text([bold("fencepost"), roman("(1)")]);
        also.to_writer(&mut page)?;
    }
    Ok(page)
}

fn taught(lesson: &Lesson) -> Roff {
    let mut out = Roff::new();
    out.control("SH", ["EXIT STATUS"]);
    for (status, meaning) in lesson.statuses() {
        out.control("TP", ["4"]).text([bold(status.to_string())]).text([roman(meaning)]);
    }
    out.control("SH", ["EXAMPLES"]);
    for (line, what) in lesson.examples {
        out.control("TP", []).text([bold(*line)]).text([roman(*what)]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[0], "fencepost.1");
        for name in ["fencepost-status.1", "fencepost-order-import.1", "fencepost-ledger-as-of.1", "fencepost-man.1"] {
            assert!(names.contains(&name), "{names:?}");
        }
    }

    #[test]
    fn the_page_of_a_command() {
        let pages = pages().unwrap();
        let (_, page) = pages.iter().find(|(name, _)| name == "fencepost-register.1").unwrap();
        insta::assert_snapshot!(String::from_utf8(page.clone()).unwrap());
    }
}
