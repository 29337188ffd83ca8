//! What must hold after every step, judged from the facts themselves and not from what the
//! connection made of them. Shared by the model checker and the random histories.

use fencepost::lifecycle::connection::{
    Connection, Decision, Effect, Event, Fact, Gate, GateFact, Notice, Observed, Phase, RouteMode, TimerKind, answer,
    decide, mx_change_permitted, permit_valid_until, table, timers,
};
use fencepost::lifecycle::permit::Setup;
use fencepost::status::AnswerKind;
use fencepost_checks::Verdict;
use jiff::{SignedDuration, Timestamp};

use crate::script::{ALL_GATES, HOUR, hours, is_removal, notices};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    PermitWithoutEvidence,
    PermittedWithoutPermit,
    ConnectedTooEarly,
    RouteRemovedTooEarly,
    ReleasedWithRoute,
    DeliversBeforeGates,
    Forgotten,
    SpinsOnDeadline,
    ToldTwice,
    TransitionNotInTable,
    FinalPhaseLeft,
    SwitchedUnverified,
    CutOffUnannounced,
    HeldTooLong,
    ImportWrittenUnproven,
    AnnouncedMatters,
    DriftedByEdit,
}

/// The newest look at a gate, and the newest that passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Look {
    pub at: Timestamp,
    pub verdict: Verdict,
    pub last_pass: Option<Timestamp>,
    pub setup: Setup,
}

/// An independent memory of the facts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Oracle {
    pub gates: [Option<Look>; 4],
    pub mx_at: Option<Timestamp>,
    pub names_us: bool,
    /// Time covered by clean rounds no more than an hour apart, since `confirming` or an old answer.
    pub covered: SignedDuration,
    pub last_clean: Option<Timestamp>,
    pub t_star: Option<Timestamp>,
    /// Since when no round could tell who is named.
    pub silent_since: Option<Timestamp>,
    /// When the own servers became others.
    pub servers_at: Option<Timestamp>,
    /// Looks at own servers that shall replace others: firewall and server.
    pub next: [Option<Look>; 2],
    /// When the end of one who never moves was announced.
    pub cut_off: Option<Timestamp>,
    /// When mail began to be deferred for a suspension.
    pub held: Option<Timestamp>,
    /// Rounds in a row that showed something else than what is accepted.
    pub bad: u32,
}

impl Oracle {
    /// Somebody names the gateway, as far as can be known: after a fortnight of silence nobody knows.
    fn names_us(&self, now: Timestamp) -> bool {
        self.names_us && self.silent_since.is_none_or(|since| now.duration_since(since) < hours(14 * 24))
    }

    fn look(&self, gate: Gate) -> Option<Look> {
        self.gates[ALL_GATES.iter().position(|g| *g == gate).unwrap()]
    }

    /// Takes a fact in before it is decided.
    pub fn learn(&mut self, fact: &Fact, now: Timestamp) {
        let fact_of_new = matches!(fact, Fact::NewServer(_));
        match fact {
            Fact::Gate(fact) | Fact::NewServer(fact) => {
                let at = fact.observed_at.min(now);
                let index = ALL_GATES.iter().position(|g| *g == fact.gate).unwrap();
                let at_servers = fact.gate != Gate::Gateway && !fact_of_new;
                if at_servers && self.servers_at.is_some_and(|since| at <= since) {
                    return;
                }
                let known = match fact_of_new {
                    true if index > 1 => return,
                    true => &mut self.next[index],
                    false => &mut self.gates[index],
                };
                let newer = known.is_none_or(|k| at > k.at || (at == k.at && fact.verdict > k.verdict));
                if newer {
                    let before = known.filter(|k| k.setup == fact.setup).and_then(|k| k.last_pass);
                    let last_pass = if fact.verdict == Verdict::Pass { Some(at) } else { before };
                    *known = Some(Look { at, verdict: fact.verdict, last_pass, setup: fact.setup });
                }
            }
            Fact::Mx(fact) => {
                let at = fact.observed_at.min(now);
                if self.mx_at.is_some_and(|known| at <= known) {
                    return;
                }
                self.mx_at = Some(at);
                if fact.ours_published || fact.complete {
                    self.names_us = !fact.gone;
                    self.silent_since = None;
                } else {
                    self.silent_since.get_or_insert(at);
                }
                self.t_star = fact.t_star.or(self.t_star);
                if fact.old_published {
                    self.bad += 1;
                } else if fact.clean {
                    self.bad = 0;
                }
                if fact.clean {
                    // A round from before the stretch began tells nothing of what the stretch covers.
                    if self.last_clean.is_none_or(|last| at > last) {
                        let gap = self.last_clean.map(|last| at.duration_since(last)).filter(|gap| *gap <= HOUR);
                        self.covered = self.covered.saturating_add(gap.unwrap_or_default());
                        self.last_clean = Some(at);
                    }
                } else if fact.old_published {
                    self.covered = SignedDuration::ZERO;
                    self.last_clean = None;
                }
            }
            _ => {}
        }
    }

