//! The server on a real socket, against people who mean harm: whatever they do, somebody else is
//! answered, and what they hold is taken back.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::header;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::TestApp;
use crate::http::server::{Limits, serve};
use crate::store::Role;

/// Nothing in these tests takes longer, on any machine.
const FOREVER: Duration = Duration::from_secs(60);

struct Server {
    at: SocketAddr,
    app: TestApp,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn start(app: TestApp, change: impl FnOnce(&mut Limits)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let mut limits = Limits {
            connections: 64,
            connections_per_address: 0,
            header: Duration::from_millis(300),
            stall: Duration::from_millis(300),
        };
        change(&mut limits);
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, app.router.clone(), limits, stop.clone()));
        Self { at, app, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.at).await.unwrap()
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// A decent request, answered as ever.
    async fn answers(&self) {
        let reply = read(self.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await).await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(FOREVER, self.task).await.unwrap().unwrap();
    }
}

/// All that comes until the server closes; a reset is a close.
async fn read(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match tokio::time::timeout(FOREVER, stream.read(&mut buffer)).await.expect("the server closes") {
            Ok(0) | Err(_) => return String::from_utf8_lossy(&text).into_owned(),
            Ok(length) => text.extend_from_slice(&buffer[..length]),
        }
    }
}

/// Reads until `wanted` was seen.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(wanted) {
        let read = tokio::time::timeout(FOREVER, stream.read(&mut buffer)).await.expect("an answer comes").unwrap();
        assert!(read > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}

#[tokio::test]
async fn heads_that_never_end_are_given_up_while_others_are_answered() {
    let server = Server::start(TestApp::new(), |_| {}).await;
    let mut slow = Vec::new();
    for _ in 0..40 {
        slow.push(server.send("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").await);
    }
    server.answers().await;
    for stream in slow {
        let said = read(stream).await;
        assert!(!said.contains(" 200 "), "{said}");
    }
    // Whoever says nothing at all, or nothing more after an answer, is given up as well.
    assert_eq!(read(server.connect().await).await, "");
    let said = read(server.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await).await;
    assert!(said.contains("200 OK") && said.ends_with("ok\n"), "{said}");
    server.end().await;
}

#[tokio::test]
async fn heads_without_measure_are_refused() {
    let server = Server::start(TestApp::new(), |_| {}).await;
    for head in [format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)), {
        let fields: String = (0..200).map(|n| format!("X-{n}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n")
    }] {
        let mut stream = server.connect().await;
        let _ = stream.write_all(head.as_bytes()).await;
        let said = read(stream).await;
        assert!(!said.contains(" 200 "), "{said}");
    }
    server.answers().await;
    server.end().await;
}

