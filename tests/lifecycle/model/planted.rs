//! Machines with a known fault, each of which the walk has to find.

use std::collections::BTreeSet;
use std::sync::Arc;

use fencepost::lifecycle::connection::{Connection, Decision, Event, Fact, GateFact, RouteMode, decide};
use fencepost::lifecycle::permit::Setup;
use jiff::Timestamp;
use stateright::{Checker, HasDiscoveries, Model};

use super::worlds::machines;
use super::{Decide, FAIL};
use crate::script::hours;

/// The model must be able to fail: machines with a known fault, each caught.
#[test]
fn a_planted_fault_is_found() {
    for (decide, name, property) in [
        (permit_in_spite_of_a_hazard as Decide, "gates and permit", "a permit rests on fresh passes"),
        (evidence_of_another_setup, "another configuration", "a permit rests on fresh passes"),
        (window_closed_early, "window and drift", "connected only after the window"),
        (switched_unverified, "other own servers", "the route goes only to own servers that were seen to take mail"),
        (cut_off_at_once, "endings", "mail is deferred after 30 announced days and refused after three more"),
        (held_for_ever, "suspension", "a suspension defers mail for 72 hours at most"),
        (announced_fails, "places under a permit", "an announced address is a request and nothing else"),
        (drifts_when_edited, "places that come and go", "no drift without three rounds that show another MX"),
        (import_trusted, "import", "an imported route is written only after its path was proven"),
        (route_removed_at_once, "release", "no route removed while the MX names the gateway"),
    ] {
        let machines = machines(decide, &Arc::default());
        let (_, machine) = machines.into_iter().find(|(n, _)| *n == name).unwrap();
        let wanted = HasDiscoveries::AllOf(BTreeSet::from([property]));
        let found = machine.checker().finish_when(wanted).spawn_bfs().join().discoveries();
        assert!(found.contains_key(property), "{name}: {:?}", found.keys());
    }
}

/// Issues the permit without a look at the lint.
fn permit_in_spite_of_a_hazard(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut blind = c.clone();
    let hidden = blind.observed.lint.take();
    if let Some(seen) = &mut blind.observed.probe {
        blind.observed.lint = Some(seen.clone());
    }
    let mut decision = decide(&blind, fact, now);
    decision.observed.lint = hidden;
    decision
}

/// Takes what was seen under another configuration as if it had been this one.
fn evidence_of_another_setup(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut trusting = c.clone();
    let seen = &mut trusting.observed;
    for gate in [&mut seen.allowlist, &mut seen.probe, &mut seen.gateway, &mut seen.lint].into_iter().flatten() {
        gate.setup = c.setup;
    }
    decide(&trusting, fact, now)
}

/// Counts the stretch from twelve hours before it began.
fn window_closed_early(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut hasty = c.clone();
    if let Some(window) = &mut hasty.window {
        window.opened_at -= hours(12);
    }
    decide(&hasty, fact, now)
}

/// Takes the route away as soon as the release begins.
fn route_removed_at_once(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut decision = decide(c, fact, now);
    if decision.events.iter().any(|event| matches!(event, Event::ReleaseStarted { .. })) {
        decision.events.push(Event::RouteDesired { mode: RouteMode::Absent });
    }
    decision
}

/// Takes what was seen of the present own servers for a look at the new ones.
fn switched_unverified(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut trusting = c.clone();
    if c.route_change.is_some() {
        trusting.observed.next_probe = c.observed.probe.clone();
        trusting.observed.next_allowlist = c.observed.probe.clone();
    }
    decide(&trusting, fact, now)
}

/// Cuts off twenty days before the announced day.
fn cut_off_at_once(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut hasty = c.clone();
    if let Some(cut_off) = hasty.release.as_mut().and_then(|release| release.cut_off.as_mut()) {
        cut_off.defer_at -= hours(20 * 24);
    }
    decide(&hasty, fact, now)
}

/// Forgets that a deferral ends.
fn held_for_ever(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let decision = decide(c, fact, now);
    if decision.events.contains(&Event::DeferralEnded) { Decision::nothing(c) } else { decision }
}

/// Writes the route of an imported domain as soon as anything is known of it.
fn import_trusted(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut decision = decide(c, fact, now);
    if c.import.is_some_and(|import| import.route_as_found) && c.observed.mx.is_some() {
        decision.events.push(Event::RouteDesired { mode: RouteMode::Deliver });
    }
    decision
}

/// Takes a blocked announced address for a firewall that shuts the gateway out.
fn announced_fails(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    match fact {
        Fact::Gate(gate) if gate.egress.as_ref().is_some_and(|egress| !egress.blocked.is_empty()) => {
            decide(c, &Fact::Gate(GateFact { verdict: FAIL, ..gate.clone() }), now)
        }
        _ => decide(c, fact, now),
    }
}

/// Counts every round under another configuration as a bad one.
fn drifts_when_edited(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut strict = c.clone();
    if let Some(mx) = strict.observed.mx.as_mut().filter(|_| c.setup != Setup::default()) {
        (mx.bad_rounds, mx.bad_since) = (3, Some(mx.last_at - hours(1)));
    }
    decide(&strict, fact, now)
}
