//! How observations are made, and what they may reach.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use fencepost_checks::DomainName;
use serde::{Deserialize, Serialize};

/// What becomes of the canary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryMode {
    /// None is sent.
    #[default]
    Off,
    /// Sent and shown; the permit does not wait for it.
    Optional,
    /// The permit waits for its delivery notice.
    Required,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProbeConfig {
    /// Recursive resolvers that look after the change as the world sees it. The first that answers
    /// also resolves host names for the probes. Empty: those of the system, unless `roots` are given; where
    /// there are none, names are looked up from the roots.
    pub resolvers: Vec<SocketAddr>,
    /// Where delegations are looked up from; empty: through the resolvers, or the public roots without any.
    pub roots: Vec<SocketAddr>,
    /// Port of authoritative servers: 53, except in a laboratory.
    pub dns_port: u16,
    /// Seconds for one DNS question, per attempt.
    pub dns_timeout_ms: u64,
    pub dns_attempts: u32,
    /// Source addresses that are no gateway addresses: controls. `0.0.0.0` lets the system choose.
    pub outsiders: Vec<IpAddr>,
    /// Further controls, at agents.
    pub remote_outsiders: Vec<RemoteOutsider>,
    /// Further resolvers, asked by agents.
    pub remote_resolvers: Vec<RemoteResolver>,
    /// Our own reference servers (address:port), which tell a vantage from where it is seen.
    pub reference: Vec<SocketAddr>,
    /// Where this process is a reference server itself.
    pub reference_listen: Option<SocketAddr>,
    pub connect_timeout_ms: u64,
    /// For the whole banner.
    pub banner_timeout_ms: u64,
    /// For each later stage.
    pub stage_timeout_ms: u64,
    /// For a whole dialogue.
    pub total_timeout_ms: u64,
    /// Milliseconds between two connections to the same address from different vantages.
    pub pause_ms: u64,
    /// Looks of one vantage at one address in 24 hours, in the whole installation.
    pub looks_a_day: u32,
    /// Names of platforms whose mail servers many customers share; hosts below them have a budget of their own.
    pub platforms: Vec<DomainName>,
    /// Looks of one vantage at one address of such a platform in 24 hours.
    pub platform_looks_a_day: u32,
    /// DNS questions to one name server in a minute, of all nodes together.
    pub questions_a_minute: u32,
    /// Networks (CIDR) that may be probed although they are private or special.
    pub allow_targets: Vec<String>,
    /// Port of MTA-STS policy servers: 443, except in a laboratory.
    pub https_port: u16,
    /// Additional trusted roots (PEM), for laboratories and private authorities.
    pub extra_roots: Option<PathBuf>,
    /// Address in a domain of the vendor's that publishes `v=spf1 -all` and receives nothing: with it as
    /// sender the own servers are asked whether they hold SPF against the gateway.
    pub spf_test_sender: Option<String>,
    /// Whether own servers are also asked, from an outsider, for a mailbox that cannot exist and for a
    /// foreign domain. It can get the address that asks onto block lists, so no gateway address does.
    pub strangers: bool,
    /// The source address for that; without it, the outsiders.
    pub strangers_from: Option<IpAddr>,
    /// Whether a test message through the gateway comes before the permit.
    pub canary: CanaryMode,
    /// Its envelope sender, to which delivery notices go.
    pub canary_sender: Option<String>,
    /// A connection's DNS questions at the same time.
    pub dns_concurrency: usize,
}

/// A control on another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteOutsider {
    /// Name of the agent.
    pub agent: String,
    /// Source address there; without one, that system chooses.
    #[serde(default)]
    pub address: Option<IpAddr>,
}

/// A recursive resolver as another machine sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteResolver {
    /// Name of the agent.
    pub agent: String,
    /// Which resolver it asks; without one, the first of its own.
    #[serde(default)]
    pub address: Option<SocketAddr>,
}

impl Default for ProbeConfig {
    fn default() -> Self {
        Self {
            resolvers: Vec::new(),
            roots: Vec::new(),
            dns_port: 53,
            dns_timeout_ms: 2_000,
            dns_attempts: 2,
            outsiders: Vec::new(),
            remote_outsiders: Vec::new(),
            remote_resolvers: Vec::new(),
            reference: Vec::new(),
            reference_listen: None,
            connect_timeout_ms: 15_000,
            banner_timeout_ms: 60_000,
            stage_timeout_ms: 60_000,
            total_timeout_ms: 180_000,
            pause_ms: 5_000,
            looks_a_day: 20,
            platforms: ["mail.protection.outlook.com", "mx.microsoft", "google.com", "googlemail.com"]
                .iter()
                .filter_map(|name| DomainName::parse(name).ok())
                .collect(),
            platform_looks_a_day: 5_000,
            questions_a_minute: 600,
            allow_targets: Vec::new(),
            https_port: 443,
            extra_roots: None,
            spf_test_sender: None,
            strangers: false,
            strangers_from: None,
            canary: CanaryMode::Off,
            canary_sender: None,
            dns_concurrency: 32,
        }
    }
}
