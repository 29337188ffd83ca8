//! A write to the gateway that was on its way when its process died arrives long after the work was
//! taken over and the route was changed again. The gateway refuses it by its generation.

use std::net::Ipv4Addr;
use std::time::Duration;

use fencepost::lifecycle::connection::RouteMode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::database::Database;
use super::stage::Stage;

const BOUND: Duration = Duration::from_secs(60);
/// More than a request to the gateway's API has.
const REQUEST: usize = 16 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_write_to_the_gateway_is_refused_by_its_generation() {
    timeout(BOUND, story()).await.expect("it takes too long: something hangs");
}

async fn story() {
    let stage = Stage::new(1, &Database::Sqlite).await;
    let proxy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (place, gateway) = stage.behind(proxy.local_addr().unwrap());
    let mut first = stage.start_at(&place);
    let asking = stage.order_at(&place, 0);
    // The request has left, and the one who sent it is no more.
    let (mut held, _) = proxy.accept().await.unwrap();
    let mut request = Vec::new();
    while !ends(&request) {
        assert!(request.len() < REQUEST && held.read_buf(&mut request).await.unwrap() > 0);
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    assert!(text.starts_with("PUT ") && text.contains(r#""mode":"defer""#), "{text}");
    first.kill();
    asking.abort();

    let mut heir = stage.start();
    stage.up().await;
    let answer = stage.order(0).await.unwrap();
    stage.permitted(0).await;
    let live = stage.live(0).unwrap();
    assert_eq!(live, (RouteMode::Deliver, 2));

    let mut late = TcpStream::connect(gateway).await.unwrap();
    late.write_all(&request).await.unwrap();
    let mut status = [0; 12];
    late.read_exact(&mut status).await.unwrap();
    assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 409");
    assert_eq!(stage.live(0), Some(live), "the newer wish stands");
    stage.ends_as_if_nothing_had_happened(&mut heir, &[answer]).await;
}

/// Whether the whole request is here: the body of the API is one JSON object.
fn ends(request: &[u8]) -> bool {
    let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    head.is_some_and(|end| serde_json::from_slice::<serde_json::Value>(&request[end + 4..]).is_ok())
}
