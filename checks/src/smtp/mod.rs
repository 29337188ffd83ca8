//! Whether an own server takes part in a whole dialogue and accepts mail for the domain.

use jiff::Timestamp;

use crate::observation::SmtpDialogue;
use crate::{DomainName, Judgement, Verdict};

/// What the dialogues are judged against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpContext {
    pub domain: DomainName,
    pub now: Timestamp,
}

/// Judges the dialogues with the own servers: one that accepts is a pass.
#[must_use]
pub fn judge(_dialogues: &[SmtpDialogue], _context: &SmtpContext) -> Judgement {
    Judgement { verdict: Verdict::Inconclusive, findings: Vec::new(), retry_after: None }
}
