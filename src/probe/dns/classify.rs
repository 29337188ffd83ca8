//! What a DNS message says about one question: header first, then the records that belong to the name
//! asked for. Pure; every record that is not about the name, its aliases or its zone is ignored.

use fencepost_checks::observation::{DnsAnswer, MxRecord};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::ask::Silence;
use super::name::render;

/// More MX records than this are no mail set-up but an attack or an accident.
const MAX_MX: usize = 200;
/// Aliases followed inside one message.
const MAX_ALIASES: usize = 12;

/// Who was asked, which decides what counts as an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Must set AA for the zone.
    Authoritative,
    Resolver,
}

/// Judges nothing: names what came back.
pub(super) fn mx(reply: &Result<Message, Silence>, name: &Name, role: Role) -> DnsAnswer {
    let message = match reply {
        Ok(message) => message,
        Err(Silence::TimedOut) => return DnsAnswer::TimedOut,
        Err(Silence::Unreachable(detail)) => return DnsAnswer::Unreachable { detail: detail.clone() },
        Err(Silence::Malformed(detail)) => return DnsAnswer::Malformed { detail: detail.clone() },
        Err(Silence::Vantage(detail)) => return DnsAnswer::VantageFault { detail: detail.clone() },
    };
    match message.metadata.response_code {
        ResponseCode::ServFail => return DnsAnswer::ServFail,
        ResponseCode::Refused => return DnsAnswer::Refused,
        ResponseCode::NoError | ResponseCode::NXDomain => {}
        other => return DnsAnswer::OtherRcode { rcode: other.into() },
    }
    if is_lame(message, role) {
        return DnsAnswer::Lame;
    }
    let chain = aliases(message, name);
    let end = chain.last().map_or(name, |(_, target)| target);
    let found = mx_records(message, end);
    if found.len() > MAX_MX {
        return DnsAnswer::Malformed { detail: format!("{} MX records, more than {MAX_MX}", found.len()) };
    }
    let mut records: Vec<MxRecord> = found.iter().map(|(_, record)| record.clone()).collect();
    records.sort();
    records.dedup();
    let ttl = chain.iter().map(|(ttl, _)| *ttl).chain(found.iter().map(|(ttl, _)| *ttl)).min();
    if !records.is_empty() && message.metadata.response_code == ResponseCode::NXDomain {
        // Resolvers go by the one or by the other, so nobody knows what senders get.
        let detail = "it says that the domain does not exist (NXDOMAIN), and gives an MX all the same".to_owned();
        return DnsAnswer::Malformed { detail };
    }
    match (chain.is_empty(), records.is_empty()) {
        (false, _) => DnsAnswer::Cname { target: render(end), records, ttl: ttl.unwrap_or(0) },
        (true, false) => DnsAnswer::Mx { records, ttl: ttl.unwrap_or(0) },
        (true, true) if message.metadata.response_code == ResponseCode::NXDomain => {
            DnsAnswer::NxDomain { negative_ttl: negative_ttl(message) }
        }
        (true, true) => DnsAnswer::NoData { negative_ttl: negative_ttl(message) },
    }
}

/// min(TTL of the SOA, its MINIMUM): how long an empty answer is kept (RFC 2308 §5).
pub(super) fn negative_ttl(message: &Message) -> Option<u32> {
    message.authorities.iter().find_map(|r| match &r.data {
        RData::SOA(soa) => Some(sane(r.ttl).min(sane(soa.minimum))),
        _ => None,
    })
}

/// Records of one type at a name, in the Internet class.
pub(super) fn at<'m>(records: &'m [Record], name: &'m Name, rtype: RecordType) -> impl Iterator<Item = &'m Record> {
    records.iter().filter(move |r| r.dns_class == DNSClass::IN && r.record_type() == rtype && r.name == *name)
}

/// The chain of aliases from `name`, as far as the message holds it: TTL and target of each step.
/// Loops end after [`MAX_ALIASES`] steps.
pub(super) fn aliases(message: &Message, name: &Name) -> Vec<(u32, Name)> {
    let mut chain: Vec<(u32, Name)> = Vec::new();
    while chain.len() < MAX_ALIASES {
        let here = chain.last().map_or(name, |(_, target)| target);
        let step = at(&message.answers, here, RecordType::CNAME).find_map(|r| match &r.data {
            RData::CNAME(target) => Some((sane(r.ttl), target.0.clone())),
            _ => None,
        });
        match step {
            Some(step) => chain.push(step),
            None => break,
        }
    }
    chain
}

/// A TTL with the top bit set counts as zero (RFC 2181 §8).
pub(super) fn sane(ttl: u32) -> u32 {
    if ttl > 0x7fff_ffff { 0 } else { ttl }
}

/// Authoritative servers set AA; a resolver that neither recurses nor knows the zone is no better.
fn is_lame(message: &Message, role: Role) -> bool {
    match role {
        Role::Authoritative => !message.metadata.authoritative,
        Role::Resolver => {
            !message.metadata.authoritative && !message.metadata.recursion_available && message.answers.is_empty()
        }
    }
}

fn mx_records(message: &Message, owner: &Name) -> Vec<(u32, MxRecord)> {
    at(&message.answers, owner, RecordType::MX)
        .filter_map(|r| match &r.data {
            RData::MX(mx) => {
                Some((sane(r.ttl), MxRecord { preference: mx.preference, exchange: render(&mx.exchange) }))
            }
            _ => None,
        })
        .collect()
}
