//! Every rule of the connection as a story.

use fencepost::lifecycle::connection::{
    Departure, Effect, Event, Fact, Gate, GateFact, Health, MxFact, Notice, Phase, RouteMode, TimerKind, answer,
    earliest_close, escalates_at, mx_change_permitted, permit_valid_until, table, timers,
};
use fencepost::lifecycle::permit::Setup;
use fencepost::lifecycle::table::{render_mermaid, render_table};
use fencepost::status::AnswerKind;
use fencepost_checks::{Actor, Code, Verdict};

use crate::script::{
    Announced, Mx, Run, active, by_person, domain, firewall, gate, hours, minutes, mx, other_server, start,
};

fn says(run: &Run) -> AnswerKind {
    answer(&run.c, run.now).answer
}

fn waits_for(run: &Run) -> Vec<Actor> {
    answer(&run.c, run.now).waiting_for.into_iter().map(|waiting| waiting.who).collect()
}

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
fn early_cutover_alarms_once_defers_and_ends_in_confirming_without_a_permit() {
    let mut run = Run::ordered(false);
    run.fact(&by_person(0));
    let seen = run.wait(hours(1)).mx(Mx::Ours);
    assert!(seen.hurry);
    assert_eq!((says(&run), run.c.route), (AnswerKind::RollBack, RouteMode::Defer));
    run.mx_after(minutes(5), Mx::Ours);
    assert_eq!(run.times_told(Notice::EarlyCutoverAlarm), 1);
    run.gate(Gate::Allowlist, Verdict::Fail);
    run.wait(hours(1)).gate(Gate::Allowlist, Verdict::Inconclusive);
    assert!(run.due_at(TimerKind::Allowlist).unwrap() <= run.now + minutes(5), "with priority");
    run.wait(minutes(5)).pass(&[Gate::Allowlist, Gate::Probe, Gate::Lint]);
    run.route();
    run.wait(minutes(1)).pass(&[Gate::Gateway]);
    assert_eq!((run.c.phase, run.c.route), (Phase::Confirming, RouteMode::Deliver));
    assert_eq!(run.c.permits_issued, 0);
    assert_eq!(earliest_close(&run.c), Some(run.now + hours(24)), "counted from now, not from the early change");
}

#[test]
fn an_early_cutover_that_is_rolled_back_is_over() {
    let mut run = Run::ordered(false);
    run.mx(Mx::Mixed);
    assert_eq!(says(&run), AnswerKind::RollBack);
    run.mx_after(minutes(5), Mx::Error);
    assert!(run.c.early_cutover_since.is_some(), "silence proves nothing");
    run.mx_after(minutes(5), Mx::Old);
    assert!(run.c.early_cutover_since.is_none());
    run.mx_after(minutes(5), Mx::Ours);
    assert_eq!(run.times_told(Notice::EarlyCutoverAlarm), 2, "a new change is new");
}

#[test]
fn a_change_in_spite_of_a_hazard_is_early() {
    let mut run = Run::permitted(false);
    run.wait(minutes(5)).gate(Gate::Lint, Verdict::Fail);
    run.mx_after(minutes(5), Mx::Ours);
    assert_eq!((run.c.phase, says(&run)), (Phase::Ready, AnswerKind::RollBack));
    assert_eq!(run.times_told(Notice::EarlyCutoverAlarm), 1);
    run.wait(minutes(5)).pass(&[Gate::Lint]);
    assert_eq!(run.c.phase, Phase::Confirming);
}

#[test]
fn an_old_answer_restarts_the_window_and_the_72_hours_go_on() {
    let mut run = Run::permitted(false);
    run.mx_after(minutes(5), Mx::Mixed);
    let first = run.now;
    assert_eq!((run.c.phase, earliest_close(&run.c)), (Phase::Confirming, None));
    assert_eq!(waits_for(&run), [Actor::DnsProvider]);
    run.mx_after(minutes(5), Mx::Ours);
    assert_eq!(earliest_close(&run.c), Some(run.now + hours(24)));
    run.watched(hours(23));
    run.mx_after(minutes(15), Mx::Mixed);
    run.mx_after(minutes(15), Mx::Mixed);
    let broken = run.events.iter().filter(|(_, event)| matches!(event, Event::WindowBroken { .. })).count();
    assert_eq!(broken, 2, "one for each stretch, not for each round");
    assert!(run.c.window.as_ref().unwrap().broken_by.as_ref().unwrap().contains("ns2.example.net"));
    run.mx_after(minutes(15), Mx::Ours);
    let restarted = run.now;
    run.watched(hours(23));
    assert_eq!(earliest_close(&run.c), Some(restarted + hours(24)));
    assert_eq!(escalates_at(&run.c), Some(first + hours(72)));
}

