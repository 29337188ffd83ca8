//! What people are told: one answer, one sentence why, and who has to do what. A function of the
//! state and the time; it never changes anything. The sentences stand in `words`, in every language.

mod words;

use fencepost_checks::mx::MxVerdict;
use fencepost_checks::{Actor, Code, Verdict};
use jiff::Timestamp;

use super::gates::{fails, needed, passed};
use super::observe::names_us;
use super::permission::mx_change_permitted;
use super::state::{Connection, Departure, Gate, Health, Phase, Release, RouteMode, SwapStage};
use super::window::{decision_due_at, earliest_close, path_proven};
use crate::status::{Answer, AnswerKind, Waiting};
use crate::words::Language;

use self::words::{Mail, Reason, Task};

/// The one answer. `ChangeNow` exactly when [`mx_change_permitted`].
#[must_use]
pub fn answer(c: &Connection, now: Timestamp) -> Answer {
    answer_in(c, now, Language::En)
}

/// [`answer`] in a language.
#[must_use]
pub fn answer_in(c: &Connection, now: Timestamp, language: Language) -> Answer {
    let told = told(c, now);
    let waiting = |(who, task, since): (Actor, Task, Timestamp)| Waiting { who, what: task.in_words(language), since };
    Answer {
        answer: told.answer,
        reason: told.reason.in_words(language),
        waiting_for: told.waiting.into_iter().map(waiting).collect(),
    }
}

/// An answer before it is put into words.
struct Told {
    answer: AnswerKind,
    reason: Reason,
    waiting: Vec<(Actor, Task, Timestamp)>,
}

fn told(c: &Connection, now: Timestamp) -> Told {
    match c.phase {
        _ if c.early_cutover_since.is_some() => early(c),
        _ if c.suspension.is_some() => suspended(c),
        Phase::Ordered | Phase::Allowlisting | Phase::Probing | Phase::Provisioning => before_ready(c),
        Phase::Ready => ready(c, now),
        Phase::Confirming => with_new_server(c, confirming(c, now)),
        Phase::Connected => with_new_server(c, connected(c)),
        Phase::Drifted => with_new_server(c, drifted(c)),
        Phase::Releasing => releasing(c),
        Phase::Released => say(AnswerKind::Done, Reason::Released),
        Phase::Cancelled => say(AnswerKind::Stop, Reason::Withdrawn),
    }
}

fn say(answer: AnswerKind, reason: Reason) -> Told {
    Told { answer, reason, waiting: Vec::new() }
}

impl Told {
    fn waits(mut self, who: Actor, what: Task, since: Timestamp) -> Self {
        self.waiting.push((who, what, since));
        self
    }
}

fn with_new_server(c: &Connection, mut answer: Told) -> Told {
    answer.waiting.extend(new_server(c));
    answer
}

fn early(c: &Connection) -> Told {
    let since = c.early_cutover_since.unwrap_or(c.phase_since);
    let reason = if c.phase == Phase::Ready { Reason::EarlyWithHazard } else { Reason::Early };
    let mut answer = say(AnswerKind::RollBack, reason).waits(Actor::Partner, Task::SetPreviousMx, since);
    if let Some(suspension) = &c.suspension {
        return answer.waits(Actor::Desk, Task::EndSuspension, suspension.since);
    }
    answer.waiting.extend(if c.phase == Phase::Ready { hazard(c) } else { before_ready(c).waiting });
    answer
}

fn suspended(c: &Connection) -> Told {
    let Some(suspension) = &c.suspension else { return say(AnswerKind::Wait, Reason::Suspended(None)) };
    let mail = match suspension.defer_until {
        Some(until) => Mail::DeferredUntil(until),
        None if c.route == RouteMode::Deliver => Mail::Delivered,
        None => Mail::Deferred,
    };
    say(AnswerKind::Wait, Reason::Suspended(Some((suspension.reason.clone(), mail)))).waits(
        Actor::Desk,
        Task::EndSuspension,
        suspension.since,
    )
}

