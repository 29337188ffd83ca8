//! The vantages, as the configuration names them: those of this host, and those of agents. Addresses
//! that nobody can probe from are listed too, so that nobody takes their silence for a pass.

use std::net::{IpAddr, SocketAddr};

use fencepost_checks::observation::Vantage;
use fencepost_checks::observation::VantageRole::{Egress, Outsider};

use super::smtp::Source;
use crate::config::{EgressAddress, EgressState, GatewayConfig, ProbeConfig, RemoteOutsider};

/// A place to probe from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) vantage: Vantage,
    pub(super) from: From,
}

/// Who can probe from a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum From {
    /// This host.
    Here(Source),
    /// The agent of this name.
    Agent(String),
    /// This host does not have the address, and no agent has.
    Nowhere,
}

impl Place {
    /// Whether it has an address of the family of `peer`, as far as that is known here.
    pub(super) fn fits(&self, peer: IpAddr) -> bool {
        match (&self.from, self.vantage.address) {
            (From::Here(source), _) => source.fits(peer),
            (From::Agent(_) | From::Nowhere, Some(address)) => Source::Bound(address).fits(peer),
            (From::Agent(_), None) => true,
            (From::Nowhere, None) => false,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Places {
    /// From where mail is delivered.
    pub(super) egress: Vec<Place>,
    /// From where it is going to be: only the firewall is looked at from there.
    pub(super) announced: Vec<Place>,
    /// Every address that is or was the gateway's.
    ours: Vec<IpAddr>,
    /// Never empty: without a configured one, the system chooses the source.
    pub(super) outsiders: Vec<Place>,
    /// Whether the configuration names an outsider. Only then its view counts as a comparison.
    pub(super) has_outsiders: bool,
    /// From where strangers are asked for: what the configuration names, and no gateway address. Empty where
    /// nobody wants to know.
    pub(super) strangers: Vec<Place>,
    /// Addresses that a connection from a gateway address is bound to here.
    bound: Vec<IpAddr>,
}

impl Places {
    pub(super) fn new(gateway: &GatewayConfig, probe: &ProbeConfig) -> Self {
        let egress_in = |state| gateway.egress_in(state).map(egress).collect();
        let mut outsiders: Vec<Place> = probe.outsiders.iter().map(|a| outsider(*a)).collect();
        outsiders.extend(probe.remote_outsiders.iter().map(remote_outsider));
        let has_outsiders = !outsiders.is_empty();
        let strangers = match probe.strangers_from {
            _ if !probe.strangers => Vec::new(),
            Some(from) => vec![outsider(from)],
            None => outsiders.clone(),
        };
        if !has_outsiders {
            outsiders.push(by_the_system());
        }
        let bound = gateway.egress.iter().filter_map(|egress| egress.bind).collect();
        Self {
            egress: egress_in(EgressState::Active),
            announced: egress_in(EgressState::Announced),
            ours: gateway.every_egress(),
            outsiders,
            has_outsiders,
            strangers,
            bound,
        }
    }

    /// Why this place is no outsider towards the peer although it is meant to be one: the system may choose
    /// a gateway address, which firewalls let in and which a gateway trusts.
    pub(super) fn not_outside(&self, place: &Place, peer: SocketAddr) -> Option<String> {
        if place.vantage.role != Outsider || place.from != From::Here(Source::Any) {
            return None;
        }
        let chosen = self.gateway_source(peer)?;
        Some(format!(
            "this host would ask from {chosen}, which is a gateway address and so no outsider; name another one of its \
             addresses in probe.outsiders, or let an agent elsewhere ask"
        ))
    }

    /// The address from which the system would send to the peer, if it is one of the gateway's or stands behind one.
    pub(super) fn gateway_source(&self, peer: SocketAddr) -> Option<IpAddr> {
        let chosen = Source::Any.towards(peer)?;
        self.ours.iter().chain(&self.bound).any(|a| a.to_canonical() == chosen.to_canonical()).then_some(chosen)
    }
}

fn egress(egress: &EgressAddress) -> Place {
    let from = match &egress.agent {
        Some(agent) => From::Agent(agent.clone()),
        None if egress.local => From::Here(Source::Bound(egress.bind.unwrap_or(egress.address))),
        None => From::Nowhere,
    };
    Place { vantage: Vantage { id: egress.vantage_id(), role: Egress, address: Some(egress.address) }, from }
}

fn remote_outsider(outsider: &RemoteOutsider) -> Place {
    let address = outsider.address.filter(|address| !address.is_unspecified());
    let vantage = Vantage { id: outsider.vantage_id(), role: Outsider, address };
    Place { vantage, from: From::Agent(outsider.agent.clone()) }
}

fn outsider(address: IpAddr) -> Place {
    if address.is_unspecified() {
        return by_the_system();
    }
    Place {
        vantage: Vantage { id: format!("outsider-{address}"), role: Outsider, address: Some(address) },
        from: From::Here(Source::Bound(address)),
    }
}

fn by_the_system() -> Place {
    Place {
        vantage: Vantage { id: "outsider-default".to_owned(), role: Outsider, address: None },
        from: From::Here(Source::Any),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::EgressAddress;

    fn places(egress: &str, outsiders: &[&str]) -> Places {
        let egress: EgressAddress = serde_json::from_value(serde_json::json!({ "address": egress })).unwrap();
        let gateway = GatewayConfig { egress: vec![egress], ..GatewayConfig::default() };
        let outsiders = outsiders.iter().map(|a| a.parse().unwrap()).collect();
        Places::new(&gateway, &ProbeConfig { outsiders, ..ProbeConfig::default() })
    }

    /// Towards 127.0.0.9 this host sends from 127.0.0.1, unless told otherwise.
    #[test]
    fn an_address_of_the_gateway_is_no_outsider_by_accident() {
        let peer = "127.0.0.9:25".parse().unwrap();
        for outsiders in [&[][..], &["0.0.0.0"]] {
            let ours = places("127.0.0.1", outsiders);
            let why = ours.not_outside(&ours.outsiders[0], peer).expect("the system chooses the gateway's address");
            assert!(why.contains("127.0.0.1") && why.contains("probe.outsiders"), "{why}");
            let other = places("127.0.0.2", outsiders);
            assert_eq!(other.not_outside(&other.outsiders[0], peer), None);
        }
        let bound = places("127.0.0.1", &["127.0.0.3"]);
        assert_eq!(bound.not_outside(&bound.outsiders[0], peer), None);
        assert_eq!(bound.not_outside(&bound.egress[0], peer), None, "a gateway address is meant to be one");
    }
}
