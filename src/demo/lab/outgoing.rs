//! The client side of SMTP in the laboratory: how the gateway relays and how the world sends.
//! lettre speaks the protocol; TLS is opportunistic, as between mail servers (RFC 7435).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::rr::{RData, RecordType};
use lettre::Address;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::error::{LabResult, While};
use super::stub::ask;
use super::zones::name;

const PATIENCE: Duration = Duration::from_secs(2);

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    Accepted,
    /// 4xx, or no connection: to be tried again.
    Deferred(String),
    /// 5xx: lost, unless a person does something.
    Refused(String),
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub sender: String,
    pub recipients: Vec<String>,
    pub content: Vec<u8>,
}

/// Hands a message to one server, from one source address.
pub async fn deliver(source: Ipv4Addr, hello: &str, server: SocketAddr, host: &str, mail: &Outgoing) -> Delivery {
    let envelope = match envelope(mail) {
        Ok(envelope) => envelope,
        Err(error) => return Delivery::Refused(error.to_string()),
    };
    let stream = match timeout(PATIENCE, connect(source, server)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Delivery::Deferred(error.to_string()),
        Err(_) => return Delivery::Deferred(format!("{server} does not answer")),
    };
    match timeout(PATIENCE * 5, send(stream, hello, host, &envelope, &mail.content)).await {
        Ok(Ok(())) => Delivery::Accepted,
        Ok(Err(error)) if error.is_permanent() => Delivery::Refused(text(&error)),
        Ok(Err(error)) => Delivery::Deferred(text(&error)),
        Err(_) => Delivery::Deferred(format!("{server} became silent")),
    }
}

/// Without delay: the last line of a message must not wait for the other side to acknowledge the
/// one before it, which takes 40 ms a message (RFC 896 meets RFC 1122 §4.2.3.2).
async fn connect(source: Ipv4Addr, server: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source, 0)))?;
    let stream = socket.connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn send(stream: TcpStream, hello: &str, host: &str, envelope: &Envelope, content: &[u8]) -> Result<(), Error> {
    let hello = ClientId::Domain(hello.to_owned());
    let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &hello).await?;
    if connection.can_starttls() {
        // Any certificate is accepted, so the system's roots need not be read for every message.
        let tls = TlsParameters::builder(host.to_owned())
            .certificate_store(CertificateStore::None)
            .dangerous_accept_invalid_certs(true)
            .build()?;
        connection.starttls(tls, &hello).await?;
    }
    connection.send(envelope, content).await?;
    // The message is the other side's now, however it ends the session.
    let _ = connection.quit().await;
    Ok(())
}

fn envelope(mail: &Outgoing) -> LabResult<Envelope> {
    let what = "reading the addresses of a message";
    let sender = if mail.sender.is_empty() { None } else { Some(mail.sender.parse::<Address>().during(what)?) };
    let recipients = mail.recipients.iter().map(|r| r.parse::<Address>().during(what)).collect::<LabResult<_>>()?;
    Envelope::new(sender, recipients).during(what)
}

/// The error with its causes, in one line.
fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// The addresses of a host, through a resolver.
///
/// # Errors
/// When the resolver gives no answer.
pub async fn addresses(resolver: SocketAddr, host: &str) -> LabResult<Vec<Ipv4Addr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let answer = ask(resolver, None, &name(host)?, RecordType::A, true).await?;
    let address = |data: &RData| match data {
        RData::A(a) => Some(a.0),
        _ => None,
    };
    Ok(answer.answers.iter().filter_map(|record| address(&record.data)).collect())
}

/// The exchanges of a domain, best first, through a resolver.
///
/// # Errors
/// When the resolver gives no answer.
pub async fn exchanges(resolver: SocketAddr, domain: &str) -> LabResult<Vec<String>> {
    let answer = ask(resolver, None, &name(domain)?, RecordType::MX, true).await?;
    let exchange = |data: &RData| match data {
        RData::MX(mx) => Some((mx.preference, mx.exchange.to_ascii())),
        _ => None,
    };
    let mut found: Vec<_> = answer.answers.iter().filter_map(|record| exchange(&record.data)).collect();
    found.sort();
    Ok(found.into_iter().map(|(_, host)| host.trim_end_matches('.').to_owned()).collect())
}