/// What has to be done about an own server that shall replace another.
fn new_server(c: &Connection) -> Vec<(Actor, Task, Timestamp)> {
    let Some(change) = c.route_change.as_ref() else { return Vec::new() };
    if change.stage == SwapStage::Switching {
        return vec![(Actor::Vendor, Task::SeeNewServerTakeMail, change.since)];
    }
    let gates = [(Gate::Allowlist, &c.observed.next_allowlist), (Gate::Probe, &c.observed.next_probe)];
    let wanted = gates.into_iter().filter(|(gate, _)| !(change.hosted && *gate == Gate::Allowlist));
    let mut waiting = Vec::new();
    for (gate, seen) in wanted {
        let Some(seen) = seen.as_ref().filter(|seen| seen.verdict != Verdict::Pass) else { continue };
        let (who, what) = task(gate, &seen.blocking);
        waiting.push((who, Task::OfNewServer(Box::new(what)), seen.first_at));
    }
    if waiting.is_empty() {
        waiting.push((Actor::Vendor, Task::CheckNewServer, change.since));
    }
    waiting
}

fn before_ready(c: &Connection) -> Told {
    let gate = match c.phase {
        Phase::Ordered => {
            return say(AnswerKind::Wait, Reason::NotRegistered).waits(Actor::Desk, Task::Register, c.phase_since);
        }
        Phase::Allowlisting => Gate::Allowlist,
        Phase::Probing => Gate::Probe,
        _ => Gate::Gateway,
    };
    let Some(seen) = c.observed.gate(gate).filter(|seen| seen.verdict != Verdict::Pass) else {
        let answer = say(AnswerKind::Wait, Reason::NotYet { gate, checking: true });
        return answer.waits(Actor::Vendor, Task::Check, c.phase_since);
    };
    let (who, what) = task(gate, &seen.blocking);
    say(AnswerKind::Wait, Reason::NotYet { gate, checking: false }).waits(who, what, seen.first_at.max(c.phase_since))
}

/// What has to be done about a gate that does not pass, and by whom.
fn task(gate: Gate, blocking: &[Code]) -> (Actor, Task) {
    let who = match gate {
        Gate::Allowlist | Gate::Probe => Actor::Customer,
        Gate::Gateway => Actor::Vendor,
        Gate::Lint => lint_actor(blocking),
    };
    (who, Task::Pass { gate, blocking: blocking.to_vec() })
}

fn lint_actor(blocking: &[Code]) -> Actor {
    match blocking.first() {
        Some(Code::RouteLoop) => Actor::Desk,
        // Nothing to do but let the senders' copies expire. One that was removed (STS_REMOVED) has to be served
        // again, and that is the customer's to do.
        Some(Code::StsWait) => Actor::Time,
        Some(Code::DnssecBogus) => Actor::DnsProvider,
        Some(Code::DaneMismatch) => Actor::Vendor,
        Some(Code::NsInconsistent | Code::NsLame | Code::NsUnreachable | Code::NsDelegationMismatch) => {
            Actor::DnsProvider
        }
        Some(Code::VantageFault) => Actor::Vendor,
        _ => Actor::Customer,
    }
}

fn hazard(c: &Connection) -> Vec<(Actor, Task, Timestamp)> {
    let Some(seen) = c.observed.lint.as_ref().filter(|seen| seen.verdict == Verdict::Fail) else { return Vec::new() };
    let (who, what) = task(Gate::Lint, &seen.blocking);
    vec![(who, what, seen.first_at)]
}

