//! Long random histories with odd times, late and contradictory facts: the oracle is content after
//! every step, the events alone give the state again, and a well-behaved customer always arrives.

use fencepost::lifecycle::connection::{Fact, Gate, GateFact, Phase, RouteMode, TimerKind, apply, open, timers};
use fencepost_checks::Verdict;
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::oracle::Oracle;
use crate::script::{ALL_GATES, Mx, Run, by_person, domain, gate, minutes, mx, new_server, start};

#[derive(Debug, Clone)]
enum Act {
    Wait(i64),
    Person(u8),
    /// Gate, verdict, seen so many seconds ago (negative: in the future), greylisted.
    Gate(Gate, Verdict, i64, bool),
    Mx(Mx, i64),
    /// Allowlist or probe of the own servers that shall replace others.
    NewServer(Gate, Verdict),
    Route(Option<RouteMode>, i64),
    NextDestination(Verdict, i64),
    /// Clean rounds every quarter of an hour.
    Watched(i64),
    AllPass,
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![4 => Just(Verdict::Pass), 1 => Just(Verdict::Inconclusive), 1 => Just(Verdict::Fail)]
}

fn lateness() -> impl Strategy<Value = i64> {
    prop_oneof![6 => Just(0_i64), 1 => -100_000..200_000_i64]
}

fn act() -> impl Strategy<Value = Act> {
    let rounds = prop::sample::select(vec![
        Mx::Ours,
        Mx::OursSlow,
        Mx::OursStale,
        Mx::Mixed,
        Mx::Old,
        Mx::OldCached,
        Mx::Error,
        Mx::Nx,
        Mx::OursRetiring,
    ]);
    let modes = prop::sample::select(vec![RouteMode::Defer, RouteMode::Deliver, RouteMode::Absent]);
    prop_oneof![
        4 => prop_oneof![1..120_i64, 120..7_200_i64, 7_200..400_000_i64].prop_map(Act::Wait),
        2 => prop_oneof![6 => Just(0_u8), 1 => Just(1_u8), 3 => Just(2_u8), 1 => Just(3_u8), 1 => Just(4_u8), 4 => 5..=12_u8]
            .prop_map(Act::Person),
        6 => (prop::sample::select(ALL_GATES.to_vec()), verdict(), lateness(), any::<bool>())
            .prop_map(|(gate, verdict, late, grey)| Act::Gate(gate, verdict, late, grey)),
        5 => (rounds, lateness()).prop_map(|(kind, late)| Act::Mx(kind, late)),
        2 => (prop::sample::select(vec![Gate::Allowlist, Gate::Probe]), verdict()).prop_map(|(g, v)| Act::NewServer(g, v)),
        4 => (prop::option::weighted(0.2, modes), lateness()).prop_map(|(mode, late)| Act::Route(mode, late)),
        1 => (verdict(), lateness()).prop_map(|(verdict, late)| Act::NextDestination(verdict, late)),
        1 => (1..30_i64).prop_map(Act::Watched),
        3 => Just(Act::AllPass),
    ]
}

/// The connection with the oracle beside it.
struct Watched {
    run: Run,
    oracle: Oracle,
}

impl Watched {
    fn fact(&mut self, fact: &Fact) -> Result<(), TestCaseError> {
        self.oracle.learn(fact, self.run.now);
        let before = self.run.c.clone();
        let decision = self.run.fact(fact);
        let flaws = self.oracle.judge(&before, fact, &decision, &self.run.c, self.run.now);
        prop_assert!(flaws.is_empty(), "{flaws:?} after {fact:?} at {}: {before:#?} {decision:#?}", self.run.now);
        Ok(())
    }

