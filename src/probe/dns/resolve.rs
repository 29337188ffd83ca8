//! Look-ups through the configured recursive resolvers: addresses, texts, exchanges. They say how the
//! world sees a name; what is published is asked of the authoritative servers elsewhere. An error is
//! never turned into "no record".

use std::net::{IpAddr, SocketAddr};

use fencepost_checks::DomainName;
use fencepost_checks::observation::dns::ExchangeAddresses;
use fencepost_checks::observation::{DnsAnswer, TextLookup};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::ask::{Patience, ask};
use super::classify::{self, Role};
use super::iterate::Iteration;
use super::name::{render, wire};
use crate::probe::escape;

/// Resolvers tried for one look-up.
pub(super) const MAX_RESOLVERS: usize = 4;
/// Addresses of one host that are looked at.
pub(crate) const MAX_ADDRESSES: usize = 8;
const MAX_TEXTS: usize = 32;
const MAX_TEXT_CHARS: usize = 4096;

/// The resolvers, in the order they are asked.
#[derive(Debug, Clone)]
pub(crate) struct Resolvers {
    servers: Vec<SocketAddr>,
    /// The way without any of them.
    iteration: Option<Iteration>,
    patience: Patience,
}

/// Where a host name points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// At most [`MAX_ADDRESSES`] of each family, in ascending order.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ttl: Option<u32>,
    pub(crate) is_cname: bool,
    /// `nxdomain`, `no data`, `servfail`, `timeout` or another reason; `None` when there are addresses.
    pub(crate) error: Option<String>,
}

impl Resolvers {
    pub(super) fn new(servers: Vec<SocketAddr>, patience: Patience) -> Self {
        Self { servers, iteration: None, patience }
    }

    /// No resolver: everything is looked up from the roots.
    pub(super) fn without(iteration: Iteration, patience: Patience) -> Self {
        Self { servers: Vec::new(), iteration: Some(iteration), patience }
    }

    pub(crate) fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// The first answer that is one (NOERROR or NXDOMAIN), else the last failure in words.
    pub(super) async fn look_up(&self, name: &Name, rtype: RecordType) -> Result<Message, String> {
        if let Some(iteration) = &self.iteration {
            return iteration.look_up(name, rtype).await;
        }
        let mut last = "no resolver is configured".to_owned();
        for &server in self.servers.iter().take(MAX_RESOLVERS) {
            match ask(server, name, rtype, true, self.patience).await {
                Ok(message) => match message.metadata.response_code {
                    ResponseCode::NoError | ResponseCode::NXDomain => return Ok(message),
                    ResponseCode::ServFail => "servfail".clone_into(&mut last),
                    ResponseCode::Refused => "refused".clone_into(&mut last),
                    other => last = format!("rcode {}", u16::from(other)),
                },
                Err(silence) => last = silence.in_words(),
            }
        }
        Err(last)
    }

    /// Addresses of both families.
    pub(crate) async fn host(&self, name: &DomainName) -> Host {
        match wire(name) {
            Some(name) => self.host_by_wire(&name).await,
            None => Host::without("not a legal host name".to_owned()),
        }
    }

    pub(super) async fn host_by_wire(&self, name: &Name) -> Host {
        let (v4, v6) = tokio::join!(self.look_up(name, RecordType::A), self.look_up(name, RecordType::AAAA));
        let mut host = Host { addresses: Vec::new(), ttl: None, is_cname: false, error: None };
        let mut errors = Vec::new();
        for answer in [v4, v6] {
            match answer {
                Ok(message) => host.add(&message, name, &mut errors),
                Err(error) => errors.push(error),
            }
        }
        if host.addresses.is_empty() {
            // A failure of one family leaves open whether there is an address; emptiness does not.
            errors.sort_by_key(|e| matches!(e.as_str(), "no data" | "nxdomain"));
            host.error = errors.into_iter().next();
        }
        host
    }

    /// Where an exchange points, in the form of the observation.
    pub(super) async fn exchange(&self, exchange: String) -> ExchangeAddresses {
        let host = match DomainName::parse(&exchange) {
            Ok(name) => self.host(&name).await,
            Err(error) => Host::without(escape::text(&error.to_string(), 200)),
        };
        ExchangeAddresses {
            exchange,
            addresses: host.addresses,
            ttl: host.ttl,
            is_cname: host.is_cname,
            error: host.error,
        }
    }

