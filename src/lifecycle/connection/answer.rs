//! What people are told: one answer, one sentence why, and who has to do what. A function of the
//! state and the time; it never changes anything.

use fencepost_checks::mx::MxVerdict;
use fencepost_checks::{Actor, Code, Verdict};
use jiff::Timestamp;

use super::gates::{fails, needed, passed};
use super::observe::names_us;
use super::permission::mx_change_permitted;
use super::state::{Connection, Departure, Gate, Health, Phase, Release, RouteMode, SwapStage};
use super::window::{decision_due_at, earliest_close, path_proven};
use crate::status::{Answer, AnswerKind, Waiting};

/// The one answer. `ChangeNow` exactly when [`mx_change_permitted`].
#[must_use]
pub fn answer(c: &Connection, now: Timestamp) -> Answer {
    match c.phase {
        _ if c.early_cutover_since.is_some() => early(c),
        _ if c.suspension.is_some() => suspended(c),
        Phase::Ordered | Phase::Allowlisting | Phase::Probing | Phase::Provisioning => before_ready(c),
        Phase::Ready => ready(c, now),
        Phase::Confirming => with_new_server(c, confirming(c, now)),
        Phase::Connected => with_new_server(c, connected(c)),
        Phase::Drifted => with_new_server(c, drifted(c)),
        Phase::Releasing => releasing(c),
        Phase::Released => say(AnswerKind::Done, "The service has ended and the route is removed."),
        Phase::Cancelled => say(AnswerKind::Stop, "The order was withdrawn. Do not change the MX."),
    }
}

fn say(answer: AnswerKind, reason: &str) -> Answer {
    Answer { answer, reason: reason.to_owned(), waiting_for: Vec::new() }
}

impl Answer {
    fn waits(mut self, who: Actor, what: impl Into<String>, since: Timestamp) -> Self {
        self.waiting_for.push(Waiting { who, what: what.into(), since });
        self
    }
}

fn with_new_server(c: &Connection, mut answer: Answer) -> Answer {
    answer.waiting_for.extend(new_server(c));
    answer
}

fn early(c: &Connection) -> Answer {
    let since = c.early_cutover_since.unwrap_or(c.phase_since);
    let reason = if c.phase == Phase::Ready {
        "The MX already names the gateway although a hazard is known: some senders would refuse to deliver."
    } else {
        "The MX already names the gateway before the checks have passed; the gateway defers the mail and senders retry."
    };
    let mut answer = say(AnswerKind::RollBack, reason).waits(Actor::Partner, "set the previous MX again", since);
    if let Some(suspension) = &c.suspension {
        return answer.waits(Actor::Desk, "end the suspension", suspension.since);
    }
    answer.waiting_for.extend(if c.phase == Phase::Ready { hazard(c) } else { before_ready(c).waiting_for });
    answer
}

fn suspended(c: &Connection) -> Answer {
    let Some(suspension) = &c.suspension else { return say(AnswerKind::Wait, "The connection is suspended.") };
    let mail = match suspension.defer_until {
        Some(until) => format!("mail is deferred until {} and then delivered", day_and_time(until)),
        None if c.route == RouteMode::Deliver => "mail that arrives is delivered".to_owned(),
        None => "mail that arrives is deferred, and senders retry".to_owned(),
    };
    let reason = format!(
        "The service desk has suspended this connection ({}); {mail}.",
        suspension.reason.trim_end_matches('.')
    );
    say(AnswerKind::Wait, &reason).waits(Actor::Desk, "end the suspension", suspension.since)
}

/// What has to be done about an own server that shall replace another.
fn new_server(c: &Connection) -> Vec<Waiting> {
    let Some(change) = c.route_change.as_ref() else { return Vec::new() };
    if change.stage == SwapStage::Switching {
        let what = "see mail taken on the way to the new server; the old one stays ready".to_owned();
        return vec![Waiting { who: Actor::Vendor, what, since: change.since }];
    }
    let gates = [(Gate::Allowlist, &c.observed.next_allowlist), (Gate::Probe, &c.observed.next_probe)];
    let wanted = gates.into_iter().filter(|(gate, _)| !(change.hosted && *gate == Gate::Allowlist));
    let mut waiting = Vec::new();
    for (gate, seen) in wanted {
        let Some(seen) = seen.as_ref().filter(|seen| seen.verdict != Verdict::Pass) else { continue };
        let (who, what) = task(gate, &seen.blocking);
        waiting.push(Waiting { who, what: format!("new server: {what}"), since: seen.first_at });
    }
    if waiting.is_empty() {
        waiting.push(Waiting { who: Actor::Vendor, what: "check the new server".to_owned(), since: change.since });
    }
    waiting
}

