//! Other own servers, a suspension, and domains that were taken over connected.

use fencepost::lifecycle::connection::{Effect, Gate, Health, Notice, Phase, RouteMode, TimerKind, answer};
use fencepost::status::AnswerKind;
use fencepost_checks::{Actor, Verdict};

use super::{says, waits_for};
use crate::script::{Mx, Run, by_person, gate, hours, minutes, other_server, start};

#[test]
fn another_own_server_is_verified_before_mail_goes_there_and_the_old_one_is_kept_until_it_arrived() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(7));
    assert_eq!((run.c.servers.clone(), run.times_told(Notice::NewServerInstructions)), (None, 1));
    assert_eq!(
        (run.due_at(TimerKind::NextAllowlist), run.due_at(TimerKind::NextProbe)),
        (Some(run.now), Some(run.now))
    );
    run.wait(minutes(1)).new_server(Gate::Allowlist, Verdict::Pass);
    run.new_server(Gate::Probe, Verdict::Fail);
    assert_eq!((says(&run), waits_for(&run)), (AnswerKind::Done, vec![Actor::Customer]), "mail flows the old way");
    assert_eq!(run.c.health, Health::Good);
    run.wait(minutes(1)).new_server(Gate::Probe, Verdict::Pass);
    assert_eq!((run.c.servers.clone(), run.c.observed.route_confirmed), (Some(other_server()), None));
    assert_eq!(run.c.phase, Phase::Connected);
    assert!(run.effects.contains(&Effect::Route { mode: RouteMode::Deliver }));
    run.wait(minutes(1)).route();
    assert_eq!((run.due_at(TimerKind::Probe), run.due_at(TimerKind::Gateway)), (Some(run.now), Some(run.now)));
    run.wait(minutes(1)).pass(&[Gate::Probe]);
    assert_eq!(run.times_told(Notice::RouteChanged), 0, "the gateway was not asked yet");
    run.pass(&[Gate::Gateway]);
    assert_eq!((run.c.route_change.clone(), run.times_told(Notice::RouteChanged)), (None, 1));
    assert!(run.fact(&by_person(7)).events.is_empty(), "it is there already");
}

#[test]
fn a_new_server_that_fails_after_the_switch_is_taken_back() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(7));
    run.wait(minutes(1)).new_server(Gate::Allowlist, Verdict::Pass);
    run.new_server(Gate::Probe, Verdict::Pass);
    run.route();
    run.wait(minutes(1)).gate(Gate::Probe, Verdict::Fail);
    assert_eq!((run.c.servers.clone(), run.c.route_change.clone()), (None, None));
    assert_eq!((run.times_told(Notice::RouteChangeFailed), run.times_told(Notice::DeliveryFailing)), (1, 0));
    assert_eq!((run.c.observed.route_confirmed, run.due_at(TimerKind::Route)), (None, Some(run.now)));
    // A look at the new server that was under way says nothing about the old one.
    let late = gate(Gate::Probe, Verdict::Pass, run.now - minutes(1));
    run.fact(&late);
    assert_eq!(run.c.observed.probe, None);
}

#[test]
fn a_change_of_own_servers_can_be_given_up_and_taken_back() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(7));
    run.fact(&by_person(8));
    assert_eq!((run.c.route_change.clone(), run.c.servers.clone()), (None, None));
    run.fact(&by_person(7));
    run.wait(minutes(1)).new_server(Gate::Allowlist, Verdict::Pass);
    run.new_server(Gate::Probe, Verdict::Pass);
    assert_eq!(run.c.servers, Some(other_server()));
    run.fact(&by_person(8));
    assert_eq!((run.c.servers.clone(), run.c.observed.route_confirmed), (None, None));
    assert!(run.fact(&by_person(8)).events.is_empty());
}

#[test]
fn before_the_change_of_the_mx_another_own_server_begins_at_the_firewall_again() {
    let mut run = Run::permitted(false);
    run.wait(minutes(5)).fact(&by_person(7));
    assert_eq!((run.c.phase, run.c.route, run.c.permit.clone()), (Phase::Allowlisting, RouteMode::Defer, None));
    assert_eq!((run.times_told(Notice::PermissionWithdrawn), run.times_told(Notice::FirewallInstructions)), (1, 2));
    assert_eq!(run.c.servers, Some(other_server()));
    let late = run.now - minutes(1);
    run.fact(&gate(Gate::Allowlist, Verdict::Pass, late));
    assert_eq!(run.c.phase, Phase::Allowlisting, "that was the old server");
    run.wait(minutes(1)).pass(&[Gate::Allowlist, Gate::Probe]);
    run.route();
    run.wait(minutes(1)).pass(&[Gate::Gateway, Gate::Lint]);
    assert_eq!(says(&run), AnswerKind::ChangeNow);
}