fn ready(c: &Connection, now: Timestamp) -> Told {
    if mx_change_permitted(c, now) {
        let since = c.permit.as_ref().map_or(c.phase_since, |permit| permit.issued_at);
        return say(AnswerKind::ChangeNow, Reason::Permitted { hosted: c.hosted })
            .waits(Actor::Partner, Task::RelayChange, since)
            .waits(Actor::DnsProvider, Task::PublishNewMx, since);
    }
    let held_by = hazard(c);
    if !held_by.is_empty() {
        return Told { waiting: held_by, ..say(AnswerKind::Wait, Reason::Hazard) };
    }
    if c.observed.mx.as_ref().is_some_and(|mx| mx.verdict == MxVerdict::LookupError) {
        return say(AnswerKind::Wait, Reason::MxUnreadable).waits(
            Actor::DnsProvider,
            Task::MakeNameServersAnswer,
            c.phase_since,
        );
    }
    let reason = if c.reconfigured() { Reason::Reconfigured } else { Reason::Renewing };
    let mut answer = say(AnswerKind::Wait, reason);
    for gate in [Gate::Allowlist, Gate::Probe, Gate::Gateway, Gate::Lint] {
        let Some(seen) = c.observed.gate(gate).filter(|_| needed(c, gate) && !passed(c, gate, now)) else { continue };
        if seen.verdict != Verdict::Pass {
            let (who, what) = task(gate, &seen.blocking);
            answer = answer.waits(who, what, seen.first_at);
        }
    }
    if answer.waiting.is_empty() { answer.waits(Actor::Vendor, Task::CheckAgain, c.phase_since) } else { answer }
}

fn confirming(c: &Connection, now: Timestamp) -> Told {
    let reason = if c.import.is_some() { Reason::ImportVerified } else { Reason::Confirming };
    let mut answer = say(AnswerKind::Wait, reason);
    let Some(window) = &c.window else { return answer.waits(Actor::Vendor, Task::Check, c.phase_since) };
    if c.health == Health::DeliveryFailing {
        answer = delivery(c, answer);
    }
    if decision_due_at(c).is_some_and(|at| now >= at) {
        let since = decision_due_at(c).unwrap_or(now);
        answer = answer.waits(Actor::Desk, Task::AcceptOrRollBack, since);
    }
    match earliest_close(c) {
        // Nobody is asked for anything before it is known what there is.
        None if c.import.is_some() && c.observed.mx.is_none() => {
            answer.waits(Actor::Vendor, Task::FirstLook, c.phase_since)
        }
        None => {
            answer.reason = Reason::NotEverywhere { seen: window.broken_by.clone() };
            let since = c.observed.mx.as_ref().and_then(|mx| mx.bad_since).unwrap_or(c.phase_since);
            answer.waits(Actor::DnsProvider, Task::PublishEverywhere, since)
        }
        Some(at) if now < at => answer.waits(Actor::Time, Task::WindowCloses(at), window.opened_at),
        Some(at) if c.observed.mx.as_ref().is_some_and(|mx| mx.resolvers_stale) => {
            answer.waits(Actor::Time, Task::ResolverStale, at)
        }
        Some(at) if !path_proven(c, now) && answer.waiting.is_empty() => {
            answer.waits(Actor::Vendor, Task::ProvePath, at)
        }
        Some(at) => answer.waits(Actor::Vendor, Task::LookOnceMore, at),
    }
}

fn delivery(c: &Connection, mut answer: Told) -> Told {
    for gate in [Gate::Allowlist, Gate::Probe] {
        if let Some(seen) = c.observed.gate(gate).filter(|_| needed(c, gate) && fails(c, gate)) {
            let (who, what) = task(gate, &seen.blocking);
            answer = answer.waits(who, what, seen.first_at);
        }
    }
    if answer.waiting.is_empty() {
        answer = answer.waits(Actor::Customer, Task::Pass { gate: Gate::Probe, blocking: Vec::new() }, c.phase_since);
    }
    answer
}

fn connected(c: &Connection) -> Told {
    match c.health {
        Health::Good if !(c.asked_to_leave.is_empty() && c.names_retired.is_empty() && c.asked_to_allow.is_empty()) => {
            asked(c)
        }
        Health::Good => say(AnswerKind::Done, Reason::Flows),
        Health::DeliveryFailing => delivery(c, say(AnswerKind::Done, Reason::DeliveryFailing)),
    }
}

