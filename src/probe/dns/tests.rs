//! Rounds against name servers on loopback: a well-kept hierarchy, and servers that misbehave.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fencepost_checks::observation::lint::{DsLookup, TlsaRecord, TlsaRecords, ValidationAnswer};
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, ParentSays};
use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::{CNAME, MX, NS, SOA, TLSA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::ask::{Patience, ask};
use super::classify::{self, Role};
use super::*;
use crate::clock::SystemClock;
use crate::demo::lab::{NameServer, Resolver, Zone, ZoneSet};

const ROOT: Ipv4Addr = Ipv4Addr::new(127, 0, 61, 3);
/// A second server of `example.`, in the worlds that have one.
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 61, 4);
/// There the root has a server of its own.
const TOP: Ipv4Addr = Ipv4Addr::new(127, 0, 61, 5);
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 61, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 61, 2);
const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 61, 11);

const PATIENCE: Patience = Patience { timeout: Duration::from_millis(250), attempts: 2 };

fn mx(preference: u16, exchange: &str) -> MxRecord {
    MxRecord { preference, exchange: exchange.to_owned() }
}

/// Root and `example.` on one server, `customer.example.` on two others, one resolver.
struct World {
    port: u16,
    root: Ipv4Addr,
    customer: [Arc<ZoneSet>; 2],
    _running: (Vec<NameServer>, Resolver),
}

impl World {
    async fn start(child_servers: &[&str]) -> Self {
        Self::with(child_servers, None).await
    }

    /// `other` is what the second server of `example.` serves.
    async fn with(child_servers: &[&str], other: Option<Zone>) -> Self {
        let mut root = Zone::new(".", &["ns.example."], 3600, 60).unwrap();
        let upper = [("ns.example.", ROOT), ("other.example.", OTHER)];
        root.delegate("example.", 3600, if other.is_some() { &upper } else { &upper[..1] }).unwrap();
        let names = ["ns.example.", "other.example."];
        let names = if other.is_some() { &names } else { &names[..1] };
        let mut tld = Zone::new("example.", names, 3600, 60).unwrap();
        tld.set_a("ns.example.", 3600, &[ROOT]).unwrap();
        tld.set_a("other.example.", 3600, &[OTHER]).unwrap();
        tld.delegate("customer.example.", 7200, &[("ns1.customer.example.", FIRST), ("ns.provider.example.", SECOND)])
            .unwrap();
        tld.set_a("mx.old.example.", 60, &[Ipv4Addr::new(127, 0, 61, 25)]).unwrap();
        let customer = [(); 2].map(|()| {
            let mut zone = Zone::new("customer.example.", child_servers, 1800, 60).unwrap();
            zone.set_a("ns1.customer.example.", 300, &[FIRST]).unwrap();
            zone.set_mx("customer.example.", 600, &[(20, "MX.old.example."), (10, "mail.customer.example.")]).unwrap();
            zone.set_a("mail.customer.example.", 120, &[Ipv4Addr::new(127, 0, 61, 26)]).unwrap();
            Arc::new(ZoneSet::new(vec![zone]))
        });
        // Ports are the same on every address, as 53 is; another test may take one in between.
        for _ in 0..50 {
            let port = TcpListener::bind((ROOT, 0)).await.unwrap().local_addr().unwrap().port();
            let (top, mut upper) = if other.is_some() { (TOP, vec![]) } else { (ROOT, vec![root.clone()]) };
            upper.push(tld.clone());
            let upper = Arc::new(ZoneSet::new(upper));
            let resolver = Resolver::start((RESOLVER, port).into(), (top, port).into(), 0, Arc::new(SystemClock)).await;
            let mut servers = Vec::new();
            let mut places = vec![(ROOT, upper), (FIRST, customer[0].clone()), (SECOND, customer[1].clone())];
            if let Some(zone) = other.clone() {
                places.push((OTHER, Arc::new(ZoneSet::new(vec![zone]))));
                places.push((TOP, Arc::new(ZoneSet::new(vec![root.clone()]))));
            }
            let count = places.len();
            for (address, zones) in places {
                servers.extend(NameServer::start(address.into(), port, zones).await);
            }
            if let (true, Ok(resolver)) = (count == servers.len(), resolver) {
                return Self { port, root: top, customer, _running: (servers, resolver) };
            }
        }
        panic!("no free port");
    }