#[test]
fn a_gap_in_the_polling_does_not_count() {
    let mut run = Run::permitted(true);
    run.mx(Mx::Ours);
    run.watched(hours(12));
    let close = earliest_close(&run.c).unwrap();
    run.mx_after(hours(3), Mx::Ours);
    assert_eq!(earliest_close(&run.c), Some(close + hours(3)));
    run.mx_after(minutes(60), Mx::Ours);
    assert_eq!(earliest_close(&run.c), Some(close + hours(3)), "sixty minutes are no gap");
    run.mx_after(minutes(30), Mx::Error);
    run.mx_after(minutes(31), Mx::Ours);
    assert_eq!(earliest_close(&run.c), Some(close + hours(3) + minutes(61)), "silence is no clean round");
}

#[test]
fn a_round_that_comes_late_opens_the_window_with_the_age_that_it_has() {
    let mut run = Run::permitted(true);
    run.mx_after(minutes(5), Mx::Mixed);
    run.wait(minutes(50));
    let seen = run.now - minutes(45);
    run.fact(&mx(Mx::Ours, seen));
    assert_eq!(earliest_close(&run.c), Some(run.now + hours(24)));
    let opened = run.now;
    run.mx_after(minutes(16), Mx::Ours);
    assert_eq!(earliest_close(&run.c), Some(opened + hours(24) + minutes(16)), "nobody had looked for 61 minutes");
}

#[test]
fn the_window_waits_for_t_star_the_resolvers_and_the_path() {
    let mut run = Run::permitted(true);
    run.mx_after(minutes(5), Mx::OursSlow);
    let t_star = run.now + hours(30);
    assert_eq!(earliest_close(&run.c), Some(t_star));
    run.watched(hours(30) - minutes(15));
    run.mx_after(minutes(15), Mx::OursStale);
    run.prove_path();
    assert_eq!(run.c.phase, Phase::Confirming, "a resolver still falsifies");
    run.wait(minutes(1)).gate(Gate::Probe, Verdict::Fail);
    run.mx_after(minutes(15), Mx::Ours);
    assert_eq!((run.c.phase, run.c.health), (Phase::Confirming, Health::DeliveryFailing));
    assert_eq!(waits_for(&run)[0], Actor::Customer);
    run.wait(minutes(1)).pass(&[Gate::Probe]);
    assert_eq!((run.c.phase, run.c.health), (Phase::Connected, Health::Good));
}

#[test]
fn after_72_hours_people_are_told_once_and_after_14_days_the_desk_decides() {
    let mut run = Run::permitted(true);
    run.mx_after(minutes(5), Mx::Mixed);
    let first = run.now;
    assert_eq!(run.due_at(TimerKind::Deadline), Some(first + hours(72)));
    run.wait(hours(72)).due();
    run.wait(hours(1)).due();
    assert_eq!(run.times_told(Notice::Overdue), 1);
    assert_eq!(run.c.phase, Phase::Confirming, "polling goes on");
    assert_eq!(run.due_at(TimerKind::Deadline), Some(first + hours(14 * 24)));
    run.wait(hours(14 * 24));
    assert!(waits_for(&run).contains(&Actor::Desk));
}

#[test]
fn an_mx_that_flips_back_leads_to_ready_and_keeps_the_first_change() {
    let mut run = Run::permitted(false);
    run.mx_after(minutes(5), Mx::Ours);
    let first = run.now;
    run.mx_after(hours(2), Mx::Old);
    assert_eq!((run.c.phase, says(&run)), (Phase::Ready, AnswerKind::ChangeNow), "a new permit on fresh evidence");
    assert_eq!(run.c.permit.as_ref().unwrap().number, 2);
    run.mx_after(hours(2), Mx::Ours);
    assert_eq!(escalates_at(&run.c), Some(first + hours(72)));
    assert_eq!(run.times_told(Notice::MxChangeSeen), 1);
}

