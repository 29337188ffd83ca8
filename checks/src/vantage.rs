//! Whether a vantage can be believed: from where our own reference server saw it, and whether it fails
//! at so many targets at once that the fault is its own. What it saw then counts as its fault and never
//! as a customer's. Pure: times and counts are arguments.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use crate::observation::smtp::{StageOutcome, StageRecord};
use crate::observation::{ConnectOutcome, SmtpDialogue, Stage, VantageRole};
use crate::smtp::meaning::{self, Meaning};

/// Looks are counted over this time.
pub const WINDOW: SignedDuration = SignedDuration::from_mins(60);
/// Targets that have to turn bad within it before a vantage is quarantined.
pub const MANY: u64 = 3;
/// From so many on, what it sees is held back.
pub const SUSPICIOUS: u64 = 2;
/// Targets that have to answer again before a quarantine ends by itself, and how long it lasts at least.
pub const CONTROLS: u64 = 3;
pub const SHORTEST: SignedDuration = SignedDuration::from_mins(15);

const SEES: &str = "fencepost sees you at [";

/// What our reference server greets a connection with (RFC 5321 §4.2), without the line end.
#[must_use]
pub fn greeting(host: &str, peer: IpAddr) -> String {
    format!("220 {host} {SEES}{}]", peer.to_canonical())
}

/// The address that a reference server saw, read off its greeting.
#[must_use]
pub fn echoed(dialogue: &SmtpDialogue) -> Option<IpAddr> {
    let banner = |record: &&StageRecord| record.stage == Stage::Banner;
    let StageOutcome::Reply { reply } = &dialogue.stages.iter().find(banner)?.outcome else { return None };
    let line = reply.lines.iter().find(|line| line.contains(SEES)).filter(|_| reply.code == 220)?;
    let (address, _) = line.split_once(SEES)?.1.split_once(']')?;
    address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// Whether a look got an answer that mail servers give; `None` where nobody looked. Being turned away
/// by a block list is no such answer: it is about who asks.
#[must_use]
pub fn look(dialogue: &SmtpDialogue) -> Option<bool> {
    let replies = || {
        dialogue.stages.iter().filter_map(|record| match &record.outcome {
            StageOutcome::Reply { reply } => Some((record.stage, reply)),
            _ => None,
        })
    };
    match dialogue.connect {
        ConnectOutcome::Connected { .. } => {
            let greeted = replies().any(|(stage, reply)| stage == Stage::Banner && reply.code < 500);
            let listed = replies().any(|(_, reply)| meaning::of(reply) == Some(Meaning::Blocklisted));
            Some(greeted && !listed)
        }
        ConnectOutcome::TimedOut { .. }
        | ConnectOutcome::Refused
        | ConnectOutcome::Prohibited
        | ConnectOutcome::Unreachable { .. } => Some(false),
        ConnectOutcome::Unresolvable { .. }
        | ConnectOutcome::BlockedTarget { .. }
        | ConnectOutcome::VantageFault { .. } => None,
    }
}

/// Turns what vantages saw that cannot be believed into faults of theirs: quarantined or suspected
/// ones (`distrusted`, by id, with the reason), those that our reference server did not see or saw
/// elsewhere than they should be, and outsiders that are none. The transcript stays.
#[must_use]
pub fn discount(
    dialogues: Vec<SmtpDialogue>,
    egress: &[IpAddr],
    distrusted: &BTreeMap<String, String>,
) -> Vec<SmtpDialogue> {
    let believed = |mut dialogue: SmtpDialogue| {
        if let Some(detail) = fault(&dialogue, egress, distrusted) {
            dialogue.connect = ConnectOutcome::VantageFault { detail };
            dialogue.stages.clear();
            dialogue.capabilities.clear();
            dialogue.tls = None;
        }
        dialogue
    };
    dialogues.into_iter().map(believed).collect()
}

/// Why what this vantage saw does not count.
#[must_use]
pub fn fault(dialogue: &SmtpDialogue, egress: &[IpAddr], distrusted: &BTreeMap<String, String>) -> Option<String> {
    match dialogue.connect {
        // Nobody looked, or the fault is known already.
        ConnectOutcome::Unresolvable { .. }
        | ConnectOutcome::BlockedTarget { .. }
        | ConnectOutcome::VantageFault { .. } => return None,
        ConnectOutcome::Connected { .. }
        | ConnectOutcome::TimedOut { .. }
        | ConnectOutcome::Refused
        | ConnectOutcome::Prohibited
        | ConnectOutcome::Unreachable { .. } => {}
    }
    let id = &dialogue.vantage.id;
    if let Some(why) = distrusted.get(id) {
        return Some(format!("{id} is not believed at present: {why}"));
    }
    let proof = dialogue.proof.as_ref()?;
    let Some(outside) = proof.outside else {
        return Some(format!("{id} did not reach our own reference server either: {}", proof.detail));
    };
    let same = |address: &IpAddr| address.to_canonical() == outside.to_canonical();
    match (dialogue.vantage.role, dialogue.vantage.address) {
        (VantageRole::Egress, Some(address)) if !same(&address) => Some(format!(
            "{id} should come from {address}, and our reference server saw it come from {outside}: there is NAT or \
             another route on its way out"
        )),
        (VantageRole::Outsider, _) if egress.iter().any(same) => {
            Some(format!("{id} comes from {outside}, which is a gateway address: it is no control"))
        }
        _ => None,
    }
}

/// How a vantage has been doing, counted over [`WINDOW`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// Targets whose newest look was good, and bad.
    pub good: u64,
    pub bad: u64,
    /// Targets that were good from this vantage before and are bad now; from before a person said
    /// that the vantage is sound, they count no more.
    pub turned: u64,
    pub quarantined_since: Option<Timestamp>,
    /// Targets that were good, and bad, after that.
    pub good_after: u64,
    pub bad_after: u64,
    /// Whether it reached our reference server last; `None` where there is none.
    pub reaches_reference: Option<bool>,
}

/// What to make of a vantage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Sound,
    /// Too much at once to put it on customers, too little to be sure. Ends by itself with the window.
    Suspect {
        why: String,
    },
    /// To be quarantined now.
    Quarantine {
        why: String,
    },
    /// Stays quarantined.
    Quarantined,
    /// The quarantine is over.
    Release {
        why: String,
    },
}

/// Decides. A target that was never good from here proves nothing about the vantage, so a wave of new
/// customers with closed firewalls is no reason; nor is one target that goes down, however many
/// customers share it.
#[must_use]
pub fn decide(health: &Health, now: Timestamp) -> Standing {
    let Health { good, bad, turned, good_after, bad_after, .. } = *health;
    if let Some(since) = health.quarantined_since {
        let controlled = good_after >= CONTROLS && good_after >= bad_after.saturating_mul(4);
        let long_enough = now.duration_since(since) >= SHORTEST;
        return if controlled && long_enough && health.reaches_reference != Some(false) {
            Standing::Release { why: format!("{good_after} targets answer it again") }
        } else {
            Standing::Quarantined
        };
    }
    // Most of what it looked at lately was good before and is not now.
    let most = turned.saturating_mul(2) >= good.saturating_add(bad);
    let why = || {
        format!(
            "{turned} of {} targets that it looked at within {} minutes had answered before and do not now",
            good.saturating_add(bad),
            WINDOW.as_secs() / 60
        )
    };
    if most && turned >= MANY {
        Standing::Quarantine { why: why() }
    } else if most && turned >= SUSPICIOUS {
        Standing::Suspect { why: why() }
    } else {
        Standing::Sound
    }
}

#[cfg(test)]
mod tests;
