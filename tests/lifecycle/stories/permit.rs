//! From the order to the go-ahead, and how it is withdrawn.

use fencepost::lifecycle::connection::{
    Effect, Event, Fact, Gate, GateFact, Notice, Phase, RouteMode, TimerKind, answer, mx_change_permitted,
    permit_valid_until, timers,
};
use fencepost::lifecycle::permit::Setup;
use fencepost::status::AnswerKind;
use fencepost_checks::{Actor, Code, Verdict};

use super::{says, waits_for};
use crate::script::{Mx, Run, by_person, gate, hours, minutes, start};

#[test]
fn a_well_behaved_customer_gets_connected() {
    let run = Run::connected();
    assert_eq!(
        run.phases(),
        [
            Phase::Ordered,
            Phase::Allowlisting,
            Phase::Probing,
            Phase::Provisioning,
            Phase::Ready,
            Phase::Confirming,
            Phase::Connected
        ]
    );
    assert_eq!(
        run.notices,
        [
            Notice::OrderReceived,
            Notice::FirewallInstructions,
            Notice::MxChangeMayBeRelayed,
            Notice::MxChangeSeen,
            Notice::Connected
        ]
    );
    assert!(run.effects.contains(&Effect::DomainConnected { at: run.now }));
    assert_eq!(says(&run), AnswerKind::Done);
}

#[test]
fn hosted_customers_have_no_firewall_step() {
    let mut run = Run::ordered(true);
    run.fact(&by_person(0));
    assert_eq!(run.phases(), [Phase::Ordered, Phase::Allowlisting, Phase::Probing]);
    assert_eq!(run.times_told(Notice::FirewallInstructions), 0);
    assert_eq!(run.due_at(TimerKind::Allowlist), None);
    assert!(mx_change_permitted(&Run::permitted(true).c, start()));
}

#[test]
fn the_route_defers_until_firewall_and_server_have_passed() {
    let mut run = Run::ordered(false);
    assert_eq!(run.c.route, RouteMode::Defer);
    run.fact(&by_person(0));
    run.pass(&[Gate::Allowlist]);
    assert_eq!((run.c.phase, run.c.route), (Phase::Probing, RouteMode::Defer));
    run.pass(&[Gate::Probe]);
    assert_eq!((run.c.phase, run.c.route), (Phase::Provisioning, RouteMode::Deliver));
}

#[test]
fn the_gateway_is_believed_only_after_it_confirmed_the_live_route() {
    let mut run = Run::ordered(true);
    run.fact(&by_person(0));
    run.route();
    run.pass(&[Gate::Probe]);
    run.wait(minutes(1)).pass(&[Gate::Gateway]);
    assert_eq!(run.c.phase, Phase::Provisioning);
    assert_eq!(run.due_at(TimerKind::Gateway), None, "first the route");
    run.wait(minutes(1)).fact(&Fact::RouteApplied { mode: RouteMode::Deliver, at: start() - minutes(5) });
    assert_eq!(run.c.observed.route_confirmed, None, "a confirmation from before the wish confirms nothing");
    run.route();
    assert_eq!(run.c.phase, Phase::Provisioning, "the pass is older than the route");
    run.wait(minutes(1)).pass(&[Gate::Gateway]);
    assert_eq!(run.c.phase, Phase::Ready);
}

#[test]
fn the_permit_runs_out_six_hours_after_its_oldest_evidence_and_passes_renew_it() {
    let mut run = Run::permitted(false);
    assert_eq!(permit_valid_until(&run.c), Some(run.now + hours(6)));
    assert_eq!((says(&run), waits_for(&run)), (AnswerKind::ChangeNow, vec![Actor::Partner, Actor::DnsProvider]));
    run.wait(hours(3)).pass(&[Gate::Allowlist, Gate::Probe, Gate::Gateway]);
    assert_eq!(permit_valid_until(&run.c), Some(start() + hours(6)), "the lint is still the old one");
    run.pass(&[Gate::Lint]);
    assert_eq!(permit_valid_until(&run.c), Some(run.now + hours(6)));
    assert_eq!(run.times_told(Notice::MxChangeMayBeRelayed), 1, "a renewal is not news");

    run.wait(hours(6));
    assert!(!mx_change_permitted(&run.c, run.now), "even before anybody noted it");
    assert_eq!(run.due_at(TimerKind::Deadline), Some(run.now));
    run.due();
    assert!(run.c.permit.is_none());
    assert_eq!(run.times_told(Notice::PermissionWithdrawn), 1);
    assert_eq!(run.c.phase, Phase::Ready);
}

