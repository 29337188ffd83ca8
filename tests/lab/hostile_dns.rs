//! A DNS server that misbehaves by script, on loopback, over UDP and TCP. A script is data: rules that
//! name a question and say what is sent for it. Messages are built byte by byte, because a library would
//! refuse to write most of them. It keeps the questions it was asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;

pub const A: u16 = 1;
pub const NS: u16 = 2;
pub const CNAME: u16 = 5;
pub const SOA: u16 = 6;
pub const MX: u16 = 15;
pub const TXT: u16 = 16;
pub const AAAA: u16 = 28;
pub const OPT: u16 = 41;

/// Header flags: answer, authoritative.
pub const QR_AA: u16 = 0x8400;
/// Answer of a resolver: QR, RD, RA.
pub const QR_RA: u16 = 0x8180;
pub const TC: u16 = 0x0200;

/// What is sent for a question.
#[derive(Clone)]
pub enum Act {
    Send(Reply),
    /// The same from another port of the same address.
    SendFromElsewhere(Reply),
    /// The same packet many times.
    Flood(Reply, usize),
    Pause(Duration),
    /// Bytes as they are; over TCP without a length of their own.
    Bytes(Vec<u8>),
    /// TCP: one byte of a sound answer at a time.
    Drip(Reply, Duration),
    /// TCP: keeps the connection open.
    Hang,
}

/// A message in answer to a question.
#[derive(Clone)]
pub struct Reply {
    /// Flips bits of the id.
    pub id: u16,
    /// Flags with opcode and RCODE.
    pub flags: u16,
    /// Question section; `None` repeats the one asked.
    pub question: Option<Vec<u8>>,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    pub additionals: Vec<Record>,
    /// What the header claims instead of the truth.
    pub counts: Option<[u16; 4]>,
    /// Only the first bytes of the message.
    pub cut: Option<usize>,
    /// Bytes after the message.
    pub tail: Vec<u8>,
}

/// A resource record with a wire name, which may be any bytes.
#[derive(Clone)]
pub struct Record {
    pub owner: Vec<u8>,
    pub rtype: u16,
    pub class: u16,
    pub ttl: u32,
    pub data: Vec<u8>,
    /// RDLENGTH instead of the true one.
    pub length: Option<u16>,
}

impl Reply {
    pub fn new(flags: u16) -> Self {
        Self {
            id: 0,
            flags,
            question: None,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            counts: None,
            cut: None,
            tail: Vec::new(),
        }
    }

    /// An authoritative answer.
    pub fn of(answers: impl IntoIterator<Item = Record>) -> Self {
        Self { answers: answers.into_iter().collect(), ..Self::new(QR_AA) }
    }

    /// Not authoritative: go and ask these.
    pub fn referral(zone: &str, servers: &[(&str, Option<IpAddr>)]) -> Self {
        let authorities = servers.iter().map(|(name, _)| Record::new(zone, NS, 3600, wire(name))).collect();
        let glue = servers.iter().filter_map(|(name, address)| Some(Record::address(name, (*address)?))).collect();
        Self { authorities, additionals: glue, ..Self::new(0x8000) }
    }

    /// Only an RCODE.
    pub fn error(rcode: u16) -> Self {
        Self::new(QR_AA | rcode)
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn bytes(&self, query: &Query) -> Vec<u8> {
        let question = self.question.clone().unwrap_or_else(|| query.question.clone());
        let count = |records: &Vec<Record>| u16::try_from(records.len()).unwrap();
        let truth =
            [u16::from(!question.is_empty()), count(&self.answers), count(&self.authorities), count(&self.additionals)];
        let mut out = Vec::new();
        for number in [query.id ^ self.id, self.flags].into_iter().chain(self.counts.unwrap_or(truth)) {
            out.extend(number.to_be_bytes());
        }
        out.extend(question);
        for record in self.answers.iter().chain(&self.authorities).chain(&self.additionals) {
            record.write(&mut out);
        }
        out.extend(&self.tail);
        out.truncate(self.cut.unwrap_or(usize::MAX));
        out
    }
}

impl Record {
    pub fn new(owner: &str, rtype: u16, ttl: u32, data: Vec<u8>) -> Self {
        Self { owner: wire(owner), rtype, class: 1, ttl, data, length: None }
    }