#[test]
fn drift_needs_three_bad_rounds_over_a_quarter_of_an_hour_and_clears_after_two_good() {
    let mut run = Run::connected();
    run.mx_after(hours(1), Mx::Mixed);
    run.mx_after(minutes(1), Mx::Mixed);
    run.mx_after(minutes(1), Mx::Mixed);
    assert_eq!(run.c.phase, Phase::Connected, "three, but within two minutes");
    run.mx_after(minutes(12), Mx::Error);
    assert_eq!(run.c.phase, Phase::Connected);
    run.mx_after(minutes(1), Mx::Mixed);
    assert_eq!((run.c.phase, run.c.route), (Phase::Drifted, RouteMode::Deliver));
    assert_eq!((run.times_told(Notice::Drift), waits_for(&run)), (1, vec![Actor::Partner]));
    run.mx_after(minutes(5), Mx::Ours);
    assert_eq!(run.c.phase, Phase::Drifted);
    run.mx_after(minutes(5), Mx::Ours);
    assert_eq!(run.c.phase, Phase::Confirming);
    run.watched(hours(24));
    run.prove_path();
    run.mx_after(minutes(1), Mx::Ours);
    assert_eq!(run.c.phase, Phase::Connected);
    assert_eq!((run.times_told(Notice::Repaired), run.times_told(Notice::Connected)), (1, 1));
}

#[test]
fn a_connected_domain_that_drifts_again_while_confirming_never_needs_a_new_permit() {
    let mut run = Run::connected();
    for _ in 0..4 {
        run.mx_after(minutes(5), Mx::Old);
    }
    run.mx_after(minutes(5), Mx::Ours);
    run.mx_after(minutes(5), Mx::Ours);
    assert_eq!(run.c.phase, Phase::Confirming);
    for _ in 0..4 {
        run.mx_after(minutes(5), Mx::Old);
    }
    assert_eq!((run.c.phase, run.c.route), (Phase::Drifted, RouteMode::Deliver));
}

#[test]
fn a_connected_server_that_fails_changes_the_health_and_not_the_phase() {
    let mut run = Run::connected();
    run.wait(hours(24)).gate(Gate::Probe, Verdict::Inconclusive);
    assert_eq!(run.c.health, Health::Good);
    run.wait(minutes(1)).gate(Gate::Probe, Verdict::Fail);
    assert_eq!((run.c.phase, run.c.health, says(&run)), (Phase::Connected, Health::DeliveryFailing, AnswerKind::Done));
    assert_eq!(waits_for(&run), [Actor::Customer]);
    run.wait(minutes(1)).gate(Gate::Probe, Verdict::Inconclusive);
    assert_eq!(run.c.health, Health::DeliveryFailing);
    run.wait(minutes(1)).pass(&[Gate::Probe]);
    assert_eq!((run.c.health, run.times_told(Notice::DeliveryFailing)), (Health::Good, 1));
}

#[test]
fn the_old_path_may_be_closed_five_days_after_t_star() {
    let mut run = Run::connected();
    let until = run.c.old_path_needed_until.unwrap();
    assert_eq!(run.due_at(TimerKind::Deadline), Some(until));
    run.now = until;
    run.due();
    run.due();
    assert_eq!(run.times_told(Notice::MayCloseOldPath), 1);
}

#[test]
fn an_order_is_cancelled_only_before_a_route_existed() {
    let mut run = Run::ordered(false);
    run.mx(Mx::Old);
    run.fact(&by_person(3));
    assert_eq!((run.c.phase, run.c.route), (Phase::Cancelled, RouteMode::Absent));
    assert_eq!(timers(&run.c, run.now), [(TimerKind::Route, run.now)]);
    run.route();
    assert_eq!(timers(&run.c, run.now), []);

    let mut run = Run::permitted(false);
    run.wait(minutes(5)).gate(Gate::Allowlist, Verdict::Fail);
    assert_eq!(run.c.phase, Phase::Allowlisting);
    run.fact(&by_person(3));
    assert_eq!(run.c.phase, Phase::Releasing, "somebody may still hold the go-ahead");

    let mut run = Run::ordered(false);
    run.mx(Mx::Ours);
    run.fact(&by_person(3));
    assert_eq!((run.c.phase, run.c.route), (Phase::Releasing, RouteMode::Defer), "mail is on its way to the gateway");
}

