//! Which agents the configuration names, and how a name must look. What an agent is for stands where it
//! is used: at an egress address, an outsider, or the gateway's adapter.

use std::collections::BTreeSet;

use super::{AdapterConfig, Config, EgressAddress, EgressState, RemoteOutsider, RemoteResolver};

const MAX_NAME: usize = 63;

/// Whether a text can be the name of an agent: it is the label of its token.
#[must_use]
pub fn is_agent_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl Config {
    /// Every agent that something is asked of, in order of names.
    #[must_use]
    pub fn agents(&self) -> BTreeSet<&str> {
        let egress = self.gateway.egress.iter().filter(|egress| egress.state != EgressState::Retired);
        let egress = egress.filter_map(|egress| egress.agent.as_deref());
        let outsiders = self.probe.remote_outsiders.iter().map(|outsider| outsider.agent.as_str());
        let resolvers = self.probe.remote_resolvers.iter().map(|resolver| resolver.agent.as_str());
        egress.chain(outsiders).chain(resolvers).chain(self.route_agents().iter().map(String::as_str)).collect()
    }

    /// Agents that carry routes.
    #[must_use]
    pub fn route_agents(&self) -> &[String] {
        match &self.gateway.adapter {
            AdapterConfig::Agents { agents } => agents,
            AdapterConfig::Manual | AdapterConfig::Postfix { .. } | AdapterConfig::Http { .. } => &[],
        }
    }
}

impl EgressAddress {
    /// The name of the vantage at this address.
    #[must_use]
    pub fn vantage_id(&self) -> String {
        format!("egress-{}", self.address)
    }
}

impl RemoteOutsider {
    /// The name of the vantage.
    #[must_use]
    pub fn vantage_id(&self) -> String {
        match self.address.filter(|address| !address.is_unspecified()) {
            Some(address) => format!("outsider-{address}"),
            None => format!("outsider-{}", self.agent),
        }
    }
}

impl RemoteResolver {
    /// The name of the vantage.
    #[must_use]
    pub fn vantage_id(&self) -> String {
        match self.address {
            Some(address) => format!("resolver-{}-{}", self.agent, address.ip()),
            None => format!("resolver-{}", self.agent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_agents() {
        for good in ["gw1", "helsinki-1", "a"] {
            assert!(is_agent_name(good), "{good}");
        }
        for bad in ["", "GW1", "gw 1", "-gw", "gw-", "gw.1", &"a".repeat(64)] {
            assert!(!is_agent_name(bad), "{bad}");
        }
    }
}
