//! The vantages of this host, as the configuration names them. Addresses that are bound elsewhere are
//! listed too, so that nobody takes their silence for a pass.

use std::net::IpAddr;

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
