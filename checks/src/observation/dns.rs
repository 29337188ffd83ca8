//! One look at a domain's MX: every address of every authoritative server, and the configured
//! resolvers. *Published* (authoritative) and *seen* (resolvers) stay apart.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::DomainName;

/// One MX record as it stood on the wire. `exchange` is text, because a hostile or broken zone may
/// hold a name that is no host name; `.` is the null MX of RFC 7505.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MxRecord {
    pub preference: u16,
    /// Lower-case, without trailing dot, control bytes escaped; `.` alone for the null MX.
    pub exchange: String,
}

/// A whole round of MX questions for one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRound {
    pub domain: DomainName,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    /// The apex of the zone that holds the domain, as found from the parent side.
    pub zone: Option<DomainName>,
    /// One entry an address of an authoritative server.
    pub servers: Vec<ServerAnswer>,
    /// Servers that are named in NS sets but whose address could not be found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers_without_address: Vec<String>,
    pub resolvers: Vec<ResolverAnswer>,
    /// Addresses of each exchange named in any MX set seen, through the first resolver that answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<ExchangeAddresses>,
    /// The largest TTL of the NS sets that led here, parent's and child's, seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ns_ttl: Option<u32>,
    /// What each server of the parent zone says about the delegation. Empty where the parent could not be
    /// found, and in older observations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentAnswer>,
    /// Why no authoritative server could even be found, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation_error: Option<String>,
}

/// What one address of one authoritative server said (RD=0).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAnswer {
    pub name: String,
    pub address: SocketAddr,
    /// Whether the parent's delegation names this server, and whether the zone's own NS set does.
    pub in_parent: bool,
    pub in_child: bool,
    pub answer: DnsAnswer,
    pub elapsed_ms: u32,
    pub observed_at: Timestamp,
}

/// What one server of the parent zone said when it was asked for the zone's name servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentAnswer {
    pub address: SocketAddr,
    pub says: ParentSays,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ParentSays {
    /// A referral; the names of the servers, lower-case, in order.
    Delegates { names: Vec<String> },
    /// The zone does not exist.
    NxDomain,
    /// With authority: the name exists and is no zone of its own.
    NotDelegated,
    /// Nothing that can be compared: time-out, SERVFAIL, REFUSED.
    Silent { detail: String },
}

/// What one recursive resolver said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolverAnswer {
    pub vantage: String,
    pub address: SocketAddr,
    pub answer: DnsAnswer,
    pub elapsed_ms: u32,
    pub observed_at: Timestamp,
}

/// The outcome of one MX question to one server.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DnsAnswer {
    /// An MX RRset. Authoritative answers have AA set; without it they arrive as [`Self::Lame`].
    Mx {
        records: Vec<MxRecord>,
        ttl: u32,
    },
    /// NOERROR without MX (RFC 2308 NODATA). `negative_ttl` = min(SOA TTL, SOA MINIMUM).
    NoData {
        negative_ttl: Option<u32>,
    },
    NxDomain {
        negative_ttl: Option<u32>,
    },
    /// The owner is an alias; `records` is the MX set at its end, where the server knew it.
    Cname {
        target: String,
        records: Vec<MxRecord>,
        ttl: u32,
    },
    /// Answered without AA, or with a referral: not authoritative for the zone.
    Lame,
    ServFail,
    Refused,
    /// Another RCODE.
    OtherRcode {
        rcode: u16,
    },
    TimedOut,
    /// The port answered with an ICMP error, or TCP was refused after truncation.
    Unreachable {
        detail: String,
    },
    /// A message that is no answer to the question: wrong id, wrong question, cut short, odd bytes.
    Malformed {
        detail: String,
    },
    /// Our own side could not ask (no route, no source address): says nothing about the server.
    VantageFault {
        detail: String,
    },
}

/// Where an exchange points.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeAddresses {
    pub exchange: String,
    pub addresses: Vec<IpAddr>,
    /// Smallest TTL of the address records, seconds.
    pub ttl: Option<u32>,
    /// Whether the exchange is an alias, which RFC 2181 §10.3 forbids.
    pub is_cname: bool,
    /// Why there is no address, where there is none: `nxdomain`, `no data`, `servfail`, `timeout`.
    pub error: Option<String>,
}
