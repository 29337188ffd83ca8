//! The change of the MX: too early, seen, and the window until it is trusted.

use fencepost::lifecycle::connection::{
    Event, Gate, Health, Notice, Phase, RouteMode, TimerKind, earliest_close, escalates_at,
};
use fencepost::status::AnswerKind;
use fencepost_checks::{Actor, Verdict};

use super::{says, waits_for};
use crate::script::{Mx, Run, by_person, hours, minutes, mx};

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
