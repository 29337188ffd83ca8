//! The vantages of this host, as the configuration names them. Addresses that are bound elsewhere are
//! listed too, so that nobody takes their silence for a pass.

use std::net::{IpAddr, SocketAddr};

use fencepost_checks::observation::Vantage;
use fencepost_checks::observation::VantageRole::{Egress, Outsider};

use super::smtp::Source;
use crate::config::{GatewayConfig, ProbeConfig};

/// A place to probe from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) vantage: Vantage,
    /// `None`: this host does not have the address.
    pub(super) source: Option<Source>,
}

#[derive(Debug, Clone)]
pub(super) struct Places {
    pub(super) egress: Vec<Place>,
    /// Never empty: without a configured one, the system chooses the source.
    pub(super) outsiders: Vec<Place>,
    /// Whether the configuration names an outsider. Only then its view counts as a comparison.
    pub(super) has_outsiders: bool,
}

impl Places {
    pub(super) fn new(gateway: &GatewayConfig, probe: &ProbeConfig) -> Self {
        let egress = gateway
            .egress
            .iter()
            .map(|e| Place {
                vantage: Vantage { id: format!("egress-{}", e.address), role: Egress, address: Some(e.address) },
                source: e.local.then_some(Source::Bound(e.address)),
            })
            .collect();
        let mut outsiders: Vec<Place> = probe.outsiders.iter().map(|a| outsider(*a)).collect();
        let has_outsiders = !outsiders.is_empty();
        if !has_outsiders {
            outsiders.push(by_the_system());
        }
        Self { egress, outsiders, has_outsiders }
    }

    /// The first local gateway address of the peer's family; without any gateway address configured,
    /// the first outsider.
    pub(super) fn first_egress(&self, peer: IpAddr) -> Option<&Place> {
        let list = if self.egress.is_empty() { &self.outsiders } else { &self.egress };
        list.iter().find(|place| place.source.is_some_and(|s| s.fits(peer)))
    }

    /// Why this place is no outsider towards the peer although it is meant to be one: the system may choose
    /// a gateway address, which firewalls let in and which a gateway trusts.
    pub(super) fn not_outside(&self, place: &Place, peer: SocketAddr) -> Option<String> {
        if place.vantage.role != Outsider || place.source != Some(Source::Any) {
            return None;
        }
        let chosen = Source::Any.towards(peer)?;
        let ours =
            self.egress.iter().any(|e| e.vantage.address.is_some_and(|a| a.to_canonical() == chosen.to_canonical()));
        ours.then(|| {
            format!(
                "this host would ask from {chosen}, which is a gateway address and so no outsider; name another one of its \
                 addresses in probe.outsiders, or let an agent elsewhere ask"
            )
        })
    }

    /// The first outsider of the peer's family.
    pub(super) fn first_outsider(&self, peer: IpAddr) -> Option<&Place> {
        self.outsiders.iter().find(|place| place.source.is_some_and(|s| s.fits(peer)))
    }
}

fn outsider(address: IpAddr) -> Place {
    if address.is_unspecified() {
        return by_the_system();
    }
    Place {
        vantage: Vantage { id: format!("outsider-{address}"), role: Outsider, address: Some(address) },
        source: Some(Source::Bound(address)),
    }
}

fn by_the_system() -> Place {
    Place {
        vantage: Vantage { id: "outsider-default".to_owned(), role: Outsider, address: None },
        source: Some(Source::Any),
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
