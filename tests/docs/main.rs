//! What the documentation says is done: every command in README.md and docs/ is run, in the order of its page,
//! with the shipped program, against a laboratory on loopback; the pages that are made from the program are
//! compared with it; and the command line's statuses are those that its help promises.
//!
//! A block that begins with ```` ```sh ```` is run; of ```` ```console ```` the lines after `$`. What cannot be
//! run here says why: ```` ```sh skip="…" ````. A line whose comment says `status 1` may end with that status.
//! `<!-- lab: … -->` is somebody else's deed at that place of the page (see `sandbox.rs`).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod cli_page;
mod packages;
mod page;
mod sandbox;
mod statuses;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use page::Piece;
use sandbox::Sandbox;

/// Pages on which the service runs already, with an existing base of customers, and the role of who reads them;
/// on the others the reader starts it.
const SERVED: &[(&str, &str)] = &[
    ("accountants-guide.md", "accounting"),
    ("agents.md", "desk"),
    ("api.md", "accounting"),
    ("backup.md", "desk"),
    ("import.md", "desk"),
    ("invoicing.md", "accounting"),
    ("mails.md", "desk"),
    ("metrics.md", "desk"),
    ("partners-guide.md", "desk"),
    ("places.md", "desk"),
    ("postgresql.md", "desk"),
    ("production.md", "desk"),
    ("reports.md", "desk"),
    ("security.md", "desk"),
    ("sweep.md", "desk"),
];

/// What a reason for not running a block may begin with.
const REASONS: &[&str] = &[
    "another machine",
    "builds",
    "changes this system",
    "needs PostgreSQL",
    "needs a day",
    "needs a signed mail",
    "needs docker",
    "needs systemd",
];

/// So many blocks may be left out, in all pages together.
const MOST_SKIPPED: usize = 20;

#[test]
fn every_command_is_run_or_says_why_not() {
    let mut wrong = Vec::new();
    let mut skipped = Vec::new();
    for path in pages() {
        for piece in page::pieces(&std::fs::read_to_string(&path).unwrap()) {
            match piece {
                Piece::Wrong { line, why } => wrong.push(format!("{}:{line}: {why}", path.display())),
                Piece::Skipped { line, reason } => {
                    if !REASONS.iter().any(|known| reason.starts_with(known)) {
                        wrong.push(format!("{}:{line}: `{reason}` is none of {REASONS:?}", path.display()));
                    }
                    skipped.push(format!("{}:{line}: {reason}", path.display()));
                }
                Piece::Run(_) | Piece::Lab { .. } => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(skipped.len() <= MOST_SKIPPED, "too many blocks are not run:\n{}", skipped.join("\n"));
}

/// Every page of the folder is reached from its index, and links lead to files.
#[test]
fn pages_are_in_the_index_and_links_lead_somewhere() {
    let index = std::fs::read_to_string("docs/README.md").unwrap();
    let mut wrong = Vec::new();
    for path in pages().into_iter().chain([PathBuf::from("ARCHITECTURE.md")]) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.starts_with("docs") && name != "README.md" && !index.contains(&format!("({name})")) {
            wrong.push(format!("docs/README.md does not lead to {name}"));
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            let there = path.parent().unwrap().join(target);
            if !link.contains("://") && !link.starts_with("mailto:") && !target.is_empty() && !there.exists() {
                wrong.push(format!("{}: {link} leads nowhere", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_does_what_it_says() {
    play(Path::new("README.md")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_customer() {
    play(Path::new("docs/first-customer.md")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guides_do_what_they_say() {
    let alone = ["README.md", "docs/first-customer.md"];
    let mut failed = Vec::new();
    for path in pages().into_iter().filter(|path| !alone.iter().any(|other| path == Path::new(other))) {
        let page = path.clone();
        // Every page has its say, also after one that failed.
        if tokio::spawn(async move { play(&page).await }).await.is_err() {
            failed.push(path);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

async fn play(path: &Path) {
    let pieces = page::pieces(&std::fs::read_to_string(path).unwrap());
    if !pieces.iter().any(|piece| matches!(piece, Piece::Run(_))) {
        return;
    }
    let reader = SERVED.iter().find(|(name, _)| path.ends_with(name)).map(|(_, role)| *role);
    let mut sandbox = Sandbox::new(reader).await;
    for piece in pieces {
        match piece {
            Piece::Run(block) => sandbox.run(path, &block).await,
            Piece::Lab { line, deed } => sandbox.deed(path, line, &deed),
            Piece::Skipped { .. } => {}
            Piece::Wrong { line, why } => panic!("{}:{line}: {why}", path.display()),
        }
    }
    sandbox.end().await;
}

/// README.md and everything in docs/, the index last.
fn pages() -> Vec<PathBuf> {
    let found: BTreeSet<PathBuf> = std::fs::read_dir("docs")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        // Made from the program; what they show is parsed by the tests of the help.
        .filter(|path| !path.ends_with("cli.md") && !path.ends_with("findings.md"))
        .collect();
    [PathBuf::from("README.md")].into_iter().chain(found).collect()
}
