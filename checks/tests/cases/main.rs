//! Runs every case file below `checks/cases`: an observation in, verdict and findings out. The name
//! of a file up to the first hyphen says who judges. `checks/cases/README.md` explains the spelling.

#![allow(clippy::disallowed_methods, reason = "UPDATE_DOCS is a switch of this test, not a setting")]

mod canary;
mod dialogue;
mod dns;
mod docs;
mod expect;
mod firewall;
mod history;
mod lint;
mod mx;
mod smtp;

use std::collections::BTreeSet;
use std::path::Path;

use fencepost_checks::{Code, Finding};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use expect::Got;

/// A case file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File<C> {
    /// Which document and section the cases are about.
    #[expect(dead_code, reason = "for the reader of the file; required so that nobody forgets it")]
    about: String,
    cases: Vec<C>,
}

/// Something that can be judged and says what it expects.
trait Case: DeserializeOwned {
    fn name(&self) -> &str;
    /// What was judged, and how it differs from what is expected (empty: it does not).
    fn run(&self) -> Result<(Got, String), String>;
}

#[test]
fn every_case_holds() {
    let Run { failures, count, .. } = run_all();
    assert!(failures.is_empty(), "{} of {count} cases failed:\n\n{}", failures.len(), failures.join("\n\n"));
    assert!(count >= 150, "only {count} cases were found");
}

fn run_all() -> Run {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the folder checks/cases")
        .map(|entry| entry.expect("an entry of checks/cases").path())
        .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        .collect();
    files.sort();
    let mut run = Run::default();
    for path in files {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let text = std::fs::read_to_string(&path).expect("a readable case file");
        match name.split('-').next().unwrap_or_default() {
            "mx" => run.file::<mx::MxCase>(&name, &text),
            "history" => run.file::<history::HistoryCase>(&name, &text),
            "firewall" => run.file::<firewall::FirewallCase>(&name, &text),
            "smtp" => run.file::<smtp::SmtpCase>(&name, &text),
            "strangers" => run.file::<smtp::StrangersCase>(&name, &text),
            "gateway" => run.file::<smtp::GatewayCase>(&name, &text),
            "canary" => run.file::<canary::CanaryCase>(&name, &text),
            "lint" => run.file::<lint::LintCase>(&name, &text),
            other => run.failures.push(format!("{name}: nobody judges `{other}`")),
        }
    }
    run
}

#[derive(Default)]
struct Run {
    failures: Vec<String>,
    seen: Vec<Seen>,
    count: usize,
}

/// A finding that a case made.
struct Seen {
    file: String,
    case: String,
    finding: Finding,
}

impl Run {
    fn file<C: Case>(&mut self, file: &str, text: &str) {
        let parsed: File<C> = match serde_yaml::from_str(text) {
            Ok(parsed) => parsed,
            Err(error) => return self.failures.push(format!("{file}: {error}")),
        };
        let mut names = BTreeSet::new();
        for case in &parsed.cases {
            self.count += 1;
            if !names.insert(case.name().to_owned()) {
                self.failures.push(format!("{file}: two cases are called `{}`", case.name()));
            }
            match case.run() {
                Ok((got, difference)) => {
                    let seen = |finding| Seen { file: file.to_owned(), case: case.name().to_owned(), finding };
                    self.seen.extend(got.findings.into_iter().map(seen));
                    if !difference.is_empty() {
                        self.failures.push(format!("{file}: {}\n{difference}", case.name()));
                    }
                }
                Err(error) => self.failures.push(format!("{file}: {}\n  cannot be read: {error}", case.name())),
            }
        }
    }
}