#[test]
fn an_order_withdrawn_after_the_go_ahead_says_stop_and_keeps_the_route_for_a_day() {
    let mut run = Run::permitted(false);
    run.wait(hours(1)).fact(&by_person(3));
    assert_eq!((run.c.phase, says(&run)), (Phase::Releasing, AnswerKind::Stop));
    assert_eq!((run.times_told(Notice::Stop), run.times_told(Notice::PermissionWithdrawn)), (1, 0));
    run.mx_after(hours(23), Mx::Old);
    assert_eq!(run.c.route, RouteMode::Deliver);
    run.mx_after(hours(24), Mx::Old);
    assert_eq!(run.c.route, RouteMode::Absent);
    run.route();
    assert_eq!(run.c.phase, Phase::Released);
}

#[test]
fn people_are_asked_to_move_only_when_the_next_destination_takes_mail() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    assert_eq!((says(&run), waits_for(&run)), (AnswerKind::Wait, vec![Actor::Vendor]), "nobody has asked yet");
    run.wait(minutes(30));
    run.fact(&Fact::NextDestination { verdict: Verdict::Inconclusive, at: run.now });
    assert_eq!((says(&run), waits_for(&run)), (AnswerKind::Wait, vec![Actor::Time]), "no clear answer is not a no");
    run.wait(minutes(30));
    run.fact(&Fact::NextDestination { verdict: Verdict::Fail, at: run.now });
    assert_eq!((says(&run), waits_for(&run)), (AnswerKind::Wait, vec![Actor::Customer]));
    run.wait(minutes(30)).fact(&Fact::NextDestination { verdict: Verdict::Pass, at: start() });
    assert_eq!(run.times_told(Notice::MoveAway), 0, "that was before the release");
    run.wait(minutes(30));
    run.fact(&Fact::NextDestination { verdict: Verdict::Pass, at: run.now });
    assert_eq!((run.times_told(Notice::MoveAway), says(&run)), (1, AnswerKind::MoveAway));
    run.wait(hours(6));
    run.fact(&Fact::NextDestination { verdict: Verdict::Inconclusive, at: run.now });
    assert_eq!(says(&run), AnswerKind::MoveAway, "no clear answer takes nothing back");
}

#[test]
fn the_route_goes_only_after_the_departure_has_reached_every_sender() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    run.fact(&Fact::NextDestination { verdict: Verdict::Pass, at: run.now });
    run.mx_after(hours(1), Mx::OldCached);
    assert!(run.c.release.as_ref().unwrap().departed_at.is_none(), "a resolver still names the gateway");
    run.mx_after(hours(1), Mx::Old);
    let departed = run.now;
    assert_eq!(run.c.release.as_ref().unwrap().route_needed_until, Some(departed + hours(24)));
    run.mx_after(hours(23), Mx::Old);
    run.wait(minutes(90)).due();
    assert_eq!(run.c.route, RouteMode::Deliver, "nobody has looked since");
    run.mx_after(minutes(1), Mx::Old);
    assert_eq!((run.c.route, run.c.phase), (RouteMode::Absent, Phase::Releasing));
    run.route();
    assert_eq!((run.c.phase, run.times_told(Notice::Released)), (Phase::Released, 1));
    assert!(run.effects.contains(&Effect::DomainReleased { at: run.now }));
    assert_eq!(timers(&run.c, run.now), []);
    assert!(run.mx_after(hours(1), Mx::Ours).events.is_empty(), "final");
}

#[test]
fn an_mx_that_comes_back_cancels_the_departure() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    run.fact(&Fact::NextDestination { verdict: Verdict::Pass, at: run.now });
    run.mx_after(hours(1), Mx::Old);
    run.mx_after(hours(25), Mx::Old);
    assert_eq!(run.c.route, RouteMode::Absent);
    let late = run.now - hours(26);
    run.mx_after(minutes(1), Mx::Ours);
    assert_eq!((run.c.route, run.c.phase), (RouteMode::Deliver, Phase::Releasing));
    run.fact(&Fact::RouteApplied { mode: RouteMode::Deliver, at: late });
    assert_eq!(run.c.observed.route_confirmed, None);
    assert_eq!(run.times_told(Notice::MoveAway), 2, "asked again");
    run.mx_after(hours(1), Mx::Old);
    assert_eq!(run.c.release.as_ref().unwrap().route_needed_until, Some(run.now + hours(24)));
}

