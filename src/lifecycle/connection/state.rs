//! What is known of a connection. Everything but [`Observed`] is a fold of events; [`Observed`]
//! keeps observation intervals, so that an unchanged re-check costs no event.

use std::net::IpAddr;

use fencepost_checks::mx::MxVerdict;
use fencepost_checks::{Code, DomainName, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::lifecycle::permit::{Permit, Setup};
use crate::order::MailServer;

/// Where a connection stands. The names are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Ordered,
    Allowlisting,
    Probing,
    Provisioning,
    Ready,
    Confirming,
    Connected,
    Drifted,
    Releasing,
    Released,
    Cancelled,
}

/// The state of one connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Connection {
    pub domain: DomainName,
    /// What the installation is configured as at this moment: an input like the time, never stored.
    /// Whoever loads a connection sets it; evidence from under another one does not count.
    #[serde(skip)]
    pub setup: Setup,
    /// Every own server is a hosted platform that cannot be firewalled: no allowlist gate.
    pub hosted: bool,
    pub phase: Phase,
    pub phase_since: Timestamp,
    /// The MX named the gateway before there was a permit (overlay in any phase before `ready`).
    pub early_cutover_since: Option<Timestamp>,
    /// Once live by early cut-over, `confirming` runs without a permit.
    pub permit: Option<Permit>,
    /// How many permits were ever issued; numbers the next one.
    pub permits_issued: u32,
    pub window: Option<Window>,
    pub connected_at: Option<Timestamp>,
    pub accepted_mx: Option<AcceptedMx>,
    pub release: Option<Release>,
    pub health: Health,
    /// What the gateway is asked to do with the domain's mail, and since when: a confirmation that is
    /// older than the wish confirms nothing.
    pub route: RouteMode,
    pub route_since: Timestamp,
    /// A live route has existed, so somebody may act on an old go-ahead: no plain cancellation any more.
    pub was_provisioned: bool,
    /// Until then queues and misbehaving senders still use the old path; set when connected.
    pub old_path_needed_until: Option<Timestamp>,
    pub told_may_close: bool,
    /// Notices that were given once and must not be given again in this stay, e.g. 72 h overdue.
    pub told_overdue: bool,
    /// Own servers in the place of those of the order; `None`: the order's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers: Option<Vec<MailServer>>,
    /// Since when these own servers are the ones that count: a look at others proves nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers_since: Option<Timestamp>,
    /// Own servers that are being verified beside the living connection, or were just switched to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_change: Option<RouteSwap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// Taken over from an existing base and not yet seen to be connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<Import>,
    /// Gateway MX hosts that the customer was asked not to name any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_to_leave: Vec<String>,
    /// Those that it still named when they were retired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names_retired: Vec<String>,
    /// Announced addresses that the customer was asked to let in and does not yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked_to_allow: Vec<IpAddr>,
    pub observed: Observed,
}

/// An own mail server that takes the place of another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RouteSwap {
    pub servers: Vec<MailServer>,
    pub hosted: bool,
    pub since: Timestamp,
    pub by: String,
    pub reason: String,
    pub stage: SwapStage,
    /// What to go back to; of use once switched.
    pub previous: Option<Vec<MailServer>>,
    pub previous_hosted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwapStage {
    /// The new servers are looked at; mail goes to the old ones.
    Verifying,
    /// Mail shall go to the new ones; the old ones are kept until that is proven.
    Switching,
}

/// The desk holds a connection: nothing is asked of anybody, nothing goes forward.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suspension {
    pub since: Timestamp,
    pub by: String,
    pub reason: String,
    /// Until then the gateway defers the domain's mail. Never longer than senders try.
    pub defer_until: Option<Timestamp>,
}

/// A connection that existed before it was known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Import {
    /// Nobody but the desk is told anything before it is connected.
    pub quiet: bool,
    /// The gateway's route is as it was found: it is not written before the own server is verified.
    pub route_as_found: bool,
}

/// What the gateway does with mail for the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteMode {
    /// 451: a premature MX change loses nothing, senders retry.
    Defer,
    /// Filter and relay to the own servers.
    Deliver,
    /// 550, only by the announced cut-off.
    Reject,
    /// The gateway does not know the domain.
    Absent,
}

/// The gates in front of a permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    Allowlist,
    Probe,
    /// Each gateway MX host, asked from outside, accepts the domain.
    Gateway,
    Lint,
}

/// The connection-confirmation window.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// When the first new answer was seen; the 72 h count from here and are never reset.
    pub first_change_at: Timestamp,
    /// Start of the present unbroken stretch; of the last one while `running` is false.
    pub opened_at: Timestamp,
    /// Whether a stretch is being counted. False from an old answer until the next clean round.
    pub running: bool,
    /// Gaps in the polling of this stretch, which do not count.
    pub extended_by: SignedDuration,
    /// What broke the last stretch, for people.
    pub broken_by: Option<String>,
}

/// An MX set that the desk accepted although it is not the gateway's alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AcceptedMx {
    pub names: Vec<DomainName>,
    pub reason: String,
    pub by: String,
}

/// How the service ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Release {
    pub cause: ReleaseCause,
    pub since: Timestamp,
    /// What the route did when the release began: so it stays until it may be removed.
    pub serving: RouteMode,
    /// The next destination accepts mail from outsiders: only then is the customer told to move.
    pub told_to_move: bool,
    /// When observers first agreed that nothing names the gateway any more.
    pub departed_at: Option<Timestamp>,
    /// T* of the departure: the route stays at least until then.
    pub route_needed_until: Option<Timestamp>,
    #[serde(default)]
    pub how: Departure,
    /// The desk was told that nobody can say whether the MX has left.
    #[serde(default)]
    pub told_undecidable: bool,
    /// The announced end for an MX that never moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<CutOff>,
}

