//! One question to one server, word for word: UDP, TCP when the answer is truncated, once more without
//! EDNS where a server chokes on it. Bounded in attempts, bytes and time. No cache, no recursion and no
//! opinion here: the caller sees the whole message.
//!
//! The sockets are ours and only the messages are the library's, because its clients hide what has to
//! be told apart: ICMP errors, answers with a wrong id, and truncation.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

use crate::probe::escape;

/// The size that fits every path (DNS flag day 2020).
const EDNS_PAYLOAD: u16 = 1232;
/// Packets of somebody else's that one attempt looks at before it turns to TCP.
const MAX_STRAY: usize = 16;

/// How long and how often a server is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
}

/// Why there is no message to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Silence {
    TimedOut,
    /// ICMP, or TCP was needed and is closed.
    Unreachable(String),
    /// Something came that is no answer to the question.
    Malformed(String),
    /// Our own side could not ask.
    Vantage(String),
}

impl Silence {
    /// For people and for those who tell what passes from what stays.
    pub(super) fn in_words(&self) -> String {
        match self {
            Self::TimedOut => "timeout".to_owned(),
            Self::Unreachable(detail) | Self::Malformed(detail) | Self::Vantage(detail) => detail.clone(),
        }
    }
}

/// Which bits the question carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// RD=0: an authoritative server.
    Direct,
    /// RD=1.
    Recursive,
    /// RD=1 and AD=1: tell whether the answer validates (RFC 6840 §5.7).
    Validated,
    /// RD=1 and CD=1: answer even if it does not.
    Unchecked,
}

/// Asks and returns the message, whatever it says.
pub(super) async fn ask(
    server: SocketAddr,
    name: &Name,
    rtype: RecordType,
    recursion: bool,
    patience: Patience,
) -> Result<Message, Silence> {
    let manner = if recursion { Manner::Recursive } else { Manner::Direct };
    ask_as(server, name, rtype, manner, patience).await
}

/// [`ask`], with the bits of `manner`.
pub(super) async fn ask_as(
    server: SocketAddr,
    name: &Name,
    rtype: RecordType,
    manner: Manner,
    patience: Patience,
) -> Result<Message, Silence> {
    let attempts = patience.attempts.clamp(1, 5);
    let mut last = Silence::TimedOut;
    for attempt in 0..attempts {
        // A firewall that drops EDNS looks like silence, so the last attempt goes without.
        let edns = attempt == 0 || attempt + 1 < attempts;
        match attempt_once(server, name, rtype, manner, edns, patience.timeout).await {
            Ok(message) => return Ok(message),
            Err(silence @ (Silence::Unreachable(_) | Silence::Vantage(_))) => return Err(silence),
            Err(silence) => last = silence,
        }
    }
    Err(last)
}

async fn attempt_once(
    server: SocketAddr,
    name: &Name,
    rtype: RecordType,
    manner: Manner,
    edns: bool,
    wait: Duration,
) -> Result<Message, Silence> {
    let query = question(name, rtype, manner, edns);
    match exchange(server, &query, wait).await {
        Ok(reply) if edns && refuses_edns(&reply) => {
            exchange(server, &question(name, rtype, manner, false), wait).await
        }
        other => other,
    }
}

fn question(name: &Name, rtype: RecordType, manner: Manner, edns: bool) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = manner != Manner::Direct;
    message.metadata.authentic_data = manner == Manner::Validated;
    message.metadata.checking_disabled = manner == Manner::Unchecked;
    message.add_query(Query::query(name.clone(), rtype));
    if edns {
        let mut extension = Edns::new();
        extension.set_max_payload(EDNS_PAYLOAD);
        message.set_edns(extension);
    }
    message
}

fn refuses_edns(reply: &Message) -> bool {
    // BADVERS by its number (RFC 6891 §9): the library has two names for 16.
    let code = reply.metadata.response_code;
    matches!(code, ResponseCode::FormErr | ResponseCode::NotImp) || u16::from(code) == 16
}

async fn exchange(server: SocketAddr, query: &Message, wait: Duration) -> Result<Message, Silence> {
    let bytes = query.to_vec().map_err(|e| Silence::Vantage(format!("the question could not be written: {e}")))?;
    match udp(server, query, &bytes, wait).await? {
        Datagrams::Reply(reply) if !reply.metadata.truncation => Ok(*reply),
        Datagrams::Reply(_) | Datagrams::Cut => tcp(server, query, &bytes, wait).await,
        // Somebody guesses ids; over TCP there is nothing to guess.
        Datagrams::Flood => tcp(server, query, &bytes, wait)
            .await
            .map_err(|_| Silence::Malformed("a flood of packets that answer no question of ours".to_owned())),
    }
}

