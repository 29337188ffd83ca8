//! A backup as docs/backup.md says: dumped by pg_dump while a node works, restored into another database,
//! given its rights, and started. What was there is there, and everything goes on from it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use fencepost::config::{Config, StoreConfig};
use fencepost::ledger::{EntryDraft, EntryKind, Evidence};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::postgres::Server;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
const BOUND: Duration = Duration::from_secs(90);
const CUSTOMERS: u32 = 6;
const ENTRIES: usize = 5;

/// A node on one database.
struct Node {
    child: Option<Child>,
    config: PathBuf,
    url: String,
    token: String,
    client: Client,
}

impl Node {
    fn new(folder: &Path, name: &str, store: StoreConfig) -> Self {
        let listen = free();
        let config = folder.join(name);
        // JSON is YAML.
        std::fs::write(&config, serde_json::to_string_pretty(&settings(store, listen)).unwrap()).unwrap();
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self { child: None, config, url: format!("http://{listen}"), token: String::new(), client }
    }

    async fn start(&mut self) {
        let log = std::fs::File::create(self.config.with_extension("log")).unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--log", "warn", "--config"]).arg(&self.config);
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        loop {
            let answered = self.client.get(format!("{}/readyz", self.url)).send().await;
            if answered.is_ok_and(|reply| reply.status() == 200) {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// A command of the program, with the node's own configuration.
    fn configured(&self, arguments: &[&str]) -> Output {
        Command::new(PROGRAM).args(arguments).arg("--config").arg(&self.config).output().unwrap()
    }

    fn make_token(&mut self) {
        let made = self.configured(&["token", "create", "--role", "desk", "--label", "test"]);
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        self.token = said.split_whitespace().find(|word| word.starts_with("fp_")).expect("a token").to_owned();
    }

    /// A command of the program that asks the node.
    fn asked(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(PROGRAM);
        command.args(arguments).env("FENCEPOST_URL", &self.url).env("FENCEPOST_TOKEN", &self.token);
        let out = command.output().unwrap();
        assert!(out.status.success(), "{arguments:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    async fn order(&self, n: u32) -> Value {
        let order = json!({
            "partner": "acme", "customer_name": format!("Customer {n}"), "domains": [domain(n)], "mailboxes": 5,
            "kind": "trial", "contacts": [{ "name": "Postmaster", "email": "it@elsewhere.example" }],
            "servers": [{ "host": "mail.customer.example" }], "price": "60.00 EUR",
            "sales_rep": "rep@partner.example",
        });
        let request = self.client.post(format!("{}/v1/orders", self.url)).bearer_auth(&self.token);
        let reply = request.header("Idempotency-Key", format!("order-{n}")).json(&order).send().await.unwrap();
        assert!(reply.status().is_success(), "{}", reply.text().await.unwrap());
        reply.json().await.unwrap()
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_a_working_node_is_restored_and_goes_on() {
    timeout(BOUND, story()).await.expect("it takes too long: something hangs");
}

async fn story() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (server, folder) = (Server::shared(), tempfile::tempdir().unwrap());
    let url = server.database();
    let store = StoreConfig { connections: 6, ..StoreConfig::at(&url) };
    fencepost::store::migrate(&store).await.unwrap();
    books(&store).await;
    let mut node = Node::new(folder.path(), "first.yaml", store);
    node.make_token();
    node.start().await;
    let mut answers = Vec::new();
    for n in 0..CUSTOMERS {
        answers.push(node.order(n).await);
    }

    // While the node works and orders go on arriving.
    let dump = server.folder().join("fencepost.dump");
    let mut dumping = server.program("pg_dump");
    dumping.args(["--format=custom", "--file"]).arg(&dump).arg(&url);
    let (dumped, _later) = tokio::join!(tokio::task::spawn_blocking(move || dumping.output().unwrap()), async {
        node.order(CUSTOMERS).await
    });
    let dumped = dumped.unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    node.kill();

    let empty = server.database();
    let mut restoring = server.program("pg_restore");
    restoring.args(["--exit-on-error", "--no-owner", "--dbname", &empty]).arg(&dump);
    let restored = restoring.output().unwrap();
    assert!(restored.status.success(), "{restored:?}");
    let database = name_of(&empty);
    let role = format!("node_of_{database}");
    server.psql("postgres", &format!("CREATE ROLE {role} LOGIN"));
    server.psql(database, &include_str!("../../config/postgres-rights.sql").replace(":\"role\"", &role));
    one_moment_of_the_history(server, name_of(&url), database);

    let store = StoreConfig { connections: 6, ..StoreConfig::at(&server.url_as(&role, &empty)) };
    let mut heir = Node::new(folder.path(), "heir.yaml", store);
    // Tokens come along.
    heir.token = node.token.clone();
    let current = heir.configured(&["migrate", "--check"]);
    assert!(current.status.success(), "{current:?}");
    heir.start().await;
    let verified = heir.asked(&["ledger", "verify"]);
    assert!(verified.starts_with(&format!("whole: {ENTRIES} entries")), "{verified}");
    for n in 0..CUSTOMERS {
        assert!(heir.asked(&["replay", &domain(n)]).contains("The history leads to what is stored."), "{n}");
        assert_eq!(heir.order(n).await, answers[n as usize], "a repeated request has its first answer");
    }
    // It goes on: a new order gets new numbers, and history can still not be changed.
    let next = CUSTOMERS + 1;
    heir.order(next).await;
    assert!(heir.asked(&["events", &domain(next)]).contains("order"));
    assert!(heir.asked(&["ledger", "verify"]).starts_with("whole: "));
    let forged = server.program("psql").args(["-d", &empty, "-c", "UPDATE event SET body = 'x'"]).output().unwrap();
    let told = String::from_utf8_lossy(&forged.stderr).into_owned();
    assert!(!forged.status.success() && told.contains("append-only"), "the triggers came along: {told}");
}

/// What somebody would miss most.
async fn books(store: &StoreConfig) {
    let entry = EntryDraft {
        customer_id: "k1".to_owned(),
        kind: EntryKind::Activated,
        valid_from: jiff::civil::date(2027, 1, 15),
        evidence: Evidence::Rule { rule: "r".to_owned(), version: 1, facts: "f".to_owned() },
        recorded_by: "engine".to_owned(),
        approved_by: None,
        supersedes: None,
    };
    let store = fencepost::store::open(store).await.unwrap();
    store.append_entries(vec![entry; ENTRIES], "2027-01-15T08:00:00Z".parse().unwrap()).await.unwrap();
}

/// Every history is there from its beginning to some moment, without a gap, word for word.
fn one_moment_of_the_history(server: &Server, from: &str, restored: &str) {
    let histories = |database| {
        let sql = "SELECT subject_id, seq, at, kind, md5(body), cause FROM event ORDER BY 1, 2";
        server.psql(database, sql).lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let (before, after) = (histories(from), histories(restored));
    assert!(after.len() >= 2 * CUSTOMERS as usize && after.is_subset(&before), "{after:#?}\n{before:#?}");
    let gaps =
        "SELECT count(*) FROM subject s WHERE last_seq <> (SELECT count(*) FROM event e WHERE e.subject_id = s.id)";
    assert_eq!(server.psql(restored, gaps), "0");
}

fn name_of(url: &str) -> &str {
    url.split(['/', '?']).find(|part| part.starts_with("test")).unwrap()
}

fn domain(n: u32) -> String {
    format!("restored-{n}.example")
}

/// Nobody answers any question: the looks fail fast, and are looks all the same.
fn settings(store: StoreConfig, listen: SocketAddr) -> Config {
    let mut config = Config { store, ..Config::default() };
    config.http.listen = listen;
    config.engine.auto_register = true;
    config.engine.poll_ms = 50;
    config.engine.lease_seconds = 30;
    config.probe.resolvers = vec![free()];
    config.probe.connect_timeout_ms = 500;
    config.probe.total_timeout_ms = 1_000;
    config.probe.banner_timeout_ms = 1_000;
    config.probe.stage_timeout_ms = 1_000;
    let host = json!([{ "name": "mx1.gateway.example", "preference": 10 }]);
    config.gateway.mx_hosts = serde_json::from_value(host).unwrap();
    config.gateway.egress = serde_json::from_value(json!([{ "address": "127.0.0.1", "label": "here" }])).unwrap();
    config.notify.smarthost = format!("smtp://{}", free());
    config
}

/// A port that nobody listens on just now.
fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