    fn dns(&self, roots: bool) -> Dns {
        self.dns_through(roots, vec![(RESOLVER, self.port).into()])
    }

    fn dns_through(&self, roots: bool, resolvers: Vec<SocketAddr>) -> Dns {
        let config = ProbeConfig {
            resolvers,
            roots: if roots { vec![(self.root, self.port).into()] } else { Vec::new() },
            dns_port: self.port,
            dns_timeout_ms: 1000,
            ..ProbeConfig::default()
        };
        let guard = TargetGuard::new(&["127.0.0.0/8".to_owned()]).unwrap();
        Dns::new(&config, guard, Arc::new(SystemClock))
    }
}

async fn round(world: &World, roots: bool) -> DnsRound {
    world.dns(roots).round(&"customer.example".parse().unwrap()).await
}

fn seen(round: &DnsRound) -> Vec<(&str, IpAddr, bool, bool)> {
    round.servers.iter().map(|s| (s.name.as_str(), s.address.ip(), s.in_parent, s.in_child)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_authoritative_address_is_asked() {
    let world = World::start(&["ns1.customer.example.", "ns.provider.example."]).await;
    for roots in [true, false] {
        let round = round(&world, roots).await;
        assert_eq!(round.delegation_error, None);
        assert_eq!(round.zone.as_ref().map(DomainName::as_str), Some("customer.example"));
        assert_eq!(
            seen(&round),
            [
                ("ns1.customer.example", IpAddr::V4(FIRST), true, true),
                ("ns.provider.example", IpAddr::V4(SECOND), true, true)
            ],
            "roots: {roots}"
        );
        let records = vec![mx(10, "mail.customer.example"), mx(20, "mx.old.example")];
        for server in &round.servers {
            assert_eq!(server.answer, DnsAnswer::Mx { records: records.clone(), ttl: 600 });
        }
        assert_eq!(round.ns_ttl, Some(7200));
        assert_eq!(round.resolvers.len(), 1);
        assert!(matches!(&round.resolvers[0].answer, DnsAnswer::Mx { records: r, .. } if *r == records));
        let exchanges: Vec<_> = round.exchanges.iter().map(|e| (e.exchange.as_str(), e.addresses.len())).collect();
        assert_eq!(exchanges, [("mail.customer.example", 1), ("mx.old.example", 1)]);
    }
}

/// `example.` as its second server has it.
fn other_parent(customer: &[(&str, Ipv4Addr)]) -> Zone {
    let mut zone = Zone::new("example.", &["ns.example.", "other.example."], 3600, 60).unwrap();
    zone.set_a("ns.example.", 3600, &[ROOT]).unwrap();
    zone.set_a("other.example.", 3600, &[OTHER]).unwrap();
    if !customer.is_empty() {
        zone.delegate("customer.example.", 7200, customer).unwrap();
    }
    zone
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_server_of_the_zone_above_is_asked() {
    let names = ["ns1.customer.example.", "ns.provider.example."];
    // The first server of `example.` does not name this one; whoever asks the second is sent there.
    let forgotten = Ipv4Addr::new(127, 0, 61, 9);
    let other = other_parent(&[("ns1.customer.example.", FIRST), ("ns3.customer.example.", forgotten)]);
    let world = World::with(&names, Some(other)).await;
    for roots in [true, false] {
        let round = round(&world, roots).await;
        let asked: Vec<_> = round.servers.iter().map(|s| (s.address.ip(), s.in_parent, s.in_child)).collect();
        assert!(asked.contains(&(IpAddr::V4(forgotten), true, false)), "roots {roots}: {asked:?}");
        let judged = fencepost_checks::mx::judge(&round, &fencepost_checks::mx::Expected::default());
        let mismatch: Vec<_> =
            judged.findings.iter().filter(|f| f.code.as_str() == "NS_DELEGATION_MISMATCH").map(|f| &f.detail).collect();
        assert!(mismatch.iter().any(|detail| detail.contains("127.0.61.4: ns1.customer.example, ns3")), "{mismatch:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_the_zone_above_that_does_not_know_the_domain_is_told() {
    let world = World::with(&["ns1.customer.example.", "ns.provider.example."], Some(other_parent(&[]))).await;
    let round = round(&world, true).await;
    assert_eq!(round.zone.as_ref().map(DomainName::as_str), Some("customer.example"), "the other one delegates it");
    let says: Vec<_> = round.parents.iter().map(|p| (p.address.ip(), &p.says)).collect();
    assert!(says.contains(&(IpAddr::V4(OTHER), &ParentSays::NxDomain)), "{says:?}");
    let judged = fencepost_checks::mx::judge(&round, &fencepost_checks::mx::Expected::default());
    assert!(!judged.complete && !judged.clean, "{judged:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_resolver_everything_is_looked_up_from_the_roots() {
    let world = World::start(&["ns1.customer.example.", "ns.provider.example."]).await;
    world.customer[0]
        .edit("customer.example.", |zone| zone.set_cname("www.customer.example.", 300, "mx.old.example."))
        .unwrap();
    let dns = world.dns_through(true, Vec::new());
    let host = async |name: &str| dns.resolvers.host(&name.parse().unwrap()).await;
    let mail = host("mail.customer.example").await;
    assert_eq!((mail.addresses, mail.error), (vec![IpAddr::from([127, 0, 61, 26])], None));
    let alias = host("www.customer.example").await;
    assert_eq!((alias.addresses, alias.is_cname), (vec![IpAddr::from([127, 0, 61, 25])], true), "into another zone");
    assert_eq!(host("nowhere.customer.example").await.error.as_deref(), Some("nxdomain"));
    let round = dns.round(&"customer.example".parse().unwrap()).await;
    assert_eq!((round.servers.len(), round.resolvers.len(), &round.delegation_error), (2, 0, &None));
    let exchanges: Vec<_> = round.exchanges.iter().map(|e| (e.exchange.as_str(), e.addresses.len())).collect();
    assert_eq!(exchanges, [("mail.customer.example", 1), ("mx.old.example", 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_server_speaks_for_itself() {
    let world = World::start(&["ns1.customer.example.", "ns.provider.example."]).await;
    world.customer[1]
        .edit("customer.example.", |zone| zone.set_mx("customer.example.", 60, &[(5, "new.example.")]))
        .unwrap();
    let answers: Vec<_> = round(&world, true).await.servers.into_iter().map(|s| s.answer).collect();
    assert!(matches!(&answers[0], DnsAnswer::Mx { ttl: 600, .. }));
    assert_eq!(answers[1], DnsAnswer::Mx { records: vec![mx(5, "new.example")], ttl: 60 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cheap_question_goes_to_the_server_that_is_meant() {
    let world = World::start(&["ns1.customer.example.", "ns.provider.example."]).await;
    world.customer[1]
        .edit("customer.example.", |zone| zone.set_mx("customer.example.", 60, &[(5, "new.example.")]))
        .unwrap();
    let dns = world.dns(true);
    let domain = "customer.example".parse().unwrap();
    let first = vec![mx(10, "mail.customer.example"), mx(20, "mx.old.example")];
    assert_eq!(dns.glance(&domain, Some((FIRST, world.port).into())).await, Some(first));
    assert_eq!(dns.glance(&domain, Some((SECOND, world.port).into())).await, Some(vec![mx(5, "new.example")]));
    assert!(dns.glance(&domain, None).await.is_some(), "as the resolver sees it");
    assert_eq!(dns.glance(&domain, Some((RESOLVER, world.port).into())).await, None, "a resolver has no authority");
    let private = Some("10.0.0.1:53".parse().unwrap());
    assert_eq!(dns.glance(&domain, private).await, None, "and nobody is asked who must not be");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_side_servers_that_live_elsewhere_are_found() {
    // The zone names only the provider's server; the parent names both. And a name without address.
    let world = World::start(&["ns.provider.example.", "ns.nowhere.example."]).await;
    for roots in [true, false] {
        let round = round(&world, roots).await;
        assert_eq!(
            seen(&round),
            [
                ("ns1.customer.example", IpAddr::V4(FIRST), true, false),
                ("ns.provider.example", IpAddr::V4(SECOND), true, true)
            ]
        );
        assert_eq!(round.servers_without_address, ["ns.nowhere.example"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_inside_a_zone_is_asked_at_the_zones_servers() {
    let world = World::start(&["ns1.customer.example.", "ns.provider.example."]).await;
    for roots in [true, false] {
        let round = world.dns(roots).round(&"mail.customer.example".parse().unwrap()).await;
        assert_eq!(round.zone.as_ref().map(DomainName::as_str), Some("customer.example"), "roots: {roots}");
        assert_eq!(round.servers.len(), 2);
        assert_eq!(round.servers[0].answer, DnsAnswer::NoData { negative_ttl: Some(60) });
        let gone = world.dns(roots).round(&"a.b.nowhere.example".parse().unwrap()).await;
        assert_eq!(gone.zone.as_ref().map(DomainName::as_str), Some("example"), "roots: {roots}");
        assert_eq!(gone.servers[0].answer, DnsAnswer::NxDomain { negative_ttl: Some(60) });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_name_servers_are_not_asked_without_permission() {
    let world = World::start(&["ns1.customer.example."]).await;
    let mut dns = world.dns(true);
    dns.guard = TargetGuard::new(&[format!("{ROOT}/32"), format!("{SECOND}/32")]).unwrap();
    let round = dns.round(&"customer.example".parse().unwrap()).await;
    assert!(
        matches!(&round.servers[0].answer, DnsAnswer::Unreachable { detail } if detail.contains("loopback")),
        "{:?}",
        round.servers
    );
}

type Habit = fn(&Message) -> Vec<Vec<u8>>;

/// A server that answers UDP (and TCP, where given) by habit.
async fn odd(udp: Habit, tcp: Option<Habit>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let query = Message::from_vec(&buffer[..length]).unwrap();
            for packet in udp(&query) {
                socket.send_to(&packet, from).await.unwrap();
            }
        }
    });
    if let Some(habit) = tcp {
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut query = vec![0; usize::from(stream.read_u16().await.unwrap())];
                stream.read_exact(&mut query).await.unwrap();
                for reply in habit(&Message::from_vec(&query).unwrap()) {
                    stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
                    stream.write_all(&reply).await.unwrap();
                }
            }
        });
    }
    address
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// An authoritative answer to be changed.
fn reply(query: &Message, change: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = query.clone();
    message.metadata.message_type = MessageType::Response;
    message.metadata.authoritative = true;
    change(&mut message);
    message.to_vec().unwrap()
}

fn add_mx(message: &mut Message, count: u16) {
    for n in 0..count {
        let data = RData::MX(MX::new(n, name(&format!("mx{n}.example."))));
        message.add_answer(Record::from_rdata(name("customer.example."), 300, data));
    }
}

fn good(query: &Message) -> Vec<Vec<u8>> {
    vec![reply(query, |m| add_mx(m, 1))]
}

async fn answer_of(udp: Habit, tcp: Option<Habit>) -> DnsAnswer {
    let server = odd(udp, tcp).await;
    let name = name("customer.example.");
    classify::mx(&ask(server, &name, RecordType::MX, false, PATIENCE).await, &name, Role::Authoritative)
}

fn rcode(query: &Message, code: ResponseCode) -> Vec<Vec<u8>> {
    vec![reply(query, |m| m.metadata.response_code = code)]
}

#[tokio::test]
async fn silence_and_nonsense_are_told_apart() {
    assert_eq!(answer_of(|_| Vec::new(), None).await, DnsAnswer::TimedOut);
    let wrong: [(Habit, &str); 5] = [
        (|q| vec![reply(q, |m| m.metadata.id = m.metadata.id.wrapping_add(1))], "wrong id"),
        (
            |q| vec![reply(q, |m| m.queries[0] = Query::query(name("other.example."), RecordType::MX))],
            "another question",
        ),
        (|q| vec![q.to_vec().unwrap()], "no answer"),
        (
            |q| vec![[&q.metadata.id.to_be_bytes()[..], &[0x84, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0xc0, 0x0c]].concat()],
            "cannot be read",
        ),
        (|_| vec![vec![7]; 40], "flood"),
    ];
    for (habit, expected) in wrong {
        let answer = answer_of(habit, None).await;
        assert!(
            matches!(&answer, DnsAnswer::Malformed { detail } if detail.contains(expected)),
            "{expected}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_forged_packet_does_not_hide_the_real_answer() {
    let answer = answer_of(|q| [vec![reply(q, |m| m.metadata.id ^= 1)], good(q)].concat(), None).await;
    assert_eq!(answer, DnsAnswer::Mx { records: vec![mx(0, "mx0.example")], ttl: 300 });
}

#[tokio::test]
async fn truncation_leads_to_tcp() {
    let cut: Habit = |q| vec![reply(q, |m| m.metadata.truncation = true)];
    let many: Habit = |q| vec![reply(q, |m| add_mx(m, 150))];
    assert!(matches!(answer_of(cut, Some(many)).await, DnsAnswer::Mx { records, .. } if records.len() == 150));
    let too_many: Habit = |q| vec![reply(q, |m| add_mx(m, 300))];
    assert!(matches!(answer_of(cut, Some(too_many)).await, DnsAnswer::Malformed { detail } if detail.contains("300")));
    assert!(matches!(answer_of(cut, Some(cut)).await, DnsAnswer::Malformed { .. }));
    assert!(matches!(answer_of(cut, None).await, DnsAnswer::Unreachable { detail } if detail.contains("TCP")));
}

#[tokio::test]
async fn servers_that_choke_on_edns_are_asked_without() {
    let formerr: Habit = |q| if q.edns.is_some() { rcode(q, ResponseCode::FormErr) } else { good(q) };
    assert!(matches!(answer_of(formerr, None).await, DnsAnswer::Mx { .. }));
    let drops: Habit = |q| if q.edns.is_some() { Vec::new() } else { good(q) };
    assert!(matches!(answer_of(drops, None).await, DnsAnswer::Mx { .. }));
}

#[tokio::test]
async fn headers_decide() {
    assert_eq!(
        answer_of(
            |q| vec![reply(q, |m| {
                add_mx(m, 1);
                m.metadata.authoritative = false;
            })],
            None
        )
        .await,
        DnsAnswer::Lame
    );
    let referral: Habit = |q| {
        vec![reply(q, |m| {
            m.metadata.authoritative = false;
            m.add_authority(Record::from_rdata(name("example."), 60, RData::NS(NS(name("a.example.")))));
        })]
    };
    assert_eq!(answer_of(referral, None).await, DnsAnswer::Lame);
    assert_eq!(answer_of(|q| rcode(q, ResponseCode::Refused), None).await, DnsAnswer::Refused);
    assert_eq!(answer_of(|q| rcode(q, ResponseCode::ServFail), None).await, DnsAnswer::ServFail);
    assert_eq!(answer_of(|q| rcode(q, ResponseCode::NotAuth), None).await, DnsAnswer::OtherRcode { rcode: 9 });
    let soa: Habit = |q| {
        vec![reply(q, |m| {
            let data = SOA::new(name("a.example."), name("b.example."), 1, 1, 1, 1, 900);
            m.add_authority(Record::from_rdata(name("customer.example."), 60, RData::SOA(data)));
        })]
    };
    assert_eq!(answer_of(soa, None).await, DnsAnswer::NoData { negative_ttl: Some(60) });
    assert_eq!(answer_of(|q| rcode(q, ResponseCode::NXDomain), None).await, DnsAnswer::NxDomain { negative_ttl: None });
}

#[tokio::test]
async fn alias_loops_end() {
    let looping: Habit = |q| {
        vec![reply(q, |m| {
            for (from, to) in [("customer.example.", "b.example."), ("b.example.", "customer.example.")] {
                m.add_answer(Record::from_rdata(name(from), 60, RData::CNAME(CNAME(name(to)))));
            }
        })]
    };
    assert!(matches!(answer_of(looping, None).await, DnsAnswer::Cname { records, .. } if records.is_empty()));
}

#[tokio::test]
async fn a_closed_port_is_no_silence() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let closed = socket.local_addr().unwrap();
    drop(socket);
    let name = name("customer.example.");
    let answer = classify::mx(&ask(closed, &name, RecordType::MX, false, PATIENCE).await, &name, Role::Authoritative);
    assert!(matches!(answer, DnsAnswer::Unreachable { .. }), "{answer:?}");
}

/// Bogus: SERVFAIL to a question with validation, the answer to one without.
fn bogus(query: &Message) -> Vec<Vec<u8>> {
    if query.metadata.checking_disabled { good(query) } else { rcode(query, ResponseCode::ServFail) }
}

/// A validating resolver: AD where it was asked for, TLSA and DS at every name.
fn validating(query: &Message) -> Vec<Vec<u8>> {
    vec![reply(query, |m| {
        m.metadata.authentic_data = query.metadata.authentic_data;
        let owner = query.queries[0].name().clone();
        let data = match query.queries[0].query_type() {
            RecordType::TLSA => RData::TLSA(TLSA::new(3.into(), 1.into(), 1.into(), vec![0xab; 32])),
            RecordType::DS => RData::MX(MX::new(1, name("not.a.ds.example."))),
            _ => return add_mx(m, 1),
        };
        m.add_answer(Record::from_rdata(owner, 300, data));
    })]
}

fn resolvers(servers: Vec<SocketAddr>) -> Resolvers {
    Resolvers::new(servers, PATIENCE)
}

#[tokio::test]
async fn signatures_that_do_not_hold_are_told_from_a_broken_server() {
    let servers = vec![odd(bogus, None).await, odd(validating, None).await, odd(|_| Vec::new(), None).await];
    let seen = resolvers(servers.clone()).dnssec(&"customer.example".parse().unwrap()).await;
    let answers: Vec<_> = seen.resolvers.iter().map(|r| (r.resolver, r.checked.clone(), r.unchecked.clone())).collect();
    assert_eq!(
        answers,
        [
            (servers[0], ValidationAnswer::ServFail, ValidationAnswer::Answered),
            (servers[1], ValidationAnswer::Authenticated, ValidationAnswer::NotAsked),
            (servers[2], ValidationAnswer::Failed { detail: "timeout".to_owned() }, ValidationAnswer::NotAsked),
        ]
    );
    assert_eq!(seen.ds, DsLookup::Absent, "a record of another type is no DS");
}

#[tokio::test]
async fn tlsa_counts_as_signed_only_with_the_ad_bit() {
    fn unsigned(query: &Message) -> Vec<Vec<u8>> {
        let mut asked = query.clone();
        asked.metadata.authentic_data = false;
        validating(&asked)
    }
    let host = "mx1.gateway.example".parse().unwrap();
    let (yes, no, broken) = (odd(validating, None).await, odd(unsigned, None).await, odd(bogus, None).await);
    let of = async |servers| resolvers(servers).tlsa(&host).await;
    let record = TlsaRecord { usage: 3, selector: 1, matching: 1, data: "ab".repeat(32) };
    let found = TlsaRecords::Found { records: vec![record], ttl: 300 };
    for (servers, authenticated) in [(vec![no], false), (vec![yes], true), (vec![broken, no, yes], true)] {
        let seen = of(servers).await;
        assert_eq!(
            (seen.host.as_str(), seen.authenticated, &seen.records),
            ("mx1.gateway.example", authenticated, &found)
        );
    }
    let failed = of(vec![broken]).await;
    assert_eq!(failed.records, TlsaRecords::Failed { detail: "servfail".to_owned() });
}

/// What `fuzz/run` found or began with.
#[test]
fn the_corpus_of_messages_holds() {
    crate::corpus::replay("dns_answer", properties::check);
}
