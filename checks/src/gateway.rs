//! Whether the gateway itself is ready for the domain, asked from outside.

use jiff::Timestamp;

use crate::observation::SmtpDialogue;
use crate::{DomainName, Judgement, Verdict};

/// What the dialogues are judged against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayContext {
    pub domain: DomainName,
    /// Every MX host of the gateway; each must accept the domain.
    pub mx_hosts: Vec<DomainName>,
    pub now: Timestamp,
}

/// Judges the dialogues with the gateway's MX hosts: every host must accept.
#[must_use]
pub fn judge(_dialogues: &[SmtpDialogue], _context: &GatewayContext) -> Judgement {
    Judgement { verdict: Verdict::Inconclusive, findings: Vec::new(), retry_after: None }
}
