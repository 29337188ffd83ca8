//! What the cut-over lint reads besides MX and SMTP: policies that would make senders or the
//! customer's own server refuse mail once the MX has moved.

use std::net::{IpAddr, SocketAddr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SmtpDialogue;
use crate::DomainName;

/// Everything that one lint round saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintObservation {
    pub domain: DomainName,
    pub observed_at: Timestamp,
    pub mta_sts: MtaStsObservation,
    /// TXT at the domain that begin with `v=spf1`.
    pub spf: TextLookup,
    /// TXT at `_dmarc`.
    pub dmarc: TextLookup,
    /// Addresses of the own mail servers as resolved, by host.
    pub own_servers: Vec<(String, Vec<IpAddr>)>,
    /// Addresses of the gateway's MX hosts as resolved, by host.
    #[serde(default)]
    pub gateway_addresses: Vec<(String, Vec<IpAddr>)>,
    /// TXT at `_smtp._tls` that begin with `v=TLSRPTv1` (RFC 8460).
    #[serde(default)]
    pub tls_rpt: TextLookup,
    /// TXT at `_domainconnect`: where the DNS provider takes changes through Domain Connect.
    #[serde(default)]
    pub domain_connect: TextLookup,
    #[serde(default)]
    pub dnssec: DnssecObservation,
    /// TLSA at `_25._tcp` of the gateway's MX hosts (RFC 7672).
    #[serde(default)]
    pub gateway_tlsa: Vec<TlsaLookup>,
    /// TLSA at `_25._tcp` of the present exchanges that are not the gateway's.
    #[serde(default)]
    pub exchange_tlsa: Vec<TlsaLookup>,
    /// The gateway's EHLO names and addresses, as receivers look them up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub helo: Vec<HeloLookup>,
    /// The own servers asked with a sender whose SPF record forbids everybody; `None` where no such
    /// sender is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_test: Option<SenderTest>,
}

/// A TXT look-up. An error is not "no record".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TextLookup {
    #[default]
    NotAsked,
    Found {
        texts: Vec<String>,
        ttl: u32,
    },
    Absent,
    Failed {
        detail: String,
    },
}

/// Whether the domain's answers are signed, and whether validating resolvers take them (RFC 4035).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnssecObservation {
    /// DS at the parent for the domain itself; a domain inside a larger zone has none.
    pub ds: DsLookup,
    /// The MX question, with validation and without, by resolver.
    pub resolvers: Vec<ValidationSeen>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DsLookup {
    #[default]
    NotAsked,
    Found,
    Absent,
    Failed {
        detail: String,
    },
}

/// What one resolver said to the same question twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValidationSeen {
    pub resolver: SocketAddr,
    /// With CD=0.
    pub checked: ValidationAnswer,
    /// With CD=1; asked only after SERVFAIL.
    #[serde(default)]
    pub unchecked: ValidationAnswer,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ValidationAnswer {
    #[default]
    NotAsked,
    /// NOERROR or NXDOMAIN with AD=1.
    Authenticated,
    /// NOERROR or NXDOMAIN without AD.
    Answered,
    ServFail,
    Failed {
        detail: String,
    },
}

/// TLSA at `_25._tcp.<host>`, as a sender's resolver gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsaLookup {
    pub host: String,
    /// AD=1 in the answer: without it senders ignore the records (RFC 7672 §2.2).
    pub authenticated: bool,
    pub records: TlsaRecords,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TlsaRecords {
    Found { records: Vec<TlsaRecord>, ttl: u32 },
    Absent,
    Failed { detail: String },
}

/// One TLSA record (RFC 6698 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TlsaRecord {
    pub usage: u8,
    pub selector: u8,
    pub matching: u8,
    /// Lower-case hexadecimal; where `matching` is 0, the SHA-256 of the data, because that may be long.
    pub data: String,
}

/// One gateway address with the name that it says in EHLO, in both directions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeloLookup {
    pub name: DomainName,
    pub address: IpAddr,
    /// Where the name leads.
    pub addresses: Vec<IpAddr>,
    /// Why it leads nowhere, where that is so: `nxdomain`, `no data`, `servfail`, `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Names in the PTR set of the address, lower-case, without the final dot.
    pub reverse: TextLookup,
}

/// Dialogues with the own servers, from a gateway address, with a sender whose domain publishes
/// `v=spf1 -all`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderTest {
    pub sender: String,
    pub dialogues: Vec<SmtpDialogue>,
}

/// MTA-STS as a sender would see it (RFC 8461).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MtaStsObservation {
    /// TXT at `_mta-sts`.
    pub record: TextLookup,
    /// The policy file, fetched when the record names one.
    pub policy: PolicyFetch,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PolicyFetch {
    NotAsked,
    /// The body as served with status 200, at most 64 KiB (RFC 8461 §3.3).
    Fetched {
        body: String,
    },
    Failed {
        detail: String,
    },
}
