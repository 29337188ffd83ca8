//! A running `fencepost serve` as its operators see it: traces at a collector, metrics on an address of
//! their own, readiness, and the commands that explain what happened. Real processes on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use fencepost::config::Config;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
const BOUND: Duration = Duration::from_secs(90);
const DOMAIN: &str = "traced-customer.example";

struct Serve {
    child: Child,
    url: String,
    metrics: String,
    token: String,
    folder: tempfile::TempDir,
    client: reqwest::Client,
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_see_what_happens() {
    timeout(BOUND, story()).await.expect("it takes too long: something hangs");
}

async fn story() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (collector, traces) = collector().await;
    let mut serve = Serve::start(collector).await;
    let ready = serve.get(&format!("{}/readyz", serve.url)).await;
    assert_eq!(ready, (200, "ready\n".to_owned()));
    serve.order().await;
    serve
        .until("a look was made", |metrics| metrics.contains("fencepost_probe_duration_seconds_count{probe=\"mx\""))
        .await;

    // The whole history leads to what is stored, and the books are whole.
    let replay = serve.command(&["replay", DOMAIN]);
    let told = String::from_utf8_lossy(&replay.stdout).into_owned();
    assert!(replay.status.success() && told.contains("The history leads to what is stored."), "{told}");
    assert!(told.contains("Now ordered: The order was accepted."), "{told}");
    let whole = serve.command(&["ledger", "verify"]);
    assert!(whole.status.success() && whole.stdout.starts_with(b"whole: "), "{whole:?}");
    let parked = serve.command(&["parked"]);
    assert_eq!((parked.status.code(), parked.stdout.as_slice()), (Some(0), &b"nothing is parked\n"[..]));
    let refused = serve.command(&["parked", "retry", "t:nobody:mx"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");

    let (status, metrics) = serve.get(&serve.metrics).await;
    assert_eq!(status, 200);
    assert!(!metrics.contains("traced-customer"), "no label holds a domain:\n{metrics}");
    for told in ["fencepost_claims_total{work=\"timer\"}", "fencepost_commit_group_size_bucket", "fencepost_store_up 1"]
    {
        assert!(metrics.contains(told), "no {told} in\n{metrics}");
    }
    assert_eq!(serve.get(&format!("{}/metrics", serve.url)).await.0, 401, "there it needs a token");

    // Ended in good order, it sends what is left.
    serve.terminate().await;
    let bytes = traces.lock().unwrap().clone();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for name in ["fencepost", "claim", "observe", "decide", "commit", "effect", "domain", DOMAIN, "cause", "mx"] {
        assert!(has(name), "no {name} in {} bytes of traces", bytes.len());
    }
    assert!(has("/order_received"), "the effect says what caused it");
    for line in serve.log().lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

/// A collector on loopback: keeps every body that is posted to it.
async fn collector() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let kept: Arc<Mutex<Vec<u8>>> = Arc::default();
    let keep = kept.clone();
    let taken = move |body: Bytes| {
        keep.lock().unwrap().extend_from_slice(&body);
        async {}
    };
    let routes = Router::new().route("/v1/traces", post(taken));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (at, kept)
}

impl Serve {
    async fn start(collector: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (listen, metrics) = (free(), free());
        let config = config(folder.path(), listen, metrics, collector);
        let made = Command::new(PROGRAM)
            .args(["token", "create", "--role", "desk", "--label", "test", "--config"])
            .arg(&config)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let token = said.split_whitespace().find(|word| word.starts_with("fp_")).expect("a token").to_owned();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(PROGRAM)
            .args(["serve", "--log-json", "--log", "info", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let (url, metrics) = (format!("http://{listen}"), format!("http://{metrics}/metrics"));
        let serve = Self { child, url, metrics, token, folder, client };
        while serve.client.get(format!("{}/healthz", serve.url)).send().await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        serve
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    async fn get(&self, url: &str) -> (u16, String) {
        let reply = self.client.get(url).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    async fn order(&self) {
        let order = json!({
            "partner": "acme", "customer_name": "Example Oy", "domains": [DOMAIN], "mailboxes": 5, "kind": "trial",
            "contacts": [{ "name": "Postmaster", "email": "it@elsewhere.example" }],
            "servers": [{ "host": "mail.customer.example" }], "price": "60.00 EUR",
            "sales_rep": "rep@partner.example",
        });
        let url = format!("{}/v1/orders", self.url);
        let reply = self.client.post(url).bearer_auth(&self.token).json(&order).send().await.unwrap();
        let status = reply.status();
        assert_eq!(status, 201, "{}", reply.text().await.unwrap());
    }

    async fn until(&self, what: &str, seen: impl Fn(&str) -> bool) {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let (_, metrics) = self.get(&self.metrics).await;
            if seen(&metrics) {
                return;
            }
            assert!(Instant::now() < until, "{what} did not come:\n{metrics}\n{}", self.log());
            sleep(Duration::from_millis(100)).await;
        }
    }

    fn command(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM)
            .args(arguments)
            .env("FENCEPOST_URL", &self.url)
            .env("FENCEPOST_TOKEN", &self.token)
            .output()
            .unwrap()
    }

    async fn terminate(&mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}\n{}", self.log());
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Nobody answers any question: the looks fail fast, and are looks all the same.
fn config(folder: &Path, listen: SocketAddr, metrics: SocketAddr, collector: SocketAddr) -> PathBuf {
    let mut config = Config::default();
    config.store = fencepost::config::StoreConfig::sqlite(folder.join("fencepost.db"));
    config.http.listen = listen;
    config.engine.auto_register = true;
    config.engine.poll_ms = 50;
    config.engine.lease_seconds = 30;
    config.probe.resolvers = vec![free()];
    config.probe.connect_timeout_ms = 500;
    config.probe.total_timeout_ms = 1_000;
    config.probe.banner_timeout_ms = 1_000;
    config.probe.stage_timeout_ms = 1_000;
    config.gateway.mx_hosts =
        serde_json::from_value(json!([{ "name": "mx1.gateway.example", "preference": 10 }])).unwrap();
    config.gateway.egress = serde_json::from_value(json!([{ "address": "127.0.0.1", "label": "here" }])).unwrap();
    config.notify.smarthost = format!("smtp://{}", free());
    config.telemetry.metrics_listen = Some(metrics);
    config.telemetry.otlp.endpoint = Some(format!("http://{collector}").parse().unwrap());
    let path = folder.join("fencepost.yaml");
    // JSON is YAML.
    std::fs::write(&path, serde_json::to_string_pretty(&config).unwrap()).unwrap();
    path
}

/// A port that nobody listens on just now.
fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
