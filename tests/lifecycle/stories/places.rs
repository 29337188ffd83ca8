//! MX hosts and addresses of the gateway that come and go.

use fencepost::lifecycle::connection::{Fact, MxFact, Notice, Phase, TimerKind};
use fencepost::status::AnswerKind;
use fencepost_checks::{Actor, Verdict};

use super::{says, waits_for};
use crate::script::{Announced, Mx, Run, active, by_person, firewall, hours, minutes, mx};

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