    /// Judges a step, then takes over what it began.
    pub fn judge(
        &mut self,
        before: &Connection,
        fact: &Fact,
        decision: &Decision,
        after: &Connection,
        now: Timestamp,
    ) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut phase = before.phase;
        for event in &decision.events {
            match event {
                Event::PermitIssued { .. }
                    if !self.every_gate(after, |look| fresh(look, now) && look.verdict == Verdict::Pass) =>
                {
                    flaws.push(Flaw::PermitWithoutEvidence);
                }
                Event::PhaseEntered { phase: to, .. } => {
                    if before.phase.is_final() {
                        flaws.push(Flaw::FinalPhaseLeft);
                    }
                    if !table().iter().any(|row| row.from == phase.as_str() && row.to == to.as_str()) {
                        flaws.push(Flaw::TransitionNotInTable);
                    }
                    phase = *to;
                    if to.is_final() && self.names_us(now) {
                        flaws.push(Flaw::RouteRemovedTooEarly);
                    }
                    if *to == Phase::Confirming {
                        self.covered = SignedDuration::ZERO;
                        // The stretch begins now, if a clean round was seen lately.
                        self.last_clean = self.last_clean.filter(|at| now.duration_since(*at) <= HOUR).map(|_| now);
                    }
                    if *to == Phase::Drifted && self.bad < 3 {
                        flaws.push(Flaw::DriftedByEdit);
                    }
                    let early = self.covered < hours(24) || self.t_star.is_some_and(|t_star| now < t_star);
                    if *to == Phase::Connected && early {
                        flaws.push(Flaw::ConnectedTooEarly);
                    }
                }
                Event::RouteSwitched => {
                    let hosted = after.hosted;
                    let needed = if hosted { &self.next[1..] } else { &self.next[..] };
                    if !needed
                        .iter()
                        .all(|look| look.as_ref().is_some_and(|look| fresh(look, now) && look.verdict == Verdict::Pass))
                    {
                        flaws.push(Flaw::SwitchedUnverified);
                    }
                    (self.gates[0], self.gates[1]) = (self.next[0], self.next[1]);
                    self.next = [None; 2];
                    self.servers_at = Some(now);
                }
                // Nothing is known of these servers.
                Event::ServersReplaced { .. } => {
                    self.servers_at = Some(now);
                    self.gates = [None, None, self.gates[2], None];
                }
                Event::RouteRolledBack { .. } => {
                    self.servers_at = Some(now);
                    self.gates = [None, None, None, self.gates[3]];
                }
                Event::RouteChangeBegun { .. } => self.next = [None; 2],
                Event::CutOffAnnounced { .. } => self.cut_off = Some(now),
                Event::ReleaseWithdrawn => self.cut_off = None,
                Event::RouteDesired { mode: RouteMode::Deliver }
                    if before.import.is_some_and(|import| import.route_as_found)
                        && !self.every_path_gate(after, |look| fresh(look, now) && look.verdict == Verdict::Pass) =>
                {
                    flaws.push(Flaw::ImportWrittenUnproven);
                }
                _ => {}
            }
        }
        if let Fact::Gate(gate) = fact
            && gate.egress.is_some()
        {
            let plain = decide(before, &Fact::Gate(GateFact { egress: None, ..gate.clone() }), now);
            if without_requests(decision) != without_requests(&plain) {
                flaws.push(Flaw::AnnouncedMatters);
            }
        }
        let held = after.suspension.as_ref().is_some_and(|s| s.defer_until.is_some());
        self.held = if held { self.held.or(Some(now)) } else { None };
        if self.held.is_some_and(|at| now.duration_since(at) >= hours(72)) {
            flaws.push(Flaw::HeldTooLong);
        }
        self.judge_state(after, now, &mut flaws);
        let told = notices(decision);
        let mut once = told.clone();
        once.sort_unstable();
        once.dedup();
        let again = decide(after, fact, now);
        if once.len() != told.len() || !notices(&again).is_empty() || !again.events.is_empty() {
            flaws.push(Flaw::ToldTwice);
        }
        flaws
    }

    /// What must hold of a state at any time, also between facts.
    pub fn judge_state(&self, c: &Connection, now: Timestamp, flaws: &mut Vec<Flaw>) {
        let permitted = mx_change_permitted(c, now);
        if permitted && !self.every_gate(c, |look| fresh(look, now) && look.verdict != Verdict::Fail) {
            flaws.push(Flaw::PermitWithoutEvidence);
        }
        let valid = c.permit.is_some() && permit_valid_until(c).is_some_and(|until| now < until);
        let said = answer(c, now);
        if permitted && !(valid && c.phase == Phase::Ready) || permitted != (said.answer == AnswerKind::ChangeNow) {
            flaws.push(Flaw::PermittedWithoutPermit);
        }
        if c.permit.is_some() && c.phase != Phase::Ready {
            flaws.push(Flaw::PermittedWithoutPermit);
        }
        let announced = |wait: i64| self.cut_off.is_some_and(|at| now.duration_since(at) >= hours(wait));
        let cut_off = c.route == RouteMode::Reject && announced(33 * 24);
        if is_removal(c.route) && !c.phase.is_final() && (self.names_us(now) && !cut_off || c.phase != Phase::Releasing)
        {
            flaws.push(Flaw::RouteRemovedTooEarly);
        }
        let serving = c.release.as_ref().map(|release| release.serving);
        let cuts = c.route == RouteMode::Reject && !announced(33 * 24)
            || c.route == RouteMode::Defer && serving == Some(RouteMode::Deliver) && !announced(30 * 24);
        if c.phase == Phase::Releasing && cuts {
            flaws.push(Flaw::CutOffUnannounced);
        }
        let deferred = c.suspension.as_ref().is_some_and(|suspension| suspension.defer_until.is_some());
        let wanted = match c.phase {
            _ if deferred => Some(RouteMode::Defer),
            Phase::Ordered | Phase::Allowlisting | Phase::Probing => Some(RouteMode::Defer),
            Phase::Provisioning | Phase::Ready | Phase::Confirming | Phase::Connected | Phase::Drifted => {
                Some(RouteMode::Deliver)
            }
            Phase::Releasing => None,
            Phase::Released | Phase::Cancelled => Some(RouteMode::Absent),
        };
        if wanted.is_some_and(|wanted| wanted != c.route) {
            flaws.push(Flaw::DeliversBeforeGates);
        }
        let due = timers(c, now);
        let mut kinds: Vec<_> = due.iter().map(|(kind, _)| *kind).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let waits = !c.phase.is_final() && c.phase != Phase::Connected;
        if !c.phase.is_final() && due.is_empty()
            || waits && said.waiting_for.is_empty()
            || kinds.len() != due.len()
            || said.reason.is_empty()
        {
            flaws.push(Flaw::Forgotten);
        }
        let overdue = due.iter().any(|(kind, at)| *kind == TimerKind::Deadline && *at <= now);
        if overdue && decide(c, &Fact::Due, now).events.is_empty() {
            flaws.push(Flaw::SpinsOnDeadline);
        }
    }

    /// Firewall, server and gateway.
    fn every_path_gate(&self, c: &Connection, holds: impl Fn(&Look) -> bool) -> bool {
        ALL_GATES[..3]
            .iter()
            .filter(|gate| !(c.hosted && **gate == Gate::Allowlist))
            .all(|gate| self.look(*gate).as_ref().is_some_and(|look| look.setup == c.setup && holds(look)))
    }

    fn every_gate(&self, c: &Connection, holds: impl Fn(&Look) -> bool) -> bool {
        ALL_GATES
            .iter()
            .filter(|gate| !(c.hosted && **gate == Gate::Allowlist))
            .all(|gate| self.look(*gate).as_ref().is_some_and(|look| look.setup == c.setup && holds(look)))
    }
}

/// What a decision does beside asking for, or giving back, single addresses.
fn without_requests(decision: &Decision) -> (Vec<Event>, Vec<Effect>, Observed) {
    let asks = |event: &&Event| matches!(event, Event::AskedToAllow { .. } | Event::ToldMayRemove { .. });
    let about = |effect: &&Effect| {
        let Effect::Notify { notice, .. } = effect else { return false };
        matches!(notice, Notice::AddressAnnounced | Notice::AddressRetired)
    };
    (
        decision.events.iter().filter(|event| !asks(event)).cloned().collect(),
        decision.effects.iter().filter(|effect| !about(effect)).cloned().collect(),
        Observed { egress: None, ..decision.observed.clone() },
    )
}

fn fresh(look: &Look, now: Timestamp) -> bool {
    look.last_pass.is_some_and(|at| now.duration_since(at) < hours(6))
}
