//! How an order or a connection ends.

use fencepost::lifecycle::connection::{
    Departure, Effect, Fact, Gate, Notice, Phase, RouteMode, TimerKind, answer, earliest_close, timers,
};
use fencepost::status::AnswerKind;
use fencepost_checks::{Actor, Verdict};

use super::{says, waits_for};
use crate::script::{Mx, Run, by_person, hours, minutes, start};

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
