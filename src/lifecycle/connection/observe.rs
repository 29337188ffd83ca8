//! Taking facts into the observation intervals: what is late, repeated or contradicts itself is
//! sorted out here, so that the rules see one consistent picture.

use fencepost_checks::mx::MxVerdict;
use fencepost_checks::{Code, Verdict};
use jiff::{SignedDuration, Timestamp};

use super::draft::Draft;
use super::event::Event;
use super::fact::{GateFact, MxFact};
use super::instant::{DAY, HOUR, after};
use super::state::{Connection, EgressSeen, Gate, GateSeen, MxSeen, Observed, Phase, RouteMode, SwapStage};

/// What a round of MX questions says about the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    Clean,
    /// Something else than accepted is published.
    Bad,
    /// Too little was answered to tell.
    Unknown,
}

impl Observed {
    pub(super) fn gate(&self, gate: Gate) -> Option<&GateSeen> {
        match gate {
            Gate::Allowlist => self.allowlist.as_ref(),
            Gate::Probe => self.probe.as_ref(),
            Gate::Gateway => self.gateway.as_ref(),
            Gate::Lint => self.lint.as_ref(),
        }
    }

    fn gate_mut(&mut self, gate: Gate) -> &mut Option<GateSeen> {
        match gate {
            Gate::Allowlist => &mut self.allowlist,
            Gate::Probe => &mut self.probe,
            Gate::Gateway => &mut self.gateway,
            Gate::Lint => &mut self.lint,
        }
    }
}

/// Takes in a look at a gate. One at own servers that have been replaced since is of no use.
pub(super) fn gate(d: &mut Draft, fact: &GateFact) {
    let at_servers = matches!(fact.gate, Gate::Allowlist | Gate::Probe | Gate::Lint);
    if at_servers && d.c.servers_since.is_some_and(|since| fact.observed_at.min(d.now) <= since) {
        return;
    }
    let slot = d.c.observed.gate_mut(fact.gate).take();
    let late = slot.as_ref().is_some_and(|seen| fact.observed_at.min(d.now) < seen.last_at && seen.last_at <= d.now);
    let (seen, changed) = look(slot, fact, d.now);
    *d.c.observed.gate_mut(fact.gate) = Some(seen);
    if let Some(egress) = fact.egress.as_ref().filter(|_| fact.gate == Gate::Allowlist && !late) {
        d.c.observed.egress = Some(EgressSeen::after(d.c.observed.egress.as_ref(), egress));
    }
    if let Some((verdict, blocking)) = changed {
        d.emit(Event::GateChanged { gate: fact.gate, verdict, blocking });
    }
}

/// Takes in a look at the own servers that shall replace the present ones.
pub(super) fn new_server(d: &mut Draft, fact: &GateFact) {
    let verifying = d.c.route_change.as_ref().filter(|change| change.stage == SwapStage::Verifying);
    if verifying.is_none_or(|change| fact.observed_at < change.since) {
        return;
    }
    let slot = match fact.gate {
        Gate::Allowlist => &mut d.c.observed.next_allowlist,
        Gate::Probe => &mut d.c.observed.next_probe,
        Gate::Gateway | Gate::Lint => return,
    };
    let (seen, changed) = look(slot.take(), fact, d.now);
    *slot = Some(seen);
    if let Some((verdict, blocking)) = changed {
        d.emit(Event::NewServerChanged { gate: fact.gate, verdict, blocking });
    }
}

/// What is known after a look, and the news in it.
fn look(before: Option<GateSeen>, fact: &GateFact, now: Timestamp) -> (GateSeen, Option<(String, Vec<Code>)>) {
    // Evidence from the future would stay fresh for ever.
    let at = fact.observed_at.min(now);
    let verdict = judged(fact);
    let before = match before {
        Some(seen) if !is_news(&seen, verdict, at, now) => return (seen, None),
        other => other,
    };
    let mut blocking = fact.blocking.clone();
    blocking.sort_unstable();
    blocking.dedup();
    // A pass from under another configuration is no pass of this one.
    let pass_before = before.as_ref().filter(|seen| seen.setup == fact.setup).and_then(|seen| seen.last_pass_at);
    let same = before.as_ref().is_some_and(|seen| seen.verdict == verdict && seen.blocking == blocking);
    let passed = verdict == Verdict::Pass;
    let seen = GateSeen {
        verdict,
        first_at: before.as_ref().filter(|_| same).map_or(at, |seen| seen.first_at),
        last_at: at,
        last_pass_at: if passed { Some(at) } else { pass_before },
        setup: fact.setup,
        not_after: fact.retry_after.filter(|_| passed).map(|wait| after(at, wait.clamp(HOUR, DAY))),
        not_before: fact.retry_after.filter(|_| !passed).map(|wait| after(at, lengthened(before.as_ref(), wait))),
        misses: if passed { 0 } else { before.as_ref().map_or(0, |seen| seen.misses).saturating_add(1) },
        evidence: fact.evidence.clone(),
        blocking: blocking.clone(),
    };
    (seen, (!same).then(|| (verdict_word(verdict).to_owned(), blocking)))
}

