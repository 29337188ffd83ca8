//! What makes the walk finite and stay honest: states that no rule can tell apart become one.

use fencepost::lifecycle::connection::Phase;
use jiff::{SignedDuration, Timestamp};

use super::{PASS, World};
use crate::script::{hours, start};

/// Moves the present back to [`start`] and forgets every difference that no rule can see. What is
/// clamped here, and why it may be, is the whole argument for the walk being finite and honest.
pub(super) fn normal(mut world: World, now: Timestamp, late: bool) -> World {
    let base = start();
    let ago = |n: i64| base - hours(n);
    // Ages are cut off at `most` hours; what lies ahead stays ahead.
    let cut = |at: Timestamp, most: i64| base - now.duration_since(at).min(hours(most));
    let ahead = |at: Timestamp| if at > now { base + at.duration_since(now) } else { base };
    // When a look was made matters only against facts that come late, and after a switch of own servers against
    // the gateway's confirmation: cut off later than that, a look never seems to be the younger of the two.
    let swapping = world.c.route_change.is_some();
    let look = |at: Timestamp| match (swapping, late) {
        (true, _) => cut(at, 12),
        (false, true) => cut(at, 6),
        (false, false) => ago(6),
    };
    let c = &mut world.c;
    let confirming = c.phase == Phase::Confirming;
    let releasing = c.phase == Phase::Releasing;
    let live = c.phase >= Phase::Connected;
    let has_permit = c.permit.is_some();
    // For people and for the length of waits only.
    c.phase_since = base;
    c.early_cutover_since = c.early_cutover_since.map(|_| base);
    c.connected_at = c.connected_at.map(|_| base);
    c.permits_issued = c.permits_issued.min(1);
    if let Some(permit) = &mut c.permit {
        permit.number = 1;
        permit.issued_at = base;
        permit.valid_until = base;
        permit.evidence.clear();
    }
    // Whether a confirmation is older than the wish is all that counts.
    let confirmed = c.observed.route_confirmed == Some(c.route);
    c.route_since = if confirmed || !late { ago(6) } else { cut(c.route_since, 6) };
    let confirmed_at = |at: Timestamp| if swapping { cut(at, 6) } else { ago(12) };
    c.observed.route_confirmed_at = c.observed.route_confirmed_at.map(confirmed_at);
    // Reaches its instant after one silence instead of five days.
    c.old_path_needed_until = c.old_path_needed_until.filter(|_| !c.told_may_close);
    c.old_path_needed_until = c.old_path_needed_until.map(|at| if at > now { base + hours(6) } else { base });

    // An old pass behind a later failure counts only for a permit that is still there, and once
    // connected every pass has to be made again before it counts.
    let seen = &mut c.observed;
    let gates = [&mut seen.allowlist, &mut seen.probe, &mut seen.gateway, &mut seen.lint];
    let pass = |at: Timestamp| match (swapping, live) {
        (true, _) => cut(at, 12),
        (false, true) => ago(6),
        (false, false) => cut(at, 6),
    };
    let gates = gates.into_iter().chain([&mut seen.next_allowlist, &mut seen.next_probe]);
    for seen in gates.flatten() {
        seen.first_at = base;
        seen.last_pass_at = seen.last_pass_at.filter(|_| seen.verdict == PASS || has_permit).map(pass);
        seen.last_at = look(seen.last_at);
        seen.misses = 0;
        seen.blocking.clear();
    }
    for known in world.oracle.gates.iter_mut().chain(&mut world.oracle.next).flatten() {
        known.last_pass = known.last_pass.filter(|_| known.verdict == PASS || has_permit).map(pass);
        known.at = look(known.at);
    }

    c.servers_since = c.servers_since.map(|_| ago(12));
    if let Some(change) = &mut c.route_change {
        change.since = ago(12);
    }
    if let Some(held) = &mut c.suspension {
        held.since = base;
        held.defer_until = held.defer_until.map(ahead);
    }

    let mut shift = SignedDuration::ZERO;
    if let Some(mx) = &mut c.observed.mx {
        // Memory for the judgement of the next round alone.
        mx.ours.clear();
        mx.whole.clear();
        let long_bad = mx.bad_since.map(|since| mx.last_at.duration_since(since) >= hours(1));
        mx.first_at = base;
        mx.last_at = if releasing { cut(mx.last_at, 6) } else { look(mx.last_at) };
        if c.connected_at.is_some() && !releasing {
            mx.bad_since = long_bad.map(|long| if long { mx.last_at - hours(6) } else { mx.last_at });
            mx.bad_rounds = mx.bad_rounds.min(3);
        } else {
            mx.bad_since = None;
            mx.bad_rounds = 0;
        }
        mx.clean_rounds = mx.clean_rounds.min(if confirming || c.phase == Phase::Drifted { 3 } else { 1 });
        if let Some(at) = mx.last_clean_at {
            // A gap of any length counts for nothing: the stretch is moved along with it.
            shift = (now.duration_since(at) - hours(6)).max(SignedDuration::ZERO);
            mx.last_clean_at = confirming.then(|| cut(at, 6));
        }
        // Cut against the present and not against the last look: that may make them seem longer, never shorter.
        (mx.silent_since, mx.nx_since) = (mx.silent_since.map(|at| cut(at, 336)), mx.nx_since.map(|at| cut(at, 24)));
        mx.nx_rounds = mx.nx_rounds.min(3);
        mx.t_star = mx.t_star.filter(|at| *at > now).map(ahead);
        mx.gone_since = mx.gone_since.map(|at| if releasing { cut(at, 24) } else { ago(24) });
    }
    if let Some(window) = &mut c.window {
        window.broken_by = None;
        window.first_change_at = if c.told_overdue { ago(72) } else { cut(window.first_change_at, 72) };
        let opened = window.opened_at + window.extended_by + shift;
        window.extended_by = SignedDuration::ZERO;
        window.opened_at = if window.running && confirming { cut(opened, 30) } else { base };
    }
    let go_ahead_out = c.permits_issued > 0 && c.connected_at.is_none();
    if let Some(release) = &mut c.release {
        release.since = cut(release.since, if go_ahead_out && release.departed_at.is_none() { 24 } else { 6 });
        release.departed_at = release.departed_at.map(|_| base);
        if let Some(cut_off) = &mut release.cut_off {
            (cut_off.defer_at, cut_off.reject_at) = (ahead(cut_off.defer_at), ahead(cut_off.reject_at));
        }
        let until = release.route_needed_until;
        release.route_needed_until = until.map(|at| if at > now { ahead(at) } else { ago(6) });
    }
    c.observed.next_destination_at = c.observed.next_destination_at.map(|_| ago(6));

    let oracle = &mut world.oracle;
    oracle.silent_since = c.observed.mx.as_ref().and_then(|mx| mx.silent_since);
    oracle.bad = if c.connected_at.is_some() && !releasing { oracle.bad.min(3) } else { 0 };
    oracle.cut_off = oracle.cut_off.map(|at| cut(at, 33 * 24));
    oracle.held = oracle.held.map(|at| cut(at, 73));
    oracle.mx_at = c.observed.mx.as_ref().map(|mx| mx.last_at);
    oracle.last_clean = oracle.last_clean.map(|at| if confirming { cut(at, 2) } else { base });
    oracle.covered = if confirming { oracle.covered.min(hours(24)) } else { SignedDuration::ZERO };
    oracle.t_star = oracle.t_star.filter(|at| *at > now).map(ahead);
    world.flaws.sort_unstable();
    world.flaws.dedup();
    world
}