#[test]
fn a_permit_that_ran_out_is_not_brought_back_by_a_pass() {
    let mut run = Run::permitted(true);
    run.wait(hours(7)).pass(&[Gate::Probe, Gate::Gateway]);
    assert!(!mx_change_permitted(&run.c, run.now));
    run.pass(&[Gate::Lint]);
    assert_eq!(run.c.permit.as_ref().map(|permit| permit.number), Some(2));
    let valid_if = run.effects.iter().filter_map(|effect| match effect {
        Effect::Notify { notice: Notice::MxChangeMayBeRelayed, valid_if } => *valid_if,
        _ => None,
    });
    assert_eq!(valid_if.collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn inconclusive_stops_the_renewal_and_fail_revokes_at_once() {
    let mut run = Run::permitted(false);
    run.wait(hours(2)).gate(Gate::Probe, Verdict::Inconclusive);
    assert!(mx_change_permitted(&run.c, run.now));
    assert_eq!(permit_valid_until(&run.c), Some(start() + hours(6)));
    run.wait(minutes(1)).gate(Gate::Probe, Verdict::Fail);
    assert_eq!((run.c.phase, run.c.route), (Phase::Probing, RouteMode::Defer));
    assert!(!mx_change_permitted(&run.c, run.now));
    assert_eq!(run.times_told(Notice::PermissionWithdrawn), 1);
    assert_eq!(waits_for(&run), [Actor::Customer]);
}

#[test]
fn each_failing_gate_leads_back_to_its_phase() {
    for (which, phase, route) in [
        (Gate::Allowlist, Phase::Allowlisting, RouteMode::Defer),
        (Gate::Probe, Phase::Probing, RouteMode::Defer),
        (Gate::Gateway, Phase::Provisioning, RouteMode::Deliver),
        (Gate::Lint, Phase::Ready, RouteMode::Deliver),
    ] {
        let mut run = Run::permitted(false);
        run.wait(minutes(5)).gate(which, Verdict::Fail);
        assert_eq!((run.c.phase, run.c.route), (phase, route), "{which:?}");
        assert_eq!((run.c.permit.is_some(), run.times_told(Notice::PermissionWithdrawn)), (false, 1), "{which:?}");
        assert_eq!(says(&run), AnswerKind::Wait);
        run.route();
        run.wait(minutes(5)).pass(&[Gate::Allowlist, Gate::Probe]);
        run.route();
        run.wait(minutes(1)).pass(&[Gate::Gateway, Gate::Lint]);
        assert!(mx_change_permitted(&run.c, run.now), "{which:?}: mended");
    }
}

#[test]
fn a_hazard_withholds_the_permit_and_names_who_removes_it() {
    let mut run = Run::ordered(true);
    run.fact(&by_person(0));
    run.mx(Mx::Old);
    run.gate(Gate::Lint, Verdict::Fail);
    run.pass(&[Gate::Probe]);
    run.route();
    run.pass(&[Gate::Gateway]);
    assert_eq!((run.c.phase, run.c.permit.is_some()), (Phase::Ready, false));
    let said = answer(&run.c, run.now);
    assert_eq!((said.answer, said.waiting_for[0].who), (AnswerKind::Wait, Actor::Customer));
    assert!(said.waiting_for[0].what.contains(Code::StsMismatch.as_str()));
    run.wait(minutes(1)).pass(&[Gate::Lint]);
    assert_eq!(says(&run), AnswerKind::ChangeNow);
}

#[test]
fn an_mx_that_cannot_be_read_is_no_ground_for_a_permit() {
    let mut run = Run::ordered(true);
    run.fact(&by_person(0));
    run.mx(Mx::Error);
    run.pass(&[Gate::Probe]);
    run.route();
    run.pass(&[Gate::Gateway, Gate::Lint]);
    assert_eq!((run.c.phase, run.c.permit.is_some()), (Phase::Ready, false));
    assert_eq!(answer(&run.c, run.now).waiting_for[0].who, Actor::DnsProvider);
    run.mx_after(minutes(5), Mx::Old);
    assert_eq!(says(&run), AnswerKind::ChangeNow);
}

#[test]
fn evidence_dated_ahead_of_a_clock_that_was_set_back_counts_for_nothing() {
    let mut run = Run::permitted(false);
    run.now -= hours(13);
    assert!(!mx_change_permitted(&run.c, run.now), "the evidence lies in the future");
    assert!(run.due_at(TimerKind::Probe).unwrap() <= run.now + hours(2), "looked at again soon all the same");
    run.gate(Gate::Probe, Verdict::Fail);
    assert_eq!(run.c.phase, Phase::Probing, "a look of today outweighs one of tomorrow");
}

#[test]
fn a_pass_with_a_blocking_finding_is_no_pass() {
    let mut run = Run::permitted(false);
    let Fact::Gate(pass) = gate(Gate::Allowlist, Verdict::Pass, run.now + minutes(1)) else { unreachable!() };
    run.wait(minutes(1)).fact(&Fact::Gate(GateFact { blocking: vec![Code::FwClosedTooEarly], ..pass }));
    assert_eq!(run.c.phase, Phase::Allowlisting);
}

#[test]
fn late_repeated_and_future_facts_change_nothing_that_is_known_better() {
    let mut run = Run::permitted(false);
    run.wait(hours(1)).gate(Gate::Probe, Verdict::Fail);
    let stale = gate(Gate::Probe, Verdict::Pass, start() + minutes(30));
    assert!(run.fact(&stale).events.is_empty());
    assert_eq!(run.c.phase, Phase::Probing);
    run.wait(minutes(1));
    run.fact(&gate(Gate::Probe, Verdict::Pass, run.now + hours(500)));
    assert_eq!(run.c.observed.probe.as_ref().unwrap().last_at, run.now, "nothing is seen in the future");
    let again = run.fact(&gate(Gate::Probe, Verdict::Pass, run.now));
    assert_eq!((again.events, again.effects), (vec![], vec![]));
    let contradiction = run.gate(Gate::Probe, Verdict::Fail);
    assert!(!contradiction.events.is_empty(), "of two looks at one instant the graver counts");
}

#[test]
fn a_permit_is_renewed_by_its_timers_before_it_runs_out() {
    let mut run = Run::permitted(false);
    for _ in 0..200 {
        let (kind, at) = timers(&run.c, run.now).into_iter().min_by_key(|(kind, at)| (*at, *kind)).unwrap();
        run.now = run.now.max(at);
        match kind {
            TimerKind::Allowlist => run.pass(&[Gate::Allowlist]),
            TimerKind::Probe => run.pass(&[Gate::Probe]),
            TimerKind::Gateway => run.pass(&[Gate::Gateway]),
            TimerKind::Lint => run.pass(&[Gate::Lint]),
            TimerKind::Mx => drop(run.mx(Mx::Old)),
            other => panic!("{other:?} is due"),
        }
        assert!(mx_change_permitted(&run.c, run.now));
    }
    assert!(run.now > start() + hours(12));
    assert_eq!(run.c.permits_issued, 1);
}

#[test]
fn a_changed_gateway_makes_the_permit_invalid_at_once_and_the_checks_are_made_again() {
    let mut run = Run::permitted(false);
    run.c.setup = Setup::numbered(7);
    assert!(!mx_change_permitted(&run.c, run.now), "before anybody has looked or decided anything");
    assert_eq!(permit_valid_until(&run.c), None);
    assert_eq!(says(&run), AnswerKind::Wait);
    assert!(answer(&run.c, run.now).reason.contains("configured anew"));
    assert_eq!(run.due_at(TimerKind::Gateway), Some(run.now));
    run.wait(minutes(1)).fact(&by_person(4));
    assert!(matches!(run.events.last(), Some((_, Event::PermitRevoked { .. }))), "{:?}", run.events.last());
    assert_eq!(run.times_told(Notice::PermissionWithdrawn), 1);
    run.wait(minutes(1)).pass(&[Gate::Allowlist, Gate::Probe, Gate::Gateway]);
    assert_eq!(says(&run), AnswerKind::Wait, "the lint is still that of the other gateway");
    // An inconclusive look under the new configuration does not revive a pass of the old one.
    run.wait(minutes(1)).gate(Gate::Lint, Verdict::Inconclusive);
    assert_eq!(says(&run), AnswerKind::Wait);
    run.wait(minutes(1)).pass(&[Gate::Lint]);
    assert_eq!(says(&run), AnswerKind::ChangeNow);
    assert_eq!(run.c.permit.as_ref().unwrap().number, 2);
}
