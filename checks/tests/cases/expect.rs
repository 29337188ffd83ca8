//! What a case expects, and the difference to what came out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use fencepost_checks::Finding;
use serde::Deserialize;

/// The expectation of a case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    pub verdict: String,
    /// All findings, each as `SEVERITY CODE`, in any order.
    pub findings: Vec<String>,
    /// Texts that must stand in some finding.
    #[serde(default)]
    pub says: Vec<String>,
    /// Texts that must not.
    #[serde(default)]
    pub never: Vec<String>,
    /// Minutes until it shall be asked again.
    #[serde(default)]
    pub retry: Option<i64>,
    /// MX only: which of ours, old, complete, clean, gone, stale hold. All of them are compared.
    #[serde(default)]
    pub flags: Option<BTreeSet<String>>,
}

/// What was judged.
#[derive(Debug)]
pub struct Got {
    pub verdict: String,
    pub findings: Vec<Finding>,
    pub retry: Option<i64>,
    pub flags: BTreeSet<String>,
    /// Further text to look into.
    pub more: String,
}

impl Got {
    /// Of a gate's judgement.
    pub fn of(judgement: fencepost_checks::Judgement) -> Self {
        Self {
            verdict: word(&judgement.verdict),
            retry: judgement.retry_after.map(|r| r.as_mins()),
            findings: judgement.findings,
            flags: BTreeSet::new(),
            more: String::new(),
        }
    }
}

/// The word that an enum has in JSON.
pub fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Expect {
    /// Differences, a line each; empty where there is none.
    pub fn difference(&self, got: &Got) -> String {
        let mut out = String::new();
        let mut line = |text: String| writeln!(out, "  {text}").expect("writing to a String");
        if self.verdict != got.verdict {
            line(format!("verdict: expected {}, got {}", self.verdict, got.verdict));
        }
        let mut expected = self.findings.clone();
        for finding in &got.findings {
            let text = format!("{} {}", word(&finding.severity), finding.code);
            match expected.iter().position(|e| *e == text) {
                Some(i) => {
                    expected.swap_remove(i);
                }
                None => line(format!("+ {text}: {} | {}", finding.detail, finding.remedy)),
            }
            if finding.detail.is_empty() || finding.remedy.is_empty() || finding.subject.is_empty() {
                line(format!("{text} lacks subject, detail or remedy"));
            }
        }
        for missing in expected {
            line(format!("- {missing}"));
        }
        let all: String = got
            .findings
            .iter()
            .map(|f| format!("{}\n{}\n{}\n", f.subject, f.detail, f.remedy))
            .chain([got.more.clone()])
            .collect();
        // A name with its final dot at the end of a sentence would be typed with two.
        if all.contains("..") {
            line(format!("a finding has two dots in a row:\n{all}"));
        }
        for text in self.says.iter().filter(|t| !all.contains(t.as_str())) {
            line(format!("no finding says `{text}`:\n{all}"));
        }
        for text in self.never.iter().filter(|t| all.contains(t.as_str())) {
            line(format!("a finding says `{text}`:\n{all}"));
        }
        if self.retry != got.retry {
            line(format!("retry: expected {:?}, got {:?}", self.retry, got.retry));
        }
        if self.flags.as_ref().is_some_and(|f| *f != got.flags) {
            line(format!("flags: expected {:?}, got {:?}", self.flags, got.flags));
        }
        out
    }
}