#[test]
fn a_domain_that_does_not_exist_departs_after_three_rounds_over_a_day_and_keeps_its_route_for_thirty() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    run.mx_after(hours(1), Mx::Nx);
    let first = run.now;
    run.mx_after(hours(12), Mx::Nx);
    run.mx_after(hours(11), Mx::Nx);
    assert!(run.c.release.as_ref().unwrap().departed_at.is_none(), "three rounds, but not over a day");
    run.now = first + hours(24);
    run.mx(Mx::Nx);
    let release = run.c.release.clone().unwrap();
    assert_eq!((release.how, release.route_needed_until), (Departure::Nxdomain, Some(run.now + hours(720))));
    assert!(answer(&run.c, run.now).reason.contains("does not exist"));
    run.mx_after(hours(719), Mx::Nx);
    assert_eq!(run.c.route, RouteMode::Deliver);
    run.mx_after(hours(2), Mx::Nx);
    assert_eq!(run.c.route, RouteMode::Absent);
}

#[test]
fn a_domain_that_comes_back_into_being_keeps_its_route() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    for _ in 0..4 {
        run.mx_after(hours(12), Mx::Nx);
    }
    assert!(run.c.release.as_ref().unwrap().departed_at.is_some());
    run.mx_after(hours(24), Mx::Ours);
    assert!(run.c.release.as_ref().unwrap().departed_at.is_none());
    run.mx_after(hours(1000), Mx::Ours);
    assert_eq!(run.c.route, RouteMode::Deliver);
}

#[test]
fn after_a_fortnight_of_silence_the_desk_decides_with_a_reason() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    assert!(run.fact(&by_person(6)).events.is_empty(), "nothing to decide: the MX is seen");
    run.mx_after(hours(1), Mx::Error);
    run.mx_after(hours(13 * 24), Mx::Error);
    assert!(run.fact(&by_person(6)).events.is_empty(), "too early");
    run.mx_after(hours(24), Mx::Error);
    run.mx_after(hours(1), Mx::Error);
    assert_eq!(run.times_told(Notice::ReleaseUndecidable), 1);
    assert_eq!(waits_for(&run), [Actor::Desk]);
    run.mx_after(hours(1), Mx::Ours);
    assert!(run.fact(&by_person(6)).events.is_empty(), "it can be seen again");
    run.mx_after(hours(1), Mx::Error);
    run.mx_after(hours(15 * 24), Mx::Error);
    run.fact(&by_person(6));
    assert_eq!(run.c.release.as_ref().unwrap().how, Departure::Decided);
    run.mx_after(hours(25), Mx::Error);
    assert_eq!(run.c.route, RouteMode::Absent);
    run.mx_after(minutes(1), Mx::Ours);
    assert_eq!(run.c.route, RouteMode::Deliver, "it names us after all: nothing may be lost");
}

#[test]
fn one_that_never_moves_is_cut_off_with_dates_and_notices() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    run.mx_after(hours(1), Mx::Ours);
    let announced = run.now;
    run.fact(&by_person(5));
    assert!(run.fact(&by_person(5)).events.is_empty(), "announced once");
    assert_eq!((run.times_told(Notice::CutOffAnnounced), run.c.route), (1, RouteMode::Deliver));
    assert_eq!(says(&run), AnswerKind::MoveAway);
    assert_eq!(run.due_at(TimerKind::Deadline), Some(announced + hours(720)));
    run.mx_after(hours(719), Mx::Ours);
    assert_eq!(run.c.route, RouteMode::Deliver);
    run.wait(hours(1)).due();
    assert_eq!((run.c.route, run.times_told(Notice::CutOffBegun)), (RouteMode::Defer, 1));
    run.mx_after(hours(71), Mx::Ours);
    assert_eq!(run.c.route, RouteMode::Defer);
    run.wait(hours(1)).due();
    assert_eq!((run.c.route, run.times_told(Notice::CutOffBegun)), (RouteMode::Reject, 1));
    run.mx_after(hours(1), Mx::Old);
    assert!(run.c.release.as_ref().unwrap().departed_at.is_some());
    run.mx_after(hours(25), Mx::Old);
    run.route();
    assert_eq!(run.c.phase, Phase::Released);
}

