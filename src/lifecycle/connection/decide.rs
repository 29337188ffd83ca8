//! From a fact to a decision.

use fencepost_checks::DomainName;
use jiff::Timestamp;

use super::event::{Decision, Effect, Event, Notice};
use super::fact::Fact;
use super::state::{Connection, Health, Observed, Phase, RouteMode};

/// A new connection: ordered, the gateway defers the domain.
#[must_use]
pub fn open(domain: DomainName, hosted: bool, at: Timestamp) -> (Connection, Decision) {
    let connection = Connection {
        domain,
        hosted,
        phase: Phase::Ordered,
        phase_since: at,
        early_cutover_since: None,
        permit: None,
        permits_issued: 0,
        window: None,
        connected_at: None,
        accepted_mx: None,
        release: None,
        health: Health::Good,
        route: RouteMode::Defer,
        route_since: at,
        was_provisioned: false,
        old_path_needed_until: None,
        told_may_close: false,
        told_overdue: false,
        observed: Observed::default(),
    };
    let decision = Decision {
        events: vec![
            Event::PhaseEntered { phase: Phase::Ordered, why: "The order was accepted.".to_owned() },
            Event::RouteDesired { mode: RouteMode::Defer },
        ],
        effects: vec![
            Effect::Notify { notice: Notice::OrderReceived, valid_if: None },
            Effect::Route { mode: RouteMode::Defer },
        ],
        observed: Observed::default(),
        hurry: false,
    };
    (connection, decision)
}

/// What follows from a fact.
#[must_use]
pub fn decide(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let _ = (fact, now);
    Decision::nothing(c)
}