/// A blocking finding outweighs a verdict that says otherwise; for the lint, whose only question is
/// whether there is a hazard, also an undecided one.
fn judged(fact: &GateFact) -> Verdict {
    match fact.verdict {
        _ if fact.blocking.is_empty() => fact.verdict,
        Verdict::Inconclusive if fact.gate != Gate::Lint => Verdict::Inconclusive,
        Verdict::Pass | Verdict::Inconclusive | Verdict::Fail => Verdict::Fail,
    }
}

/// Late and repeated looks are not; of two looks at the same instant the graver counts. What is dated
/// ahead of the clock (it was set back) yields to any look.
fn is_news(seen: &GateSeen, verdict: Verdict, at: Timestamp, now: Timestamp) -> bool {
    seen.last_at > now || at > seen.last_at || (at == seen.last_at && verdict > seen.verdict)
}

/// Waits from one try to the next of a server that goes on asking for patience, minutes: greylisting takes the
/// same question when it is repeated after a while, and how long a while is differs.
const PATIENCE: [i64; 4] = [5, 15, 30, 60];

/// How long to stay away: what was asked for, and longer than the last time. A server may ask us to come back
/// later, but not to stay away for ever.
fn lengthened(before: Option<&GateSeen>, asked: SignedDuration) -> SignedDuration {
    let last = before.and_then(|seen| Some(seen.not_before?.duration_since(seen.last_at)));
    let last = last.unwrap_or(SignedDuration::ZERO);
    let next = PATIENCE.iter().map(|minutes| SignedDuration::from_mins(*minutes)).find(|wait| *wait > last);
    asked.max(next.unwrap_or(HOUR)).clamp(SignedDuration::ZERO, DAY)
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Fail => "fail",
    }
}

/// Takes in a round of MX questions; `None` when it is late or repeated.
pub(super) fn mx(d: &mut Draft, fact: &MxFact) -> Option<Round> {
    let at = fact.observed_at.min(d.now);
    let before = d.c.observed.mx.take();
    if let Some(seen) = before.as_ref().filter(|seen| at <= seen.last_at && seen.last_at <= d.now) {
        d.c.observed.mx = Some(seen.clone());
        return None;
    }
    let round = round(fact);
    let changed = before.as_ref().is_none_or(|seen| seen.verdict != fact.verdict || seen.names != fact.names);
    d.c.observed.mx = Some(seen_after(before.as_ref(), fact, round, at, changed));
    if changed {
        d.emit(Event::MxChanged { verdict: mx_word(fact.verdict).to_owned(), names: fact.names.clone() });
    }
    Some(round)
}

fn round(fact: &MxFact) -> Round {
    if fact.clean && fact.complete && fact.ours_published && !fact.old_published {
        Round::Clean
    } else if fact.old_published || (fact.complete && fact.verdict != MxVerdict::LookupError) {
        Round::Bad
    } else {
        Round::Unknown
    }
}

