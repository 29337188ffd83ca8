//! An observer that counts what another one sees and how long it takes. It changes nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use fencepost_checks::observation::{ConnectOutcome, DnsAnswer, DnsRound, LintObservation, MxRecord, SmtpDialogue};
use tokio::time::Instant;

use super::ports::{CanaryLetter, FirewallRound, Observer, ServerTask};
use crate::metrics::{self, Probe};

pub(super) struct Metered(pub Arc<dyn Observer>);

#[async_trait]
impl Observer for Metered {
    async fn mx_round(&self, domain: &DomainName) -> DnsRound {
        let round = timed(Probe::Mx, self.0.mx_round(domain)).await;
        for server in &round.servers {
            metrics::of_process().saw(Probe::Mx, dns(&server.answer));
        }
        round
    }

    async fn mx_glance(&self, domain: &DomainName, server: Option<SocketAddr>) -> Option<Vec<MxRecord>> {
        timed(Probe::Mx, self.0.mx_glance(domain, server)).await
    }

    async fn firewall_from_egress(&self, task: &ServerTask) -> FirewallRound {
        let round = timed(Probe::Firewall, self.0.firewall_from_egress(task)).await;
        dialogues(Probe::Firewall, &round.dialogues);
        round
    }

    async fn firewall(&self, task: &ServerTask) -> FirewallRound {
        let round = timed(Probe::Firewall, self.0.firewall(task)).await;
        dialogues(Probe::Firewall, &round.dialogues);
        round
    }

    async fn smtp(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        let seen = timed(Probe::Smtp, self.0.smtp(task)).await;
        dialogues(Probe::Smtp, &seen);
        seen
    }

    async fn strangers(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        let seen = timed(Probe::Smtp, self.0.strangers(task)).await;
        dialogues(Probe::Smtp, &seen);
        seen
    }

    async fn gateway(&self, domain: &DomainName, test_mailbox: &str) -> Vec<SmtpDialogue> {
        let seen = timed(Probe::Gateway, self.0.gateway(domain, test_mailbox)).await;
        dialogues(Probe::Gateway, &seen);
        seen
    }

    async fn lint(&self, task: &ServerTask) -> LintObservation {
        timed(Probe::Lint, self.0.lint(task)).await
    }

    /// A message, no look: it counts as one of the gateway.
    async fn canary(&self, letter: &CanaryLetter) -> SmtpDialogue {
        let seen = timed(Probe::Gateway, self.0.canary(letter)).await;
        dialogues(Probe::Gateway, std::slice::from_ref(&seen));
        seen
    }

    async fn next_destination(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        let seen = timed(Probe::NextDestination, self.0.next_destination(task)).await;
        dialogues(Probe::NextDestination, &seen);
        seen
    }
}

async fn timed<T>(probe: Probe, look: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let seen = look.await;
    let took: Duration = begun.elapsed();
    metrics::of_process().probed(probe, took);
    seen
}

fn dialogues(probe: Probe, seen: &[SmtpDialogue]) {
    for dialogue in seen {
        let outcome = connect(&dialogue.connect);
        metrics::of_process().saw(probe, outcome);
        metrics::of_process().from_vantage(&dialogue.vantage.id, outcome != "vantage_fault");
    }
}

const fn connect(outcome: &ConnectOutcome) -> &'static str {
    match outcome {
        ConnectOutcome::Connected { .. } => "connected",
        ConnectOutcome::TimedOut { .. } => "timed_out",
        ConnectOutcome::Refused => "refused",
        ConnectOutcome::Prohibited => "prohibited",
        ConnectOutcome::Unreachable { .. } => "unreachable",
        ConnectOutcome::Unresolvable { .. } => "unresolvable",
        ConnectOutcome::BlockedTarget { .. } => "blocked_target",
        ConnectOutcome::VantageFault { .. } => "vantage_fault",
    }
}

const fn dns(answer: &DnsAnswer) -> &'static str {
    match answer {
        DnsAnswer::Mx { .. } => "mx",
        DnsAnswer::NoData { .. } => "no_data",
        DnsAnswer::NxDomain { .. } => "nx_domain",
        DnsAnswer::Cname { .. } => "cname",
        DnsAnswer::Lame => "lame",
        DnsAnswer::ServFail => "serv_fail",
        DnsAnswer::Refused => "refused",
        DnsAnswer::TimedOut => "timed_out",
        _ => "other",
    }
}
