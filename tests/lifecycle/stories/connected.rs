//! A connected domain, watched for ever: drift, failing servers, how often is looked.

use fencepost::lifecycle::connection::{Fact, Gate, GateFact, Health, Notice, Phase, RouteMode, TimerKind};
use fencepost::status::AnswerKind;
use fencepost_checks::{Actor, Verdict};

use super::{says, waits_for};
use crate::script::{Mx, Run, by_person, domain, gate, hours, minutes};

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
fn the_desk_may_accept_an_mx_as_it_is() {
    let mut run = Run::permitted(true);
    let accepted = Fact::MxAccepted { names: vec![domain()], reason: "hybrid".to_owned(), by: "desk".to_owned() };
    assert!(run.fact(&accepted).hurry);
    assert!(run.fact(&accepted).events.is_empty());
    assert_eq!(run.c.accepted_mx.as_ref().unwrap().reason, "hybrid");
}
