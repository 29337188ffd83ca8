//! An exhaustive walk over the machine itself. A state of the model is a [`Connection`] whose times
//! are kept relative to the present and clamped where they stop to matter, and the oracle's own
//! memory of the facts; a step is any fact at all, late ones too, or time passing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fencepost::lifecycle::connection::{
    Connection, Decision, Event, Fact, Gate, GateFact, Phase, RouteMode, SwapStage, decide, evolve, open, table,
};
use fencepost::lifecycle::permit::Setup;
use fencepost_checks::Verdict;
use jiff::{SignedDuration, Timestamp};
use stateright::{Checker, HasDiscoveries, Model, Property};

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

/// Moves the present back to [`start`] and forgets every difference that no rule can see. What is
/// clamped here, and why it may be, is the whole argument for the walk being finite and honest.
fn normal(mut world: World, now: Timestamp, late: bool) -> World {
    let base = start();
    let ago = |n: i64| base - hours(n);
    // Ages are cut off at `most` hours; what lies ahead stays ahead.
    let cut = |at: Timestamp, most: i64| base - now.duration_since(at).min(hours(most));
    let ahead = |at: Timestamp| if at > now { base + at.duration_since(now) } else { base };
    // When a look was made matters only against facts that come late, and after a switch of own servers against
    // the gateway's confirmation: cut off later than that, a look never seems to be the younger of the two.
    let swapping = world.c.route_change.is_some();
    let look = |at: Timestamp| match (swapping, late) {
        (true, _) => cut(at, 12),
        (false, true) => cut(at, 6),
        (false, false) => ago(6),
    };
    let c = &mut world.c;
    let confirming = c.phase == Phase::Confirming;
    let releasing = c.phase == Phase::Releasing;
    let live = c.phase >= Phase::Connected;
    let has_permit = c.permit.is_some();
    // For people and for the length of waits only.
    c.phase_since = base;
    c.early_cutover_since = c.early_cutover_since.map(|_| base);
    c.connected_at = c.connected_at.map(|_| base);
    c.permits_issued = c.permits_issued.min(1);
    if let Some(permit) = &mut c.permit {
        permit.number = 1;
        permit.issued_at = base;
        permit.valid_until = base;
        permit.evidence.clear();
    }
    // Whether a confirmation is older than the wish is all that counts.
    let confirmed = c.observed.route_confirmed == Some(c.route);
    c.route_since = if confirmed || !late { ago(6) } else { cut(c.route_since, 6) };
    let confirmed_at = |at: Timestamp| if swapping { cut(at, 6) } else { ago(12) };
    c.observed.route_confirmed_at = c.observed.route_confirmed_at.map(confirmed_at);
    // Reaches its instant after one silence instead of five days.
    c.old_path_needed_until = c.old_path_needed_until.filter(|_| !c.told_may_close);
    c.old_path_needed_until = c.old_path_needed_until.map(|at| if at > now { base + hours(6) } else { base });

    // An old pass behind a later failure counts only for a permit that is still there, and once
    // connected every pass has to be made again before it counts.
    let seen = &mut c.observed;
    let gates = [&mut seen.allowlist, &mut seen.probe, &mut seen.gateway, &mut seen.lint];
    let pass = |at: Timestamp| match (swapping, live) {
        (true, _) => cut(at, 12),
        (false, true) => ago(6),
        (false, false) => cut(at, 6),
    };
    let gates = gates.into_iter().chain([&mut seen.next_allowlist, &mut seen.next_probe]);
    for seen in gates.flatten() {
        seen.first_at = base;
        seen.last_pass_at = seen.last_pass_at.filter(|_| seen.verdict == PASS || has_permit).map(pass);
        seen.last_at = look(seen.last_at);
        seen.misses = 0;
        seen.blocking.clear();
    }
    for known in world.oracle.gates.iter_mut().chain(&mut world.oracle.next).flatten() {
        known.last_pass = known.last_pass.filter(|_| known.verdict == PASS || has_permit).map(pass);
        known.at = look(known.at);
    }

    c.servers_since = c.servers_since.map(|_| ago(12));
    if let Some(change) = &mut c.route_change {
        change.since = ago(12);
    }
    if let Some(held) = &mut c.suspension {
        held.since = base;
        held.defer_until = held.defer_until.map(ahead);
    }

    let mut shift = SignedDuration::ZERO;
    if let Some(mx) = &mut c.observed.mx {
        // Memory for the judgement of the next round alone.
        mx.ours.clear();
        mx.whole.clear();
        let long_bad = mx.bad_since.map(|since| mx.last_at.duration_since(since) >= hours(1));
        mx.first_at = base;
        mx.last_at = if releasing { cut(mx.last_at, 6) } else { look(mx.last_at) };
        if c.connected_at.is_some() && !releasing {
            mx.bad_since = long_bad.map(|long| if long { mx.last_at - hours(6) } else { mx.last_at });
            mx.bad_rounds = mx.bad_rounds.min(3);
        } else {
            mx.bad_since = None;
            mx.bad_rounds = 0;
        }
        mx.clean_rounds = mx.clean_rounds.min(if confirming || c.phase == Phase::Drifted { 3 } else { 1 });
        if let Some(at) = mx.last_clean_at {
            // A gap of any length counts for nothing: the stretch is moved along with it.
            shift = (now.duration_since(at) - hours(6)).max(SignedDuration::ZERO);
            mx.last_clean_at = confirming.then(|| cut(at, 6));
        }
        // Cut against the present and not against the last look: that may make them seem longer, never shorter.
        (mx.silent_since, mx.nx_since) = (mx.silent_since.map(|at| cut(at, 336)), mx.nx_since.map(|at| cut(at, 24)));
        mx.nx_rounds = mx.nx_rounds.min(3);
        mx.t_star = mx.t_star.filter(|at| *at > now).map(ahead);
        mx.gone_since = mx.gone_since.map(|at| if releasing { cut(at, 24) } else { ago(24) });
    }
    if let Some(window) = &mut c.window {
        window.broken_by = None;
        window.first_change_at = if c.told_overdue { ago(72) } else { cut(window.first_change_at, 72) };
        let opened = window.opened_at + window.extended_by + shift;
        window.extended_by = SignedDuration::ZERO;
        window.opened_at = if window.running && confirming { cut(opened, 30) } else { base };
    }
    let go_ahead_out = c.permits_issued > 0 && c.connected_at.is_none();
    if let Some(release) = &mut c.release {
        release.since = cut(release.since, if go_ahead_out && release.departed_at.is_none() { 24 } else { 6 });
        release.departed_at = release.departed_at.map(|_| base);
        if let Some(cut_off) = &mut release.cut_off {
            (cut_off.defer_at, cut_off.reject_at) = (ahead(cut_off.defer_at), ahead(cut_off.reject_at));
        }
        let until = release.route_needed_until;
        release.route_needed_until = until.map(|at| if at > now { ahead(at) } else { ago(6) });
    }
    c.observed.next_destination_at = c.observed.next_destination_at.map(|_| ago(6));

    let oracle = &mut world.oracle;
    oracle.silent_since = c.observed.mx.as_ref().and_then(|mx| mx.silent_since);
    oracle.bad = if c.connected_at.is_some() && !releasing { oracle.bad.min(3) } else { 0 };
    oracle.cut_off = oracle.cut_off.map(|at| cut(at, 33 * 24));
    oracle.held = oracle.held.map(|at| cut(at, 73));
    oracle.mx_at = c.observed.mx.as_ref().map(|mx| mx.last_at);
    oracle.last_clean = oracle.last_clean.map(|at| if confirming { cut(at, 2) } else { base });
    oracle.covered = if confirming { oracle.covered.min(hours(24)) } else { SignedDuration::ZERO };
    oracle.t_star = oracle.t_star.filter(|at| *at > now).map(ahead);
    world.flaws.sort_unstable();
    world.flaws.dedup();
    world
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

fn machines(decide: Decide, seen: &Arc<Mutex<BTreeSet<(Phase, Phase)>>>) -> Vec<(&'static str, Machine)> {
    let world = |hosted| Machine {
        decide,
        hosted,
        verdicts: [&[], &[PASS], &[PASS], &[PASS]],
        rounds: &[Mx::Old],
        persons: &[0],
        silences: &[6],
        watches: &[],
        late: false,
        reconfigured: false,
        announced: &[],
        next: [&[], &[]],
        begins: Begin::Ordered,
        seen: Arc::clone(seen),
    };
    vec![
        (
            "gates and permit",
            Machine {
                verdicts: [&[PASS, FAIL], &[PASS, FAIL], &[PASS, FAIL], &[PASS, FAIL]],
                persons: &[0, 3],
                rounds: &[Mx::Old, Mx::Mixed],
                ..world(false)
            },
        ),
        (
            "another configuration",
            Machine {
                verdicts: [&[], &[PASS, FAIL], &[PASS], &[PASS, OPEN]],
                persons: &[0, 3],
                reconfigured: true,
                ..world(true)
            },
        ),
        (
            "late facts",
            Machine {
                verdicts: [&[], &[PASS, OPEN], &[PASS], &[PASS]],
                late: true,
                rounds: &[Mx::Old, Mx::Ours],
                ..world(true)
            },
        ),
        (
            "window and drift",
            Machine {
                verdicts: [&[], &[PASS, FAIL], &[PASS], &[PASS]],
                rounds: &[Mx::Ours, Mx::OursSlow, Mx::Mixed, Mx::Old],
                silences: &[24],
                watches: &[24],
                ..world(true)
            },
        ),
        (
            "release",
            Machine {
                verdicts: [&[], &[PASS], &[PASS], &[PASS]],
                rounds: &[Mx::Ours, Mx::Old, Mx::OldCached],
                persons: &[0, 1, 2],
                silences: &[24],
                watches: &[24],
                ..world(true)
            },
        ),
        (
            "endings",
            Machine {
                verdicts: [&[], &[], &[], &[]],
                rounds: &[Mx::Ours, Mx::Old, Mx::Nx, Mx::Error],
                persons: &[1, 2, 5, 6],
                silences: &[15 * 24],
                begins: Begin::Connected,
                ..world(true)
            },
        ),
        (
            "other own servers",
            Machine {
                verdicts: [&[], &[PASS, FAIL], &[PASS, FAIL], &[]],
                next: [&[PASS, FAIL], &[PASS, FAIL]],
                rounds: &[Mx::Ours],
                persons: &[7, 8],
                begins: Begin::Connected,
                ..world(true)
            },
        ),
        (
            "suspension",
            Machine { rounds: &[Mx::Old, Mx::Ours], persons: &[0, 3, 9, 10, 11], silences: &[24], ..world(true) },
        ),
        (
            "places that come and go",
            Machine {
                verdicts: [&[], &[PASS], &[], &[]],
                rounds: &[Mx::Ours, Mx::OursRetiring],
                announced: &[Announced::GetsIn, Announced::Blocked, Announced::Unknown, Announced::Retired],
                reconfigured: true,
                begins: Begin::Connected,
                ..world(false)
            },
        ),
        (
            "places under a permit",
            Machine {
                verdicts: [&[], &[PASS], &[PASS], &[PASS]],
                announced: &[Announced::GetsIn, Announced::Blocked],
                ..world(false)
            },
        ),
        (
            "import",
            Machine {
                verdicts: [&[], &[PASS, FAIL], &[PASS], &[]],
                rounds: &[Mx::Ours, Mx::Old],
                persons: &[1, 9, 11],
                watches: &[24],
                begins: Begin::Imported,
                ..world(true)
            },
        ),
    ]
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

/// The model must be able to fail: machines with a known fault, each caught.
#[test]
fn a_planted_fault_is_found() {
    for (decide, name, property) in [
        (permit_in_spite_of_a_hazard as Decide, "gates and permit", "a permit rests on fresh passes"),
        (evidence_of_another_setup, "another configuration", "a permit rests on fresh passes"),
        (window_closed_early, "window and drift", "connected only after the window"),
        (switched_unverified, "other own servers", "the route goes only to own servers that were seen to take mail"),
        (cut_off_at_once, "endings", "mail is deferred after 30 announced days and refused after three more"),
        (held_for_ever, "suspension", "a suspension defers mail for 72 hours at most"),
        (announced_fails, "places under a permit", "an announced address is a request and nothing else"),
        (drifts_when_edited, "places that come and go", "no drift without three rounds that show another MX"),
        (import_trusted, "import", "an imported route is written only after its path was proven"),
        (route_removed_at_once, "release", "no route removed while the MX names the gateway"),
    ] {
        let machines = machines(decide, &Arc::default());
        let (_, machine) = machines.into_iter().find(|(n, _)| *n == name).unwrap();
        let wanted = HasDiscoveries::AllOf(BTreeSet::from([property]));
        let found = machine.checker().finish_when(wanted).spawn_bfs().join().discoveries();
        assert!(found.contains_key(property), "{name}: {:?}", found.keys());
    }
}

/// Issues the permit without a look at the lint.
fn permit_in_spite_of_a_hazard(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut blind = c.clone();
    let hidden = blind.observed.lint.take();
    if let Some(seen) = &mut blind.observed.probe {
        blind.observed.lint = Some(seen.clone());
    }
    let mut decision = decide(&blind, fact, now);
    decision.observed.lint = hidden;
    decision
}

/// Takes what was seen under another configuration as if it had been this one.
fn evidence_of_another_setup(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut trusting = c.clone();
    let seen = &mut trusting.observed;
    for gate in [&mut seen.allowlist, &mut seen.probe, &mut seen.gateway, &mut seen.lint].into_iter().flatten() {
        gate.setup = c.setup;
    }
    decide(&trusting, fact, now)
}

/// Counts the stretch from twelve hours before it began.
fn window_closed_early(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut hasty = c.clone();
    if let Some(window) = &mut hasty.window {
        window.opened_at -= hours(12);
    }
    decide(&hasty, fact, now)
}

/// Takes the route away as soon as the release begins.
fn route_removed_at_once(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut decision = decide(c, fact, now);
    if decision.events.iter().any(|event| matches!(event, Event::ReleaseStarted { .. })) {
        decision.events.push(Event::RouteDesired { mode: RouteMode::Absent });
    }
    decision
}

/// Takes what was seen of the present own servers for a look at the new ones.
fn switched_unverified(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut trusting = c.clone();
    if c.route_change.is_some() {
        trusting.observed.next_probe = c.observed.probe.clone();
        trusting.observed.next_allowlist = c.observed.probe.clone();
    }
    decide(&trusting, fact, now)
}

/// Cuts off twenty days before the announced day.
fn cut_off_at_once(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut hasty = c.clone();
    if let Some(cut_off) = hasty.release.as_mut().and_then(|release| release.cut_off.as_mut()) {
        cut_off.defer_at -= hours(20 * 24);
    }
    decide(&hasty, fact, now)
}

/// Forgets that a deferral ends.
fn held_for_ever(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let decision = decide(c, fact, now);
    if decision.events.contains(&Event::DeferralEnded) { Decision::nothing(c) } else { decision }
}

/// Writes the route of an imported domain as soon as anything is known of it.
fn import_trusted(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut decision = decide(c, fact, now);
    if c.import.is_some_and(|import| import.route_as_found) && c.observed.mx.is_some() {
        decision.events.push(Event::RouteDesired { mode: RouteMode::Deliver });
    }
    decision
}

/// Takes a blocked announced address for a firewall that shuts the gateway out.
fn announced_fails(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    match fact {
        Fact::Gate(gate) if gate.egress.as_ref().is_some_and(|egress| !egress.blocked.is_empty()) => {
            decide(c, &Fact::Gate(GateFact { verdict: FAIL, ..gate.clone() }), now)
        }
        _ => decide(c, fact, now),
    }
}

/// Counts every round under another configuration as a bad one.
fn drifts_when_edited(c: &Connection, fact: &Fact, now: Timestamp) -> Decision {
    let mut strict = c.clone();
    if let Some(mx) = strict.observed.mx.as_mut().filter(|_| c.setup != Setup::default()) {
        (mx.bad_rounds, mx.bad_since) = (3, Some(mx.last_at - hours(1)));
    }
    decide(&strict, fact, now)
}
