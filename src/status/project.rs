//! From the state of a connection and its kept observations to the status that people rely on.
//! Decides nothing: answer, permit and window come from the lifecycle, evaluated at `now`.

use fencepost_checks::explain::{Group, explain};
use fencepost_checks::lint::sts::StsWatch;
use fencepost_checks::mx;
use fencepost_checks::mx::history::{RrsetHistory, Term};
use fencepost_checks::observation::{DnsRound, LintObservation};
use fencepost_checks::{Actor, Finding};
use jiff::{SignedDuration, Timestamp};

use super::{
    Answer, AnswerKind, CutOffStatus, DnsProviderStatus, DomainStatus, PermitStatus, RecordLine, RouteChangeStatus,
    SuspensionStatus, Waiting, WindowStatus, records, rollback, spelling,
};
use crate::config::{AdapterConfig, GatewayConfig};
use crate::lifecycle::connection::{self, Connection, Phase, RouteMode};
use crate::store::Observation;
use crate::words::Language;

/// Queues and misbehaving senders use the old path this long after T* (CHECKS.md §1).
const OLD_PATH: SignedDuration = SignedDuration::from_hours(5 * 24);

/// Everything that a status is made of.
#[derive(Debug, Clone, Copy)]
pub struct ProjectInput<'a> {
    pub connection: &'a Connection,
    pub connection_id: &'a str,
    /// `mx` (a `DnsRound`), `history`, `lint`, `before` (the last lint before the change), `sts`, and
    /// `findings:<gate>`; others are left alone.
    pub observations: &'a [Observation],
    pub gateway: &'a GatewayConfig,
    pub now: Timestamp,
    pub next_check_at: Option<Timestamp>,
}

/// Where people set the routes, the desk is waited for until it has confirmed this one.
fn by_hand(input: &ProjectInput<'_>, language: Language) -> Option<Waiting> {
    let c = input.connection;
    let confirmed = c.observed.route_confirmed == Some(c.route);
    if input.gateway.adapter != AdapterConfig::Manual || confirmed {
        return None;
    }
    let set = match c.route {
        RouteMode::Defer => language.say(
            "make the gateway defer mail (451)",
            "aseta suodatuspalvelu pyytämään lähettäjiä yrittämään myöhemmin (451)",
        ),
        RouteMode::Deliver => language.say(
            "make the gateway deliver mail to the own servers",
            "aseta suodatuspalvelu toimittamaan posti omille palvelimille",
        ),
        RouteMode::Reject => language.say("make the gateway reject mail", "aseta suodatuspalvelu hylkäämään posti"),
        RouteMode::Absent => {
            language.say("remove the domain from the gateway", "poista verkkotunnus suodatuspalvelusta")
        }
    };
    let then = language.say("then run", "aja sitten");
    let what = format!("{set}, {then} `fencepost gateway confirm {}`", c.domain);
    Some(Waiting { who: Actor::Desk, what, since: c.route_since })
}

/// The status of a domain at `now`. An observation that cannot be read counts as not made.
#[must_use]
pub fn project(input: &ProjectInput<'_>) -> DomainStatus {
    project_in(input, Language::En)
}

