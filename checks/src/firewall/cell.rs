//! One cell of the matrix: what one vantage met at one address of a server.

use crate::observation::smtp::{ConnectOutcome, SmtpDialogue, SmtpReply, Stage, StageOutcome};
use crate::smtp::dialogue::{Kind, kind, record, reply};

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
    /// The server spoke and refused for good.
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
            Self::Rejected(_) => 2,
            Self::Refused => 3,
            Self::Dropped => 4,
        }
    }

    /// Whether the outsider got an SMTP greeting.
    pub(super) const fn got_banner(&self) -> bool {
        matches!(self, Self::Accepted | Self::Spoke | Self::Rejected(_))
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
    // An unknown mailbox (5.1.x) says nothing about who may send.
    let about_mailbox = |r: &SmtpReply| r.enhanced.as_deref().is_some_and(|e| e.starts_with("5.1."));
    if recipients().next().is_some() {
        let no = recipients().find(|r| kind(r) == Kind::No && !about_mailbox(r));
        let all_no = recipients().all(|r| kind(r) == Kind::No);
        return Some(no.filter(|_| all_no).map_or(Outside::Spoke, Outside::Rejected));
    }
    let earlier = [Stage::MailFrom, Stage::EhloTls, Stage::Ehlo, Stage::Banner].into_iter().filter_map(|s| reply(d, s));
    let no = earlier.into_iter().find(|r| kind(r) == Kind::No);
    Some(no.map_or(Outside::Spoke, Outside::Rejected))
}