/// How it became known that the MX has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// It names somebody else, or nobody.
    #[default]
    Moved,
    /// The domain does not exist any more.
    Nxdomain,
    /// Its name servers have been silent for long, and the desk decided.
    Decided,
}

/// When mail of a customer who never leaves is deferred, and then refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CutOff {
    pub defer_at: Timestamp,
    pub reject_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseCause {
    /// The trial ended with "no customer".
    Declined,
    /// A notice period ended.
    Terminated,
    /// The order was withdrawn after a route existed.
    Withdrawn,
}

/// Whether a connected customer's own server still takes mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    Good,
    DeliveryFailing,
}

/// Observation intervals: the input of decisions, not part of the event fold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Observed {
    pub allowlist: Option<GateSeen>,
    pub probe: Option<GateSeen>,
    pub gateway: Option<GateSeen>,
    pub lint: Option<GateSeen>,
    pub mx: Option<MxSeen>,
    /// The gateway confirmed this mode last.
    pub route_confirmed: Option<RouteMode>,
    pub route_confirmed_at: Option<Timestamp>,
    /// The own servers that shall replace the present ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_allowlist: Option<GateSeen>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_probe: Option<GateSeen>,
    /// While releasing: whether the next destination accepts mail from outsiders, as last known for certain.
    pub next_destination_ok: Option<bool>,
    /// Whether its last answer said nothing for certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub next_destination_unclear: bool,
    pub next_destination_at: Option<Timestamp>,
    /// The gateway's own addresses in front of the firewall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress: Option<EgressSeen>,
}

/// The gateway's addresses as this customer knows them. Nothing but requests rests on it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EgressSeen {
    /// Every address that it was asked to let in and not yet told to forget, sorted.
    pub asked: Vec<IpAddr>,
    /// Announced ones that were not yet seen to get in, and those of them that are blocked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked: Vec<IpAddr>,
    /// Retired ones, at the last look.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<IpAddr>,
}

/// One gate as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GateSeen {
    pub verdict: Verdict,
    /// Codes of blocking findings, sorted.
    pub blocking: Vec<Code>,
    /// First and last time that this verdict with these codes was seen without another in between.
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// The last time it passed: the age of the evidence.
    pub last_pass_at: Option<Timestamp>,
    /// Ask again no earlier than this (greylisting, rate limit).
    pub not_before: Option<Timestamp>,
    /// Ask again no later than this: something is about to change (a certificate that expires).
    #[serde(default)]
    pub not_after: Option<Timestamp>,
    /// Rounds in a row without a pass, for back-off.
    pub misses: u32,
    /// Id of the stored evidence.
    pub evidence: String,
    /// The configuration under which it was looked at.
    #[serde(default)]
    pub setup: Setup,
}

/// The MX as last seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MxSeen {
    pub verdict: MxVerdict,
    /// The MX names of the last round.
    pub names: Vec<String>,
    /// Some authoritative answer names a gateway MX host.
    pub ours_published: bool,
    /// Some authoritative answer lacks what is accepted.
    pub old_published: bool,
    /// Every authoritative address answered.
    pub complete: bool,
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// Consecutive rounds that were clean (all authoritative addresses, all as accepted).
    pub clean_rounds: u32,
    pub last_clean_at: Option<Timestamp>,
    /// Consecutive rounds that showed something else than accepted.
    pub bad_rounds: u32,
    pub bad_since: Option<Timestamp>,
    /// The instant after which every TTL-honouring sender uses the new MX, as of the last round.
    pub t_star: Option<Timestamp>,
    /// A resolver still gives the old set.
    pub resolvers_stale: bool,
    /// Somebody, authoritative or recursive, named the gateway in the last round that could tell.
    pub names_us: bool,
    /// No observer, authoritative or recursive, names the gateway.
    pub gone: bool,
    pub gone_since: Option<Timestamp>,
    /// Consecutive rounds in which every server said that the domain does not exist.
    #[serde(default)]
    pub nx_rounds: u32,
    #[serde(default)]
    pub nx_since: Option<Timestamp>,
    /// Since when no round could tell whether anybody names the gateway.
    #[serde(default)]
    pub silent_since: Option<Timestamp>,
    /// Published gateway MX hosts that are to be retired.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retiring: Vec<String>,
    /// Published ones that are retired already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired: Vec<String>,
    /// The names that counted as the gateway's in the last round that could tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ours: Vec<String>,
    /// The set of the last clean round that was the gateway's alone. It stays good while it is published,
    /// whatever becomes of the gateway's hosts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whole: Vec<String>,
}

/// What the engine does when a timer is due. One timer of a kind a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimerKind {
    /// Probe the firewall from every egress address and the outsiders.
    Allowlist,
    /// A whole SMTP dialogue with the own servers.
    Probe,
    /// Ask the gateway's MX hosts from outside.
    Gateway,
    Lint,
    /// A round of MX questions.
    Mx,
    /// Bring the gateway's route in line with what is desired.
    Route,
    /// The firewall in front of the own servers that shall replace the present ones.
    NextAllowlist,
    /// A whole dialogue with them.
    NextProbe,
    /// Ask the next destination whether it accepts mail from outsiders.
    NextDestination,
    /// Only time passes: permit expiry, end of window, 72 h, 14 days.
    Deadline,
}
