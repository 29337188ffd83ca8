//! The transport against servers on loopback that behave by script.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

#[test]
fn what_fuzzing_found_stays_found() {
    crate::corpus::replay("dns_matching", properties::check);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn only_what_was_asked_is_answered(script in proptest::collection::vec(any::<u8>(), 0..1_500)) {
        properties::check(&script);
    }
}

/// What the server does with a packet: what it sends back, in order. The number counts packets.
type Script = Box<dyn Fn(u32, &[u8]) -> Vec<Vec<u8>> + Send>;

/// A server on loopback over UDP. It stops when dropped.
struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(script: Script) -> Self {
        Self::at((Ipv4Addr::LOCALHOST, 0).into(), None, script)
    }

    /// Answers from `elsewhere`, where given.
    fn at(address: SocketAddr, elsewhere: Option<UdpSocket>, script: Script) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        let thread = std::thread::spawn(move || {
            let (mut count, mut bytes) = (0, [0; 1_500]);
            while !ended.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut bytes) else { continue };
                count += 1;
                for packet in script(count, &bytes[..length]) {
                    let _ = elsewhere.as_ref().unwrap_or(&socket).send_to(&packet, from);
                }
            }
        });
        Self { address, over, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A sound answer without records, with these flags and RCODE.
fn reply(question: &[u8], flags: u16) -> Vec<u8> {
    let mut packet = question.to_vec();
    packet[2..4].copy_from_slice(&flags.to_be_bytes());
    packet
}

/// Asks for names and keeps what becomes of them.
#[derive(Default)]
struct Asker {
    names: Vec<String>,
    next: usize,
    answers: HashMap<u64, (Vec<u8>, Told)>,
    failures: HashMap<u64, (Failure, Told)>,
    /// Answers with these bytes at the end cannot be read.
    unreadable: Option<u8>,
}

impl Client for Asker {
    fn next(&mut self, packet: &mut Vec<u8>) -> Next {
        let Some(name) = self.names.get(self.next) else { return Next::End };
        assert!(write_mx_question(packet, name));
        self.next += 1;
        Next::Ask(self.next as u64 - 1)
    }

    fn answered(&mut self, key: u64, answer: &Answer<'_>) -> bool {
        if self.unreadable.is_some() && answer.bytes.last().copied() == self.unreadable {
            return false;
        }
        assert!(self.answers.insert(key, (answer.bytes.to_vec(), answer.told)).is_none(), "answered twice");
        true
    }

    fn failed(&mut self, key: u64, failure: Failure, told: Told) {
        assert!(self.failures.insert(key, (failure, told)).is_none(), "failed twice");
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("d{index}.customer.example")).collect()
}

fn ask(settings: &Settings, names: Vec<String>) -> (Asker, Counters) {
    ask_with(settings, Asker { names, ..Asker::default() })
}

fn ask_with(settings: &Settings, asker: Asker) -> (Asker, Counters) {
    let count = asker.names.len();
    let (asker, counters) = Reactor::new(settings, asker).unwrap().run();
    assert_eq!(asker.answers.len() + asker.failures.len(), count, "every question has one outcome");
    (asker, counters)
}

fn to(servers: &[&Server]) -> Settings {
    Settings { upstreams: servers.iter().map(|s| s.address).collect(), sockets: 16, tries: 4, ..Settings::default() }
}

#[test]
fn every_question_gets_the_answer_to_it() {
    let server = Server::start(Box::new(|_, question| vec![reply(question, 0x8400)]));
    let (asker, counters) = ask(&to(&[&server]), names(5_000));
    assert_eq!((asker.answers.len(), counters.answered), (5_000, 5_000));
    for (key, (bytes, told)) in &asker.answers {
        let name = format!("d{key}.customer.example");
        let mut question = Vec::new();
        write_mx_question(&mut question, &name);
        assert_eq!(bytes[12..], question[12..], "{name}");
        assert_eq!(told.upstream, server.address);
    }
}

#[test]
fn the_ports_and_ids_are_many() {
    let seen = Arc::new(std::sync::Mutex::new(std::collections::BTreeSet::new()));
    let ids = seen.clone();
    let script = move |_, question: &[u8]| {
        ids.lock().unwrap().insert([question[0], question[1]]);
        vec![reply(question, 0x8400)]
    };
    let server = Server::start(Box::new(script));
    let settings = Settings { sockets: 256, ..to(&[&server]) };
    let reactor = Reactor::new(&settings, Asker { names: names(2_000), ..Asker::default() }).unwrap();
    let ports: std::collections::BTreeSet<u16> = reactor.ports().collect();
    assert_eq!(ports.len(), 256);
    reactor.run();
    assert!(seen.lock().unwrap().len() > 1_900, "ids repeat: {}", seen.lock().unwrap().len());
}

#[test]
fn what_is_lost_is_asked_again() {
    // Two of three packets get lost.
    let server = Server::start(Box::new(|count, question| match count % 3 {
        0 => vec![reply(question, 0x8400)],
        _ => Vec::new(),
    }));
    let settings = Settings { tries: 40, ..to(&[&server]) };
    let (asker, counters) = ask(&settings, names(60));
    assert_eq!(asker.answers.len(), 60, "{counters:?}");
    assert!(counters.retransmitted >= 100, "{counters:?}");
}

#[test]
fn duplicates_and_late_answers_are_dropped_and_counted() {
    let server = Server::start(Box::new(|_, question| vec![reply(question, 0x8400); 3]));
    let (asker, counters) = ask(&to(&[&server]), names(500));
    assert_eq!(asker.answers.len(), 500);
    assert!(counters.unasked > 0 && counters.unasked <= 1_000, "{counters:?}");
}

#[test]
fn forgeries_are_dropped_and_the_true_answer_counts() {
    let server = Server::start(Box::new(|_, question| {
        let mut other_id = reply(question, 0x8400);
        other_id[1] ^= 1;
        let mut other_name = reply(question, 0x8400);
        other_name[13] ^= 1;
        let mut other_type = reply(question, 0x8400);
        let end = other_type.len();
        other_type[end - 3] = 1;
        vec![other_id, other_name, other_type, question.to_vec(), vec![1, 2], Vec::new(), reply(question, 0x8403)]
    }));
    let settings = Settings { window: 1, ..to(&[&server]) };
    let (asker, counters) = ask(&settings, names(20));
    assert!(asker.answers.values().all(|(bytes, _)| bytes[3] == 3), "a forgery was believed");
    assert_eq!(asker.answers.len(), 20);
    assert_eq!(counters.wrong_question, 40, "{counters:?}");
    assert!(counters.unasked >= 20 && counters.no_answer >= 40, "{counters:?}");
}

#[test]
fn an_answer_from_another_port_or_address_does_not_count() {
    for other in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(127, 0, 0, 77)] {
        let elsewhere = UdpSocket::bind((other, 0)).unwrap();
        let script = Box::new(|_, question: &[u8]| vec![reply(question, 0x8400)]);
        let server = Server::at((Ipv4Addr::LOCALHOST, 0).into(), Some(elsewhere), script);
        let settings = Settings { tries: 2, ..to(&[&server]) };
        let (asker, counters) = ask(&settings, names(5));
        assert!(asker.failures.values().all(|(failure, _)| *failure == Failure::TimedOut));
        assert_eq!((asker.failures.len(), counters.wrong_source), (5, 10), "{counters:?}");
    }
}

