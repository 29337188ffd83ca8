//! What must hold of a DNS message whatever its bytes are: an answer is one to our question, says
//! nothing that the bytes do not say, and never becomes "the MX is the gateway's" without them.

use std::net::SocketAddr;

use fencepost_checks::DomainName;
use fencepost_checks::escape::is_harmful;
use fencepost_checks::mx::{self, Expected, MxVerdict};
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, ServerAnswer};
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::ask::{Read, Silence, read};
use super::classify::{self, Role};
use super::name::wire;

const DOMAIN: &str = "customer.example";
/// The longest name, each byte written `\DDD`.
const NAME: usize = 255 * 4;

/// The first byte decides who was asked and whether the id is ours.
pub fn check(data: &[u8]) {
    let Some((&how, packet)) = data.split_first() else { return };
    let domain = DomainName::parse(DOMAIN).expect("a name");
    let name = wire(&domain).expect("a name");
    let role = if how & 1 == 0 { Role::Authoritative } else { Role::Resolver };
    let query = question(&name);
    let mut packet = packet.to_vec();
    if how & 2 == 0
        && let Some(id) = packet.first_chunk_mut::<2>()
    {
        *id = query.metadata.id.to_be_bytes();
    }
    let reply = match read(&query, &packet) {
        Read::Reply(reply) => {
            assert_eq!(packet.get(..2), Some(&query.metadata.id.to_be_bytes()[..]), "somebody else's answer");
            assert!(packet[2] & 0x80 != 0 && packet[2] & 0x78 == 0, "no answer to a query");
            Ok(*reply)
        }
        Read::Cut => {
            assert!(packet[2] & 2 != 0, "whole, and taken for cut");
            return;
        }
        Read::Broken(detail) => Err(Silence::Malformed(detail)),
        Read::Stray(detail) => {
            bounded(&detail, 300);
            return;
        }
    };
    let answer = classify::mx(&reply, &name, role);
    said(&answer, &packet, role);
    judged(&domain, answer, &packet);
}

fn question(name: &Name) -> Message {
    let mut message = Message::query();
    message.metadata.id = 0x4d58;
    message.add_query(Query::query(name.clone(), RecordType::MX));
    message
}

/// Every answer rests on what the packet holds.
fn said(answer: &DnsAnswer, packet: &[u8], role: Role) {
    let (records, ttl): (&[MxRecord], u32) = match answer {
        DnsAnswer::Mx { records, ttl } => {
            assert!(!records.is_empty());
            (records, *ttl)
        }
        DnsAnswer::Cname { target, records, ttl } => {
            printable(target);
            (records, *ttl)
        }
        DnsAnswer::NoData { negative_ttl } | DnsAnswer::NxDomain { negative_ttl } => {
            assert!(negative_ttl.is_none_or(|ttl| ttl <= 0x7fff_ffff));
            if *answer == (DnsAnswer::NxDomain { negative_ttl: *negative_ttl }) {
                assert_eq!(packet[3] & 0x0f, 3);
            }
            return;
        }
        DnsAnswer::Malformed { detail } | DnsAnswer::Unreachable { detail } | DnsAnswer::VantageFault { detail } => {
            return bounded(detail, 300);
        }
        DnsAnswer::OtherRcode { rcode } => return assert!(*rcode != 0 && *rcode != 3),
        DnsAnswer::Lame | DnsAnswer::ServFail | DnsAnswer::Refused | DnsAnswer::TimedOut => return,
    };
    assert!(records.is_empty() || packet[3] & 0x0f == 0, "an MX of a name that is said not to exist");
    assert!(role == Role::Resolver || packet[2] & 4 != 0, "without AA nobody is authoritative");
    assert!(ttl <= 0x7fff_ffff && records.len() <= 200 && records.is_sorted());
    for record in records {
        printable(&record.exchange);
        // Labels stand in the packet in one piece, whatever the compression. Written with escapes, a dot
        // may lie inside of one.
        let plain = !record.exchange.contains('\\');
        for label in record.exchange.split('.').filter(|label| plain && !label.is_empty()) {
            assert!(holds(packet, label), "{label:?} was made up");
        }
    }
}

/// What the answer means as that of the only server.
fn judged(domain: &DomainName, answer: DnsAnswer, packet: &[u8]) {
    let address: SocketAddr = ([192, 0, 2, 53], 53).into();
    let at = Timestamp::UNIX_EPOCH;
    let server = ServerAnswer {
        name: "ns1.customer.example".to_owned(),
        address,
        in_parent: true,
        in_child: true,
        answer,
        elapsed_ms: 1,
        observed_at: at,
    };
    let round = DnsRound {
        domain: domain.clone(),
        started_at: at,
        finished_at: at,
        zone: Some(domain.clone()),
        servers: vec![server],
        servers_without_address: Vec::new(),
        resolvers: Vec::new(),
        exchanges: Vec::new(),
        ns_ttl: None,
        parents: Vec::new(),
        delegation_error: None,
    };
    let gateway_hosts = vec![DomainName::parse("mx1.gateway.example").expect("a name")];
    let judgement = mx::judge(&round, &Expected { gateway_hosts, ..Expected::default() });
    if judgement.verdict == MxVerdict::OursOnly || judgement.ours_published {
        assert!(["mx1", "gateway", "example"].iter().all(|label| holds(packet, label)), "a pass from nothing");
    }
    for finding in &judgement.findings {
        for text in [&finding.subject, &finding.detail, &finding.remedy] {
            bounded(text, 1600);
        }
    }
    assert!(judgement.findings.len() <= 64);
}

fn holds(packet: &[u8], label: &str) -> bool {
    let wanted: Vec<u8> = std::iter::once(u8::try_from(label.len()).unwrap_or(u8::MAX)).chain(label.bytes()).collect();
    packet.windows(wanted.len()).any(|window| window.eq_ignore_ascii_case(&wanted))
}

fn printable(name: &str) {
    assert!(!name.is_empty() && name.len() <= NAME, "{name:?}");
    assert!(name.bytes().all(|b| (0x21..0x7f).contains(&b) && !b.is_ascii_uppercase()), "{name:?}");
}

fn bounded(text: &str, limit: usize) {
    assert!(text.chars().count() <= limit, "{} characters", text.chars().count());
    assert!(!text.chars().any(is_harmful), "{text:?}");
}
