//! What the outside tells a connection. Facts may arrive late, twice, or contradict each other.

use std::net::IpAddr;

use fencepost_checks::mx::MxVerdict;
use fencepost_checks::{Code, DomainName, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::state::{Gate, ReleaseCause, RouteMode};
use crate::lifecycle::permit::Setup;
use crate::order::MailServer;

/// One thing that became known.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The desk registered the customer (or `auto_register`).
    Registered {
        by: String,
    },
    /// A gate was looked at.
    Gate(GateFact),
    /// A round of MX questions ended.
    Mx(MxFact),
    /// One question showed the MX that the last whole round showed.
    MxUnchanged {
        at: Timestamp,
    },
    /// The gateway confirmed a route.
    RouteApplied {
        mode: RouteMode,
        at: Timestamp,
    },
    /// While releasing: whether the next destination accepts mail from outsiders. `Inconclusive`: it gave no
    /// clear answer, which is not a no.
    NextDestination {
        verdict: Verdict,
        at: Timestamp,
    },
    /// The desk accepts an MX set as it is.
    MxAccepted {
        names: Vec<DomainName>,
        reason: String,
        by: String,
    },
    /// The service ends for this domain.
    Release {
        cause: ReleaseCause,
        by: String,
    },
    /// The customer stays after all.
    ReleaseWithdrawn {
        by: String,
    },
    /// The order is withdrawn.
    Cancel {
        by: String,
        reason: String,
    },
    /// The customer's mail shall go to other own servers.
    RouteChange {
        servers: Vec<MailServer>,
        hosted: bool,
        by: String,
        reason: String,
    },
    /// It shall stay where it is after all.
    RouteChangeWithdrawn {
        by: String,
    },
    /// The own servers that shall replace the present ones were looked at.
    NewServer(GateFact),
    /// The desk holds the connection; with `defer`, the gateway defers its mail for a while.
    Suspended {
        by: String,
        reason: String,
        defer: bool,
    },
    Resumed {
        by: String,
    },
    /// The MX never moved: the end is announced.
    CutOff {
        by: String,
        reason: String,
    },
    /// The desk decides that a domain whose name servers are silent has left.
    Departed {
        by: String,
        reason: String,
    },
    /// A person asked to look again now: brings timers forward, decides nothing.
    Recheck {
        by: String,
    },
    /// Only time has passed.
    Due,
}

/// The judgement of one gate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GateFact {
    pub gate: Gate,
    pub verdict: Verdict,
    /// Codes of blocking findings, sorted, without duplicates.
    pub blocking: Vec<Code>,
    /// When the observation was made (its oldest part).
    pub observed_at: Timestamp,
    /// Ask again no earlier than this long after the observation; after a pass, no later.
    pub retry_after: Option<SignedDuration>,
    /// Id of the stored evidence.
    pub evidence: String,
    /// The configuration under which it was looked at.
    #[serde(default)]
    pub setup: Setup,
    /// Of a look at the firewall: no verdict rests on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressFact>,
}

/// The gateway's own addresses at the time of a look at the firewall, and how announced ones were met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EgressFact {
    pub active: Vec<IpAddr>,
    pub announced: Vec<IpAddr>,
    pub retired: Vec<IpAddr>,
    /// Announced ones that got in, and that did not; of the others nothing was learnt.
    pub verified: Vec<IpAddr>,
    pub blocked: Vec<IpAddr>,
}

/// The judgement of one round of MX questions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MxFact {
    pub verdict: MxVerdict,
    pub ours_published: bool,
    pub old_published: bool,
    /// Every authoritative address answered (those left out as dead do not count).
    pub complete: bool,
    /// All authoritative addresses answered with what is accepted, nothing else was published.
    pub clean: bool,
    /// No observer names the gateway: authoritative and resolvers.
    pub gone: bool,
    /// A resolver still gives the old set (only falsifies, never proves).
    pub resolvers_stale: bool,
    pub t_star: Option<Timestamp>,
    pub observed_at: Timestamp,
    /// For people: which server said what, where the round was not clean.
    pub broken_by: Option<String>,
    /// The MX names seen, for the event.
    pub names: Vec<String>,
    /// Every server said that the domain does not exist.
    #[serde(default)]
    pub nxdomain: bool,
    /// Published gateway MX hosts that are to be retired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retiring: Vec<String>,
    /// Published ones that are retired already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<String>,
    /// The names that count as the gateway's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ours: Vec<String>,
}
