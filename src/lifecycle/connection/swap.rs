//! Own servers that take the place of others. Beside a living connection the new ones run through the
//! same gates first; then the route is switched, the old ones are kept until mail was seen to be taken
//! on the new way, and a failure goes back to them. Where no mail flows yet, they are simply replaced.

use fencepost_checks::Verdict;

use super::draft::Draft;
use super::event::{Event, Notice};
use super::gates::{fails, fresh, needed, seen_with_route};
use super::observe::ours_published;
use super::permission;
use super::state::{Connection, Gate, Phase, RouteMode, RouteSwap, SwapStage};
use crate::order::MailServer;

/// Somebody's mail goes to the present servers.
fn living(c: &Connection) -> bool {
    match c.phase {
        Phase::Provisioning | Phase::Ready => ours_published(c),
        Phase::Confirming | Phase::Connected | Phase::Drifted => true,
        _ => false,
    }
}

/// Begins a change. One that was only being verified is replaced; one that is being switched to is
/// finished or withdrawn first.
pub(super) fn ask(d: &mut Draft, servers: &[MailServer], hosted: bool, by: &str, reason: &str) {
    let known = match &d.c.route_change {
        Some(change) if change.stage == SwapStage::Switching => return,
        Some(change) => (Some(&change.servers), change.hosted),
        None => (d.c.servers.as_ref(), d.c.hosted),
    };
    let same = known.0.is_some_and(|known| known == servers) && known.1 == hosted;
    if d.c.phase >= Phase::Releasing || servers.is_empty() || same {
        return;
    }
    let why = format!("{by}: {reason}");
    if !living(&d.c) {
        replace(d, servers, hosted, why);
        return;
    }
    let change = RouteSwap {
        servers: servers.to_vec(),
        hosted,
        since: d.now,
        by: by.to_owned(),
        reason: reason.to_owned(),
        stage: SwapStage::Verifying,
        previous: d.c.servers.clone(),
        previous_hosted: d.c.hosted,
    };
    forget_looks(d);
    d.emit(Event::RouteChangeBegun { change });
    d.notify(Notice::NewServerInstructions);
    d.hurry = true;
}

/// No mail flows: the gates begin again with the new servers, and an earlier go-ahead is taken back.
fn replace(d: &mut Draft, servers: &[MailServer], hosted: bool, why: String) {
    permission::revoke(d, "The own mail server is replaced.", Some(Notice::PermissionWithdrawn));
    forget_looks(d);
    d.emit(Event::ServersReplaced { servers: servers.to_vec(), hosted, why });
    let seen = &mut d.c.observed;
    (seen.allowlist, seen.probe, seen.lint) = (None, None, None);
    if d.c.phase > Phase::Ordered {
        if d.c.phase != Phase::Allowlisting {
            d.enter(Phase::Allowlisting, "The own mail server is replaced.");
        }
        d.want_route(RouteMode::Defer);
        if !hosted {
            d.notify(Notice::FirewallInstructions);
        }
    }
    d.hurry = true;
}

/// The present servers stay, or come back.
pub(super) fn withdraw(d: &mut Draft, by: &str) {
    match d.c.route_change.as_ref().map(|change| change.stage) {
        Some(SwapStage::Switching) if d.c.phase >= Phase::Provisioning => {
            roll_back(d, format!("{by} withdrew the change."));
        }
        Some(_) => drop_it(d, format!("{by} withdrew the change.")),
        None => {}
    }
}

/// Ends a change that no longer makes sense, with the servers as they are.
pub(super) fn drop_it(d: &mut Draft, why: String) {
    if d.c.route_change.is_some() {
        forget_looks(d);
        d.emit(Event::RouteChangeDropped { why });
    }
}

/// The rules of a change that is under way.
pub(super) fn step(d: &mut Draft) -> bool {
    let Some(change) = d.c.route_change.clone() else { return false };
    match change.stage {
        SwapStage::Verifying if !living(&d.c) => {
            replace(d, &change.servers, change.hosted, "Nobody's mail goes to the old servers any more.".to_owned());
            true
        }
        SwapStage::Verifying => verified(d, &change) && switch(d),
        SwapStage::Switching if d.c.phase < Phase::Provisioning => {
            drop_it(d, "Nobody's mail goes to the own servers any more.".to_owned());
            true
        }
        SwapStage::Switching if refused(&d.c) => {
            roll_back(d, "The new mail server does not take the mail.".to_owned());
            d.notify(Notice::RouteChangeFailed);
            true
        }
        SwapStage::Switching => arrived(d),
    }
}

/// Both gates passed lately, with the new servers.
fn verified(d: &Draft, change: &RouteSwap) -> bool {
    let passed = |seen| fresh(&d.c, seen, d.now);
    passed(d.c.observed.next_probe.as_ref()) && (change.hosted || passed(d.c.observed.next_allowlist.as_ref()))
}

fn switch(d: &mut Draft) -> bool {
    let seen = &mut d.c.observed;
    let (allowlist, probe) = (seen.next_allowlist.take(), seen.next_probe.take());
    d.emit(Event::RouteSwitched);
    // What was seen of the new servers is now what is known of the own servers.
    (d.c.observed.allowlist, d.c.observed.probe) = (allowlist, probe);
    d.rewrite_route(RouteMode::Deliver);
    d.hurry = true;
    true
}

fn refused(c: &Connection) -> bool {
    // Seen since the gateway confirmed: an earlier look was about another way.
    let confirmed = c.observed.route_confirmed_at.filter(|_| c.observed.route_confirmed == Some(RouteMode::Deliver));
    let gateway_refuses = c.observed.gateway.as_ref().is_some_and(|seen| {
        seen.verdict == Verdict::Fail && confirmed.is_some_and(|confirmed| seen.last_at > confirmed)
    });
    fails(c, Gate::Probe) || (needed(c, Gate::Allowlist) && fails(c, Gate::Allowlist)) || gateway_refuses
}

/// The gateway confirmed the new way, and both ends of it were seen to take mail since.
fn arrived(d: &mut Draft) -> bool {
    let confirmed =
        d.c.observed.route_confirmed_at.filter(|_| d.c.observed.route_confirmed == Some(RouteMode::Deliver));
    let probed = d.c.observed.probe.as_ref().and_then(|seen| seen.last_pass_at);
    if !matches!((probed, confirmed), (Some(probed), Some(confirmed)) if probed >= confirmed) || !seen_with_route(&d.c)
    {
        return false;
    }
    d.emit(Event::RouteChanged);
    d.notify(Notice::RouteChanged);
    true
}

/// The old servers again; what was known of them is too old to count.
fn roll_back(d: &mut Draft, why: String) {
    permission::revoke(d, "The old mail server takes the mail again.", Some(Notice::PermissionWithdrawn));
    d.emit(Event::RouteRolledBack { why });
    let seen = &mut d.c.observed;
    (seen.allowlist, seen.probe) = (None, None);
    d.rewrite_route(RouteMode::Deliver);
    d.hurry = true;
}

fn forget_looks(d: &mut Draft) {
    (d.c.observed.next_allowlist, d.c.observed.next_probe) = (None, None);
}
