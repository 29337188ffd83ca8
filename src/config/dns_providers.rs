//! The catalogue of DNS providers that comes with the program: how they are recognised and what their
//! forms want. Data and its strict parse; which words people read is decided where they are shown.

use std::sync::LazyLock;

use serde::Deserialize;

use super::parse;

/// A provider in `config/dns-providers.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DnsProvider {
    pub name: String,
    /// Suffixes of name-server names, label by label; `*` stands for any characters within one label.
    pub ns: Vec<String>,
    /// What the form wants as the name of a record at the domain itself.
    #[serde(default)]
    pub record_name: Option<RecordName>,
    /// Whether the exchange is written with a dot at its end.
    #[serde(default)]
    pub trailing_dot: Option<bool>,
    #[serde(default)]
    pub where_to_click: Option<String>,
    #[serde(default)]
    pub domain_connect: Option<bool>,
    #[serde(default)]
    pub console: Option<url::Url>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordName {
    At,
    Empty,
    Fqdn,
}

/// Empty where the catalogue cannot be read, which a test keeps from happening.
static CATALOGUE: LazyLock<Vec<DnsProvider>> =
    LazyLock::new(|| read(include_str!("../../config/dns-providers.yaml")).unwrap_or_default());

fn read(text: &str) -> Result<Vec<DnsProvider>, String> {
    serde_yaml::from_str_with_options(text, parse::options()).map_err(|error| error.to_string())
}

impl DnsProvider {
    /// The provider of a zone with these name servers: the one that most of them belong to, none
    /// where two have as many, because then the change must be made at both.
    pub fn detect<'a>(name_servers: impl IntoIterator<Item = &'a str>) -> Option<&'static Self> {
        let servers: Vec<Vec<String>> = name_servers.into_iter().take(64).map(labels).collect();
        let hits = |provider: &Self| servers.iter().filter(|server| provider.runs(server)).count();
        let mut counted: Vec<(usize, &Self)> = CATALOGUE.iter().map(|p| (hits(p), p)).filter(|(n, _)| *n > 0).collect();
        counted.sort_by_key(|(n, _)| std::cmp::Reverse(*n));
        match counted.as_slice() {
            [(most, _), (next, _), ..] if most == next => None,
            [(_, first), ..] => Some(first),
            [] => None,
        }
    }

    fn runs(&self, server: &[String]) -> bool {
        self.ns.iter().any(|suffix| {
            let suffix = labels(suffix);
            // The server has a name of its own below the suffix.
            server.len() > suffix.len()
                && server.iter().rev().zip(suffix.iter().rev()).all(|(have, want)| fits(have, want))
        })
    }
}

fn labels(name: &str) -> Vec<String> {
    name.trim_end_matches('.').split('.').map(str::to_ascii_lowercase).collect()
}

fn fits(label: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => {
            label.len() >= before.len() + after.len() && label.starts_with(before) && label.ends_with(after)
        }
        None => label == pattern,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_catalogue_can_be_read() {
        let all = read(include_str!("../../config/dns-providers.yaml")).unwrap();
        assert!(all.len() >= 20, "{}", all.len());
        let mut suffixes = BTreeSet::new();
        for provider in &all {
            assert!(!provider.ns.is_empty(), "{}", provider.name);
            for suffix in &provider.ns {
                assert!(suffixes.insert(suffix), "{suffix} is given twice");
                assert!(suffix.contains('.') && *suffix == suffix.to_ascii_lowercase(), "{suffix}");
            }
        }
        for name in ["Louhi", "Zoner", "Domainhotelli", "Euronic", "Planeetta", "Shellit", "Elisa", "Telia"] {
            assert!(all.iter().any(|p| p.name == name), "{name}");
        }
        assert!(read("- name: x\n  ns: [a.example]\n  dot: true\n").is_err(), "an unknown key is an error");
    }

    #[test]
    fn name_servers_are_compared_by_labels() {
        let name = |servers: &[&str]| DnsProvider::detect(servers.iter().copied()).map(|p| p.name.as_str());
        assert_eq!(name(&["NS51.DomainControl.com.", "ns52.domaincontrol.com"]), Some("GoDaddy"));
        assert_eq!(name(&["ns-12.awsdns-01.com", "ns-900.awsdns-48.co.uk"]), Some("Amazon Route 53"));
        assert_eq!(name(&["dns1.louhi.net", "dns3.louhi.fi"]), Some("Louhi"));
        assert_eq!(
            name(&["ns1.notlouhi.net", "louhi.net", "ns.louhi.net.example"]),
            None,
            "no substring, no bare suffix"
        );
        assert_eq!(name(&["ns1.zoner.fi", "ns2.zoner.fi", "dns1.louhi.net"]), Some("Zoner"), "most of them");
        assert_eq!(name(&["ns1.zoner.fi", "dns1.louhi.net"]), None, "two providers, two changes");
        assert_eq!(name(&["ns1.customer.example", ""]), None);
    }
}
