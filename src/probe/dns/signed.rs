//! DNSSEC as validating resolvers tell it, and the records that live by it: DS and TLSA. Nothing is
//! validated here; what the AD and CD bits brought is handed on.

use std::net::SocketAddr;

use fencepost_checks::DomainName;
use fencepost_checks::observation::lint::{
    DnssecObservation, DsLookup, TlsaLookup, TlsaRecord, TlsaRecords, ValidationAnswer, ValidationSeen,
};
use futures_util::future::join_all;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::TLSA;
use hickory_proto::rr::{Name, RData, RecordType};
use sha2::{Digest, Sha256};

use super::ask::{Manner, Silence, ask_as};
use super::classify;
use super::name::wire;
use super::resolve::{MAX_RESOLVERS, Resolvers};

/// TLSA records kept of one host.
const MAX_TLSA: usize = 16;
/// Bytes of one TLSA record that are kept as they are: the longest digest.
const MAX_DIGEST: usize = 64;

impl Resolvers {
    /// Whether the domain's MX validates, and whether it is signed at all.
    pub(crate) async fn dnssec(&self, domain: &DomainName) -> DnssecObservation {
        let Some(name) = &wire(domain) else { return DnssecObservation::default() };
        let servers = self.servers().iter().take(MAX_RESOLVERS);
        let (ds, resolvers) = tokio::join!(self.ds(name), join_all(servers.map(|s| self.validation(*s, name))));
        DnssecObservation { ds, resolvers }
    }

    async fn ds(&self, name: &Name) -> DsLookup {
        match self.look_up(name, RecordType::DS).await {
            Ok(message) if classify::at(&message.answers, name, RecordType::DS).next().is_some() => DsLookup::Found,
            Ok(_) => DsLookup::Absent,
            Err(detail) => DsLookup::Failed { detail },
        }
    }

    /// SERVFAIL is looked into: what the same resolver says without validation.
    async fn validation(&self, resolver: SocketAddr, name: &Name) -> ValidationSeen {
        let answer = async |manner| answer(&ask_as(resolver, name, RecordType::MX, manner, self.patience()).await);
        let checked = answer(Manner::Validated).await;
        let unchecked = match checked {
            ValidationAnswer::ServFail => answer(Manner::Unchecked).await,
            _ => ValidationAnswer::NotAsked,
        };
        ValidationSeen { resolver, checked, unchecked }
    }

    /// TLSA of port 25 at a mail host. An answer that validated at one of the resolvers is preferred.
    pub(crate) async fn tlsa(&self, host: &DomainName) -> TlsaLookup {
        let lookup = |authenticated, records| TlsaLookup { host: host.to_string(), authenticated, records };
        // A name too long for it has no such record.
        let Some(name) = DomainName::parse(&format!("_25._tcp.{host}")).ok().and_then(|n| wire(&n)) else {
            return lookup(false, TlsaRecords::Absent);
        };
        let ask = |server: &SocketAddr| ask_as(*server, &name, RecordType::TLSA, Manner::Validated, self.patience());
        if self.servers().is_empty() {
            // Looked up from the roots: nobody validates, so nothing counts as signed.
            return match self.look_up(&name, RecordType::TLSA).await {
                Ok(message) => lookup(false, records(&message, &name)),
                Err(detail) => lookup(false, TlsaRecords::Failed { detail }),
            };
        }
        let replies = join_all(self.servers().iter().take(MAX_RESOLVERS).map(ask)).await;
        let mut best = lookup(false, TlsaRecords::Failed { detail: "no resolver is configured".to_owned() });
        for reply in replies {
            let one = match &reply {
                Ok(message) if is_answer(message) => lookup(message.metadata.authentic_data, records(message, &name)),
                Ok(message) if message.metadata.response_code == ResponseCode::ServFail => {
                    lookup(false, TlsaRecords::Failed { detail: "servfail".to_owned() })
                }
                Ok(message) => {
                    let detail = format!("rcode {}", u16::from(message.metadata.response_code));
                    lookup(false, TlsaRecords::Failed { detail })
                }
                Err(silence) => lookup(false, TlsaRecords::Failed { detail: silence.in_words() }),
            };
            let better = match (&best.records, &one.records) {
                (_, TlsaRecords::Failed { .. }) => false,
                (TlsaRecords::Failed { .. }, _) => true,
                _ => one.authenticated && !best.authenticated,
            };
            if better
                || matches!((&best.records, &one.records), (TlsaRecords::Failed { .. }, TlsaRecords::Failed { .. }))
            {
                best = one;
            }
        }
        best
    }
}

fn answer(reply: &Result<Message, Silence>) -> ValidationAnswer {
    match reply {
        Ok(message) if is_answer(message) && message.metadata.authentic_data => ValidationAnswer::Authenticated,
        Ok(message) if is_answer(message) => ValidationAnswer::Answered,
        Ok(message) if message.metadata.response_code == ResponseCode::ServFail => ValidationAnswer::ServFail,
        Ok(message) => {
            ValidationAnswer::Failed { detail: format!("rcode {}", u16::from(message.metadata.response_code)) }
        }
        Err(silence) => ValidationAnswer::Failed { detail: silence.in_words() },
    }
}

fn is_answer(message: &Message) -> bool {
    matches!(message.metadata.response_code, ResponseCode::NoError | ResponseCode::NXDomain)
}

fn records(message: &Message, name: &Name) -> TlsaRecords {
    let owner = classify::aliases(message, name).last().map_or_else(|| name.clone(), |(_, target)| target.clone());
    let mut ttl = u32::MAX;
    let mut records = Vec::new();
    for record in classify::at(&message.answers, &owner, RecordType::TLSA).take(MAX_TLSA) {
        let RData::TLSA(tlsa) = &record.data else { continue };
        ttl = ttl.min(classify::sane(record.ttl));
        records.push(kept(tlsa));
    }
    records.sort();
    if records.is_empty() { TlsaRecords::Absent } else { TlsaRecords::Found { records, ttl } }
}

fn kept(tlsa: &TLSA) -> TlsaRecord {
    let (usage, selector, matching) = (u8::from(tlsa.cert_usage), u8::from(tlsa.selector), u8::from(tlsa.matching));
    let data = if matching == 0 {
        hex::encode(Sha256::digest(&tlsa.cert_data))
    } else {
        hex::encode(tlsa.cert_data.get(..MAX_DIGEST).unwrap_or(&tlsa.cert_data))
    };
    TlsaRecord { usage, selector, matching, data }
}
