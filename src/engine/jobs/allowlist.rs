//! The firewall in front of the own servers, from every egress address and from outsiders.

use std::net::IpAddr;

use fencepost_checks::firewall::{FirewallContext, judge, unsound};
use fencepost_checks::observation::{DnsAnswer, DnsRound, SmtpDialogue};

use fencepost_checks::{Code, Finding, Judgement, Verdict};
use jiff::{SignedDuration, Timestamp};

use super::{Found, Job, JobError, Whose, places, seen, strangers};
use crate::engine::ports::{FirewallRound, ServerTask};
use crate::lifecycle::connection::{Gate, Phase};
use crate::order::MailServer;
use crate::store::Observation;

pub(super) async fn run(job: &Job<'_>, whose: Whose) -> Result<Found, JobError> {
    let task = job.servers_of(whose);
    if whose == Whose::Present
        && let Some(found) = without_outsiders(job, &task).await?
    {
        return Ok(found);
    }
    let FirewallRound { dialogues, reference } = job.parts.observer.firewall(&task).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let looks = places::looks(job, whose, &task, &dialogues, &reference, now);
    let (judged, evidence) = judged(job, &task, whose, (&dialogues, &reference), now);
    let mut fact = job.gate_fact(Gate::Allowlist, &judged, &evidence, seen::oldest(&dialogues, now));
    fact.egress = places::fact(job, whose, &looks);
    let outsiders = seen::observation(&whose.kind("outsiders"), &(), &(), now);
    let findings = seen::findings(&whose.kind("allowlist"), &judged.findings, now);
    let mut kept = vec![evidence, findings, outsiders];
    kept.extend(places::addresses(job, &looks, now));
    if judged.verdict == Verdict::Pass {
        kept.extend(strangers::look(job, &task, whose).await?);
    }
    Ok(Found::of(whose.fact(fact), kept))
}

/// Outsiders knock at a connected customer's servers this often.
const OUTSIDERS: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The gateway's own addresses alone, where the outsiders were there within the week; what they met is told
/// until they come again. `None` where they are to come now: it is time, or the gateway does not get through
/// and they are needed to tell why.
async fn without_outsiders(job: &Job<'_>, task: &ServerTask) -> Result<Option<Found>, JobError> {
    let begun = job.now();
    let lately = job.kept.0.iter().find(|kept| kept.kind == "outsiders").map(|kept| kept.last_at);
    let Some(lately) = lately else { return Ok(None) };
    if job.loaded.connection.phase != Phase::Connected || begun.duration_since(lately) >= OUTSIDERS {
        return Ok(None);
    }
    let FirewallRound { dialogues, reference } = job.parts.observer.firewall_from_egress(task).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let (mut judged, evidence) = judged(job, task, Whose::Present, (&dialogues, &reference), now);
    if judged.verdict != Verdict::Pass {
        return Ok(None);
    }
    let told: Vec<Finding> = job.kept.body("findings:allowlist").unwrap_or_default();
    let of_outsiders = |finding: &Finding| {
        matches!(finding.code, Code::FwOpenWorld | Code::FwLockdownVerified | Code::FwLockdownApplication)
    };
    judged.findings.extend(told.into_iter().filter(of_outsiders));
    let looks = places::looks(job, Whose::Present, task, &dialogues, &reference, now);
    let mut fact = job.gate_fact(Gate::Allowlist, &judged, &evidence, seen::oldest(&dialogues, now));
    fact.egress = places::fact(job, Whose::Present, &looks);
    let mut kept = vec![evidence, seen::findings("allowlist", &judged.findings, now)];
    kept.extend(places::addresses(job, &looks, now));
    Ok(Some(Found::of(Whose::Present.fact(fact), kept)))
}

fn judged(
    job: &Job<'_>,
    task: &ServerTask,
    whose: Whose,
    (dialogues, reference): (&[SmtpDialogue], &[SmtpDialogue]),
    now: Timestamp,
) -> (Judgement, Observation) {
    let context = context(job, task, dialogues, reference, now);
    let judged = judge(dialogues, &context);
    let evidence = seen::dialogues(&whose.kind("firewall"), &judged, dialogues, now);
    (judged, evidence)
}

pub(super) fn context(
    job: &Job<'_>,
    task: &ServerTask,
    dialogues: &[SmtpDialogue],
    reference: &[SmtpDialogue],
    now: Timestamp,
) -> FirewallContext {
    let connection = &job.loaded.connection;
    let gateway = &job.parts.config.gateway;
    FirewallContext {
        egress: gateway.delivering(),
        announced: gateway.announced(),
        hosted: task.hosted,
        own_server_in_mx: job.kept.body("mx").is_some_and(|round| own_server_in_mx(&task.servers, &round, dialogues)),
        old_path_drained: connection.old_path_needed_until.is_some_and(|until| until <= now),
        unsound: unsound(reference),
        now,
        domain: task.domain.clone(),
    }
}

/// Whether the published MX names an own server, by its name or by its address.
fn own_server_in_mx(servers: &[MailServer], round: &DnsRound, dialogues: &[SmtpDialogue]) -> bool {
    let own: Vec<IpAddr> = dialogues
        .iter()
        .filter_map(|dialogue| dialogue.peer.map(|peer| peer.ip()))
        .chain(servers.iter().filter_map(|server| server.host.parse().ok()))
        .collect();
    let published = round.servers.iter().filter_map(|server| match &server.answer {
        DnsAnswer::Mx { records, .. } | DnsAnswer::Cname { records, .. } => Some(records),
        _ => None,
    });
    published.flatten().any(|record| {
        let host = |name: &str| name.trim_end_matches('.').eq_ignore_ascii_case(&record.exchange);
        servers.iter().any(|server| host(&server.host))
            || round
                .exchanges
                .iter()
                .any(|at| at.exchange == record.exchange && at.addresses.iter().any(|address| own.contains(address)))
    })
}