/// [`project`] with answer, tasks, steps at the DNS provider and advice in a language. Findings are in the words
/// of the checks, and so are the terms of T\*.
#[must_use]
pub fn project_in(input: &ProjectInput<'_>, language: Language) -> DomainStatus {
    let ProjectInput { connection, now, .. } = *input;
    let Answer { answer, reason, mut waiting_for } = connection::answer_in(connection, now, language);
    waiting_for.extend(by_hand(input, language));
    let round: Option<DnsRound> = body(input.observations, "mx");
    let current_mx = round.as_ref().map_or_else(Vec::new, |round| records::published(&connection.domain, round));
    let history: Option<RrsetHistory> = body(input.observations, "history");
    let previous_mx = previous(input, history.as_ref(), &current_mx);
    let (mut records_to_set, records_to_remove) = instructions(input, answer, &current_mx, &previous_mx);
    let zone = round.as_ref().and_then(|round| round.zone.as_ref());
    for record in &mut records_to_set {
        record.spellings = Some(spelling::spell(record, zone));
    }
    let lint: Option<LintObservation> = body(input.observations, "lint");
    let before: Option<LintObservation> = body(input.observations, "before");
    let sts: Option<StsWatch> = body(input.observations, "sts");
    let sts_term = sts.as_ref().and_then(StsWatch::term);
    let changed = connection.window.is_some() || connection.observed.mx.as_ref().is_some_and(|mx| mx.ours_published);
    let t_star = connection.observed.mx.as_ref().and_then(|mx| mx.t_star).filter(|_| changed);
    let permit = permit(input);
    let advice = history
        .as_ref()
        .filter(|_| !changed && before_change(connection.phase))
        .and_then(|history| earliest_safe(history, sts_term.as_ref(), now, language));
    let leaving = matches!(connection.phase, Phase::Releasing | Phase::Released | Phase::Cancelled);
    DomainStatus {
        domain: connection.domain.clone(),
        connection_id: input.connection_id.to_owned(),
        as_of: now,
        phase: connection.phase,
        phase_since: connection.phase_since,
        answer,
        reason,
        mx_change_permitted: answer == AnswerKind::ChangeNow && permit.is_some(),
        permit,
        waiting_for,
        next_check_at: input.next_check_at,
        records_to_set,
        records_to_remove,
        current_mx,
        rollback: if leaving { None } else { rollback::card(&previous_mx, before.as_ref()) },
        dns_provider: round.as_ref().and_then(|round| DnsProviderStatus::of_in(round, lint.as_ref(), language)),
        previous_mx,
        mx_verdict: connection.observed.mx.as_ref().map(|mx| mx.verdict),
        fastest_change_after: advice.as_ref().map(|advice| advice.at),
        fastest_change_because: advice.map(|advice| advice.because),
        all_senders_switched_by: t_star,
        switch_terms: t_star.map_or_else(Vec::new, |_| switch_terms(input, history.as_ref(), sts_term)),
        old_path_needed_until: connection
            .old_path_needed_until
            .or_else(|| t_star.and_then(|t| t.checked_add(OLD_PATH).ok())),
        findings: findings(input),
        window: window(input),
        route_change: connection.route_change.as_ref().map(|change| RouteChangeStatus {
            servers: change.servers.iter().map(|server| format!("{}:{}", server.host, server.port)).collect(),
            stage: change.stage,
            since: change.since,
        }),
        suspension: connection.suspension.as_ref().map(|held| SuspensionStatus {
            since: held.since,
            reason: held.reason.clone(),
            mail_deferred_until: held.defer_until,
        }),
        cut_off: connection
            .release
            .as_ref()
            .and_then(|release| release.cut_off)
            .map(|cut_off| CutOffStatus { deferred_from: cut_off.defer_at, refused_from: cut_off.reject_at }),
        route_kept_until: connection.release.as_ref().and_then(|release| release.route_needed_until),
    }
}

/// When a change is safe and fast: the TTL waited out, and an earlier MTA-STS policy too.
fn earliest_safe(history: &RrsetHistory, sts: Option<&Term>, now: Timestamp, language: Language) -> Option<Term> {
    let advice = history.fastest_change_after()?;
    let (at, because, in_finnish) = match sts {
        Some(sts) if sts.at > advice.at && sts.at > now => (
            sts.at,
            sts.because.clone(),
            "Aiempi MTA-STS-käytäntö ei nimennyt suodatuspalvelua; siihen asti lähettäjät voivat noudattaa sen kopiota.",
        ),
        _ if advice.lowered => (
            advice.at,
            advice.because,
            "MX-tietueiden TTL on jo lyhyt, ja pitkäikäisemmät kopiot ovat silloin vanhentuneet.",
        ),
        _ => (
            advice.at,
            advice.because,
            "MX-tietueiden TTL on nyt pitkä. Jos se lyhennetään heti 300 sekuntiin, muutos leviää sen jälkeen minuuteissa.",
        ),
    };
    Some(Term {
        at,
        because: match language {
            Language::En => because,
            Language::Fi => in_finnish.to_owned(),
        },
    })
}

/// The terms of T*, each with its sentence; while releasing, those of the departure.
fn switch_terms(input: &ProjectInput<'_>, history: Option<&RrsetHistory>, sts: Option<Term>) -> Vec<Term> {
    let Some(history) = history else { return Vec::new() };
    let expected = input.connection.expects(input.gateway.expected_mx());
    let t_star = if input.connection.phase == Phase::Releasing {
        history.departure(&expected)
    } else {
        let extra: Vec<Term> = sts.into_iter().collect();
        history.t_star(&expected, &extra)
    };
    t_star.map_or_else(Vec::new, |t_star| t_star.terms)
}

/// The permit, while it is valid: what has expired or was revoked is not shown as one.
fn permit(input: &ProjectInput<'_>) -> Option<PermitStatus> {
    let permit = input.connection.permit.as_ref()?;
    let valid_until = connection::permit_valid_until(input.connection)?;
    connection::mx_change_permitted(input.connection, input.now).then(|| PermitStatus {
        id: format!("{}/{}", input.connection_id, permit.number),
        issued_at: permit.issued_at,
        valid_until,
        evidence: permit.evidence.clone(),
    })
}