    /// TXT records at a name whose text begins with `prefix`, compared without regard to case.
    pub(crate) async fn texts(&self, name: &DomainName, prefix: &str) -> TextLookup {
        let Some(name) = wire(name) else {
            return TextLookup::Failed { detail: "not a legal name".to_owned() };
        };
        let message = match self.look_up(&name, RecordType::TXT).await {
            Ok(message) => message,
            Err(detail) => return TextLookup::Failed { detail },
        };
        let owner = classify::aliases(&message, &name).last().map_or(name, |(_, target)| target.clone());
        let mut texts = Vec::new();
        let mut ttl = u32::MAX;
        for record in classify::at(&message.answers, &owner, RecordType::TXT) {
            let RData::TXT(txt) = &record.data else { continue };
            let whole = txt.txt_data.concat();
            let matches = whole.get(..prefix.len()).is_some_and(|p| p.eq_ignore_ascii_case(prefix.as_bytes()));
            if matches && texts.len() < MAX_TEXTS {
                texts.push(escape::bytes(&whole, MAX_TEXT_CHARS));
                ttl = ttl.min(classify::sane(record.ttl));
            }
        }
        texts.sort();
        if texts.is_empty() { TextLookup::Absent } else { TextLookup::Found { texts, ttl } }
    }

    /// Names in the PTR set of an address.
    pub(crate) async fn reverse(&self, address: IpAddr) -> TextLookup {
        let name = Name::from(address.to_canonical());
        let message = match self.look_up(&name, RecordType::PTR).await {
            Ok(message) => message,
            Err(detail) => return TextLookup::Failed { detail },
        };
        // Blocks smaller than a zone are delegated through aliases (RFC 2317).
        let owner = classify::aliases(&message, &name).last().map_or(name, |(_, target)| target.clone());
        let mut texts = Vec::new();
        let mut ttl = u32::MAX;
        for record in classify::at(&message.answers, &owner, RecordType::PTR).take(MAX_TEXTS) {
            let RData::PTR(target) = &record.data else { continue };
            texts.push(render(&target.0));
            ttl = ttl.min(classify::sane(record.ttl));
        }
        texts.sort();
        if texts.is_empty() { TextLookup::Absent } else { TextLookup::Found { texts, ttl } }
    }

    /// MX as this very resolver sees it.
    pub(super) async fn mx(&self, server: SocketAddr, name: &Name) -> DnsAnswer {
        classify::mx(&ask(server, name, RecordType::MX, true, self.patience).await, name, Role::Resolver)
    }

    /// MX through the first resolver that answers.
    pub(crate) async fn exchanges(&self, domain: &DomainName) -> Result<Vec<String>, String> {
        let name = wire(domain).ok_or_else(|| "not a legal name".to_owned())?;
        let message = self.look_up(&name, RecordType::MX).await?;
        match classify::mx(&Ok(message), &name, Role::Resolver) {
            DnsAnswer::Mx { records, .. } | DnsAnswer::Cname { records, .. } => {
                Ok(records.into_iter().map(|r| r.exchange).collect())
            }
            DnsAnswer::NoData { .. } | DnsAnswer::NxDomain { .. } => Ok(Vec::new()),
            other => Err(format!("{other:?}")),
        }
    }

    /// Names in the NS set at `zone`, empty where there is none.
    pub(super) async fn name_servers(&self, zone: &Name) -> Result<Vec<Name>, String> {
        let message = self.look_up(zone, RecordType::NS).await?;
        Ok(classify::at(&message.answers, zone, RecordType::NS)
            .filter_map(|r| match &r.data {
                RData::NS(ns) => Some(ns.0.clone()),
                _ => None,
            })
            .collect())
    }
}

impl Host {
    fn without(error: String) -> Self {
        Self { addresses: Vec::new(), ttl: None, is_cname: false, error: Some(error) }
    }

    fn add(&mut self, message: &Message, name: &Name, errors: &mut Vec<String>) {
        let chain = classify::aliases(message, name);
        self.is_cname |= !chain.is_empty();
        let owner = chain.last().map_or(name, |(_, target)| target);
        let mut found: Vec<(IpAddr, u32)> = message
            .answers
            .iter()
            .filter(|r| r.name == *owner)
            .filter_map(|r| match &r.data {
                RData::A(a) => Some((IpAddr::V4(a.0), r.ttl)),
                RData::AAAA(a) => Some((IpAddr::V6(a.0), r.ttl)),
                _ => None,
            })
            .collect();
        found.sort_unstable();
        found.dedup_by_key(|(address, _)| *address);
        if found.is_empty() {
            let nx = message.metadata.response_code == ResponseCode::NXDomain;
            errors.push(if nx { "nxdomain" } else { "no data" }.to_owned());
        }
        for (address, ttl) in found.into_iter().take(MAX_ADDRESSES) {
            let ttl = chain.iter().map(|(ttl, _)| *ttl).fold(classify::sane(ttl), u32::min);
            self.ttl = Some(self.ttl.map_or(ttl, |t| t.min(ttl)));
            self.addresses.push(address);
        }
    }
}
