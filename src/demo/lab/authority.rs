//! An authoritative name server over UDP and TCP: hickory-server's sockets in front of a
//! [`ZoneSet`]. Never recursive; AA is set on its own data only.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hickory_net::runtime::Time;
use hickory_proto::op::{Edns, Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode};
use hickory_server::Server;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::net::{TcpListener, UdpSocket};

use super::error::{LabResult, While};
use super::zones::{Answer, ZoneSet};

/// A connection that says nothing for this long is closed.
const IDLE: Duration = Duration::from_secs(5);
/// Answers that wait for a slow reader of one connection.
const BUFFERED_ANSWERS: usize = 16;
/// Largest UDP answer that is offered (RFC 9715 §3).
const EDNS_PAYLOAD: u16 = 1232;

/// A running authoritative server; it stops when dropped.
pub struct NameServer {
    pub address: SocketAddr,
    pub zones: Arc<ZoneSet>,
    _server: Server<Authority>,
}

impl NameServer {
    /// Binds UDP and TCP and begins to answer from `zones`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(address: IpAddr, port: u16, zones: Arc<ZoneSet>) -> LabResult<Self> {
        let address = SocketAddr::new(address, port);
        let server = listen(address, Authority(Arc::clone(&zones))).await?;
        Ok(Self { address, zones, _server: server })
    }
}

/// Binds UDP and TCP of a DNS server.
///
/// # Errors
/// When the address cannot be bound.
pub async fn listen<H: RequestHandler>(address: SocketAddr, handler: H) -> LabResult<Server<H>> {
    let what = format!("binding the name server {address}");
    let mut server = Server::new(handler);
    server.register_socket(UdpSocket::bind(address).await.during(&what)?);
    server.register_listener(TcpListener::bind(address).await.during(&what)?, IDLE, BUFFERED_ANSWERS);
    Ok(server)
}

struct Authority(Arc<ZoneSet>);

#[async_trait]
impl RequestHandler for Authority {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, response: R) -> ResponseInfo {
        let answer = match (request.metadata.op_code, request.request_info()) {
            (OpCode::Query, Ok(info)) => self.0.answer(info.query.name(), info.query.query_type()),
            (OpCode::Query, Err(_)) => Answer::error(ResponseCode::FormErr),
            _ => Answer::error(ResponseCode::NotImp),
        };
        respond(request, response, &answer, false).await
    }
}

/// Sends an answer; `recursion` is the RA bit.
pub async fn respond<R: ResponseHandler>(
    request: &Request,
    mut response: R,
    answer: &Answer,
    recursion: bool,
) -> ResponseInfo {
    let mut metadata = Metadata::response_from_request(&request.metadata);
    metadata.response_code = answer.code;
    metadata.authoritative = answer.authoritative;
    metadata.recursion_available = recursion;
    let mut edns = Edns::new();
    edns.set_max_payload(EDNS_PAYLOAD);
    let mut builder = MessageResponseBuilder::from_message_request(request);
    if request.edns.is_some() {
        builder.edns(&edns);
    }
    let message = builder.build(metadata, &answer.answers, &answer.authorities, &[], &answer.additionals);
    match response.send_response(message).await {
        Ok(info) => info,
        Err(error) => {
            tracing::debug!(%error, "the answer could not be sent");
            let mut metadata = Metadata::new(request.metadata.id, MessageType::Response, OpCode::Query);
            metadata.response_code = ResponseCode::ServFail;
            Header { metadata, counts: HeaderCounts::default() }.into()
        }
    }
}
