//! The filtering service: its MX hosts, its egress addresses, and how its routes are set.

use std::net::IpAddr;
use std::path::PathBuf;

use fencepost_checks::DomainName;
use fencepost_checks::mx::Expected;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayConfig {
    /// What the customer's MX must name.
    pub mx_hosts: Vec<MxHost>,
    /// Names below which every host is the gateway's too, for an MX name of each customer's own.
    pub mx_suffixes: Vec<DomainName>,
    /// From where the gateway delivers: what the customer's firewall must allow.
    pub egress: Vec<EgressAddress>,
    /// SMTP port of the MX hosts: 25, except in a laboratory.
    pub smtp_port: u16,
    /// TTL to recommend for the new MX records, seconds.
    pub mx_ttl: u32,
    /// Name the probes say in EHLO; must resolve both ways.
    pub ehlo_name: DomainName,
    /// A domain that the gateway certainly does not serve, to see that it refuses it.
    pub foreign_domain: DomainName,
    pub adapter: AdapterConfig,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MxHost {
    pub name: DomainName,
    pub preference: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EgressAddress {
    pub address: IpAddr,
    /// For people: `helsinki-1`.
    #[serde(default)]
    pub label: String,
    /// Whether this host can bind the address as a source (a local vantage).
    #[serde(default = "yes")]
    pub local: bool,
    /// Name of the agent that probes from it; with one, this host does not.
    #[serde(default)]
    pub agent: Option<String>,
    /// The address of this host behind which it stands, where there is NAT.
    #[serde(default)]
    pub bind: Option<IpAddr>,
}

impl EgressAddress {
    /// An address that this host has itself.
    #[must_use]
    pub fn here(address: IpAddr) -> Self {
        Self { address, label: String::new(), local: true, agent: None, bind: None }
    }
}

fn yes() -> bool {
    true
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdapterConfig {
    /// Routes are somebody else's: they are shown, not written. The gate in front of the permit
    /// still asks the gateway itself.
    Manual,
    Postfix {
        /// Map file of `relay_domains`.
        relay_domains: PathBuf,
        /// Map file of `transport_maps`.
        transport: PathBuf,
        /// Run after a change, for example `["postfix", "reload"]`.
        reload: Vec<String>,
    },
    /// Agents on the gateways carry the routes, each by the adapter of its own configuration.
    Agents {
        /// Their names; a route is set when each has confirmed it.
        agents: Vec<String>,
    },
    Http {
        /// Routes are `PUT` and `DELETE` below this URL.
        url: String,
        /// File that holds the bearer token.
        #[serde(default)]
        token_file: Option<PathBuf>,
    },
}

impl AdapterConfig {
    /// The word that the file has for it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Postfix { .. } => "postfix",
            Self::Http { .. } => "http",
            Self::Agents { .. } => "agents",
        }
    }
}

impl GatewayConfig {
    /// What a customer's MX should be, as far as the gateway goes.
    #[must_use]
    pub fn expected_mx(&self) -> Expected {
        Expected {
            gateway_hosts: self.mx_hosts.iter().map(|host| host.name.clone()).collect(),
            preferences: self.mx_hosts.iter().map(|host| host.preference).collect(),
            suffixes: self.mx_suffixes.clone(),
            accepted: None,
        }
    }
}

impl Default for GatewayConfig {
    fn default() -> Self {
        let name = |text: &str| DomainName::parse(text).expect("a literal that is a valid name");
        Self {
            mx_hosts: Vec::new(),
            mx_suffixes: Vec::new(),
            egress: Vec::new(),
            smtp_port: 25,
            mx_ttl: 300,
            ehlo_name: name("probe.gateway.example"),
            foreign_domain: name("not-served-here.example"),
            adapter: AdapterConfig::Manual,
        }
    }
}