#[test]
fn one_that_moves_before_its_cut_off_is_never_deferred() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    run.mx_after(hours(1), Mx::Ours);
    run.fact(&by_person(5));
    run.mx_after(hours(700), Mx::Old);
    run.wait(hours(30)).due();
    assert_eq!(run.c.route, RouteMode::Deliver, "old answers still lead here");
    // Back again after the announced day: what was announced holds.
    run.mx_after(hours(1), Mx::Ours);
    assert_eq!(run.c.route, RouteMode::Defer);
    run.fact(&by_person(2));
    assert_eq!((run.c.phase, run.c.route), (Phase::Confirming, RouteMode::Deliver), "stays after all");
}

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

#[test]
fn a_customer_that_names_a_retiring_host_is_asked_once_and_thanked_by_silence() {
    let mut run = Run::connected();
    run.mx_after(hours(1), Mx::OursRetiring);
    run.mx_after(hours(1), Mx::OursRetiring);
    assert_eq!((run.times_told(Notice::HostRetiring), says(&run)), (1, AnswerKind::Done));
    assert_eq!(waits_for(&run), [Actor::Partner]);
    run.mx_after(hours(1), Mx::Ours);
    assert_eq!((run.c.asked_to_leave.len(), waits_for(&run)), (0, vec![]));
    run.mx_after(hours(1), Mx::OursRetiring);
    assert_eq!(run.times_told(Notice::HostRetiring), 2, "named again");
}

#[test]
fn a_host_that_is_retired_while_it_is_named_is_told_with_its_own_words_and_is_no_drift() {
    let mut run = Run::connected();
    run.mx_after(hours(1), Mx::OursRetiring);
    let gone = |now| {
        let Fact::Mx(fact) = mx(Mx::Ours, now) else { unreachable!() };
        Fact::Mx(MxFact { retired: vec!["mx9.gateway.example".to_owned()], ..fact })
    };
    for _ in 0..5 {
        let fact = gone(run.wait(hours(1)).now);
        run.fact(&fact);
    }
    assert_eq!((run.times_told(Notice::HostRetiring), run.times_told(Notice::HostRetired)), (1, 1));
    assert_eq!((run.c.phase, run.times_told(Notice::Drift)), (Phase::Connected, 0));
    assert_eq!(waits_for(&run), [Actor::Partner]);
    run.mx_after(hours(1), Mx::Ours);
    assert_eq!((run.c.names_retired.len(), waits_for(&run)), (0, vec![]));
}

#[test]
fn an_announced_address_is_asked_for_once_and_looked_at_daily_until_it_gets_in() {
    let mut run = Run::connected();
    let look = |run: &mut Run, time, met| {
        let fact = run.wait(time).now;
        let fact = run.under_setup(firewall(Verdict::Pass, met, fact));
        run.fact(&fact);
    };
    look(&mut run, hours(24), Announced::Unknown);
    assert_eq!(run.times_told(Notice::AddressAnnounced), 0, "nothing is known");
    run.wait(hours(30 * 24));
    look(&mut run, hours(1), Announced::Blocked);
    look(&mut run, hours(24), Announced::Blocked);
    look(&mut run, hours(24), Announced::Unknown);
    assert_eq!((run.times_told(Notice::AddressAnnounced), waits_for(&run)), (1, vec![Actor::Customer]));
    let next = run.due_at(TimerKind::Allowlist).unwrap().duration_since(run.now);
    assert!(next <= hours(27), "{next:?}");
    look(&mut run, hours(24), Announced::GetsIn);
    assert_eq!((run.c.asked_to_allow.len(), waits_for(&run)), (0, vec![]));
    let next = run.due_at(TimerKind::Allowlist).unwrap().duration_since(run.now);
    assert!(next > hours(48), "{next:?}");

    look(&mut run, hours(72), Announced::Retired);
    look(&mut run, hours(72), Announced::Retired);
    assert_eq!(run.times_told(Notice::AddressRetired), 1);
    assert_eq!(run.c.observed.egress.as_ref().unwrap().asked, active());
}

