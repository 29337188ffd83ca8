//! The documentation of the codes: generated from the catalogue and the case files, and held against
//! what the cases really show.

use std::collections::BTreeMap;

use fencepost_checks::explain::{Example, explain, markdown};

use super::*;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/findings.md");

#[test]
fn every_code_has_a_case_a_remedy_and_documentation() {
    let seen: BTreeSet<Code> = run_all().seen.iter().map(|s| s.finding.code).collect();
    for code in Code::ALL {
        let e = explain(*code);
        assert!(seen.contains(code), "no case makes {code}: add one to checks/cases");
        assert!(!e.severities.is_empty() && !e.who.is_empty(), "{code} has no severity or nobody who acts");
        assert!(e.remedy.ends_with('.') && e.remedy.len() >= 10, "{code} has no remedy");
        assert!(!e.source.is_empty() && code.about().ends_with('.'), "{code} is not documented");
    }
}

#[test]
fn what_is_documented_is_what_findings_say() {
    let mut wrong = Vec::new();
    for Seen { file, case, finding } in run_all().seen {
        let (code, e) = (finding.code, explain(finding.code));
        if !e.severities.contains(&finding.severity) {
            wrong.push(format!("{code} is documented without {:?} ({file}: {case})", finding.severity));
        }
        if !e.who.contains(&finding.who) {
            wrong.push(format!("{code} is documented without {:?} acting ({file}: {case})", finding.who));
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "mend checks/src/explain/rows.rs:\n{}", wrong.join("\n"));
}

#[test]
fn what_is_documented_is_shown_by_a_case() {
    let mut severities: BTreeSet<(Code, String)> = BTreeSet::new();
    for s in run_all().seen {
        severities.insert((s.finding.code, format!("{:?}", s.finding.severity)));
    }
    let mut missing = Vec::new();
    for code in Code::ALL {
        let e = explain(*code);
        let lacks = e.severities.iter().map(|s| format!("{s:?}")).filter(|s| !severities.contains(&(*code, s.clone())));
        missing.extend(lacks.map(|s| format!("{code} {s}")));
    }
    assert!(missing.is_empty(), "no case shows: {}", missing.join(", "));
}

#[test]
fn docs_are_up_to_date() {
    let mut examples: BTreeMap<Code, Example> = BTreeMap::new();
    for Seen { file, case, finding } in run_all().seen {
        // The first case of a code that asks somebody to act shows most.
        examples.entry(finding.code).or_insert_with(|| Example {
            case: format!("{file}: {case}"),
            subject: finding.subject,
            detail: finding.detail,
            remedy: finding.remedy,
        });
    }
    let page = markdown(&examples);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(Path::new(PAGE).parent().expect("a folder")).expect("the folder docs");
        std::fs::write(PAGE, &page).expect("docs/findings.md to be written");
    }
    let committed = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        committed == page,
        "docs/findings.md is out of date; run\n  UPDATE_DOCS=1 cargo test -p fencepost-checks --test cases docs"
    );
}
