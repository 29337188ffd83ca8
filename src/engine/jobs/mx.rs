//! A round of MX questions, judged against what is accepted, with the watched history of the RRset
//! that gives T\*.

use fencepost_checks::lint::sts::StsWatch;
use fencepost_checks::mx::history::{RrsetHistory, Term};
use fencepost_checks::mx::judge_watched;

use fencepost_checks::observation::{DnsAnswer, ServerAnswer};

use super::{Found, Job, seen};
use crate::lifecycle::connection::{Fact, MxFact, Phase};

pub(super) async fn run(job: &Job<'_>) -> Found {
    let connection = &job.loaded.connection;
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
        retiring: Vec::new(),
        names: judged.names,
    };
    Found::of(Fact::Mx(fact), vec![seen_now, history, findings])
}

/// Asked of the parent's servers, where the domain is not even delegated.
fn does_not_exist(server: &ServerAnswer) -> bool {
    matches!(server.answer, DnsAnswer::NxDomain { .. })
}

fn sts_terms(job: &Job<'_>) -> Vec<Term> {
    job.kept.body::<StsWatch>("sts").and_then(|watch| watch.term()).into_iter().collect()
}
