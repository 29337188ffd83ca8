//! A small DNS world over UDP whose every answer is late by a known time: a resolver, the servers of
//! `example.`, and two servers of the healthy domain `customer.example.`. Answers from one table.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, ResponseCode};
use hickory_proto::rr::rdata::{A, MX, NS, PTR, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;
use tokio::time::sleep;

use crate::Outcome;

pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 53);
const UPPER: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 1);
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 2);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 3);
/// Where the gateway's MX host listens.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 25);
/// Where the customer's own mail server listens.
pub const MAIL: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 26);
const TTL: u32 = 3600;

#[derive(clap::Args)]
pub struct Options {
    /// Before each answer, milliseconds
    #[arg(long)]
    answer_ms: u64,
    #[arg(long, default_value_t = 53)]
    port: u16,
}

struct World {
    records: Vec<Record>,
    wait: Duration,
}

#[derive(Clone, Copy)]
enum Role {
    Resolver,
    Upper,
    Customer,
}

pub fn run(options: &Options) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let world = Arc::new(World { records: records()?, wait: Duration::from_millis(options.answer_ms) });
        let mut sockets = Vec::new();
        for (address, role) in
            [(RESOLVER, Role::Resolver), (UPPER, Role::Upper), (FIRST, Role::Customer), (SECOND, Role::Customer)]
        {
            sockets.push((UdpSocket::bind((address, options.port)).await?, role));
        }
        println!("ready");
        let servers = sockets.into_iter().map(|(socket, role)| serve(Arc::new(socket), role, world.clone()));
        futures_util::future::join_all(servers).await;
        Ok(())
    })
}

async fn serve(socket: Arc<UdpSocket>, role: Role, world: Arc<World>) {
    let mut buffer = [0; 4096];
    while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
        let Ok(query) = Message::from_vec(buffer.get(..length).unwrap_or_default()) else { continue };
        let (socket, world) = (socket.clone(), world.clone());
        tokio::spawn(async move {
            sleep(world.wait).await;
            if let Some(bytes) = world.answer(&query, role).and_then(|reply| reply.to_vec().ok()) {
                let _ = socket.send_to(&bytes, peer).await;
            }
        });
    }
}

impl World {
    fn answer(&self, query: &Message, role: Role) -> Option<Message> {
        let question = query.queries.first()?;
        let (name, rtype) = (question.name(), question.query_type());
        let mut reply = Message::query();
        reply.metadata.id = query.metadata.id;
        reply.metadata.message_type = MessageType::Response;
        reply.metadata.recursion_desired = query.metadata.recursion_desired;
        reply.metadata.recursion_available = matches!(role, Role::Resolver);
        reply.add_query(question.clone());
        let customer = Name::from_ascii("customer.example.").ok()?;
        if matches!(role, Role::Upper) && customer.zone_of(name) {
            reply.authorities.extend(self.at(&customer, RecordType::NS));
            for server in ["ns1.customer.example.", "ns2.customer.example."] {
                reply.additionals.extend(self.at(&Name::from_ascii(server).ok()?, RecordType::A));
            }
            return Some(reply);
        }
        reply.metadata.authoritative = !matches!(role, Role::Resolver);
        reply.answers.extend(self.at(name, rtype));
        if reply.answers.is_empty() {
            let apex = if customer.zone_of(name) { customer } else { Name::from_ascii("example.").ok()? };
            reply.authorities.extend(self.at(&apex, RecordType::SOA));
            if !self.records.iter().any(|r| name.zone_of(&r.name)) {
                reply.metadata.response_code = ResponseCode::NXDomain;
            }
        }
        Some(reply)
    }

    fn at(&self, name: &Name, rtype: RecordType) -> Vec<Record> {
        self.records.iter().filter(|r| r.name == *name && r.record_type() == rtype).cloned().collect()
    }
}

fn records() -> Outcome<Vec<Record>> {
    let name = |text: &str| Name::from_ascii(text);
    let soa = |server: &str| -> Outcome<RData> {
        Ok(RData::SOA(SOA::new(name(server)?, name("hostmaster.example.")?, 1, 7200, 3600, 1_209_600, 300)))
    };
    let ns = |server: &str| -> Outcome<RData> { Ok(RData::NS(NS(name(server)?))) };
    let text = |text: &str| RData::TXT(TXT::new(vec![text.to_owned()]));
    let a = |address: Ipv4Addr| RData::A(A(address));
    let reverse = Name::from(IpAddr::V4(GATEWAY));
    let owned = [
        ("example.", soa("ns.example.")?),
        ("example.", ns("ns.example.")?),
        ("ns.example.", a(UPPER)),
        ("customer.example.", soa("ns1.customer.example.")?),
        ("customer.example.", ns("ns1.customer.example.")?),
        ("customer.example.", ns("ns2.customer.example.")?),
        ("ns1.customer.example.", a(FIRST)),
        ("ns2.customer.example.", a(SECOND)),
        ("mx.example.", a(GATEWAY)),
        ("customer.example.", RData::MX(MX::new(10, name("mx.example.")?))),
        ("mail.customer.example.", a(MAIL)),
        ("customer.example.", text("v=spf1 ip4:127.9.0.26 -all")),
        ("_dmarc.customer.example.", text("v=DMARC1; p=reject; rua=mailto:dmarc@customer.example")),
    ];
    let mut records = Vec::new();
    for (owner, data) in owned {
        records.push(Record::from_rdata(name(owner)?, TTL, data));
    }
    records.push(Record::from_rdata(reverse, TTL, RData::PTR(PTR(name("mx.example.")?))));
    Ok(records)
}
