//! From a fact to a decision: the fact is taken into the observations or carried out as an order of
//! a person; then the rules of the phase are applied until none has anything more to say. Every rule
//! looks at the state alone, so a repeated fact finds nothing left to do.

use fencepost_checks::DomainName;
use jiff::Timestamp;

use super::draft::Draft;
use super::event::{Decision, Effect, Event, Notice};
use super::fact::Fact;
use super::observe;
use super::state::{AcceptedMx, Connection, Health, Observed, Phase, ReleaseCause, RouteMode};
use super::{drift, early, gates, permission, places, release, suspend, swap, window};
use crate::lifecycle::permit::Setup;

/// A new connection: ordered, the gateway defers the domain.
#[must_use]
pub fn open(domain: DomainName, hosted: bool, at: Timestamp) -> (Connection, Decision) {
    let connection = Connection {
        domain,
        setup: Setup::default(),
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
        servers: None,
        servers_since: None,
        route_change: None,
        suspension: None,
        import: None,
        asked_to_leave: Vec::new(),
        names_retired: Vec::new(),
        asked_to_allow: Vec::new(),
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

/// A connection that has been there since `connected_at`, taken over at `at`. It is verified before it
/// is called connected: the window runs, the path is proven, and only then the route is written.
#[must_use]
pub fn import(
    domain: DomainName,
    hosted: bool,
    connected_at: Timestamp,
    quiet: bool,
    at: Timestamp,
) -> (Connection, Decision) {
    let (mut connection, _) = open(domain, hosted, at);
    connection.phase_since = at;
    let mut d = Draft::new(&connection, at);
    d.emit(Event::Imported { connected_at: connected_at.min(at), quiet });
    window::start(&mut d, "It was connected before it was known here; it is verified now.");
    (connection, d.finish())
}

/// What follows from a fact. Never panics, whatever the fact: late, repeated and contradictory ones
/// change nothing that is known better.
#[must_use]
pub fn decide(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut d = Draft::new(c, now);
    match c.phase {
        Phase::Released => {}
        // The route has still to go, and somebody wants to know that it went.
        Phase::Cancelled => {
            if let Fact::RouteApplied { mode, at } = fact {
                observe::route(&mut d, *mode, *at);
            }
        }
        _ => {
            // A permit that ran out before this fact came has run out: the fact cannot renew it.
            permission::expire(&mut d);
            take(&mut d, fact);
            settle(&mut d);
        }
    }
    d.finish()
}

fn take(d: &mut Draft, fact: &Fact) {
    match fact {
        Fact::Registered { by } => gates::register(d, by),
        Fact::Gate(fact) => observe::gate(d, fact),
        Fact::Mx(fact) => {
            let clean_before = d.c.observed.mx.as_ref().and_then(|mx| mx.last_clean_at);
            if let Some(round) = observe::mx(d, fact) {
                window::count(d, round, clean_before, fact.broken_by.as_deref());
            }
        }
        Fact::MxUnchanged { at } => observe::glance(d, *at),
        Fact::RouteApplied { mode, at } => observe::route(d, *mode, *at),
        Fact::NextDestination { verdict, at } => observe::next_destination(d, *verdict, *at),
        Fact::MxAccepted { names, reason, by } => {
            let accepted = AcceptedMx { names: names.clone(), reason: reason.clone(), by: by.clone() };
            if d.c.accepted_mx.as_ref() != Some(&accepted) {
                d.emit(Event::MxAccepted { accepted });
                d.hurry = true;
            }
        }
        Fact::Release { cause, by } => release::start(d, *cause, &format!("{by} ended the service.")),
        Fact::ReleaseWithdrawn { by } => release::withdraw(d, by),
        Fact::Cancel { by, reason } => {
            release::start(d, ReleaseCause::Withdrawn, &format!("{by} withdrew the order: {reason}"));
        }
        Fact::RouteChange { servers, hosted, by, reason } => swap::ask(d, servers, *hosted, by, reason),
        Fact::RouteChangeWithdrawn { by } => swap::withdraw(d, by),
        Fact::NewServer(fact) => observe::new_server(d, fact),
        Fact::Suspended { by, reason, defer } => suspend::begin(d, by, reason, *defer),
        Fact::Resumed { by } => suspend::end(d, by),
        Fact::CutOff { by, reason } => release::announce_cut_off(d, &format!("{by}: {reason}")),
        Fact::Departed { by, reason } => release::decided(d, &format!("{by}: {reason}")),
        Fact::Recheck { .. } => d.hurry = true,
        Fact::Due => {}
    }
}

/// More rules in a row than any history needs; only a bound.
const MAX_STEPS: usize = 16;

fn settle(d: &mut Draft) {
    for _ in 0..MAX_STEPS {
        if !step(d) {
            return;
        }
    }
}

/// Applies the first rule that has something to say.
fn step(d: &mut Draft) -> bool {
    if d.c.suspension.is_some() {
        return suspend::step(d) || (d.c.phase <= Phase::Ready && early::watch(d));
    }
    match d.c.phase {
        Phase::Ordered => early::watch(d),
        Phase::Allowlisting | Phase::Probing | Phase::Provisioning => {
            gates::go_back(d)
                || swap::step(d)
                || gates::go_on(d)
                || early::watch(d)
                || (d.c.phase > Phase::Allowlisting && places::ask_to_allow(d))
        }
        Phase::Ready => {
            gates::go_back(d)
                || swap::step(d)
                || permission::revoke_for_hazard(d)
                || window::enter(d)
                || early::watch(d)
                || permission::issue(d)
                || places::ask_to_allow(d)
        }
        Phase::Confirming => {
            swap::step(d)
                || drift::health(d)
                || drift::drift(d)
                || window::back_to_ready(d)
                || window::adopt(d)
                || window::close(d)
                || window::escalate(d)
                || places::ask_to_allow(d)
        }
        Phase::Connected => {
            swap::step(d)
                || drift::health(d)
                || drift::drift(d)
                || window::tell_may_close(d)
                || places::ask_to_leave(d)
                || places::ask_to_allow(d)
                || places::tell_may_remove(d)
        }
        Phase::Drifted => {
            swap::step(d)
                || drift::health(d)
                || drift::repaired(d)
                || places::ask_to_allow(d)
                || places::tell_may_remove(d)
        }
        Phase::Releasing => release::step(d),
        Phase::Released | Phase::Cancelled => false,
    }
}
