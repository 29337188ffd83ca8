//! Folding events into the state. [`apply`] only writes down what an event says; it decides nothing
//! and gives the same state for the same history at any later time.

use jiff::{SignedDuration, Timestamp};

use super::event::{Decision, Event};
use super::state::{Connection, Departure, Health, Import, Phase, Release, RouteMode, SwapStage, Window};
use crate::lifecycle::permit::Permit;

/// The state after a decision: its events folded, its observations taken over.
#[must_use]
pub fn evolve(c: &Connection, decision: &Decision, now: Timestamp) -> Connection {
    let mut next = c.clone();
    for event in &decision.events {
        apply(&mut next, event, now);
    }
    next.observed = decision.observed.clone();
    next
}

/// Folds one event that was recorded at `at`. Leaves `observed` alone.
pub fn apply(c: &mut Connection, event: &Event, at: Timestamp) {
    match event {
        Event::PhaseEntered { phase, .. } => enter(c, *phase, at),
        Event::PermitIssued { number, valid_until, evidence } => {
            c.permits_issued = *number;
            c.permit =
                Some(Permit { number: *number, issued_at: at, valid_until: *valid_until, evidence: evidence.clone() });
        }
        Event::PermitRevoked { .. } | Event::PermitExpired { .. } => c.permit = None,
        Event::EarlyCutover { .. } => c.early_cutover_since = Some(at),
        Event::EarlyCutoverEnded => c.early_cutover_since = None,
        Event::WindowOpened => open_window(c, at),
        Event::WindowBroken { by } => {
            if let Some(window) = &mut c.window {
                window.running = false;
                window.broken_by = Some(by.clone());
            }
        }
        Event::WindowExtended { by } => {
            if let Some(window) = &mut c.window {
                window.extended_by = window.extended_by.saturating_add(*by);
            }
        }
        Event::RouteDesired { mode } => {
            c.route = *mode;
            c.route_since = at;
            if let Some(import) = &mut c.import {
                import.route_as_found = false;
            }
        }
        Event::MxAccepted { accepted } => c.accepted_mx = Some(accepted.clone()),
        Event::HealthChanged { health } => c.health = *health,
        Event::ToldOverdue => c.told_overdue = true,
        Event::OldPathNeeded { until } => c.old_path_needed_until = Some(*until),
        Event::ToldMayClose => c.told_may_close = true,
        Event::ReleaseStarted { cause } => {
            c.release = Some(Release {
                cause: *cause,
                since: at,
                serving: c.route,
                told_to_move: false,
                departed_at: None,
                route_needed_until: None,
                how: Departure::Moved,
                told_undecidable: false,
                cut_off: None,
            });
        }
        Event::ReleaseWithdrawn => c.release = None,
        Event::ToldToMove => {
            if let Some(release) = &mut c.release {
                release.told_to_move = true;
            }
        }
        Event::Departed { route_needed_until, how, .. } => {
            if let Some(release) = &mut c.release {
                release.how = *how;
                release.departed_at = Some(at);
                release.route_needed_until = Some(*route_needed_until);
            }
        }
        Event::Returned { published } => {
            if let Some(release) = &mut c.release {
                release.departed_at = None;
                release.route_needed_until = None;
                // Only a published return is a new reason to ask for the move.
                release.told_to_move &= !published;
            }
        }
        Event::ToldUndecidable => {
            if let Some(release) = &mut c.release {
                release.told_undecidable = true;
            }
        }
        Event::CutOffAnnounced { cut_off, .. } => {
            if let Some(release) = &mut c.release {
                release.cut_off = Some(*cut_off);
            }
        }
        Event::Imported { connected_at, quiet } => {
            c.connected_at = Some(*connected_at);
            c.was_provisioned = true;
            c.told_may_close = true;
            c.route = RouteMode::Deliver;
            c.import = Some(Import { quiet: *quiet, route_as_found: true });
        }
        Event::ServersReplaced { servers, hosted, .. } => {
            c.servers = Some(servers.clone());
            c.hosted = *hosted;
            c.servers_since = Some(at);
            c.route_change = None;
        }
        Event::RouteChangeBegun { change } => c.route_change = Some(change.clone()),
        Event::RouteSwitched => {
            if let Some(change) = &mut c.route_change {
                change.stage = SwapStage::Switching;
                c.servers = Some(change.servers.clone());
                c.hosted = change.hosted;
                c.servers_since = Some(at);
            }
        }
        Event::RouteRolledBack { .. } => {
            if let Some(change) = c.route_change.take() {
                c.servers = change.previous;
                c.hosted = change.previous_hosted;
                c.servers_since = Some(at);
            }
        }
        Event::RouteChanged | Event::RouteChangeDropped { .. } => c.route_change = None,
        Event::Suspended { suspension } => c.suspension = Some(suspension.clone()),
        Event::DeferralEnded => {
            if let Some(suspension) = &mut c.suspension {
                suspension.defer_until = None;
            }
        }
        Event::Resumed { .. } => c.suspension = None,
        Event::AskedToLeave { names, retired } => {
            c.asked_to_leave.clone_from(names);
            c.names_retired.clone_from(retired);
        }
        Event::AskedToAllow { addresses } => c.asked_to_allow.clone_from(addresses),
        Event::ToldMayRemove { .. }
        | Event::NewServerChanged { .. }
        | Event::MxChanged { .. }
        | Event::GateChanged { .. }
        | Event::RouteConfirmed { .. } => {}
    }
}

fn enter(c: &mut Connection, phase: Phase, at: Timestamp) {
    c.phase = phase;
    c.phase_since = at;
    match phase {
        Phase::Provisioning => c.was_provisioned = true,
        // The permit has served its purpose.
        Phase::Confirming => {
            c.permit = None;
            c.early_cutover_since = None;
        }
        Phase::Connected => {
            c.connected_at.get_or_insert(at);
            c.import = None;
            c.window = None;
        }
        Phase::Drifted | Phase::Releasing | Phase::Released | Phase::Cancelled => {
            c.window = None;
            c.early_cutover_since = None;
        }
        Phase::Ordered | Phase::Allowlisting | Phase::Probing | Phase::Ready => {}
    }
    if phase < Phase::Confirming {
        c.health = Health::Good;
    }
}

/// A new stretch. The 72 hours go on from the first change of all.
fn open_window(c: &mut Connection, at: Timestamp) {
    let (first_change_at, broken_by) = match c.window.take() {
        Some(window) => (window.first_change_at, window.broken_by),
        None => {
            c.told_overdue = false;
            (at, None)
        }
    };
    c.window =
        Some(Window { first_change_at, opened_at: at, running: true, extended_by: SignedDuration::ZERO, broken_by });
}
