//! The filtering service: its MX hosts, its egress addresses, and how its routes are set.

mod short;

use std::net::IpAddr;
use std::path::PathBuf;

use fencepost_checks::DomainName;
use fencepost_checks::mx::Expected;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatewayConfig {
    /// What the customer's MX must name, and what it may still name.
    #[serde(deserialize_with = "short::list")]
    pub mx_hosts: Vec<MxHost>,
    /// Names below which every host is the gateway's too, for an MX name of each customer's own.
    pub mx_suffixes: Vec<DomainName>,
    /// From where the gateway delivers: what the customer's firewall must allow.
    #[serde(deserialize_with = "short::list")]
    pub egress: Vec<EgressAddress>,
    /// SMTP port of the MX hosts: 25, except in a laboratory.
    pub smtp_port: u16,
    /// TTL to recommend for the new MX records, seconds.
    pub mx_ttl: u32,
    /// Name that the probes say in EHLO; must resolve both ways, unless each egress address has one of its own.
    pub ehlo_name: DomainName,
    /// A domain that the gateway certainly does not serve, to see that it refuses it.
    pub foreign_domain: DomainName,
    pub adapter: AdapterConfig,
    /// Where the gateway tells what it has filtered, for the monthly report; `None`: nowhere.
    pub statistics_url: Option<String>,
    /// File that holds the bearer token for it.
    pub statistics_token_file: Option<PathBuf>,
}

/// Where an MX host is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// What a customer is told to set.
    #[default]
    Current,
    /// Takes mail as ever and counts as the gateway's; who names it is asked to name the current ones.
    Accepted,
    /// Takes no mail any more.
    Retired,
}

/// Where an egress address is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EgressState {
    /// No mail comes from it yet; customers are asked to allow it, and every one is looked at from it.
    Announced,
    /// The gateway delivers from it.
    #[default]
    Active,
    /// No mail comes from it any more; customers are told that they may take it out.
    Retired,
}

/// Written as a mapping, or as the name alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MxHost {
    pub name: DomainName,
    pub preference: u16,
    #[serde(default)]
    pub state: HostState,
}

/// Written as a mapping, or as the address alone.
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
    #[serde(default)]
    pub state: EgressState,
    /// Name said in EHLO from this address, where it is not that of the whole gateway.
    #[serde(default)]
    pub ehlo_name: Option<DomainName>,
}

impl MxHost {
    /// A current host.
    #[must_use]
    pub fn current(name: DomainName, preference: u16) -> Self {
        Self { name, preference, state: HostState::Current }
    }
}

impl EgressAddress {
    /// An active address that this host has itself.
    #[must_use]
    pub fn here(address: IpAddr) -> Self {
        Self {
            address,
            label: String::new(),
            local: true,
            agent: None,
            bind: None,
            ehlo_name: None,
            state: EgressState::Active,
        }
    }

    /// Whether somebody can probe from it: this host, or an agent.
    #[must_use]
    pub fn covered(&self) -> bool {
        self.local || self.agent.is_some()
    }
}

const fn first() -> u16 {
    10
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
    /// Name said in EHLO from an address as the other side sees it.
    #[must_use]
    pub fn ehlo_name_of(&self, address: Option<IpAddr>) -> &DomainName {
        let same = |egress: &&EgressAddress| address.is_some_and(|a| a.to_canonical() == egress.address.to_canonical());
        let own = self.egress.iter().find(same).and_then(|egress| egress.ehlo_name.as_ref());
        own.unwrap_or(&self.ehlo_name)
    }

    /// Whether a connection from this source would come from a gateway address.
    #[must_use]
    pub fn sends_from(&self, source: IpAddr) -> bool {
        let source = source.to_canonical();
        self.egress
            .iter()
            .any(|egress| [Some(egress.address), egress.bind].into_iter().flatten().any(|a| a.to_canonical() == source))
    }

    /// What a customer's MX should be, as far as the gateway goes.
    #[must_use]
    pub fn expected_mx(&self) -> Expected {
        let named = |state| self.hosts(state).map(|host| host.name.clone()).collect();
        Expected {
            gateway_hosts: named(HostState::Current),
            preferences: self.hosts(HostState::Current).map(|host| host.preference).collect(),
            suffixes: self.mx_suffixes.clone(),
            leaving: named(HostState::Accepted),
            retired: named(HostState::Retired),
            ..Expected::default()
        }
    }

    /// Every MX that is or was the gateway's: no set that names one of them is a way back for a customer.
    #[must_use]
    pub fn ever_mx(&self) -> Expected {
        let mut expected = self.expected_mx();
        let retired = std::mem::take(&mut expected.retired);
        expected.leaving.extend(retired);
        expected
    }

    /// The MX hosts in this state, as configured.
    pub fn hosts(&self, state: HostState) -> impl Iterator<Item = &MxHost> {
        self.mx_hosts.iter().filter(move |host| host.state == state)
    }

    /// The egress addresses in this state, as configured.
    pub fn egress_in(&self, state: EgressState) -> impl Iterator<Item = &EgressAddress> {
        self.egress.iter().filter(move |egress| egress.state == state)
    }

    /// Addresses from which mail is delivered now.
    #[must_use]
    pub fn delivering(&self) -> Vec<IpAddr> {
        self.egress_in(EgressState::Active).map(|egress| egress.address).collect()
    }

    /// Addresses from which mail is going to be delivered.
    #[must_use]
    pub fn announced(&self) -> Vec<IpAddr> {
        self.egress_in(EgressState::Announced).map(|egress| egress.address).collect()
    }

    /// What a customer's firewall shall allow: active addresses, then announced ones.
    #[must_use]
    pub fn asked(&self) -> Vec<IpAddr> {
        let mut all = self.delivering();
        all.extend(self.announced());
        all
    }

    /// An egress address or MX host of this configuration, in the spelling in which it is kept.
    #[must_use]
    pub fn place(&self, text: &str) -> Option<String> {
        let address = text.parse::<IpAddr>().ok().filter(|address| self.egress.iter().any(|e| e.address == *address));
        let host = || DomainName::parse(text).ok().filter(|name| self.mx_hosts.iter().any(|host| host.name == *name));
        address.map(|address| address.to_string()).or_else(|| host().map(|name| name.to_string()))
    }

    /// Every address that is or was the gateway's: none of them is an outsider.
    #[must_use]
    pub fn every_egress(&self) -> Vec<IpAddr> {
        self.egress.iter().map(|egress| egress.address).collect()
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
            statistics_url: None,
            statistics_token_file: None,
        }
    }
}
