//! One cell of the matrix: what one vantage met at one address of a server.

use crate::observation::smtp::{ConnectOutcome, SmtpDialogue, SmtpReply, Stage, StageOutcome};
use crate::smtp::dialogue::{Kind, kind, record, reply};
use crate::smtp::meaning::{self, Meaning};

/// What an egress address met. Ordered from best to worst: of several tries, the best counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Met {
    /// An SMTP greeting; 4xx ones prove an open firewall too.
    Banner,
    /// A 5xx greeting: the port is open, the server's policy refuses.
    PolicyReject,
    /// Connected, but no SMTP greeting came.
    NoBanner,
    Refused,
    Prohibited,
    /// No answer, or a router's "unreachable": dropped, or down.
    TimedOut,
    BlockedTarget,
    Unresolvable,
    Fault,
}

pub(super) fn met(d: &SmtpDialogue) -> Met {
    match &d.connect {
        ConnectOutcome::Connected { .. } => match reply(d, Stage::Banner) {
            Some(r) if matches!(kind(r), Kind::Yes | Kind::Later) => Met::Banner,
            Some(r) if kind(r) == Kind::No => Met::PolicyReject,
            _ => Met::NoBanner,
        },
        ConnectOutcome::TimedOut { .. } | ConnectOutcome::Unreachable { .. } => Met::TimedOut,
        ConnectOutcome::Refused => Met::Refused,
        ConnectOutcome::Prohibited => Met::Prohibited,
        ConnectOutcome::Unresolvable { .. } => Met::Unresolvable,
        ConnectOutcome::BlockedTarget { .. } => Met::BlockedTarget,
        ConnectOutcome::VantageFault { .. } => Met::Fault,
    }
}

/// What an outsider met, ordered from the most to the least open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outside<'a> {
    /// A recipient was accepted.
    Accepted,
    /// The server spoke, and what it said decides nothing (4xx, unknown mailbox, closed).
    Spoke,
    /// The server refused this outsider because it is on a block list: proves nothing about others.
    Listed,
    /// The server spoke and refused for good, or as a platform refuses who is not its gateway.
    Rejected(&'a SmtpReply),
    Refused,
    /// Time-out or ICMP: dropped on the way.
    Dropped,
}

impl Outside<'_> {
    pub(super) const fn rank(&self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Spoke => 1,
            Self::Listed => 2,
            Self::Rejected(_) => 3,
            Self::Refused => 4,
            Self::Dropped => 5,
        }
    }

    /// Whether the outsider got an SMTP greeting.
    pub(super) const fn got_banner(&self) -> bool {
        matches!(self, Self::Accepted | Self::Spoke | Self::Listed | Self::Rejected(_))
    }
}

/// `None` where the outsider proves nothing: its own fault, or no SMTP on the port.
pub(super) fn outside(d: &SmtpDialogue) -> Option<Outside<'_>> {
    match &d.connect {
        ConnectOutcome::Connected { .. } => spoken(d),
        ConnectOutcome::TimedOut { .. } | ConnectOutcome::Prohibited | ConnectOutcome::Unreachable { .. } => {
            Some(Outside::Dropped)
        }
        ConnectOutcome::Refused => Some(Outside::Refused),
        ConnectOutcome::Unresolvable { .. }
        | ConnectOutcome::BlockedTarget { .. }
        | ConnectOutcome::VantageFault { .. } => None,
    }
}

fn spoken(d: &SmtpDialogue) -> Option<Outside<'_>> {
    let banner = record(d, Stage::Banner)?;
    if !matches!(banner.outcome, StageOutcome::Reply { .. }) {
        return None;
    }
    let recipients = || [Stage::RcptTest, Stage::RcptPostmaster].into_iter().filter_map(|s| reply(d, s));
    if recipients().any(|r| kind(r) == Kind::Yes) {
        return Some(Outside::Accepted);
    }
    let recipients: Vec<&SmtpReply> = recipients().collect();
    let earlier = [Stage::MailFrom, Stage::EhloTls, Stage::Ehlo, Stage::Banner].into_iter().filter_map(|s| reply(d, s));
    let all: Vec<&SmtpReply> = recipients.iter().copied().chain(earlier).collect();
    let means = |m: fn(&Meaning) -> bool| all.iter().copied().find(|r| meaning::of(r).as_ref().is_some_and(m));
    if let Some(r) = means(|m| matches!(m, Meaning::LockedDown(_))) {
        return Some(Outside::Rejected(r));
    }
    if means(|m| *m == Meaning::Blocklisted).is_some() {
        return Some(Outside::Listed);
    }
    let all_no = recipients.iter().all(|r| kind(r) == Kind::No);
    // An unknown mailbox says nothing about who may send.
    let no = all.iter().copied().find(|r| kind(r) == Kind::No && meaning::of(r) != Some(Meaning::UnknownMailbox));
    Some(no.filter(|_| all_no).map_or(Outside::Spoke, Outside::Rejected))
}
