//! A round of MX questions, judged against what is accepted, with the watched history of the RRset
//! that gives T\*.

use std::net::SocketAddr;

use fencepost_checks::lint::sts::StsWatch;
use fencepost_checks::mx::history::{RrsetHistory, Term};
use fencepost_checks::mx::judge_watched;
use fencepost_checks::mx::propagation::Propagation;
use jiff::{SignedDuration, Timestamp};

use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, ServerAnswer};

use super::{Found, Job, Kept, places, seen};
use crate::config::GatewayConfig;
use crate::lifecycle::connection::{Connection, Fact, MxFact, Phase};

pub(super) async fn run(job: &Job<'_>) -> Found {
    let connection = &job.loaded.connection;
    if let Some(found) = glance(job).await {
        return found;
    }
    let round = job.parts.observer.mx_round(&connection.domain).await;
    let now = job.now();
    let mut history: RrsetHistory = job.kept.body("history").unwrap_or_default();
    history.observe(&round);
    let expected = job.expected();
    let judged = judge_watched(&round, &expected, &history);
    let t_star = if connection.phase == Phase::Releasing {
        history.departure(&expected)
    } else {
        history.t_star(&expected, &sts_terms(job))
    };
    let answers: Vec<_> = round.servers.iter().map(|s| (&s.name, s.address, &s.answer)).collect();
    let mut spread: Propagation = job.kept.body("propagation").unwrap_or_default();
    spread.observe(&round, &expected);
    let spread = seen::observation("propagation", &spread.now().iter().collect::<Vec<_>>(), &spread, now);
    let seen_now = seen::observation("mx", &answers, &round, now);
    let history = seen::observation("history", &history, &history, now);
    let findings = seen::findings("mx", &judged.findings, now);
    let fact = MxFact {
        verdict: judged.verdict,
        ours_published: judged.ours_published,
        old_published: judged.old_published,
        complete: judged.complete,
        clean: judged.clean,
        gone: judged.gone,
        resolvers_stale: judged.resolvers_stale,
        t_star: t_star.map(|t_star| t_star.at),
        observed_at: round.started_at.min(now),
        broken_by: judged.broken_by,
        nxdomain: judged.gone && !round.servers.is_empty() && round.servers.iter().all(does_not_exist),
        retiring: judged.leaving,
        retired: judged.retired,
        ours: judged.ours,
        names: judged.names,
    };
    let mut kept = vec![seen_now, history, findings, spread];
    kept.extend(places::hosts(job, &fact, now));
    Found::of(Fact::Mx(fact), kept)
}

/// Asked of the parent's servers, where the domain is not even delegated.
fn does_not_exist(server: &ServerAnswer) -> bool {
    matches!(server.answer, DnsAnswer::NxDomain { .. })
}

fn sts_terms(job: &Job<'_>) -> Vec<Term> {
    job.kept.body::<StsWatch>("sts").and_then(|watch| watch.term()).into_iter().collect()
}

/// A whole round at least this often, however quiet the domain is.
const ROUND: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The cheap question first: a connected domain whose last whole round was clean and one set everywhere, and of
/// which one question still shows that set, needs no round. It goes to everybody in turn, because each alone can
/// be wrong: one server that went back to an old zone is hidden from resolvers by the others, and a delegation to
/// other servers is hidden from the servers that were left.
async fn glance(job: &Job<'_>) -> Option<Found> {
    let connection = &job.loaded.connection;
    let now = job.now();
    let (known, servers) = calm_set(&job.parts.config.gateway, connection, job.kept, now)?;
    let asked = next(&servers, job.kept.body(GLANCE));
    let seen = job.parts.observer.mx_glance(&connection.domain, asked).await?;
    let asked = seen::observation(GLANCE, &(), &asked, now);
    (seen == known).then(|| Found::of(Fact::MxUnchanged { at: now }, vec![asked]))
}

/// The set that one question has to show for nothing to have changed, and the servers of the zone; `None` where
/// only a whole round can tell.
pub(in crate::engine) fn calm_set(
    gateway: &GatewayConfig,
    connection: &Connection,
    kept: &Kept,
    now: Timestamp,
) -> Option<(Vec<MxRecord>, Vec<SocketAddr>)> {
    let calm = connection.observed.mx.as_ref().is_some_and(|mx| mx.clean_rounds > 0 && mx.bad_rounds == 0);
    if connection.phase != Phase::Connected || !calm {
        return None;
    }
    let before: DnsRound = kept.body("mx")?;
    // A sweep saw something else since: one question, to whomever, cannot settle that.
    let doubted = kept.body::<Timestamp>(SWEPT).is_some_and(|swept| swept >= before.started_at);
    if doubted || now.duration_since(before.finished_at) > ROUND {
        return None;
    }
    let (known, servers) = agreed(&before)?;
    places::as_told(gateway, connection, kept, &known).then_some((known, servers))
}

/// When a sweep last saw another set than the one known.
pub(in crate::engine) const SWEPT: &str = "swept";

/// Who was asked the cheap question last: a server of the zone, or nobody in particular.
const GLANCE: &str = "glance";

/// The set that every server gave, and the servers. One that could not be asked for reasons of our own (no way
/// by IPv6) says nothing.
fn agreed(round: &DnsRound) -> Option<(Vec<MxRecord>, Vec<SocketAddr>)> {
    let mut known = None;
    let mut servers = Vec::new();
    for server in &round.servers {
        match &server.answer {
            DnsAnswer::Mx { records, .. } if known.is_none_or(|known| known == records) => known = Some(records),
            DnsAnswer::VantageFault { .. } => continue,
            _ => return None,
        }
        servers.push(server.address);
    }
    Some((known?.clone(), servers))
}

/// Whose turn it is: the resolvers', then each server's.
fn next(servers: &[SocketAddr], last: Option<Option<SocketAddr>>) -> Option<SocketAddr> {
    match last {
        None => None,
        Some(None) => servers.first().copied(),
        Some(Some(last)) => {
            let place = servers.iter().position(|server| *server == last)?;
            servers.get(place + 1).copied()
        }
    }
}