fn seen_after(before: Option<&MxSeen>, fact: &MxFact, round: Round, at: Timestamp, changed: bool) -> MxSeen {
    let clean_before = before.map_or(0, |seen| seen.clean_rounds);
    let bad_before = before.map_or(0, |seen| seen.bad_rounds);
    let gone = fact.gone && !fact.ours_published;
    let tells = fact.ours_published || fact.complete;
    MxSeen {
        verdict: fact.verdict,
        names: fact.names.clone(),
        ours_published: fact.ours_published,
        old_published: fact.old_published,
        complete: fact.complete,
        first_at: before.filter(|_| !changed).map_or(at, |seen| seen.first_at),
        last_at: at,
        clean_rounds: match round {
            Round::Clean => clean_before.saturating_add(1),
            Round::Bad => 0,
            Round::Unknown => clean_before,
        },
        last_clean_at: if round == Round::Clean { Some(at) } else { before.and_then(|seen| seen.last_clean_at) },
        bad_rounds: match round {
            Round::Clean => 0,
            Round::Bad => bad_before.saturating_add(1),
            Round::Unknown => bad_before,
        },
        bad_since: match round {
            Round::Clean => None,
            Round::Bad => before.and_then(|seen| seen.bad_since).or(Some(at)),
            Round::Unknown => before.and_then(|seen| seen.bad_since),
        },
        t_star: fact.t_star.or_else(|| before.and_then(|seen| seen.t_star)),
        resolvers_stale: fact.resolvers_stale,
        // Named by nobody although every authoritative address answered: then a resolver names us.
        names_us: !gone && (fact.ours_published || fact.complete || before.is_some_and(|seen| seen.names_us)),
        gone,
        nx_rounds: if fact.nxdomain {
            before.map_or(0, |seen| seen.nx_rounds).saturating_add(1)
        } else if tells {
            0
        } else {
            before.map_or(0, |seen| seen.nx_rounds)
        },
        nx_since: if fact.nxdomain {
            before.and_then(|seen| seen.nx_since).or(Some(at))
        } else {
            before.and_then(|seen| seen.nx_since).filter(|_| !tells)
        },
        silent_since: if tells { None } else { before.and_then(|seen| seen.silent_since).or(Some(at)) },
        retiring: fact.retiring.clone(),
        retired: fact.retired.clone(),
        ours: if tells { fact.ours.clone() } else { before.map(|seen| seen.ours.clone()).unwrap_or_default() },
        whole: if round == Round::Clean && fact.verdict == MxVerdict::OursOnly {
            fact.names.clone()
        } else {
            before.map(|seen| seen.whole.clone()).unwrap_or_default()
        },
        gone_since: if gone { before.and_then(|seen| seen.gone_since).or(Some(at)) } else { None },
    }
}

/// Takes in the cheap question: it only says when the MX was last seen as it is known to be.
pub(super) fn glance(d: &mut Draft, at: Timestamp) {
    let at = at.min(d.now);
    if let Some(seen) = d.c.observed.mx.as_mut().filter(|_| d.c.phase == Phase::Connected) {
        seen.last_at = seen.last_at.max(at);
    }
}

fn mx_word(verdict: MxVerdict) -> &'static str {
    match verdict {
        MxVerdict::OursOnly => "ours_only",
        MxVerdict::AsAccepted => "as_accepted",
        MxVerdict::OursPlusForeign => "ours_plus_foreign",
        MxVerdict::OursPartial => "ours_partial",
        MxVerdict::ForeignOnly => "foreign_only",
        MxVerdict::None => "none",
        MxVerdict::NullMx => "null_mx",
        MxVerdict::Invalid => "invalid",
        MxVerdict::LookupError => "lookup_error",
    }
}

/// Takes in the gateway's confirmation, if it is about the present wish.
pub(super) fn route(d: &mut Draft, mode: RouteMode, at: Timestamp) {
    let at = at.min(d.now);
    if d.c.import.is_some_and(|import| import.route_as_found)
        || mode != d.c.route
        || at < d.c.route_since
        || d.c.observed.route_confirmed == Some(mode)
    {
        return;
    }
    d.c.observed.route_confirmed = Some(mode);
    d.c.observed.route_confirmed_at = Some(at);
    d.emit(Event::RouteConfirmed { mode });
}

/// Takes in whether the next destination accepts mail. One that was asked before this release began
/// is about another one.
pub(super) fn next_destination(d: &mut Draft, verdict: Verdict, at: Timestamp) {
    let at = at.min(d.now);
    let known = d.c.observed.next_destination_at;
    let release_since = d.c.release.as_ref().map(|release| release.since);
    if known.is_some_and(|known| at < known) || release_since.is_none_or(|since| at < since) {
        return;
    }
    let seen = &mut d.c.observed;
    let contradicts = known == Some(at) && seen.next_destination_ok == Some(false) && !seen.next_destination_unclear;
    let verdict = if contradicts { Verdict::Fail } else { verdict };
    seen.next_destination_unclear = verdict == Verdict::Inconclusive;
    // No clear answer takes nothing back that was known.
    if !seen.next_destination_unclear {
        seen.next_destination_ok = Some(verdict == Verdict::Pass);
    }
    d.c.observed.next_destination_at = Some(at);
}

/// Whether the last round published a gateway MX host.
pub(super) fn ours_published(c: &Connection) -> bool {
    c.observed.mx.as_ref().is_some_and(|mx| mx.ours_published)
}

/// Whether any observer named the gateway.
pub(super) fn names_us(c: &Connection) -> bool {
    c.observed.mx.as_ref().is_some_and(|mx| mx.names_us)
}

/// Every authoritative address answered, and none names the gateway.
pub(super) fn all_old(c: &Connection) -> bool {
    c.observed.mx.as_ref().is_some_and(|mx| mx.complete && !mx.ours_published && mx.verdict != MxVerdict::LookupError)
}