    pub fn mx(owner: &str, preference: u16, exchange: &str) -> Self {
        Self::mx_raw(owner, preference, &wire(exchange))
    }

    pub fn mx_raw(owner: &str, preference: u16, exchange: &[u8]) -> Self {
        Self::new(owner, MX, 300, [&preference.to_be_bytes()[..], exchange].concat())
    }

    pub fn address(owner: &str, address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::new(owner, A, 300, v4.octets().to_vec()),
            IpAddr::V6(v6) => Self::new(owner, AAAA, 300, v6.octets().to_vec()),
        }
    }

    pub fn cname(owner: &str, target: &str) -> Self {
        Self::new(owner, CNAME, 300, wire(target))
    }

    pub fn text(owner: &str, text: &[u8]) -> Self {
        let data = text.chunks(255).flat_map(|part| [&[u8::try_from(part.len()).unwrap()][..], part].concat());
        Self::new(owner, TXT, 300, data.collect())
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend(&self.owner);
        out.extend(self.rtype.to_be_bytes());
        out.extend(self.class.to_be_bytes());
        out.extend(self.ttl.to_be_bytes());
        out.extend(self.length.unwrap_or_else(|| u16::try_from(self.data.len()).unwrap()).to_be_bytes());
        out.extend(&self.data);
    }
}

/// Labels of a name with their lengths; `.` is the root.
pub fn wire(name: &str) -> Vec<u8> {
    wire_labels(&name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes).collect::<Vec<_>>())
}

pub fn wire_labels(labels: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for label in labels {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(*label);
    }
    out.push(0);
    out
}

/// Which question, and what happens. The first rule that fits counts.
#[derive(Clone)]
pub struct Rule {
    /// Lower-case without trailing dot; `None` fits every name.
    name: Option<String>,
    rtype: Option<u16>,
    tcp: Option<bool>,
    edns: Option<bool>,
    acts: Vec<Act>,
}

impl Rule {
    pub fn any(acts: impl IntoIterator<Item = Act>) -> Self {
        Self { name: None, rtype: None, tcp: None, edns: None, acts: acts.into_iter().collect() }
    }

    pub fn of(rtype: u16, acts: impl IntoIterator<Item = Act>) -> Self {
        Self { rtype: Some(rtype), ..Self::any(acts) }
    }

    pub fn at(name: &str, rtype: u16, acts: impl IntoIterator<Item = Act>) -> Self {
        Self { name: Some(name.to_owned()), ..Self::of(rtype, acts) }
    }

    pub fn tcp(mut self, tcp: bool) -> Self {
        self.tcp = Some(tcp);
        self
    }

    pub fn edns(mut self, edns: bool) -> Self {
        self.edns = Some(edns);
        self
    }

    fn fits(&self, query: &Query, tcp: bool) -> bool {
        self.name.as_ref().is_none_or(|name| *name == query.name)
            && self.rtype.is_none_or(|rtype| rtype == query.rtype)
            && self.tcp.is_none_or(|wanted| wanted == tcp)
            && self.edns.is_none_or(|wanted| wanted == query.edns)
    }
}

/// A question as it came.
#[derive(Debug, Clone)]
pub struct Query {
    pub id: u16,
    pub name: String,
    pub rtype: u16,
    pub edns: bool,
    pub recursion: bool,
    question: Vec<u8>,
}

/// A running server; it stops when dropped.
pub struct HostileDns {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<Query>>>,
    _tasks: JoinSet<()>,
}

