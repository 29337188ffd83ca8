//! Runs every case file below `checks/cases`: an observation in, verdict and findings out. The name
//! of a file up to the first hyphen says who judges. `checks/cases/README.md` explains the spelling.

mod dialogue;
mod dns;
mod expect;
mod firewall;
mod history;
mod lint;
mod mx;
mod smtp;

use std::collections::BTreeSet;
use std::path::Path;

use fencepost_checks::Code;
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

/// Codes without a case, each with the reason. Keep it short.
const NOT_YET: &[(Code, &str)] =
    &[(Code::EarlyCutover, "made by the lifecycle's projection, not by a judgement of this crate")];

#[test]
fn every_case_holds() {
    let (results, _, count) = run_all();
    assert!(results.is_empty(), "{} of {count} cases failed:\n\n{}", results.len(), results.join("\n\n"));
    assert!(count >= 60, "only {count} cases were found");
}

#[test]
fn every_code_has_a_case() {
    let (_, seen, _) = run_all();
    let missing: Vec<&str> = Code::ALL
        .iter()
        .filter(|c| !seen.contains(c) && !NOT_YET.iter().any(|(n, _)| n == *c))
        .map(|c| c.as_str())
        .collect();
    assert!(missing.is_empty(), "no case expects {missing:?}");
    let needless: Vec<&str> = NOT_YET.iter().filter(|(c, _)| seen.contains(c)).map(|(c, _)| c.as_str()).collect();
    assert!(needless.is_empty(), "{needless:?} have a case now: take them off the list");
}

fn run_all() -> (Vec<String>, BTreeSet<Code>, usize) {
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
            "gateway" => run.file::<smtp::GatewayCase>(&name, &text),
            "lint" => run.file::<lint::LintCase>(&name, &text),
            other => run.failures.push(format!("{name}: nobody judges `{other}`")),
        }
    }
    (run.failures, run.codes, run.count)
}

#[derive(Default)]
struct Run {
    failures: Vec<String>,
    codes: BTreeSet<Code>,
    count: usize,
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
                    self.codes.extend(got.findings.iter().map(|f| f.code));
                    if !difference.is_empty() {
                        self.failures.push(format!("{file}: {}\n{difference}", case.name()));
                    }
                }
                Err(error) => self.failures.push(format!("{file}: {}\n  cannot be read: {error}", case.name())),
            }
        }
    }
}
