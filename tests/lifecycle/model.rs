//! An exhaustive walk over the machine itself. A state of the model is a [`Connection`] whose times
//! are kept relative to the present and clamped where they stop to matter, and the oracle's own
//! memory of the facts; a step is any fact at all, late ones too, or time passing.

mod normal;
mod planted;
mod worlds;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fencepost::lifecycle::connection::{
    Connection, Decision, Event, Fact, Gate, GateFact, Phase, RouteMode, SwapStage, decide, evolve, open, table,
};
use fencepost::lifecycle::permit::Setup;
use fencepost_checks::Verdict;
use jiff::Timestamp;
use stateright::{Checker, Model, Property};

use self::normal::normal;
use self::worlds::machines;
use crate::oracle::{Flaw, Oracle};
use crate::script::{ALL_GATES, Announced, Mx, Run, by_person, domain, firewall, gate, hours, mx, new_server, start};

type Decide = fn(&Connection, &Fact, Timestamp) -> Decision;

/// The machine under test, and which part of the outside world it meets.
struct Machine {
    decide: Decide,
    hosted: bool,
    /// Verdicts that gates are seen with, in the order of [`ALL_GATES`].
    verdicts: [&'static [Verdict]; 4],
    rounds: &'static [Mx],
    persons: &'static [u8],
    /// How long nobody looks, and how long everybody looks hourly: hours.
    silences: &'static [i64],
    watches: &'static [i64],
    /// Facts may arrive six hours after they were seen.
    late: bool,
    /// The gateway may be configured anew.
    reconfigured: bool,
    /// What may become of an announced address.
    announced: &'static [Announced],
    /// Verdicts with which own servers that shall replace others are seen: firewall, server.
    next: [&'static [Verdict]; 2],
    begins: Begin,
    seen: Arc<Mutex<BTreeSet<(Phase, Phase)>>>,
}

/// Where a walk begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Begin {
    Ordered,
    Connected,
    Imported,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    c: Connection,
    oracle: Oracle,
    flaws: Vec<Flaw>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Person(u8),
    Gate(Gate, Verdict),
    Firewall(Verdict, Announced),
    NewServer(Gate, Verdict),
    /// Seen six hours ago.
    LateGate(Gate, Verdict),
    Mx(Mx),
    LateMx(Mx),
    RouteApplied,
    /// Six hours ago.
    LateRoute(RouteMode),
    NextDestination(Verdict),
    Due,
    /// The gateway's hosts or addresses are others from now on.
    Reconfigured,
    /// Nobody looks for so many hours.
    Silence(i64),
    /// So many hours of clean rounds, hourly.
    Watched(i64),
}

const PASS: Verdict = Verdict::Pass;
const FAIL: Verdict = Verdict::Fail;
const OPEN: Verdict = Verdict::Inconclusive;

impl Model for Machine {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let (c, now) = match self.begins {
            Begin::Ordered => (open(domain(), self.hosted, start()).0, start()),
            Begin::Connected => {
                let run = Run::connected_as(self.hosted);
                (run.c, run.now)
            }
            Begin::Imported => (Run::imported(true).c, start()),
        };
        let c = Connection { hosted: self.hosted, ..c };
        let mx_at = c.observed.mx.as_ref().map(|mx| mx.last_at);
        let oracle = Oracle { names_us: self.begins == Begin::Connected, mx_at, ..Oracle::default() };
        vec![normal(World { c, oracle, flaws: Vec::new() }, now, self.late)]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        let phase = world.c.phase;
        let heard = |n: u8| match n {
            0 => phase == Phase::Ordered,
            2 | 5 => phase == Phase::Releasing,
            6 => world.c.release.as_ref().is_some_and(|release| release.told_undecidable),
            8 => world.c.route_change.is_some(),
            11 => world.c.suspension.is_some(),
            9 | 10 => world.c.suspension.is_none() && phase < Phase::Releasing,
            _ => phase < Phase::Releasing,
        };
        steps.extend(self.persons.iter().filter(|n| heard(**n)).map(|n| Step::Person(*n)));
        for (which, verdicts) in ALL_GATES.into_iter().zip(self.verdicts) {
            let of_use = match which {
                Gate::Gateway if world.c.route_change.is_some() => phase <= Phase::Drifted,
                Gate::Gateway | Gate::Lint => phase <= Phase::Confirming,
                Gate::Allowlist | Gate::Probe => phase <= Phase::Drifted,
            };
            if of_use {
                steps.extend(verdicts.iter().map(|verdict| Step::Gate(which, *verdict)));
                if self.late && !verdicts.is_empty() {
                    steps.extend([Step::LateGate(which, PASS), Step::LateGate(which, FAIL)]);
                }
            }
        }
        if world.c.route_change.as_ref().is_some_and(|change| change.stage == SwapStage::Verifying) {
            for (which, verdicts) in ALL_GATES.into_iter().zip(self.next) {
                steps.extend(verdicts.iter().map(|verdict| Step::NewServer(which, *verdict)));
            }
        }
        steps.extend(self.rounds.iter().map(|kind| Step::Mx(*kind)));
        if self.late {
            steps.extend([Step::LateMx(Mx::Ours), Step::LateMx(Mx::Old), Step::LateRoute(RouteMode::Deliver)]);
            steps.push(Step::LateRoute(RouteMode::Absent));
        }
        if world.c.observed.route_confirmed != Some(world.c.route) {
            steps.push(Step::RouteApplied);
        }
        steps.push(Step::Due);
        for met in self.announced {
            steps.extend([Step::Firewall(PASS, *met), Step::Firewall(FAIL, *met)]);
        }
        if self.reconfigured && phase <= Phase::Drifted {
            steps.push(Step::Reconfigured);
        }
        steps.extend(self.silences.iter().map(|n| Step::Silence(*n)));
        if phase == Phase::Confirming {
            steps.extend(self.watches.iter().map(|n| Step::Watched(*n)));
        }
        if phase == Phase::Releasing {
            steps.extend([Verdict::Pass, Verdict::Fail, Verdict::Inconclusive].map(Step::NextDestination));
        }
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        let mut next = world.clone();
        let mut now = start();
        match step {
            Step::Reconfigured => {
                next.c.setup = Setup::numbered(u32::from(next.c.setup == Setup::default()));
                next.oracle.judge_state(&next.c, now, &mut next.flaws);
            }
            Step::Silence(n) => {
                now += hours(n);
                next.oracle.judge_state(&next.c, now, &mut next.flaws);
            }
            Step::Watched(n) => {
                for _ in 0..n {
                    now += hours(1);
                    self.happen(&mut next, &mx(Mx::Ours, now), now);
                }
            }
            _ => {
                let fact = match fact_of(step, world, now) {
                    Fact::Gate(fact) => Fact::Gate(GateFact { setup: world.c.setup, ..fact }),
                    Fact::NewServer(fact) => Fact::NewServer(GateFact { setup: world.c.setup, ..fact }),
                    other => other,
                };
                self.happen(&mut next, &fact, now);
            }
        }
        let next = normal(next, now, self.late);
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! never {
            ($flaw:ident, $name:literal) => {
                Property::always($name, |_: &Machine, world: &World| !world.flaws.contains(&Flaw::$flaw))
            };
        }
        vec![
            never!(PermitWithoutEvidence, "a permit rests on fresh passes"),
            never!(PermittedWithoutPermit, "no change permitted without a valid permit"),
            never!(ConnectedTooEarly, "connected only after the window"),
            never!(RouteRemovedTooEarly, "no route removed while the MX names the gateway"),
            never!(ReleasedWithRoute, "released only when the route is gone"),
            never!(DeliversBeforeGates, "defers before the gates have passed"),
            never!(Forgotten, "always a timer and somebody to wait for"),
            never!(SpinsOnDeadline, "a deadline that is due changes something"),
            never!(ToldTwice, "nothing is told twice"),
            never!(TransitionNotInTable, "every change of phase is in the table"),
            never!(FinalPhaseLeft, "final phases are final"),
            never!(SwitchedUnverified, "the route goes only to own servers that were seen to take mail"),
            never!(CutOffUnannounced, "mail is deferred after 30 announced days and refused after three more"),
            never!(HeldTooLong, "a suspension defers mail for 72 hours at most"),
            never!(ImportWrittenUnproven, "an imported route is written only after its path was proven"),
            never!(AnnouncedMatters, "an announced address is a request and nothing else"),
            never!(DriftedByEdit, "no drift without three rounds that show another MX"),
        ]
    }
}

