//! Executes observations: DNS, SMTP and HTTPS questions sent from the vantages of this host. What
//! comes back is recorded word for word; judging it is the business of `fencepost-checks`. Nothing
//! here decides, stores or reads the wall clock, and nothing that the other side sends is trusted.
//!
//! | module | for |
//! | --- | --- |
//! | `dns` | MX at every authoritative address and at the resolvers; look-ups |
//! | [`bulk`] | many DNS questions over shared sockets, for sweeps |
//! | `smtp` | one dialogue with one address, behind a guard |
//! | `matrix` | which vantage talks to which server, how far, in which order |
//! | `strangers` | whether an own server takes everything, or relays, where that is asked for |
//! | `reference` | whether the outsiders reach anything at all |
//! | `canary` | the one message that is ever sent |
//! | `policy` | MTA-STS, SPF, DMARC, TLS-RPT, DNSSEC, DANE |
//! | `vantage` | the source addresses of this host, and those of agents |
//! | `remote`, `errand` | visits that an agent makes for us, and those that we make as an agent |
//! | `proof`, [`echo`] | from where our own reference server sees a vantage, and that server |
//! | [`target`] | which addresses may be reached at all |
//! | `turn` | one connection to one address at a time |
//! | `signatures` | signatures on certificates, verified once |
//! | `tls` | trusted roots, and certificates described |
//! | `escape` | text from outside made harmless |

pub mod bulk;
mod canary;
mod dns;
pub mod echo;
mod errand;
mod escape;
mod matrix;
mod policy;
mod proof;
mod reference;
mod remote;
mod signatures;
mod smtp;
mod strangers;
pub mod target;
mod tls;
mod turn;
mod vantage;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use fencepost_checks::mx::Expected;
use fencepost_checks::observation::{DnsRound, LintObservation, MxRecord, SmtpDialogue};

use self::dns::Dns;
use self::proof::Proofs;
use self::smtp::Times;
use self::tls::Trust;
use self::turn::Turns;
use self::vantage::Places;
use crate::clock::SharedClock;
use crate::config::{GatewayConfig, ProbeConfig};
use crate::engine::ports::{CanaryLetter, FirewallRound, Observer, Politeness, ServerTask, Vantages};

pub use self::dns::system_resolvers;
pub use self::target::{CidrError, TargetGuard};

/// The observer of this host: all its sockets are opened here.
#[derive(Debug)]
pub struct Prober {
    config: ProbeConfig,
    gateway: GatewayConfig,
    /// What tells the gateway's hosts from others.
    expected: Expected,
    clock: SharedClock,
    guard: TargetGuard,
    dns: Dns,
    trust: Trust,
    turns: Turns,
    places: Places,
    proofs: Proofs,
    vantages: Option<Arc<dyn Vantages>>,
    times: Times,
    patience: Duration,
}

/// How long one observation of servers may take, unless [`Prober::with_patience`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why the configuration does not allow probing at all.
#[derive(Debug, thiserror::Error)]
pub enum ProbeSetupError {
    #[error("probe.allow_targets: {0}")]
    AllowTargets(#[from] CidrError),
    #[error("probe.extra_roots: {0}")]
    ExtraRoots(String),
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
        Ok(Self {
            config: probe.clone(),
            gateway: gateway.clone(),
            expected: gateway.expected_mx(),
            dns: Dns::new(probe, guard.clone(), clock.clone()),
            trust: Trust::new(probe.extra_roots.as_deref())?,
            turns: Turns::new(Duration::from_millis(probe.pause_ms)),
            places: Places::new(gateway, probe),
            proofs: Proofs::default(),
            vantages: None,
            times: matrix::times(probe),
            guard,
            clock,
            patience: PATIENCE,
        })
    }

    /// Reaches vantages on other machines, and knows which are not believed.
    #[must_use]
    pub fn with_vantages(mut self, vantages: Arc<dyn Vantages>) -> Self {
        self.vantages = Some(vantages);
        self
    }

    /// Keeps manners with the whole installation instead of with this process alone.
    #[must_use]
    pub fn with_politeness(mut self, installation: Arc<dyn Politeness>) -> Self {
        self.dns = self.dns.with(installation.clone());
        self.turns = self.turns.with(installation);
        self
    }

    /// Bounds one observation of servers as a whole, waiting for turns included. What was not seen by
    /// then is reported as a fault of this side. Shorter than the lease of the work it is done for.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

#[async_trait]
impl Observer for Prober {
    async fn mx_round(&self, domain: &DomainName) -> DnsRound {
        let (mut round, elsewhere) = tokio::join!(self.dns.round(domain), self.resolvers_elsewhere(domain));
        round.resolvers.extend(elsewhere);
        round
    }

    async fn mx_glance(&self, domain: &DomainName, server: Option<SocketAddr>) -> Option<Vec<MxRecord>> {
        self.dns.glance(domain, server).await
    }

    async fn firewall_from_egress(&self, task: &ServerTask) -> FirewallRound {
        FirewallRound { dialogues: self.firewall_matrix(task, false).await, reference: Vec::new() }
    }

    async fn firewall(&self, task: &ServerTask) -> FirewallRound {
        let before = self.reference_looks().await;
        let dialogues = self.firewall_matrix(task, true).await;
        let after = self.reference_looks().await;
        FirewallRound { dialogues, reference: before.into_iter().chain(after).collect() }
    }

    async fn smtp(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        self.own_servers(task).await
    }

    async fn strangers(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        self.ask_strangers(task).await
    }

    async fn gateway(&self, domain: &DomainName, test_mailbox: &str) -> Vec<SmtpDialogue> {
        self.gateway_hosts(domain, test_mailbox).await
    }

    async fn lint(&self, task: &ServerTask) -> LintObservation {
        self.policies(task).await
    }

    async fn canary(&self, letter: &CanaryLetter) -> SmtpDialogue {
        self.send_canary(letter).await
    }

    async fn next_destination(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        self.destinations(task).await
    }
}

fn millis_since(begun: tokio::time::Instant) -> u32 {
    u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX)
}
