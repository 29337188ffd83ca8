//! Observations as they are kept: bounded in size, and with a digest that changes only when what
//! they say has changed, so that an interval of equal looks stays one interval.

use fencepost_checks::observation::SmtpDialogue;
use fencepost_checks::{Finding, Judgement};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::store::Observation;

/// Bytes of one kept body.
const LARGEST: usize = 256 * 1024;
/// Transcript lines that remain of each dialogue when a body is too large.
const LINES: usize = 30;

/// The kept observations of one connection, by kind.
#[derive(Debug, Default)]
pub(in crate::engine) struct Kept(pub Vec<Observation>);

impl Kept {
    /// The body of a kind; one that cannot be read counts as not made.
    pub(in crate::engine) fn body<T: DeserializeOwned>(&self, kind: &str) -> Option<T> {
        let kept = self.0.iter().find(|observation| observation.kind == kind)?;
        serde_json::from_str(&kept.body)
            .inspect_err(|error| tracing::warn!(kind, %error, "a kept observation cannot be read"))
            .ok()
    }
}

/// An observation whose digest is that of `says`.
pub(in crate::engine) fn observation<S: Serialize, B: Serialize>(
    kind: &str,
    says: &S,
    body: &B,
    at: Timestamp,
) -> Observation {
    Observation {
        kind: kind.to_owned(),
        digest: digest(says),
        first_at: at,
        last_at: at,
        body: serde_json::to_string(body).unwrap_or_else(|_| "null".to_owned()),
    }
}

/// SHA-256 of the JSON, shortened to what tells one from another.
pub(super) fn digest<S: Serialize>(says: &S) -> String {
    let bytes = serde_json::to_vec(says).unwrap_or_default();
    hex::encode(&Sha256::digest(bytes)[..16])
}

/// Dialogues, their transcripts shortened where they would not fit.
pub(super) fn dialogues(kind: &str, judged: &Judgement, dialogues: &[SmtpDialogue], at: Timestamp) -> Observation {
    let whole = observation(kind, &says(&judged.findings), &dialogues, at);
    if whole.body.len() <= LARGEST {
        return whole;
    }
    let mut short: Vec<SmtpDialogue> = dialogues.to_vec();
    let mut lines = LINES;
    loop {
        for dialogue in &mut short {
            dialogue.transcript.truncate(lines);
        }
        let cut = observation(kind, &says(&judged.findings), &short, at);
        if cut.body.len() <= LARGEST {
            return cut;
        }
        if lines == 0 {
            short.truncate(short.len() / 2);
        }
        lines = 0;
    }
}

/// The findings of one gate, as the status shows them.
pub(super) fn findings(gate: &str, findings: &[Finding], at: Timestamp) -> Observation {
    observation(&format!("findings:{gate}"), &says(findings), &findings, at)
}

/// When the oldest part of the evidence was seen.
pub(super) fn oldest(dialogues: &[SmtpDialogue], now: Timestamp) -> Timestamp {
    dialogues.iter().map(|dialogue| dialogue.started_at).min().unwrap_or(now).min(now)
}

fn says(findings: &[Finding]) -> Vec<(&'static str, &str)> {
    findings.iter().map(|finding| (finding.code.as_str(), finding.subject.as_str())).collect()
}