#[test]
fn what_cannot_be_read_is_dropped_and_a_better_answer_awaited() {
    let server = Server::start(Box::new(|_, question| {
        let broken = [reply(question, 0x8400), vec![0xee]].concat();
        vec![broken, reply(question, 0x8400)]
    }));
    let asker = Asker { names: names(20), unreadable: Some(0xee), ..Asker::default() };
    let (asker, counters) = ask_with(&to(&[&server]), asker);
    assert_eq!((asker.answers.len(), counters.unreadable), (20, 20), "{counters:?}");

    let server = Server::start(Box::new(|_, question| vec![[reply(question, 0x8400), vec![0xee]].concat()]));
    let asker = Asker { names: names(3), unreadable: Some(0xee), ..Asker::default() };
    let (asker, _) = ask_with(&Settings { tries: 1, ..to(&[&server]) }, asker);
    assert!(asker.failures.len() == 3 && asker.failures.values().all(|(why, _)| *why == Failure::Unreadable));
}

#[test]
fn an_upstream_that_is_silent_or_refuses_is_followed_by_the_next() {
    let silent = Server::start(Box::new(|_, _| Vec::new()));
    let refuses = Server::start(Box::new(|_, question| vec![reply(question, 0x8005)]));
    let knows = Server::start(Box::new(|_, question| vec![reply(question, 0x8400)]));
    for (servers, over) in
        [(vec![&silent, &knows], 1), (vec![&refuses, &knows], 1), (vec![&silent, &refuses, &knows], 1)]
    {
        let settings = Settings { tries: 2, ..to(&servers) };
        let (asker, counters) = ask(&settings, names(200));
        assert_eq!(asker.answers.len(), 200, "{counters:?}");
        assert!(asker.answers.values().all(|(_, told)| told.upstream == knows.address));
        assert!(counters.failed_over >= over, "{counters:?}");
    }
}