#[test]
fn a_suspended_connection_asks_nothing_of_anybody_and_goes_on_where_it_stood() {
    let mut run = Run::permitted(false);
    run.wait(minutes(5)).fact(&by_person(9));
    assert_eq!((says(&run), waits_for(&run)), (AnswerKind::Wait, vec![Actor::Desk]));
    assert_eq!((run.times_told(Notice::PermissionWithdrawn), run.times_told(Notice::Suspended)), (1, 1));
    assert!(answer(&run.c, run.now).reason.contains("unpaid"));
    for kind in [TimerKind::Allowlist, TimerKind::Probe, TimerKind::Gateway, TimerKind::Lint] {
        assert_eq!(run.due_at(kind), None);
    }
    assert!(run.due_at(TimerKind::Mx).is_some(), "the MX is watched");
    run.wait(minutes(5)).pass(&[Gate::Allowlist, Gate::Probe, Gate::Gateway, Gate::Lint]);
    assert_eq!((run.c.permit.clone(), run.c.route), (None, RouteMode::Deliver));
    assert!(run.fact(&by_person(11)).hurry);
    assert_eq!((run.times_told(Notice::Resumed), says(&run)), (1, AnswerKind::ChangeNow), "its evidence is fresh");
}

#[test]
fn a_suspension_defers_mail_for_three_days_at_most() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(10));
    let since = run.now;
    assert_eq!((run.c.phase, run.c.route), (Phase::Connected, RouteMode::Defer));
    assert_eq!(run.due_at(TimerKind::Deadline), Some(since + hours(72)));
    run.wait(hours(72)).due();
    assert_eq!((run.c.route, run.c.suspension.is_some()), (RouteMode::Deliver, true));
    run.fact(&by_person(11));
    assert_eq!((run.c.phase, run.c.suspension.clone()), (Phase::Connected, None));

    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(10));
    run.fact(&by_person(1));
    assert_eq!((run.c.phase, run.c.route), (Phase::Releasing, RouteMode::Deliver), "an end lifts it");
}

#[test]
fn what_is_imported_is_verified_before_its_route_is_written_and_before_it_is_called_connected() {
    let mut run = Run::imported(true);
    assert_eq!((run.c.phase, run.due_at(TimerKind::Route)), (Phase::Confirming, None));
    assert_eq!(waits_for(&run), [Actor::Vendor], "nobody is asked for anything before the first look");
    run.watched(hours(24));
    run.mx_after(minutes(15), Mx::Ours);
    assert_eq!(run.c.phase, Phase::Confirming, "its path is not proven");
    run.gate(Gate::Probe, Verdict::Fail);
    assert_eq!(run.notices, [Notice::ImportUnconfirmed], "to the desk alone");
    assert!(!run.effects.iter().any(|effect| matches!(effect, Effect::Route { .. })));
    run.wait(minutes(1)).prove_path();
    assert!(run.effects.contains(&Effect::Route { mode: RouteMode::Deliver }));
    run.mx_after(minutes(1), Mx::Ours);
    assert_eq!(run.c.phase, Phase::Confirming, "the gateway has not confirmed");
    run.route();
    assert_eq!(run.c.phase, Phase::Connected);
    assert_eq!(run.c.connected_at, Some(start() - hours(1000)));
    assert_eq!(run.notices, [Notice::ImportUnconfirmed], "the customer was told nothing");
    for _ in 0..4 {
        run.mx_after(minutes(6), Mx::Old);
    }
    assert_eq!(run.times_told(Notice::Drift), 1, "from now on it is one like the others");
}

#[test]
fn an_import_that_names_somebody_else_is_told_to_the_desk() {
    let mut run = Run::imported(true);
    for _ in 0..4 {
        run.mx_after(minutes(6), Mx::Old);
    }
    assert_eq!((run.c.phase, run.notices.clone()), (Phase::Drifted, vec![Notice::ImportUnconfirmed]));
    let mut told = Run::imported(false);
    told.watched(hours(24));
    told.prove_path();
    told.route();
    told.mx_after(minutes(1), Mx::Ours);
    assert_eq!((told.c.phase, told.notices.clone()), (Phase::Connected, vec![Notice::Connected]));
}
