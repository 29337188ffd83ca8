//! Whether every gateway address reaches the own server, and who else does.

use std::net::IpAddr;

use jiff::Timestamp;

use crate::observation::SmtpDialogue;
use crate::{DomainName, Judgement, Verdict};

/// What the matrix is judged against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallContext {
    pub domain: DomainName,
    /// Every address from which the gateway delivers.
    pub egress: Vec<IpAddr>,
    /// The own mail is with a platform that cannot be firewalled.
    pub hosted: bool,
    /// The MX still names an own server, so the world must reach it.
    pub own_server_in_mx: bool,
    /// The old path is no longer needed.
    pub old_path_drained: bool,
    /// Ids of outsiders that did not reach our own reference server: what they saw does not count.
    pub unsound: Vec<String>,
    pub now: Timestamp,
}

/// Judges the matrix of servers and vantages.
#[must_use]
pub fn judge(_dialogues: &[SmtpDialogue], _context: &FirewallContext) -> Judgement {
    Judgement { verdict: Verdict::Inconclusive, findings: Vec::new(), retry_after: None }
}