#[test]
fn the_last_refusal_is_handed_on() {
    let refuses = Server::start(Box::new(|_, question| vec![reply(question, 0x8002)]));
    let other = Server::start(Box::new(|_, question| {
        vec![question[..2].to_vec(), vec![question[0], question[1], 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0]]
    }));
    let (asker, _) = ask(&to(&[&refuses, &other]), names(50));
    assert!(asker.answers.values().all(|(bytes, _)| matches!(bytes[3] & 0x0f, 2 | 5)));
    assert_eq!(asker.answers.len(), 50);
}

#[test]
fn what_does_not_fit_is_asked_over_tcp() {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::at(address, None, Box::new(|_, question| vec![reply(question, 0x8600)]));
    // The listener ends with the test's process; each connection serves two questions and is then closed.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                for _ in 0..2 {
                    let mut length = [0; 2];
                    let Ok(()) = stream.read_exact(&mut length) else { return };
                    let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                    stream.read_exact(&mut question).unwrap();
                    let long = [reply(&question, 0x8400), vec![0; 3_000]].concat();
                    let framed = [&u16::try_from(long.len()).unwrap().to_be_bytes()[..], &long].concat();
                    stream.write_all(&framed).unwrap();
                }
            });
        }
    });
    let (asker, counters) = ask(&to(&[&server]), names(400));
    assert_eq!((asker.answers.len(), counters.by_tcp), (400, 400), "{counters:?}");
    assert!(asker.answers.values().all(|(bytes, told)| told.tcp && bytes.len() > 3_000));
}

#[test]
fn without_tcp_there_the_next_upstream_is_asked() {
    let cuts = Server::start(Box::new(|_, question| vec![reply(question, 0x8600)]));
    let (asker, _) = ask(&to(&[&cuts]), names(3));
    assert!(asker.failures.len() == 3 && asker.failures.values().all(|(why, _)| *why == Failure::NoTcp));
    let knows = Server::start(Box::new(|_, question| vec![reply(question, 0x8400)]));
    let (asker, _) = ask(&to(&[&cuts, &knows]), names(40));
    assert_eq!(asker.answers.len(), 40);
}

#[test]
fn a_window_of_one_has_one_question_in_flight() {
    let server = Server::start(Box::new(|_, question| vec![reply(question, 0x8400)]));
    struct Watch(Asker, u64);
    impl Client for Watch {
        fn next(&mut self, packet: &mut Vec<u8>) -> Next {
            let next = self.0.next(packet);
            if let Next::Ask(key) = next {
                self.1 = self.1.max(key + 1 - self.0.answers.len() as u64);
            }
            next
        }
        fn answered(&mut self, key: u64, answer: &Answer<'_>) -> bool {
            self.0.answered(key, answer)
        }
        fn failed(&mut self, key: u64, failure: Failure, told: Told) {
            self.0.failed(key, failure, told);
        }
    }
    let settings = Settings { window: 1, ..to(&[&server]) };
    let (Watch(asker, most), _) =
        Reactor::new(&settings, Watch(Asker { names: names(100), ..Asker::default() }, 0)).unwrap().run();
    assert_eq!((asker.answers.len(), most), (100, 1));
}

#[test]
fn it_works_over_ipv6_too() {
    let script = Box::new(|_, question: &[u8]| vec![reply(question, 0x8400)]);
    let Ok(probe) = UdpSocket::bind("[::1]:0") else { return };
    drop(probe);
    let v6 = Server::at("[::1]:0".parse().unwrap(), None, script);
    let v4 = Server::start(Box::new(|_, question| vec![reply(question, 0x8400)]));
    let (asker, _) = ask(&to(&[&v6, &v4]), names(500));
    assert_eq!(asker.answers.len(), 500);
    assert!([&v4, &v6].iter().all(|s| asker.answers.values().any(|(_, told)| told.upstream == s.address)));
}

#[tokio::test]
async fn hickorys_caching_client_asks_over_it() {
    use hickory_proto::op::{DnsRequestOptions, Query};
    use hickory_proto::rr::{Name, RecordType};
    use hickory_resolver::caching_client::CachingClient;
    let answer = |_, question: &[u8]| {
        let mut packet = reply(question, 0x8180);
        packet[7] = 1;
        packet.extend([0xc0, 12, 0, 15, 0, 1, 0, 0, 1, 44, 0, 8, 0, 10, 3, b'm', b'x', b'1', 0xc0, 12]);
        vec![packet]
    };
    let server = Server::start(Box::new(answer));
    let bulk = Bulk::start(&to(&[&server])).unwrap();
    let client = CachingClient::new(1_000, bulk, false);
    let look_ups = (0..300).map(|index| {
        let name = Name::from_ascii(format!("d{}.example.com.", index % 100)).unwrap();
        client.lookup(Query::query(name, RecordType::MX), DnsRequestOptions::default())
    });
    for answer in futures_util::future::join_all(look_ups).await {
        let answer = answer.unwrap();
        assert_eq!(answer.answers().len(), 1, "{answer:?}");
    }
}
