//! What a decision consists of: events (history), effects (to be done by others).

use std::net::IpAddr;

use fencepost_checks::Code;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::state::{
    AcceptedMx, Connection, CutOff, Departure, Gate, Health, Observed, Phase, ReleaseCause, RouteMode, RouteSwap,
    Suspension,
};
use crate::order::MailServer;

/// What `decide` returns. `observed` replaces the observation intervals; `events` are folded into
/// the rest of the state, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
    pub observed: Observed,
    /// Bring forward every probe timer to now (a person asked, or the path is urgent).
    pub hurry: bool,
}

impl Decision {
    /// Nothing happened.
    #[must_use]
    pub fn nothing(state: &Connection) -> Self {
        Self { events: Vec::new(), effects: Vec::new(), observed: state.observed.clone(), hurry: false }
    }
}

/// One line of a connection's history. Serialised into the `event` table; never edited.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    PhaseEntered {
        phase: Phase,
        why: String,
    },
    PermitIssued {
        number: u32,
        valid_until: Timestamp,
        evidence: Vec<String>,
    },
    PermitRevoked {
        number: u32,
        why: String,
    },
    PermitExpired {
        number: u32,
    },
    EarlyCutover {
        names: Vec<String>,
    },
    EarlyCutoverEnded,
    WindowOpened,
    WindowBroken {
        by: String,
    },
    /// Nobody looked for longer than a window allows; that time does not count.
    WindowExtended {
        by: SignedDuration,
    },
    /// The observed MX set changed.
    MxChanged {
        verdict: String,
        names: Vec<String>,
    },
    GateChanged {
        gate: Gate,
        verdict: String,
        blocking: Vec<Code>,
    },
    RouteDesired {
        mode: RouteMode,
    },
    RouteConfirmed {
        mode: RouteMode,
    },
    MxAccepted {
        accepted: AcceptedMx,
    },
    HealthChanged {
        health: Health,
    },
    ToldOverdue,
    /// How long queues and misbehaving senders need the old path.
    OldPathNeeded {
        until: Timestamp,
    },
    ToldMayClose,
    ReleaseStarted {
        cause: ReleaseCause,
    },
    ReleaseWithdrawn,
    ToldToMove,
    Departed {
        route_needed_until: Timestamp,
        #[serde(default)]
        how: Departure,
        /// Who decided it and why, where a person did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    ToldUndecidable,
    CutOffAnnounced {
        cut_off: CutOff,
        why: String,
    },
    /// Taken over from an existing base, where it has been connected since then.
    Imported {
        connected_at: Timestamp,
        quiet: bool,
    },
    /// The own servers were replaced at once: nobody's mail went to the old ones.
    ServersReplaced {
        servers: Vec<MailServer>,
        hosted: bool,
        why: String,
    },
    RouteChangeBegun {
        change: RouteSwap,
    },
    /// A look at the own servers that shall replace the present ones.
    NewServerChanged {
        gate: Gate,
        verdict: String,
        blocking: Vec<Code>,
    },
    /// Mail shall go to the new own servers.
    RouteSwitched,
    /// It went there, was seen to, and the old ones are forgotten.
    RouteChanged,
    RouteRolledBack {
        why: String,
    },
    RouteChangeDropped {
        why: String,
    },
    Suspended {
        suspension: Suspension,
    },
    /// Mail is delivered again, because senders would give up.
    DeferralEnded,
    Resumed {
        by: String,
    },
    /// Gateway MX hosts that the customer names and should not, as of now.
    AskedToLeave {
        names: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        retired: Vec<String>,
    },
    /// Announced addresses that the customer should let in and does not, as of now.
    AskedToAllow {
        addresses: Vec<IpAddr>,
    },
    /// No mail comes from these any more.
    ToldMayRemove {
        addresses: Vec<IpAddr>,
    },
    /// The MX names the gateway again; `published`: by an authoritative server, not a resolver alone.
    Returned {
        published: bool,
    },
}

/// Something for others to do. Carried out after the commit, at least once, with a dedupe key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "effect", rename_all = "snake_case")]
pub enum Effect {
    /// Send a notice; with `valid_if`, only while that permit is still valid at the moment of sending.
    Notify { notice: Notice, valid_if: Option<u32> },
    /// The gateway's route shall be so.
    Route { mode: RouteMode },
    /// The customer's subscription learns of it.
    DomainConnected { at: Timestamp },
    /// The route is gone.
    DomainReleased { at: Timestamp },
    /// Withdrawn before a route existed.
    DomainCancelled { at: Timestamp },
    /// While releasing: whether anybody still names the gateway.
    DomainUse { in_use: bool, at: Timestamp },
}

/// Every message that a connection can cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    OrderReceived,
    FirewallInstructions,
    MxChangeMayBeRelayed,
    PermissionWithdrawn,
    MxChangeSeen,
    EarlyCutoverAlarm,
    MayCloseOldPath,
    Connected,
    Overdue,
    Drift,
    Repaired,
    DeliveryFailing,
    /// Service is ending: move the MX away now (the next destination accepts mail).
    MoveAway,
    /// STOP: somebody may still act on yesterday's go-ahead.
    Stop,
    Released,
    /// For the firewall and the server that shall replace the present ones.
    NewServerInstructions,
    RouteChanged,
    RouteChangeFailed,
    Suspended,
    Resumed,
    /// The MX never moved: the end and its dates.
    CutOffAnnounced,
    CutOffBegun,
    /// To the desk: nobody can say whether the MX has left.
    ReleaseUndecidable,
    /// To the desk: what was imported as connected does not look so.
    ImportUnconfirmed,
    /// A gateway MX host that the customer names is to be retired.
    HostRetiring,
    /// It is retired, and the customer still names it: nobody takes mail there.
    HostRetired,
    /// Mail is going to come from an address that the firewall does not let in.
    AddressAnnounced,
    /// No mail comes from an address any more: the firewall may forget it.
    AddressRetired,
}
