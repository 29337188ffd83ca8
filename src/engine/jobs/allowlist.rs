//! The firewall in front of the own servers, from every egress address and from outsiders.

use std::net::IpAddr;

use fencepost_checks::firewall::{FirewallContext, judge, unsound};
use fencepost_checks::observation::{DnsAnswer, DnsRound, SmtpDialogue};

use super::{Found, Job, JobError, Whose, seen};
use crate::engine::ports::FirewallRound;
use crate::lifecycle::connection::Gate;
use crate::order::MailServer;

pub(super) async fn run(job: &Job<'_>, whose: Whose) -> Result<Found, JobError> {
    let task = job.servers_of(whose);
    let FirewallRound { dialogues, reference } = job.parts.observer.firewall(&task).await;
    let dialogues = job.weigh(dialogues).await?;
    let now = job.now();
    let connection = &job.loaded.connection;
    let context = FirewallContext {
        egress: job.parts.config.gateway.egress.iter().map(|egress| egress.address).collect(),
        hosted: task.hosted,
        own_server_in_mx: job.kept.body("mx").is_some_and(|round| own_server_in_mx(&task.servers, &round, &dialogues)),
        old_path_drained: connection.old_path_needed_until.is_some_and(|until| until <= now),
        unsound: unsound(&reference),
        now,
        domain: task.domain,
    };
    let judged = judge(&dialogues, &context);
    let evidence = seen::dialogues(&whose.kind("firewall"), &judged, &dialogues, now);
    let fact = job.gate_fact(Gate::Allowlist, &judged, &evidence, seen::oldest(&dialogues, now));
    Ok(Found::of(whose.fact(fact), vec![evidence, seen::findings(&whose.kind("allowlist"), &judged.findings, now)]))
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