/// As a minute of UTC.
fn day_and_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn before_ready(c: &Connection) -> Answer {
    let (reason, gate) = match c.phase {
        Phase::Ordered => {
            let answer = say(AnswerKind::Wait, "The order has been received and is not registered yet.");
            return answer.waits(Actor::Desk, "register the customer", c.phase_since);
        }
        Phase::Allowlisting => ("The gateway's addresses do not all reach the mail server yet.", Gate::Allowlist),
        Phase::Probing => ("The mail server has not accepted mail for the domain yet.", Gate::Probe),
        _ => ("The gateway does not accept mail for the domain yet.", Gate::Gateway),
    };
    let Some(seen) = c.observed.gate(gate).filter(|seen| seen.verdict != Verdict::Pass) else {
        let answer = say(AnswerKind::Wait, &format!("{reason} It is being checked."));
        return answer.waits(Actor::Vendor, "check", c.phase_since);
    };
    let (who, what) = task(gate, &seen.blocking);
    say(AnswerKind::Wait, reason).waits(who, what, seen.first_at.max(c.phase_since))
}

/// What has to be done about a gate that does not pass, and by whom.
fn task(gate: Gate, blocking: &[Code]) -> (Actor, String) {
    let codes = if blocking.is_empty() {
        String::new()
    } else {
        format!(" ({})", blocking.iter().map(|code| code.as_str()).collect::<Vec<_>>().join(", "))
    };
    match gate {
        Gate::Allowlist => (Actor::Customer, format!("let every gateway address through the firewall{codes}")),
        Gate::Probe => (Actor::Customer, format!("make the mail server accept mail for the domain{codes}")),
        Gate::Gateway => (Actor::Vendor, format!("make the gateway accept mail for the domain{codes}")),
        Gate::Lint => (lint_actor(blocking), format!("remove the hazard{codes}")),
    }
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

fn hazard(c: &Connection) -> Vec<Waiting> {
    let Some(seen) = c.observed.lint.as_ref().filter(|seen| seen.verdict == Verdict::Fail) else { return Vec::new() };
    let (who, what) = task(Gate::Lint, &seen.blocking);
    vec![Waiting { who, what, since: seen.first_at }]
}

fn ready(c: &Connection, now: Timestamp) -> Answer {
    if mx_change_permitted(c, now) {
        let since = c.permit.as_ref().map_or(c.phase_since, |permit| permit.issued_at);
        let reason = if c.hosted {
            "The mail server and the gateway accept mail for the domain, and nothing stands against the change."
        } else {
            "Every gateway address reaches the mail server, the gateway accepts the domain, and nothing stands against the change."
        };
        return say(AnswerKind::ChangeNow, reason).waits(Actor::Partner, "relay the MX change", since).waits(
            Actor::DnsProvider,
            "publish the new MX",
            since,
        );
    }
    let held_by = hazard(c);
    if !held_by.is_empty() {
        let mut answer = say(AnswerKind::Wait, "The change would lose mail: a hazard has to be removed first.");
        answer.waiting_for = held_by;
        return answer;
    }
    if c.observed.mx.as_ref().is_some_and(|mx| mx.verdict == MxVerdict::LookupError) {
        return say(
            AnswerKind::Wait,
            "The domain's present MX cannot be read, so nothing can be said about changing it.",
        )
        .waits(Actor::DnsProvider, "make the name servers answer", c.phase_since);
    }
    let mut answer = if c.reconfigured() {
        say(AnswerKind::Wait, "The gateway was configured anew; every check is being made again.")
    } else {
        say(AnswerKind::Wait, "The evidence for the change is being renewed.")
    };
    for gate in [Gate::Allowlist, Gate::Probe, Gate::Gateway, Gate::Lint] {
        let Some(seen) = c.observed.gate(gate).filter(|_| needed(c, gate) && !passed(c, gate, now)) else { continue };
        if seen.verdict != Verdict::Pass {
            let (who, what) = task(gate, &seen.blocking);
            answer = answer.waits(who, what, seen.first_at);
        }
    }
    if answer.waiting_for.is_empty() { answer.waits(Actor::Vendor, "check again", c.phase_since) } else { answer }
}

fn confirming(c: &Connection, now: Timestamp) -> Answer {
    let mut answer = if c.import.is_some() {
        say(AnswerKind::Wait, "It was connected before it was known here; it is being verified. Change nothing.")
    } else {
        say(AnswerKind::Wait, "The new MX has been seen; it has to stay for the whole confirmation window.")
    };
    let Some(window) = &c.window else { return answer.waits(Actor::Vendor, "check", c.phase_since) };
    if c.health == Health::DeliveryFailing {
        answer = delivery(c, answer);
    }
    if decision_due_at(c).is_some_and(|at| now >= at) {
        let since = decision_due_at(c).unwrap_or(now);
        answer = answer.waits(Actor::Desk, "accept the MX as it is or have it rolled back", since);
    }
    match earliest_close(c) {
        // Nobody is asked for anything before it is known what there is.
        None if c.import.is_some() && c.observed.mx.is_none() => {
            answer.waits(Actor::Vendor, "look at the MX for the first time", c.phase_since)
        }
        None => {
            let by = window.broken_by.as_deref().unwrap_or("not every name server shows the new MX");
            answer.reason = format!("The new MX is not published everywhere: {}", sentence(by));
            let since = c.observed.mx.as_ref().and_then(|mx| mx.bad_since).unwrap_or(c.phase_since);
            answer.waits(Actor::DnsProvider, "publish the new MX on every name server", since)
        }
        Some(at) if now < at => answer.waits(
            Actor::Time,
            format!("the window closes at {}", at.strftime("%Y-%m-%d %H:%M UTC")),
            window.opened_at,
        ),
        Some(at) if c.observed.mx.as_ref().is_some_and(|mx| mx.resolvers_stale) => {
            answer.waits(Actor::Time, "a public resolver still gives the old MX", at)
        }
        Some(at) if !path_proven(c, now) && answer.waiting_for.is_empty() => {
            answer.waits(Actor::Vendor, "prove the path again", at)
        }
        Some(at) => answer.waits(Actor::Vendor, "look once more", at),
    }
}

fn delivery(c: &Connection, mut answer: Answer) -> Answer {
    for gate in [Gate::Allowlist, Gate::Probe] {
        if let Some(seen) = c.observed.gate(gate).filter(|_| needed(c, gate) && fails(c, gate)) {
            let (who, what) = task(gate, &seen.blocking);
            answer = answer.waits(who, what, seen.first_at);
        }
    }
    if answer.waiting_for.is_empty() {
        answer = answer.waits(Actor::Customer, "make the mail server accept mail for the domain", c.phase_since);
    }
    answer
}

fn connected(c: &Connection) -> Answer {
    match c.health {
        Health::Good if !(c.asked_to_leave.is_empty() && c.names_retired.is_empty() && c.asked_to_allow.is_empty()) => {
            asked(c)
        }
        Health::Good => say(AnswerKind::Done, "Mail flows through the gateway; the MX is watched."),
        Health::DeliveryFailing => delivery(
            c,
            say(
                AnswerKind::Done,
                "The MX is as it should be, but the mail server does not take the mail at the moment.",
            ),
        ),
    }
}

/// Connected, and something is asked for because the gateway has changed.
fn asked(c: &Connection) -> Answer {
    let since = c.observed.mx.as_ref().map_or(c.phase_since, |mx| mx.first_at);
    let mut reason = "Mail flows through the gateway".to_owned();
    let mut tasks = Vec::new();
    if !c.names_retired.is_empty() {
        let names = c.names_retired.join(", ");
        reason.push_str(&format!(", but the MX still names {names}, where nobody takes mail any more"));
        tasks.push((Actor::Partner, format!("take {names} out of the MX at once"), since));
    }
    if !c.asked_to_leave.is_empty() {
        let names = c.asked_to_leave.join(", ");
        reason.push_str(&format!(", but the MX still names {names}, which is going to be retired"));
        tasks.push((Actor::Partner, format!("take {names} out of the MX"), since));
    }
    if !c.asked_to_allow.is_empty() {
        let addresses: Vec<String> = c.asked_to_allow.iter().map(ToString::to_string).collect();
        let addresses = addresses.join(", ");
        reason.push_str(&format!(
            ", but the firewall does not let in {addresses} yet, from where it is going to come too"
        ));
        let since = c.observed.allowlist.as_ref().map_or(c.phase_since, |seen| seen.first_at);
        tasks.push((Actor::Customer, format!("let {addresses} through the firewall too"), since));
    }
    reason.push('.');
    tasks.into_iter().fold(say(AnswerKind::Done, &reason), |answer, (who, what, since)| answer.waits(who, what, since))
}

fn drifted(c: &Connection) -> Answer {
    let names = c.observed.mx.as_ref().map(|mx| mx.names.join(", ")).filter(|names| !names.is_empty());
    let shown = names.map_or_else(String::new, |names| format!(" It names {names}."));
    let answer = say(AnswerKind::Wait, &format!("The MX is no longer as it was accepted.{shown}"));
    let answer = answer.waits(Actor::Partner, "set the gateway's MX records again", c.phase_since);
    if c.health == Health::DeliveryFailing { delivery(c, answer) } else { answer }
}

fn releasing(c: &Connection) -> Answer {
    let Some(release) = &c.release else { return say(AnswerKind::Wait, "The service is ending.") };
    let since = release.since;
    if let Some(answer) = ending(c, release) {
        return answer;
    }
    if !names_us(c) {
        let kind = if c.connected_at.is_none() { AnswerKind::Stop } else { AnswerKind::Wait };
        let reason = if c.connected_at.is_none() {
            "The order is withdrawn. Do not change the MX; if it was changed, set it back."
        } else {
            "The MX has moved away; the route stays until every sender has noticed."
        };
        let who = if c.observed.mx.is_some() { Actor::Time } else { Actor::Vendor };
        return say(kind, reason).waits(who, "the route is removed", release.departed_at.unwrap_or(since));
    }
    if c.observed.next_destination_ok == Some(true) {
        say(AnswerKind::MoveAway, "The service is ending and the next destination accepts mail: move the MX away now.")
            .waits(Actor::Partner, "relay the move of the MX", since)
            .waits(Actor::DnsProvider, "publish the MX without the gateway", since)
    } else {
        let kind = if c.connected_at.is_none() { AnswerKind::Stop } else { AnswerKind::Wait };
        let (reason, who, what) = match (c.observed.next_destination_ok, c.observed.next_destination_unclear) {
            (_, true) => (
                "The service is ending. Whether the next destination accepts mail from outside could not be told: it gave no clear \
                 answer, and is asked again.",
                Actor::Time,
                "a clear answer of the next mail server",
            ),
            (None, false) => (
                "The service is ending. Whether the next destination accepts mail from outside has not been asked yet.",
                Actor::Vendor,
                "ask the next mail server",
            ),
            (Some(_), false) => (
                "The service is ending, but the next destination does not accept mail from outside yet.",
                Actor::Customer,
                "open the next mail server to everybody",
            ),
        };
        say(kind, reason).waits(who, what, since)
    }
}

/// Ends a fragment as a sentence.
fn sentence(text: &str) -> String {
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}

/// Endings that are not the usual one: a domain that is gone, one of which nobody can tell, one that
/// never moves.
fn ending(c: &Connection, release: &Release) -> Option<Answer> {
    let stop_or = |kind| if c.connected_at.is_none() { AnswerKind::Stop } else { kind };
    match (release.departed_at, release.how, release.cut_off) {
        (Some(departed), Departure::Nxdomain, _) => {
            let until = release.route_needed_until.map(day_and_time).unwrap_or_default();
            let reason =
                format!("The domain does not exist any more; the route is kept until {until}, should it come back.");
            return Some(say(stop_or(AnswerKind::Wait), &reason).waits(Actor::Time, "the route is removed", departed));
        }
        (Some(departed), Departure::Decided, _) => {
            let reason = "The service desk decided that the domain has left, because its name servers are silent.";
            return Some(say(stop_or(AnswerKind::Wait), reason).waits(Actor::Time, "the route is removed", departed));
        }
        (None, _, Some(cut_off)) if names_us(c) => {
            let (defer, reject) = (day_and_time(cut_off.defer_at), day_and_time(cut_off.reject_at));
            let reason = format!(
                "The service has ended and the MX still names the gateway: mail is deferred from {defer} and refused from {reject}."
            );
            return Some(say(AnswerKind::MoveAway, &reason).waits(Actor::Partner, "move the MX away", release.since));
        }
        _ => {}
    }
    let silent = c.observed.mx.as_ref().and_then(|mx| mx.silent_since).filter(|_| release.told_undecidable)?;
    let reason = format!(
        "Nobody can say whether the MX has left: the name servers have been silent since {}.",
        day_and_time(silent)
    );
    let what = "decide whether the domain has left";
    Some(say(stop_or(AnswerKind::Wait), &reason).waits(Actor::Desk, what, silent))
}