fn window(input: &ProjectInput<'_>) -> Option<WindowStatus> {
    let window = input.connection.window.as_ref()?;
    Some(WindowStatus {
        opened_at: window.opened_at,
        clean_rounds: input.connection.observed.mx.as_ref().map_or(0, |mx| mx.clean_rounds),
        earliest_close: connection::earliest_close(input.connection),
        escalates_at: connection::escalates_at(input.connection)?,
        broken_by: window.broken_by.clone(),
    })
}

/// Advice about the TTL is of use only before the change.
const fn before_change(phase: Phase) -> bool {
    matches!(phase, Phase::Ordered | Phase::Allowlisting | Phase::Probing | Phase::Provisioning | Phase::Ready)
}

/// The last set that did not name the gateway: what is published now, or what the history kept.
fn previous(input: &ProjectInput<'_>, history: Option<&RrsetHistory>, current: &[RecordLine]) -> Vec<RecordLine> {
    if !current.is_empty() && !current.iter().any(|line| records::is_ours(line, input.gateway)) {
        return current.to_vec();
    }
    let Some(kept) = history.and_then(|history| history.previous_mx(&input.gateway.ever_mx())) else {
        return Vec::new();
    };
    let domain = &input.connection.domain;
    kept.records.iter().map(|mx| records::line(domain, Some(kept.ttl), mx.preference, &mx.exchange)).collect()
}

/// What to set and what to remove, for the present answer.
fn instructions(
    input: &ProjectInput<'_>,
    answer: AnswerKind,
    current: &[RecordLine],
    previous: &[RecordLine],
) -> (Vec<RecordLine>, Vec<RecordLine>) {
    let ours = |line: &&RecordLine| records::is_ours(line, input.gateway);
    let leaving = matches!(input.connection.phase, Phase::Releasing | Phase::Released | Phase::Cancelled);
    match answer {
        AnswerKind::RollBack => (previous.to_vec(), current.iter().filter(ours).cloned().collect()),
        AnswerKind::MoveAway => (Vec::new(), current.iter().filter(ours).cloned().collect()),
        _ if leaving => (Vec::new(), Vec::new()),
        AnswerKind::Wait | AnswerKind::ChangeNow | AnswerKind::Stop | AnswerKind::Done => (
            records::wanted(&input.connection.domain, input.gateway),
            current.iter().filter(|line| !records::may_stay(line, input.gateway)).cloned().collect(),
        ),
    }
}

/// Findings of every gate that still matter, gravest first.
fn findings(input: &ProjectInput<'_>) -> Vec<Finding> {
    let mut all: Vec<Finding> = input
        .observations
        .iter()
        .filter_map(|o| Some((o.kind.strip_prefix("findings:")?, &o.body)))
        .filter_map(|(gate, body)| Some((gate, serde_json::from_str::<Vec<Finding>>(body).ok()?)))
        .flat_map(|(gate, findings)| findings.into_iter().map(move |finding| (gate, finding)))
        .filter(|(gate, finding)| matters(input.connection, gate, finding))
        .map(|(_, finding)| finding)
        .collect();
    all.extend(early_cutover(input.connection).filter(|_| input.connection.phase < Phase::Releasing));
    all.sort_by(|a, b| (b.severity, a.code, &a.subject).cmp(&(a.severity, b.code, &b.subject)));
    all
}

/// Whoever leaves needs no advice about an arrival: what is told then is whether the next destination takes
/// mail, and whether the name servers can be asked; and nothing once it is over.
fn matters(connection: &Connection, gate: &str, finding: &Finding) -> bool {
    match connection.phase {
        Phase::Released | Phase::Cancelled => false,
        Phase::Releasing => match gate {
            // An earlier release asked another one.
            "next_destination" => connection
                .release
                .as_ref()
                .is_none_or(|release| release.departed_at.is_none() && finding.observed_at >= release.since),
            "mx" => explain(finding.code).group == Group::NameServers,
            _ => false,
        },
        // What a change of own servers saw is of interest while it lasts.
        _ => gate != "next_destination" && (connection.route_change.is_some() || !gate.starts_with("next_")),
    }
}

/// The MX names the gateway before it may: only the lifecycle knows that.
fn early_cutover(connection: &Connection) -> Option<Finding> {
    let since = connection.early_cutover_since?;
    let names = connection.observed.mx.as_ref().map(|mx| mx.names.as_slice()).unwrap_or_default();
    Some(mx::early_cutover(&connection.domain, names, since))
}

fn body<T: serde::de::DeserializeOwned>(observations: &[Observation], kind: &str) -> Option<T> {
    observations.iter().find(|o| o.kind == kind).and_then(|o| serde_json::from_str(&o.body).ok())
}