impl HostileDns {
    /// UDP, and TCP where `tcp` says so.
    pub async fn start(address: SocketAddr, tcp: bool, rules: Vec<Rule>) -> std::io::Result<Self> {
        let socket = UdpSocket::bind(address).await?;
        let address = socket.local_addr()?;
        let asked: Arc<Mutex<Vec<Query>>> = Arc::default();
        let rules = Arc::new(rules);
        let mut tasks = JoinSet::new();
        if tcp {
            let listener = TcpListener::bind(address).await?;
            let (rules, asked) = (rules.clone(), asked.clone());
            tasks.spawn(async move {
                let mut guests = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    let (rules, asked) = (rules.clone(), asked.clone());
                    guests.spawn(async move {
                        let _ = over_tcp(stream, &rules, &asked).await;
                    });
                }
            });
        }
        let ears = asked.clone();
        tasks.spawn(async move {
            let mut buffer = [0; 4096];
            let socket = Arc::new(socket);
            let mut answers = JoinSet::new();
            loop {
                // An ICMP error for an earlier answer is no reason to stop.
                let Ok((length, from)) = socket.recv_from(&mut buffer).await else { continue };
                let Some(query) = parse(&buffer[..length]) else { continue };
                ears.lock().unwrap().push(query.clone());
                let acts = acts_for(&rules, &query, false);
                let socket = socket.clone();
                answers.spawn(async move { over_udp(&socket, from, &query, acts).await });
            }
        });
        Ok(Self { address, asked, _tasks: tasks })
    }

    pub fn asked(&self) -> Vec<Query> {
        self.asked.lock().unwrap().clone()
    }
}

fn acts_for(rules: &[Rule], query: &Query, tcp: bool) -> Vec<Act> {
    let refused = || vec![Act::Send(Reply::error(5))];
    rules.iter().find(|rule| rule.fits(query, tcp)).map_or_else(refused, |rule| rule.acts.clone())
}

async fn over_udp(socket: &UdpSocket, from: SocketAddr, query: &Query, acts: Vec<Act>) {
    for act in acts {
        match act {
            Act::Send(reply) | Act::Drip(reply, _) => drop(socket.send_to(&reply.bytes(query), from).await),
            Act::SendFromElsewhere(reply) => {
                let other = UdpSocket::bind((socket.local_addr().unwrap().ip(), 0)).await.unwrap();
                let _ = other.send_to(&reply.bytes(query), from).await;
            }
            Act::Flood(reply, count) => {
                let bytes = reply.bytes(query);
                for _ in 0..count {
                    let _ = socket.send_to(&bytes, from).await;
                }
            }
            Act::Pause(time) => tokio::time::sleep(time).await,
            Act::Bytes(bytes) => drop(socket.send_to(&bytes, from).await),
            Act::Hang => return,
        }
    }
}

async fn over_tcp(mut stream: TcpStream, rules: &[Rule], asked: &Mutex<Vec<Query>>) -> std::io::Result<()> {
    let mut bytes = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut bytes).await?;
    let Some(query) = parse(&bytes) else { return Ok(()) };
    asked.lock().unwrap().push(query.clone());
    for act in acts_for(rules, &query, true) {
        match act {
            Act::Send(reply) | Act::SendFromElsewhere(reply) | Act::Flood(reply, _) => {
                stream.write_all(&framed(&reply.bytes(&query))).await?;
            }
            Act::Pause(time) => tokio::time::sleep(time).await,
            Act::Bytes(bytes) => stream.write_all(&bytes).await?,
            Act::Drip(reply, every) => {
                for byte in framed(&reply.bytes(&query)) {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(every).await;
                }
            }
            Act::Hang => drop(stream.read_u8().await),
        }
    }
    Ok(())
}

fn framed(message: &[u8]) -> Vec<u8> {
    // A message of more than 64 KiB cannot be framed: its beginning is sent with the largest length.
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    [&length.to_be_bytes()[..], &message[..usize::from(length)]].concat()
}

fn parse(bytes: &[u8]) -> Option<Query> {
    let number = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let mut name = String::new();
    let mut at = 12;
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(&String::from_utf8_lossy(bytes.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    Some(Query {
        id: number(0)?,
        name,
        rtype: number(at)?,
        edns: number(10)? > 0,
        recursion: number(2)? & 0x0100 != 0,
        question: bytes.get(12..at + 4)?.to_vec(),
    })
}
