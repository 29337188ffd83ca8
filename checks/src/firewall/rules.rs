//! Firewall rules to paste: the exact addresses that are missing, in the words of common products.
//! Made of addresses and a port only, so no text from outside can get into a shell.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::products;

/// What a firewall has to let in: TCP from each source to each server address, on one port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Allow {
    /// Gateway addresses that are missing, sorted, each once.
    pub sources: Vec<IpAddr>,
    /// Addresses of the server as seen from outside, sorted, each once; empty where unknown.
    pub servers: Vec<IpAddr>,
    pub port: u16,
}

/// A firewall product whose rules are known. The names in JSON are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    Nftables,
    Iptables,
    Pf,
    Windows,
    Asa,
    Fortigate,
}

/// Rules for one product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snippet {
    pub product: Product,
    /// Lines to paste; comments of the product's own syntax say where they belong.
    pub text: String,
}

/// The addresses of one family: IPv4 and IPv6 have rules of their own.
pub(super) struct Family {
    pub(super) v6: bool,
    pub(super) sources: Vec<IpAddr>,
    pub(super) servers: Vec<IpAddr>,
}

/// Rules for every product, in the order of [`Product::ALL`]. `servers` may be empty: the rules then
/// name the port alone. Empty where `sources` is, or shares no family with the known servers.
#[must_use]
pub fn rules(sources: &[IpAddr], servers: &[IpAddr], port: u16) -> Vec<Snippet> {
    let allow = Allow::new(sources.iter().copied(), servers.iter().copied(), port);
    allow.map_or_else(Vec::new, |allow| allow.rules())
}

impl Product {
    pub const ALL: [Self; 6] = [Self::Nftables, Self::Iptables, Self::Pf, Self::Windows, Self::Asa, Self::Fortigate];

    /// The product's name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nftables => "nftables",
            Self::Iptables => "iptables and ip6tables",
            Self::Pf => "pf (OpenBSD, FreeBSD)",
            Self::Windows => "Windows Defender Firewall",
            Self::Asa => "Cisco ASA",
            Self::Fortigate => "FortiGate",
        }
    }
}

impl Allow {
    /// Sorted and without doubles; IPv4 addresses in IPv6 notation count as IPv4. `None` where nothing
    /// is left to allow.
    #[must_use]
    pub fn new(
        sources: impl IntoIterator<Item = IpAddr>,
        servers: impl IntoIterator<Item = IpAddr>,
        port: u16,
    ) -> Option<Self> {
        let allow = Self { sources: sorted(sources), servers: sorted(servers), port };
        (port != 0 && !allow.families().is_empty()).then_some(allow)
    }

    /// Rules for every product.
    #[must_use]
    pub fn rules(&self) -> Vec<Snippet> {
        Product::ALL.into_iter().map(|product| self.rule(product)).collect()
    }

    /// Rules for one product.
    #[must_use]
    pub fn rule(&self, product: Product) -> Snippet {
        let families = self.families();
        Snippet { product, text: products::text(product, &families, self.port) }
    }

    /// The families in which a source and a server (or no known server at all) stand face to face.
    fn families(&self) -> Vec<Family> {
        [false, true]
            .into_iter()
            .map(|v6| {
                let of = |list: &[IpAddr]| list.iter().copied().filter(|a| a.is_ipv6() == v6).collect();
                Family { v6, sources: of(&self.sources), servers: of(&self.servers) }
            })
            .filter(|f| !f.sources.is_empty() && (self.servers.is_empty() || !f.servers.is_empty()))
            .collect()
    }
}

fn sorted(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut list: Vec<IpAddr> = addresses.into_iter().map(|a| a.to_canonical()).collect();
    list.sort_unstable();
    list.dedup();
    list
}
