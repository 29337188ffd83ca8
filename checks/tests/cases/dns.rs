//! The short spelling of DNS answers and rounds.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use fencepost_checks::DomainName;
use fencepost_checks::observation::dns::{
    DnsAnswer, DnsRound, ExchangeAddresses, MxRecord, ParentAnswer, ParentSays, ResolverAnswer, ServerAnswer,
};
use jiff::Timestamp;
use serde::Deserialize;

/// The instant of every case that does not say otherwise.
pub fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().expect("an instant")
}

pub fn names(list: &[&str]) -> Vec<DomainName> {
    list.iter().map(|n| n.parse().expect("a name")).collect()
}

pub fn gateway() -> Vec<DomainName> {
    names(&["mx1.gateway.example", "mx2.gateway.example"])
}

/// A round in its short spelling.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundSpec {
    #[serde(default)]
    pub servers: BTreeMap<String, String>,
    #[serde(default)]
    pub resolvers: BTreeMap<String, String>,
    #[serde(default)]
    pub exchanges: BTreeMap<String, String>,
    #[serde(default)]
    pub without_address: Vec<String>,
    #[serde(default)]
    pub parent_only: Vec<String>,
    #[serde(default)]
    pub child_only: Vec<String>,
    /// What the servers of the zone above say: names, `nxdomain`, `not delegated` or `silent`.
    #[serde(default)]
    pub parents: BTreeMap<String, String>,
    #[serde(default)]
    pub delegation_error: Option<String>,
    #[serde(default)]
    pub ns_ttl: Option<u32>,
}

impl RoundSpec {
    pub fn round(&self, at: Timestamp) -> Result<DnsRound, String> {
        let mut servers = Vec::new();
        for (key, text) in &self.servers {
            let (short, v6) = key.strip_suffix("/v6").map_or((key.as_str(), false), |s| (s, true));
            servers.push(ServerAnswer {
                name: format!("{short}.dns.example"),
                address: address(short, v6),
                in_parent: !self.child_only.contains(key),
                in_child: !self.parent_only.contains(key),
                answer: answer(text)?,
                elapsed_ms: 12,
                observed_at: at,
            });
        }
        let resolver = |(name, text): (&String, &String)| {
            let address = SocketAddr::from(([9, 9, 9, 9], 53));
            Ok(ResolverAnswer {
                vantage: name.clone(),
                address,
                answer: answer(text)?,
                elapsed_ms: 20,
                observed_at: at,
            })
        };
        Ok(DnsRound {
            domain: "example.com".parse().expect("a name"),
            started_at: at,
            finished_at: at,
            zone: Some("example.com".parse().expect("a name")),
            servers,
            servers_without_address: self.without_address.clone(),
            resolvers: self.resolvers.iter().map(resolver).collect::<Result<_, String>>()?,
            exchanges: self.exchanges.iter().map(|(n, t)| exchange(n, t)).collect(),
            ns_ttl: self.ns_ttl,
            parents: self.parents.iter().map(|(short, text)| parent(short, text)).collect(),
            delegation_error: self.delegation_error.clone(),
        })
    }
}

fn parent(short: &str, text: &str) -> ParentAnswer {
    let says = match text {
        "nxdomain" => ParentSays::NxDomain,
        "not delegated" => ParentSays::NotDelegated,
        "silent" => ParentSays::Silent { detail: "timeout".to_owned() },
        names => {
            ParentSays::Delegates { names: names.split_whitespace().map(|n| format!("{n}.dns.example")).collect() }
        }
    };
    ParentAnswer { address: address(short, false), says }
}

/// `ns3` has 192.0.2.3 and 2001:db8::3.
fn address(short: &str, v6: bool) -> SocketAddr {
    let number: u8 = short.trim_start_matches(char::is_alphabetic).parse().unwrap_or(99);
    if v6 {
        SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number)], 53))
    } else {
        SocketAddr::from(([192, 0, 2, number], 53))
    }
}

fn exchange(name: &str, text: &str) -> ExchangeAddresses {
    let addresses: Vec<_> = text.split_whitespace().filter_map(|a| a.parse().ok()).collect();
    let error = (addresses.is_empty() && text != "cname").then(|| text.to_owned());
    ExchangeAddresses {
        exchange: name.to_owned(),
        is_cname: text.starts_with("cname"),
        addresses,
        ttl: Some(300),
        error,
    }
}

/// `ours`, `old`, `[ttl N] PREF NAME, PREF NAME`, `nodata [N]`, `nxdomain [N]`, `cname TARGET [: SET]`,
/// `lame`, `servfail`, `refused`, `rcode N`, `timeout`, `unreachable`, `malformed`, `fault`.
pub fn answer(text: &str) -> Result<DnsAnswer, String> {
    let (ttl, rest) = match text.strip_prefix("ttl ").and_then(|t| t.split_once(' ')) {
        Some((ttl, rest)) => (Some(ttl.parse::<u32>().map_err(|e| format!("`{text}`: {e}"))?), rest),
        None => (None, text),
    };
    let number = |t: &str| t.split_whitespace().nth(1).and_then(|n| n.parse::<u32>().ok());
    Ok(match rest.split_whitespace().next().unwrap_or_default() {
        "ours" => DnsAnswer::Mx {
            records: records("10 mx1.gateway.example, 20 mx2.gateway.example")?,
            ttl: ttl.unwrap_or(300),
        },
        "old" => DnsAnswer::Mx { records: records("10 mail.example.com")?, ttl: ttl.unwrap_or(3600) },
        "nodata" => DnsAnswer::NoData { negative_ttl: number(rest) },
        "nxdomain" => DnsAnswer::NxDomain { negative_ttl: number(rest) },
        "lame" => DnsAnswer::Lame,
        "servfail" => DnsAnswer::ServFail,
        "refused" => DnsAnswer::Refused,
        "rcode" => DnsAnswer::OtherRcode { rcode: number(rest).and_then(|n| u16::try_from(n).ok()).unwrap_or(9) },
        "timeout" => DnsAnswer::TimedOut,
        "unreachable" => DnsAnswer::Unreachable { detail: "truncated over UDP, and TCP port 53 is closed".to_owned() },
        "malformed" => DnsAnswer::Malformed { detail: "the message ends within a name".to_owned() },
        "fault" => DnsAnswer::VantageFault { detail: "no IPv6 route on this host".to_owned() },
        "cname" => {
            let rest = rest.trim_start_matches("cname ");
            let (target, set) = rest.split_once(": ").unwrap_or((rest, ""));
            let records = if set.is_empty() { Vec::new() } else { records(set)? };
            DnsAnswer::Cname { target: target.to_owned(), records, ttl: ttl.unwrap_or(300) }
        }
        _ => DnsAnswer::Mx { records: records(rest)?, ttl: ttl.unwrap_or(300) },
    })
}

fn records(text: &str) -> Result<Vec<MxRecord>, String> {
    text.split(", ")
        .map(|one| {
            let (preference, exchange) = one.split_once(' ').ok_or_else(|| format!("`{one}` is no `PREF NAME`"))?;
            let preference = preference.parse().map_err(|_| format!("`{one}` is no `PREF NAME`"))?;
            Ok(MxRecord { preference, exchange: exchange.to_owned() })
        })
        .collect()
}
