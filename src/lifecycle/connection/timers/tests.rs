//! How often a domain is looked at: every clause of the rule for re-verification, by itself.

use std::collections::BTreeSet;

use fencepost_checks::mx::MxVerdict;

use super::*;
use crate::lifecycle::connection::open;
use crate::lifecycle::connection::state::{Observed, Window};
use crate::lifecycle::permit::Setup;

const NOW: i64 = 1_800_000_000;
/// How far a domain's own share of the spread may go, percent.
const SHARE: f64 = 10.0;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(NOW).unwrap() + HOUR * i32::try_from(hours).unwrap()
}

fn mx_seen(first_at: Timestamp, last_at: Timestamp) -> MxSeen {
    MxSeen {
        verdict: MxVerdict::OursOnly,
        names: Vec::new(),
        ours_published: true,
        old_published: false,
        complete: true,
        first_at,
        last_at,
        clean_rounds: 9,
        last_clean_at: Some(last_at),
        bad_rounds: 0,
        bad_since: None,
        t_star: None,
        resolvers_stale: false,
        names_us: true,
        gone: false,
        gone_since: None,
        nx_rounds: 0,
        nx_since: None,
        silent_since: None,
        retiring: Vec::new(),
        retired: Vec::new(),
        ours: Vec::new(),
        whole: Vec::new(),
    }
}

fn gate_seen(first_at: Timestamp, last_at: Timestamp) -> GateSeen {
    GateSeen {
        verdict: Verdict::Pass,
        blocking: Vec::new(),
        first_at,
        last_at,
        last_pass_at: Some(last_at),
        not_before: None,
        not_after: None,
        misses: 0,
        evidence: String::new(),
        setup: Setup::default(),
    }
}

/// A domain in a phase since the beginning, where everything was well then.
fn domain_in(phase: Phase, name: &str) -> Connection {
    let (connection, _) = open(DomainName::parse(name).unwrap(), false, at(0));
    let gate = Some(gate_seen(at(0), at(0)));
    let observed = Observed {
        allowlist: gate.clone(),
        probe: gate.clone(),
        gateway: gate.clone(),
        lint: gate,
        mx: Some(mx_seen(at(0), at(0))),
        route_confirmed: Some(RouteMode::Deliver),
        ..Observed::default()
    };
    Connection {
        phase,
        phase_since: at(0),
        route: RouteMode::Deliver,
        connected_at: Some(at(0)),
        observed,
        ..connection
    }
}

fn connected() -> Connection {
    domain_in(Phase::Connected, "customer.example")
}

fn due(c: &Connection, kind: TimerKind, now: Timestamp) -> SignedDuration {
    let found = timers(c, now).into_iter().find(|(k, _)| *k == kind);
    found.unwrap_or_else(|| panic!("{kind:?} is never due")).1.duration_since(now)
}

/// Looks at a quiet domain whenever they are due; the pauses in between.
fn pauses(kind: TimerKind, days: i64) -> Vec<SignedDuration> {
    let mut c = connected();
    let mut now = at(0);
    let mut pauses = Vec::new();
    while now < at(24 * days) {
        let pause = due(&c, kind, now);
        now += pause;
        match kind {
            TimerKind::Mx => c.observed.mx = Some(mx_seen(at(0), now)),
            TimerKind::Probe => c.observed.probe = Some(gate_seen(at(0), now)),
            _ => c.observed.allowlist = Some(gate_seen(at(0), now)),
        }
        pauses.push(pause);
    }
    pauses
}

fn about(pause: SignedDuration, wanted: SignedDuration) -> bool {
    let ratio = pause.as_secs_f64() / wanted.as_secs_f64();
    (ratio - 1.0).abs() * 100.0 <= SHARE + 0.1
}

#[test]
fn while_the_mx_changes_it_is_asked_every_minute_to_every_five() {
    assert_eq!(due(&domain_in(Phase::Ready, "d.example"), TimerKind::Mx, at(0)), MINUTE * 5);
    let mut c = domain_in(Phase::Confirming, "d.example");
    for (running, clean_rounds, hours, wanted) in
        [(true, 1, 0, MINUTE), (true, 2, 30, MINUTE), (false, 0, 0, MINUTE), (false, 0, 30, MINUTE * 5)]
    {
        c.window = Some(Window {
            first_change_at: at(0),
            opened_at: at(0),
            running,
            extended_by: SignedDuration::ZERO,
            broken_by: None,
        });
        c.observed.mx = Some(MxSeen { clean_rounds, ..mx_seen(at(0), at(hours)) });
        assert_eq!(due(&c, TimerKind::Mx, at(hours)), wanted, "running {running}, {clean_rounds} clean, {hours} h");
    }
}