#[tokio::test]
async fn slow_bodies_take_nobodys_place() {
    let app = TestApp::with(|config| {
        config.http.max_concurrent = 2;
        config.http.body_seconds = 1;
    });
    let server = Server::start(app, |_| {}).await;
    let head = "POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                Content-Length: 1000\r\n\r\ntoken=";
    let mut slow = Vec::new();
    for _ in 0..30 {
        slow.push(server.send(head).await);
    }
    // More of them than requests may be handled at once, and all the same:
    let reply = read(server.send("GET /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await).await;
    assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    for stream in slow {
        let said = read(stream).await;
        assert!(said.starts_with("HTTP/1.1 408") && said.contains("slow-body"), "{said}");
    }
    server.end().await;
}

#[tokio::test]
async fn long_bodies_need_a_token() {
    let server = Server::start(TestApp::new(), |_| {}).await;
    let post = |token: &str, length: usize| {
        let token = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        format!(
            "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{token}Connection: close\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    };
    let said = read(server.send(&post("", 100_000)).await).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    let false_token = format!("fp_{}_{}", "0".repeat(12), "0".repeat(64));
    let said = read(server.send(&post(&false_token, 100_000)).await).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    let mut chunked = server
        .send("POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        .await;
    let piece = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for _ in 0..5 {
        let _ = chunked.write_all(piece.as_bytes()).await;
    }
    let said = read(chunked).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");

    let desk = server.app.token(Role::Desk, None).await;
    let said = read(server.send(&(post(&desk, 100_000) + &" ".repeat(100_000))).await).await;
    assert!(said.starts_with("HTTP/1.1 400"), "it was read: {said}");
    server.end().await;
}

#[tokio::test]
async fn connections_are_bounded_in_all_and_for_each_address() {
    let server = Server::start(TestApp::new(), |limits| {
        limits.connections = 8;
        limits.connections_per_address = 5;
        limits.header = FOREVER;
    })
    .await;
    let mut held = Vec::new();
    for _ in 0..5 {
        let mut stream = server.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        read_until(&mut stream, "ok\n").await;
        held.push(stream);
    }
    let said = read(server.connect().await).await;
    assert!(said.starts_with("HTTP/1.1 503") && said.contains("Retry-After"), "{said}");
    // Another address has its places.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(server.at).await.unwrap();
    other.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    read_until(&mut other, "ok\n").await;
    drop(held.pop());
    // The place comes back once the server has seen the end.
    let answered = async {
        loop {
            let said = read(server.send("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await).await;
            if said.contains("200 OK") {
                break;
            }
        }
    };
    tokio::time::timeout(FOREVER, answered).await.unwrap();
    drop((held, other));
    server.end().await;
}

#[tokio::test]
async fn whoever_reads_nothing_is_given_up() {
    let server = Server::start(TestApp::new(), |limits| limits.header = FOREVER).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(2_048).unwrap();
    let mut deaf = socket.connect(server.at).await.unwrap();
    // Asked for again and again without an answer being read, until neither side's buffer takes more.
    let wanted = "GET /style.css HTTP/1.1\r\nHost: x\r\n\r\n".repeat(200);
    let asking = async { while deaf.write_all(wanted.as_bytes()).await.is_ok() {} };
    tokio::time::timeout(FOREVER, asking).await.expect("the server closes");
    server.answers().await;
    server.end().await;
}

fn listen(token: &str) -> String {
    format!(
        "GET /v1/domains/example.com/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    )
}

#[tokio::test]
async fn streams_are_bounded_for_each_token_and_in_all() {
    let app = TestApp::with(|config| {
        config.http.max_streams = 3;
        config.http.max_streams_per_token = 2;
    });
    app.ordered("acme", "example.com").await;
    let (one, two) = (app.token(Role::Desk, None).await, app.token(Role::Desk, None).await);
    let server = Server::start(app, |_| {}).await;
    let mut open = Vec::new();
    for token in [&one, &one, &two] {
        let mut stream = server.send(&listen(token)).await;
        read_until(&mut stream, "phase_entered").await;
        open.push(stream);
        if open.len() == 2 {
            let mut refused = server.send(&listen(&one)).await;
            let said = read_until(&mut refused, "close some").await;
            assert!(said.starts_with("HTTP/1.1 503"), "{said}");
        }
    }
    let mut refused = server.send(&listen(&two)).await;
    let said = read_until(&mut refused, "in pages").await;
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    // Streams that say nothing keep nobody else from being answered, nor the server from stopping.
    server.answers().await;
    drop(open);
    server.end().await;
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let end = app.now() + jiff::SignedDuration::from_hours(1);
    let (revoked, expiring) = (app.token(Role::Desk, None).await, app.token_until(Role::Desk, None, Some(end)).await);
    let server = Server::start(app, |limits| limits.header = FOREVER).await;
    let mut streams = Vec::new();
    for token in [&revoked, &expiring] {
        let mut stream = server.send(&listen(token)).await;
        read_until(&mut stream, "phase_entered").await;
        streams.push(stream);
    }
    let id = revoked.split('_').nth(1).unwrap();
    assert!(server.app.store.revoke_token(id, server.app.now()).await.unwrap());
    let ended = |said: &str| said.ends_with("0\r\n\r\n");
    let mut stream = streams.remove(0);
    assert!(ended(&read_until(&mut stream, "0\r\n\r\n").await));
    server.app.advance(jiff::SignedDuration::from_hours(1));
    let mut stream = streams.remove(0);
    assert!(ended(&read_until(&mut stream, "0\r\n\r\n").await));
    server.end().await;
}

#[tokio::test]
async fn a_locked_database_is_not_ready_and_says_when_to_try_again() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let other = rusqlite::Connection::open(app.database()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let reply = app.get("", "/readyz").await;
    assert_eq!(reply.status, 503, "{}", reply.text);
    let problem = reply.json();
    assert_eq!(
        (&problem["type"], &problem["errors"][0]["field"]),
        (&"/problems/not-ready".into(), &"store.write".into())
    );
    let reply = app.post(&desk, "/v1/orders", &super::order("acme", "example.com")).await;
    assert_eq!(reply.status, 503, "{}", reply.text);
    assert_eq!(reply.header(header::RETRY_AFTER), "2");
    other.execute_batch("ROLLBACK").unwrap();
    let ready = async {
        while app.get("", "/readyz").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(FOREVER, ready).await.unwrap();
    assert_eq!(app.post(&desk, "/v1/orders", &super::order("acme", "example.com")).await.status, 201);
}