    fn act(&mut self, act: &Act) -> Result<(), TestCaseError> {
        let ago = |seconds: i64, run: &Run| run.now - SignedDuration::from_secs(seconds);
        match act {
            Act::Wait(seconds) => {
                self.run.wait(SignedDuration::from_secs(*seconds));
                let mut flaws = Vec::new();
                self.oracle.judge_state(&self.run.c, self.run.now, &mut flaws);
                prop_assert!(flaws.is_empty(), "{flaws:?} after waiting until {}: {:#?}", self.run.now, self.run.c);
                self.fact(&Fact::Due)
            }
            Act::Person(n) => self.fact(&by_person(*n)),
            Act::Gate(which, verdict, late, grey) => {
                let Fact::Gate(fact) = gate(*which, *verdict, ago(*late, &self.run)) else { unreachable!() };
                self.fact(&Fact::Gate(GateFact { retry_after: grey.then(|| minutes(late.abs())), ..fact }))
            }
            Act::NewServer(which, verdict) => self.fact(&new_server(*which, *verdict, self.run.now)),
            Act::Mx(kind, late) => self.fact(&mx(*kind, ago(*late, &self.run))),
            Act::Route(mode, late) => {
                let mode = mode.unwrap_or(self.run.c.route);
                self.fact(&Fact::RouteApplied { mode, at: ago(*late, &self.run) })
            }
            Act::NextDestination(verdict, late) => {
                self.fact(&Fact::NextDestination { verdict: *verdict, at: ago(*late, &self.run) })
            }
            Act::Watched(hours) => {
                for _ in 0..hours * 4 {
                    self.run.wait(minutes(15));
                    self.fact(&mx(Mx::Ours, self.run.now))?;
                }
                Ok(())
            }
            Act::AllPass => {
                for which in ALL_GATES {
                    self.fact(&gate(which, Verdict::Pass, self.run.now))?;
                }
                Ok(())
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_history_breaks_an_invariant(hosted in any::<bool>(), acts in prop::collection::vec(act(), 50..300)) {
        let mut watched = Watched { run: Run::ordered(hosted), oracle: Oracle::default() };
        for act in &acts {
            watched.act(act)?;
        }
        let run = watched.run;
        let (mut replayed, _) = open(domain(), hosted, start());
        for (at, event) in &run.events {
            apply(&mut replayed, event, *at);
        }
        replayed.observed = run.c.observed.clone();
        prop_assert_eq!(&replayed, &run.c, "the events alone give the state");
    }

    /// Whatever went wrong first: once the world is in order, and the timers alone decide who is
    /// asked when, every connection that is not ending gets connected.
    #[test]
    fn a_well_behaved_customer_always_arrives(hosted in any::<bool>(), acts in prop::collection::vec(act(), 0..60)) {
        let mut watched = Watched { run: Run::ordered(hosted), oracle: Oracle::default() };
        for act in acts.iter().filter(|act| !matches!(act, Act::Person(1..=3 | 9..=10))) {
            watched.act(act)?;
        }
        // Past the last instant that a server in the future pretended to be seen at.
        watched.run.wait(minutes(1));
        watched.fact(&by_person(0))?;
        let end = watched.run.now + SignedDuration::from_hours(10 * 24);
        while watched.run.c.phase != Phase::Connected && watched.run.now < end {
            let due = timers(&watched.run.c, watched.run.now);
            let (kind, at) = due.into_iter().min_by_key(|(kind, at)| (*at, *kind)).unwrap();
            watched.run.now = watched.run.now.max(at) + SignedDuration::from_secs(1);
            let now = watched.run.now;
            let fact = match kind {
                TimerKind::Allowlist => gate(Gate::Allowlist, Verdict::Pass, now),
                TimerKind::Probe => gate(Gate::Probe, Verdict::Pass, now),
                TimerKind::Gateway => gate(Gate::Gateway, Verdict::Pass, now),
                TimerKind::NextAllowlist => new_server(Gate::Allowlist, Verdict::Pass, now),
                TimerKind::NextProbe => new_server(Gate::Probe, Verdict::Pass, now),
                TimerKind::Lint => gate(Gate::Lint, Verdict::Pass, now),
                // The partner acts on the go-ahead, and not before.
                TimerKind::Mx if watched.run.c.phase >= Phase::Ready && watched.run.c.permits_issued > 0
                    || watched.run.c.phase >= Phase::Confirming => mx(Mx::Ours, now),
                TimerKind::Mx => mx(Mx::Old, now),
                TimerKind::Route => Fact::RouteApplied { mode: watched.run.c.route, at: now },
                TimerKind::NextDestination => Fact::NextDestination { verdict: Verdict::Pass, at: now },
                TimerKind::Deadline => Fact::Due,
            };
            watched.fact(&fact)?;
        }
        prop_assert_eq!(watched.run.c.phase, Phase::Connected, "{:#?}", watched.run.c);
    }
}

/// Histories that once broke an invariant.
#[test]
fn what_was_mended_stays_mended() {
    use Act::{AllPass, Gate as Look, Mx as Round, NewServer, Person, Route, Wait};
    use Verdict::{Fail, Pass};

    let deferral_ends_after_the_servers_were_replaced =
        vec![Person(0), AllPass, Person(10), Person(7), Wait(248_399), Wait(10_802)];
    let change_withdrawn_under_a_permit = vec![
        Person(0),
        Round(Mx::Ours, 0),
        AllPass,
        Person(7),
        NewServer(Gate::Probe, Pass),
        Wait(1),
        NewServer(Gate::Allowlist, Pass),
        Round(Mx::Old, 0),
        Route(None, 0),
        Look(Gate::Gateway, Pass, 0, false),
        Person(8),
    ];
    let refused_by_a_look_ahead_of_the_clock = vec![
        AllPass,
        Person(0),
        Round(Mx::Ours, 0),
        Person(7),
        Route(None, 0),
        NewServer(Gate::Allowlist, Pass),
        NewServer(Gate::Probe, Pass),
        Look(Gate::Allowlist, Fail, -1, false),
    ];
    for acts in [
        deferral_ends_after_the_servers_were_replaced,
        change_withdrawn_under_a_permit,
        refused_by_a_look_ahead_of_the_clock,
    ] {
        let mut watched = Watched { run: Run::ordered(false), oracle: Oracle::default() };
        for act in &acts {
            watched.act(act).unwrap();
        }
    }
}