#[test]
fn in_the_window_dns_is_asked_every_quarter_of_an_hour_and_servers_every_two_hours() {
    let mut c = domain_in(Phase::Confirming, "d.example");
    c.window = Some(Window {
        first_change_at: at(0),
        opened_at: at(0),
        running: true,
        extended_by: SignedDuration::ZERO,
        broken_by: None,
    });
    c.observed.mx = Some(MxSeen { clean_rounds: AGREED_ROUNDS, ..mx_seen(at(0), at(0)) });
    assert_eq!(due(&c, TimerKind::Mx, at(0)), MINUTE * 15);
    assert_eq!(due(&c, TimerKind::Probe, at(0)), HOUR * 2);
    assert_eq!(due(&c, TimerKind::Gateway, at(0)), HOUR * 2);
}

#[test]
fn a_stable_mx_is_asked_after_an_hour_and_then_half_as_late_again_up_to_a_day() {
    let pauses = pauses(TimerKind::Mx, 60);
    assert!(about(pauses[0], HOUR), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause >= HOUR * 9 / 10 && *pause <= DAY * 11 / 10), "{pauses:?}");
    assert!(pauses.is_sorted(), "ever more rarely: {pauses:?}");
    assert!(pauses.iter().rev().take(30).all(|pause| about(*pause, DAY)), "daily in the end: {pauses:?}");
    // A look at the age of t is followed by one at 1.5 t, more or less the domain's share of the spread.
    let mut age = SignedDuration::ZERO;
    let mut grown = 0;
    for pause in pauses {
        if age >= HOUR * 2 && age <= DAY * 2 {
            assert!(about(pause, age / 2), "{pause:?} at the age of {age:?}");
            grown += 1;
        }
        age += pause;
    }
    assert!(grown > 4, "{grown}");
}

#[test]
fn servers_of_a_stable_domain_are_talked_to_after_a_day_and_after_three_in_the_end() {
    for kind in [TimerKind::Probe, TimerKind::Allowlist] {
        let pauses = pauses(kind, 90);
        assert!(about(pauses[0], DAY), "{kind:?}: {pauses:?}");
        assert!(pauses.is_sorted(), "{kind:?}: {pauses:?}");
        assert!(pauses.iter().rev().take(10).all(|pause| about(*pause, DAY * 3)), "{kind:?}: {pauses:?}");
    }
}

/// A year of quiet, and then something changed, or changed and was taken back: `first_at` is new in both cases.
#[test]
fn a_change_begins_the_intervals_anew_and_so_does_one_that_was_taken_back() {
    let year = 24 * 365;
    let mut c = connected();
    c.observed.mx = Some(mx_seen(at(0), at(year)));
    c.observed.probe = Some(gate_seen(at(0), at(year)));
    assert!(about(due(&c, TimerKind::Mx, at(year)), DAY) && about(due(&c, TimerKind::Probe, at(year)), DAY * 3));
    c.observed.mx = Some(mx_seen(at(year), at(year)));
    assert!(about(due(&c, TimerKind::Mx, at(year)), HOUR), "the MX");
    c.observed.probe = Some(gate_seen(at(year), at(year)));
    assert!(about(due(&c, TimerKind::Probe, at(year)), DAY), "a gate");
    // A drift that was repaired: the phase is new.
    c.observed.mx = Some(mx_seen(at(0), at(year)));
    c.phase_since = at(year);
    assert!(about(due(&c, TimerKind::Mx, at(year)), HOUR), "the phase");
    // Bad at this moment: minutes.
    c.observed.mx = Some(MxSeen { clean_rounds: 0, bad_rounds: 1, ..mx_seen(at(year), at(year)) });
    assert_eq!(due(&c, TimerKind::Mx, at(year)), MINUTE * 5);
}

#[test]
fn a_certificate_that_ends_soon_brings_the_next_look_forward() {
    let year = 24 * 365;
    let mut c = connected();
    c.observed.probe = Some(GateSeen { not_after: Some(at(year + 24)), ..gate_seen(at(0), at(year)) });
    assert_eq!(due(&c, TimerKind::Probe, at(year)), DAY);
}

#[test]
fn due_times_are_spread_by_a_tenth_the_same_for_a_domain_each_time() {
    for (kind, wanted) in [(TimerKind::Mx, HOUR), (TimerKind::Probe, DAY), (TimerKind::Allowlist, DAY)] {
        let of = |n: u32| due(&domain_in(Phase::Connected, &format!("d{n}.example")), kind, at(0));
        let all: Vec<SignedDuration> = (0..2_000).map(of).collect();
        assert!(all.iter().all(|pause| about(*pause, wanted)), "{kind:?}");
        assert_eq!(all, (0..2_000).map(of).collect::<Vec<_>>(), "{kind:?}: by the name alone");
        let distinct: BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 21, "{kind:?}: every percent from -10 to 10");
        for pause in distinct {
            let share = all.iter().filter(|other| *other == pause).count();
            assert!((40..=180).contains(&share), "{kind:?}: {share} of 2000 come after {pause:?}");
        }
    }
}