enum Datagrams {
    Reply(Box<Message>),
    /// Truncated in the middle of a record.
    Cut,
    /// Nothing but packets that answer no question of ours.
    Flood,
}

async fn udp(server: SocketAddr, query: &Message, bytes: &[u8], wait: Duration) -> Result<Datagrams, Silence> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // A fresh port for every question (RFC 5452); connected, so that ICMP errors come back.
    let socket = UdpSocket::bind((any, 0)).await.map_err(|e| Silence::Vantage(format!("no UDP socket: {e}")))?;
    socket.connect(server).await.map_err(|e| Silence::Vantage(format!("no route: {e}")))?;
    socket.send(bytes).await.map_err(|e| Silence::Vantage(format!("could not send: {e}")))?;
    let deadline = Instant::now() + wait;
    let mut stray = None;
    let mut buffer = vec![0; 4096];
    for _ in 0..MAX_STRAY {
        match timeout_at(deadline, socket.recv(&mut buffer)).await {
            Err(_) => return Err(stray.map_or(Silence::TimedOut, Silence::Malformed)),
            Ok(Err(error)) => return Err(Silence::Unreachable(icmp(&error))),
            Ok(Ok(length)) => match read(query, buffer.get(..length).unwrap_or_default()) {
                Read::Reply(reply) => return Ok(Datagrams::Reply(reply)),
                Read::Cut => return Ok(Datagrams::Cut),
                Read::Broken(detail) => return Err(Silence::Malformed(detail)),
                // Anybody can send such a packet: remember it and go on waiting for the real one.
                Read::Stray(detail) => stray = Some(detail),
            },
        }
    }
    Ok(Datagrams::Flood)
}

async fn tcp(server: SocketAddr, query: &Message, bytes: &[u8], wait: Duration) -> Result<Message, Silence> {
    let closed = |why: &str| Silence::Unreachable(format!("the answer does not fit in UDP, and TCP {why}"));
    let talk = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await?;
        let mut reply = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut reply).await?;
        Ok::<_, io::Error>(reply)
    };
    match timeout(wait, talk).await {
        Err(_) => Err(closed("does not answer")),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Err(closed("is refused")),
        Ok(Err(error)) => Err(closed(&format!("fails ({error})"))),
        Ok(Ok(reply)) => match read(query, &reply) {
            Read::Reply(reply) if !reply.metadata.truncation => Ok(*reply),
            Read::Reply(_) | Read::Cut => Err(Silence::Malformed("truncated even over TCP".to_owned())),
            Read::Broken(detail) | Read::Stray(detail) => Err(Silence::Malformed(detail)),
        },
    }
}

/// What the bytes are.
pub(super) enum Read {
    Reply(Box<Message>),
    /// Truncated inside a record, and it says so.
    Cut,
    Broken(String),
    Stray(String),
}

/// Reads bytes as an answer to `query`.
pub(super) fn read(query: &Message, bytes: &[u8]) -> Read {
    let Some(&[id_high, id_low, flags]) = bytes.first_chunk::<3>() else {
        return Read::Stray("a packet too short for a DNS message".to_owned());
    };
    if u16::from_be_bytes([id_high, id_low]) != query.metadata.id {
        return Read::Stray("an answer with a wrong id".to_owned());
    }
    let reply = match Message::from_vec(bytes) {
        Ok(reply) => reply,
        Err(_) if flags & 0b10 != 0 => return Read::Cut,
        Err(error) => {
            return Read::Broken(format!("a message that cannot be read: {}", escape::text(&error.to_string(), 120)));
        }
    };
    if reply.metadata.message_type != MessageType::Response || reply.metadata.op_code != OpCode::Query {
        return Read::Stray("a message that is no answer".to_owned());
    }
    // Servers that could not read the question may leave it out.
    let silent = reply.queries.is_empty() && reply.metadata.response_code != ResponseCode::NoError;
    if silent || reply.queries == query.queries {
        Read::Reply(Box::new(reply))
    } else {
        Read::Stray("an answer to another question".to_owned())
    }
}

fn icmp(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens on the port (ICMP port unreachable)".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable (ICMP)".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable (ICMP)".to_owned(),
        io::ErrorKind::PermissionDenied => "administratively prohibited (ICMP)".to_owned(),
        _ => error.to_string(),
    }
}