impl Machine {
    fn happen(&self, world: &mut World, fact: &Fact, now: Timestamp) {
        world.oracle.learn(fact, now);
        let decision = (self.decide)(&world.c, fact, now);
        let after = evolve(&world.c, &decision, now);
        let flaws = world.oracle.judge(&world.c, fact, &decision, &after, now);
        world.flaws.extend(flaws);
        let mut seen = self.seen.lock().unwrap();
        let mut from = world.c.phase;
        for event in &decision.events {
            if let Event::PhaseEntered { phase, .. } = event {
                seen.insert((from, *phase));
                from = *phase;
            }
        }
        world.c = after;
    }
}

fn fact_of(step: Step, world: &World, now: Timestamp) -> Fact {
    let earlier = now - hours(6);
    match step {
        Step::Person(n) => by_person(n),
        Step::Gate(which, verdict) => gate(which, verdict, now),
        Step::Firewall(verdict, met) => firewall(verdict, met, now),
        Step::NewServer(which, verdict) => new_server(which, verdict, now),
        Step::LateGate(which, verdict) => gate(which, verdict, earlier),
        Step::Mx(kind) => mx(kind, now),
        Step::LateMx(kind) => mx(kind, earlier),
        Step::RouteApplied => Fact::RouteApplied { mode: world.c.route, at: now },
        Step::LateRoute(mode) => Fact::RouteApplied { mode, at: earlier },
        Step::NextDestination(verdict) => Fact::NextDestination { verdict, at: now },
        Step::Due | Step::Reconfigured | Step::Silence(_) | Step::Watched(_) => Fact::Due,
    }
}

fn walk(machine: Machine) -> (usize, Vec<(&'static str, String)>) {
    let checker = machine.checker().threads(2).spawn_bfs().join();
    let broken = checker
        .discoveries()
        .into_iter()
        .map(|(name, path)| (name, format!("{:?}\n{:#?}", path.clone().into_actions(), path.last_state())))
        .collect();
    (checker.unique_state_count(), broken)
}

#[test]
fn no_reachable_state_breaks_an_invariant() {
    let seen = Arc::default();
    let mut states = 0;
    for (name, machine) in machines(decide, &seen) {
        let (count, broken) = walk(machine);
        eprintln!("{name}: {count} states");
        assert!(broken.is_empty(), "{name}: {}: {}", broken[0].0, broken[0].1);
        states += count;
    }
    eprintln!("{states} states in all");
    assert!(states > 10_000, "the walk has become too small to mean anything: {states} states");
    let seen: BTreeSet<_> = seen.lock().unwrap().iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let rows: BTreeSet<_> = table().iter().filter(|row| row.from != "-").map(|row| (row.from, row.to)).collect();
    assert_eq!(seen, rows, "the table tells what can happen, no more and no less");
}