/// Connected, and something is asked for because the gateway has changed.
fn asked(c: &Connection) -> Told {
    let since = c.observed.mx.as_ref().map_or(c.phase_since, |mx| mx.first_at);
    let reason = Reason::FlowsBut {
        retired: c.names_retired.clone(),
        leaving: c.asked_to_leave.clone(),
        blocked: c.asked_to_allow.iter().map(ToString::to_string).collect(),
    };
    let mut answer = say(AnswerKind::Done, reason);
    if !c.names_retired.is_empty() {
        answer = answer.waits(Actor::Partner, Task::TakeOut { names: c.names_retired.clone(), at_once: true }, since);
    }
    if !c.asked_to_leave.is_empty() {
        answer = answer.waits(Actor::Partner, Task::TakeOut { names: c.asked_to_leave.clone(), at_once: false }, since);
    }
    if !c.asked_to_allow.is_empty() {
        let since = c.observed.allowlist.as_ref().map_or(c.phase_since, |seen| seen.first_at);
        let addresses = c.asked_to_allow.iter().map(ToString::to_string).collect();
        answer = answer.waits(Actor::Customer, Task::AllowToo(addresses), since);
    }
    answer
}

fn drifted(c: &Connection) -> Told {
    let names = c.observed.mx.as_ref().map(|mx| mx.names.clone()).unwrap_or_default();
    let answer = say(AnswerKind::Wait, Reason::Drifted { names });
    let answer = answer.waits(Actor::Partner, Task::SetOurMxAgain, c.phase_since);
    if c.health == Health::DeliveryFailing { delivery(c, answer) } else { answer }
}

fn releasing(c: &Connection) -> Told {
    let Some(release) = &c.release else { return say(AnswerKind::Wait, Reason::Ending) };
    let since = release.since;
    if let Some(answer) = ending(c, release) {
        return answer;
    }
    if !names_us(c) {
        let kind = if c.connected_at.is_none() { AnswerKind::Stop } else { AnswerKind::Wait };
        let reason = if c.connected_at.is_none() { Reason::WithdrawnSetBack } else { Reason::MovedAway };
        let who = if c.observed.mx.is_some() { Actor::Time } else { Actor::Vendor };
        return say(kind, reason).waits(who, Task::RouteRemoved, release.departed_at.unwrap_or(since));
    }
    if c.observed.next_destination_ok == Some(true) {
        say(AnswerKind::MoveAway, Reason::MoveAway).waits(Actor::Partner, Task::RelayMove, since).waits(
            Actor::DnsProvider,
            Task::PublishWithoutUs,
            since,
        )
    } else {
        let kind = if c.connected_at.is_none() { AnswerKind::Stop } else { AnswerKind::Wait };
        let (reason, who, what) = match (c.observed.next_destination_ok, c.observed.next_destination_unclear) {
            (_, true) => (Reason::NextUnclear, Actor::Time, Task::ClearAnswerOfNext),
            (None, false) => (Reason::NextNotAsked, Actor::Vendor, Task::AskNext),
            (Some(_), false) => (Reason::NextRefuses, Actor::Customer, Task::OpenNext),
        };
        say(kind, reason).waits(who, what, since)
    }
}

/// Endings that are not the usual one: a domain that is gone, one of which nobody can tell, one that
/// never moves.
fn ending(c: &Connection, release: &Release) -> Option<Told> {
    let stop_or = |kind| if c.connected_at.is_none() { AnswerKind::Stop } else { kind };
    match (release.departed_at, release.how, release.cut_off) {
        (Some(departed), Departure::Nxdomain, _) => {
            let reason = Reason::Nonexistent { until: release.route_needed_until };
            return Some(say(stop_or(AnswerKind::Wait), reason).waits(Actor::Time, Task::RouteRemoved, departed));
        }
        (Some(departed), Departure::Decided, _) => {
            let answer = say(stop_or(AnswerKind::Wait), Reason::DecidedLeft);
            return Some(answer.waits(Actor::Time, Task::RouteRemoved, departed));
        }
        (None, _, Some(cut_off)) if names_us(c) => {
            let reason = Reason::CutOff { defer: cut_off.defer_at, reject: cut_off.reject_at };
            return Some(say(AnswerKind::MoveAway, reason).waits(Actor::Partner, Task::MoveAway, release.since));
        }
        _ => {}
    }
    let since = c.observed.mx.as_ref().and_then(|mx| mx.silent_since).filter(|_| release.told_undecidable)?;
    let answer = say(stop_or(AnswerKind::Wait), Reason::Undecidable { since });
    Some(answer.waits(Actor::Desk, Task::DecideLeft, since))
}
