//! Two nodes and one store: whatever both of them want at once, a mail server sees one connection at a
//! time from the whole installation, and a name server is asked no more than it may be.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by panicking")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fencepost::clock::{Clock, SharedClock, SystemClock};
use fencepost::config::{EgressAddress, GatewayConfig, ProbeConfig, StoreConfig};
use fencepost::engine::InstallationManners;
use fencepost::engine::ports::{Observer, ServerTask};
use fencepost::order::MailServer;
use fencepost::probe::Prober;
use fencepost::store::sqlite::SqliteStore;
use fencepost_checks::DomainName;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::{sleep, timeout};

/// What a server has seen of its visitors.
#[derive(Debug, Default)]
struct Seen {
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

/// A clock that stands still: an allowance of a minute lasts as long as the test.
#[derive(Debug)]
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}

fn config() -> ProbeConfig {
    ProbeConfig {
        allow_targets: vec!["127.0.0.0/8".to_owned()],
        pause_ms: 1,
        looks_a_day: 1_000,
        questions_a_minute: 30,
        dns_timeout_ms: 5_000,
        dns_attempts: 1,
        ..ProbeConfig::default()
    }
}

/// A node: a prober that keeps its manners by the store in this folder, or by itself.
fn node(store: Option<&Path>, clock: &SharedClock) -> Prober {
    let gateway =
        GatewayConfig { egress: vec![EgressAddress::here([127, 0, 0, 1].into())], ..GatewayConfig::default() };
    let prober = Prober::new(&config(), &gateway, clock.clone()).unwrap();
    let Some(folder) = store else { return prober };
    let store = Arc::new(SqliteStore::open(&StoreConfig::sqlite(folder.join("fencepost.db"))).unwrap());
    prober.with_politeness(Arc::new(InstallationManners::new(store, clock.clone(), &config(), &gateway)))
}

fn name(domain: &str) -> DomainName {
    DomainName::parse(domain).unwrap()
}

/// Says yes to everything, slowly enough for two visits to overlap.
async fn mail_server() -> (SocketAddr, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Arc::new(Seen::default()));
    let counted = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = counted.clone();
            tokio::spawn(async move {
                let now = seen.now.fetch_add(1, Ordering::SeqCst) + 1;
                seen.most.fetch_max(now, Ordering::SeqCst);
                seen.all.fetch_add(1, Ordering::SeqCst);
                let _ = talk(stream, &seen).await;
            });
        }
    });
    (address, seen)
}

async fn talk(stream: TcpStream, seen: &Seen) -> std::io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    sleep(Duration::from_millis(150)).await;
    writer.write_all(b"220 mail.example.com\r\n").await?;
    let mut lines = BufReader::new(reader).lines();
    while let Some(line) = lines.next_line().await? {
        let quit = line.eq_ignore_ascii_case("QUIT");
        if quit {
            // The visitor is free to come again once it has this.
            seen.now.fetch_sub(1, Ordering::SeqCst);
        }
        writer.write_all(if quit { b"221 bye\r\n" } else { b"250 mail.example.com\r\n" }).await?;
        if quit {
            return Ok(());
        }
    }
    seen.now.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

/// Two customers behind one server, looked at by two nodes at the same time.
async fn visits(one: &Prober, two: &Prober, server: SocketAddr) {
    let task = |domain: &str| ServerTask {
        domain: name(domain),
        servers: vec![MailServer { host: server.ip().to_string(), port: server.port(), standby: false }],
        test_mailbox: format!("test@{domain}"),
        hosted: false,
    };
    let (a, b) = (task("a.example"), task("b.example"));
    let seen = timeout(Duration::from_secs(60), async { tokio::join!(one.smtp(&a), two.smtp(&b)) }).await.unwrap();
    for dialogue in seen.0.iter().chain(&seen.1) {
        assert!(dialogue.stages.len() > 4, "{dialogue:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_to_a_mail_server_at_a_time_in_the_whole_installation() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock: SharedClock = Arc::new(SystemClock);
    // Each by itself, they meet: so the server would notice.
    let (server, seen) = mail_server().await;
    visits(&node(None, &clock), &node(None, &clock), server).await;
    assert_eq!((seen.most.load(Ordering::SeqCst), seen.all.load(Ordering::SeqCst)), (2, 2));

    let (server, seen) = mail_server().await;
    let (one, two) = (node(Some(folder.path()), &clock), node(Some(folder.path()), &clock));
    for _ in 0..2 {
        visits(&one, &two, server).await;
    }
    assert_eq!((seen.most.load(Ordering::SeqCst), seen.all.load(Ordering::SeqCst)), (1, 4));
}

/// Answers that there is nothing, and counts the questions.
async fn name_server() -> (SocketAddr, Arc<Seen>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (socket.local_addr().unwrap(), Arc::new(Seen::default()));
    let counted = seen.clone();
    tokio::spawn(async move {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            counted.all.fetch_add(1, Ordering::SeqCst);
            // QR and AA: an answer with authority, without records.
            packet[2] |= 0x84;
            let _ = socket.send_to(&packet[..length], from).await;
        }
    });
    (address, seen)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_server_is_asked_no_more_than_it_may_be_by_all_nodes_together() {
    let folder = tempfile::TempDir::new().unwrap();
    let clock: SharedClock = Arc::new(Still(SystemClock.now()));
    let domains: Vec<DomainName> = (0..40).map(|n| name(&format!("d{n}.example"))).collect();
    for (store, wanted) in [(None, 80), (Some(folder.path()), 30)] {
        let (server, seen) = name_server().await;
        let nodes = [node(store, &clock), node(store, &clock)];
        let questions = nodes.iter().flat_map(|node| domains.iter().map(|d| node.mx_glance(d, Some(server))));
        // Those that may not be asked now wait for the next minute, which does not come.
        let _ = timeout(Duration::from_secs(3), join_all(questions)).await;
        assert_eq!(seen.all.load(Ordering::SeqCst), wanted, "{store:?}");
    }
}