#[test]
fn nobody_is_asked_for_an_address_while_nothing_gets_in() {
    let mut run = Run::ordered(false);
    run.fact(&by_person(0));
    let fact = firewall(Verdict::Fail, Announced::Blocked, run.wait(minutes(1)).now);
    run.fact(&fact);
    assert_eq!((run.c.phase, run.times_told(Notice::AddressAnnounced)), (Phase::Allowlisting, 0));
    let fact = firewall(Verdict::Pass, Announced::Blocked, run.wait(minutes(1)).now);
    run.fact(&fact);
    assert_eq!((run.c.phase, run.times_told(Notice::AddressAnnounced)), (Phase::Probing, 1), "the others got in");
}

#[test]
fn a_customer_who_stays_after_all_is_confirmed_anew() {
    let mut run = Run::connected();
    run.wait(hours(1)).fact(&by_person(1));
    run.wait(hours(1)).fact(&by_person(2));
    assert_eq!((run.c.phase, run.c.route, &run.c.release), (Phase::Confirming, RouteMode::Deliver, &None));
    assert_eq!(earliest_close(&run.c), Some(run.now + hours(24)));

    let mut run = Run::permitted(false);
    run.fact(&by_person(3));
    run.wait(hours(1)).fact(&by_person(2));
    assert_eq!(run.c.phase, Phase::Ready, "its gates are still fresh");
}

#[test]
fn back_off_respects_greylisting_and_grows_to_two_hours() {
    let mut run = Run::ordered(true);
    run.fact(&by_person(0));
    let mut waits = Vec::new();
    for _ in 0..8 {
        run.gate(Gate::Probe, Verdict::Inconclusive);
        let due = run.due_at(TimerKind::Probe).unwrap();
        waits.push(due.duration_since(run.now).as_secs() / 60);
        run.now = due;
    }
    assert_eq!(waits, [1, 2, 5, 15, 30, 60, 120, 120]);
    let Fact::Gate(fact) = gate(Gate::Probe, Verdict::Inconclusive, run.now) else { unreachable!() };
    run.fact(&Fact::Gate(GateFact { retry_after: Some(hours(3)), ..fact }));
    assert_eq!(run.due_at(TimerKind::Probe), Some(run.now + hours(3)));
}

#[test]
fn the_mx_is_watched_from_the_order_on_and_ever_more_rarely_when_connected() {
    let mut run = Run::ordered(false);
    assert_eq!(run.due_at(TimerKind::Mx), Some(run.now));
    run.mx(Mx::Old);
    let wait = run.due_at(TimerKind::Mx).unwrap().duration_since(run.now).as_secs();
    assert!((54 * 60..=66 * 60).contains(&wait), "an hour, spread by a tenth: {wait}");

    let mut run = Run::connected();
    let mut waits = Vec::new();
    for _ in 0..14 {
        let due = run.due_at(TimerKind::Mx).unwrap();
        waits.push(due.duration_since(run.now).as_secs());
        run.now = due;
        run.mx(Mx::Ours);
    }
    assert!(waits.is_sorted());
    let last = *waits.last().unwrap();
    assert!((21 * 3600..=27 * 3600).contains(&last), "a day, spread by a tenth: {last}");
    run.mx(Mx::Ours);
    run.mx_after(hours(1), Mx::Mixed);
    assert_eq!(run.due_at(TimerKind::Mx), Some(run.now + minutes(5)), "any change: soon again");
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

#[test]
fn the_desk_may_accept_an_mx_as_it_is() {
    let mut run = Run::permitted(true);
    let accepted = Fact::MxAccepted { names: vec![domain()], reason: "hybrid".to_owned(), by: "desk".to_owned() };
    assert!(run.fact(&accepted).hurry);
    assert!(run.fact(&accepted).events.is_empty());
    assert_eq!(run.c.accepted_mx.as_ref().unwrap().reason, "hybrid");
}

#[test]
fn the_table_is_printed() {
    insta::assert_snapshot!("table", render_table(table()));
    insta::assert_snapshot!("mermaid", render_mermaid(table()));
}
