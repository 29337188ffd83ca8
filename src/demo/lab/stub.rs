//! One DNS question over UDP, bounded in time and tries: what the laboratory's resolvers and its
//! outside sender ask with. fencepost's own probes do not use this.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::error::{LabError, LabResult, While};

const PATIENCE: Duration = Duration::from_millis(500);
const TRIES: u32 = 2;

/// Asks `server`, from `source` where one is given.
///
/// # Errors
/// When no answer comes in time, or one that cannot be read.
pub async fn ask(
    server: SocketAddr,
    source: Option<IpAddr>,
    qname: &Name,
    kind: RecordType,
    recursion: bool,
) -> LabResult<Message> {
    let what = format!("asking {server} for {qname} {kind}");
    let mut message = Message::query();
    message.metadata.recursion_desired = recursion;
    message.add_query(Query::query(qname.clone(), kind));
    message.set_edns(Edns::new());
    let bytes = message.to_vec().during(&what)?;
    let socket = UdpSocket::bind((source.unwrap_or(IpAddr::from([0, 0, 0, 0])), 0)).await.during(&what)?;
    socket.connect(server).await.during(&what)?;
    let mut buffer = vec![0; 4096];
    for _ in 0..TRIES {
        socket.send(&bytes).await.during(&what)?;
        let Ok(received) = timeout(PATIENCE, socket.recv(&mut buffer)).await else { continue };
        let length = received.during(&what)?;
        let answer = Message::from_vec(buffer.get(..length).unwrap_or_default()).during(&what)?;
        if answer.metadata.id == message.metadata.id && answer.queries == message.queries {
            return Ok(answer);
        }
    }
    Err(LabError::new(what, "no answer"))
}
