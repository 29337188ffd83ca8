//! How the MX stands: one verdict for a round of answers, with the findings that explain it.
//! *Published* (authoritative) and *seen* (resolvers) stay apart: resolvers only falsify.

pub mod history;

use serde::{Deserialize, Serialize};

use crate::observation::DnsRound;
use crate::{DomainName, Finding};

/// The MX verdict. The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MxVerdict {
    OursOnly,
    AsAccepted,
    OursPlusForeign,
    OursPartial,
    ForeignOnly,
    None,
    NullMx,
    Invalid,
    LookupError,
}

/// What the MX should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The gateway's MX hosts, the preferred one first.
    pub gateway_hosts: Vec<DomainName>,
    /// A set that the desk accepted for this domain although it is not the gateway's alone.
    pub accepted: Option<Vec<DomainName>>,
}

/// What a round of answers means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MxJudgement {
    pub verdict: MxVerdict,
    pub findings: Vec<Finding>,
    /// Some authoritative answer names a gateway MX host.
    pub ours_published: bool,
    /// Some authoritative answer lacks what is accepted.
    pub old_published: bool,
    /// Every authoritative address answered.
    pub complete: bool,
    /// Complete, and every answer is as accepted.
    pub clean: bool,
    /// Complete, and no observer (authoritative or resolver) names the gateway.
    pub gone: bool,
    /// A resolver gives something else than what is accepted and published.
    pub resolvers_stale: bool,
    /// For people: which server said what, where the round was not clean.
    pub broken_by: Option<String>,
    /// The MX names seen at authoritative servers, preferred ones first, escaped.
    pub names: Vec<String>,
}

/// Judges one round.
#[must_use]
pub fn judge(_round: &DnsRound, _expected: &Expected) -> MxJudgement {
    MxJudgement {
        verdict: MxVerdict::LookupError,
        findings: Vec::new(),
        ours_published: false,
        old_published: false,
        complete: false,
        clean: false,
        gone: false,
        resolvers_stale: false,
        broken_by: None,
        names: Vec::new(),
    }
}

/// Like [`judge`], leaving out the authoritative addresses that `history` knows to be dead.
#[must_use]
pub fn judge_watched(round: &DnsRound, expected: &Expected, _history: &history::RrsetHistory) -> MxJudgement {
    judge(round, expected)
}
