//! `fencepost serve` is killed (SIGKILL) again and again in the middle of its work and started anew.
//! Every order must still arrive at its permit, no event may be lost, and no notice may be lost or
//! told twice under different names. Real processes, real sockets, the real clock.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::{Clock, SystemClock};
use fencepost::demo::Agenda;
use fencepost::demo::lab::{Lab, MailServer};
use fencepost::store::sqlite::SqliteStore;
use fencepost::store::{Customer, Page, Scope, Store};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
const CUSTOMERS: u8 = 6;
/// Kills while orders arrive, one a customer; then further ones while work goes on.
const LATER_KILLS: usize = 8;
/// For everything; a hang shows as this.
const BOUND: Duration = Duration::from_secs(55);
const NOTICES: [&str; 3] = ["order_received", "firewall_instructions", "mx_change_may_be_relayed"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again_nothing_is_lost_and_nothing_is_told_twice() {
    timeout(BOUND, story()).await.expect("it takes too long: something hangs");
}

async fn story() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let seed: u64 = rand::random();
    eprintln!("seed {seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let stage = Stage::new().await;
    let mut process = stage.start();
    let mut orders = Vec::new();
    let mut kills = 0;

    // An order is on its way whenever the process dies; its client repeats it until it is answered.
    for n in 0..CUSTOMERS {
        stage.up().await;
        orders.push(stage.order(n));
        sleep(Duration::from_millis(dice.random_range(0..120))).await;
        process.kill();
        kills += 1;
        process = stage.start();
    }
    for _ in 0..LATER_KILLS {
        sleep(Duration::from_millis(dice.random_range(100..1_200))).await;
        process.kill();
        kills += 1;
        process = stage.start();
    }
    let mut answers = Vec::new();
    for order in orders {
        answers.push(order.await.unwrap());
    }
    // A repetition long after gets the first answer again.
    for n in 0..CUSTOMERS {
        assert_eq!(stage.order(n).await.unwrap(), answers[usize::from(n)]);
    }
    stage.everybody_is_permitted().await;
    let store = stage.store();
    stage.every_notice_is_sent(&store).await;
    process.kill();
    assert!(kills >= 14);

    let customers = store.customers(&Scope::All, &Page { after: None, limit: 100 }).await.unwrap().rows;
    let ids: BTreeSet<_> = customers.iter().map(|customer| customer.id.as_str()).collect();
    let answered: BTreeSet<_> = answers.iter().map(|answer| answer["customer_id"].as_str().unwrap()).collect();
    assert_eq!(ids, answered, "what was answered is what is stored");
    for customer in &customers {
        events_have_no_gap(&store, customer).await;
    }
    assert!(store.parked(&Page { after: None, limit: 10 }).await.unwrap().rows.is_empty());
    stage.the_mailbox_holds_every_notice_under_one_name(&store, &customers).await;
}

/// The laboratory and the files that outlive every process.
struct Stage {
    folder: tempfile::TempDir,
    config: PathBuf,
    url: String,
    token: String,
    client: reqwest::Client,
    lab: Lab,
    _servers: Vec<Arc<MailServer>>,
}

/// A running `fencepost serve`. It never outlives the test.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        // SIGKILL on Unix: no handler runs, no buffer is flushed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Nothing here waits for the laboratory's own clock.
        let lab = Lab::start(Agenda::starting_at(SystemClock.now()), folder.path(), &[]).await.unwrap();
        let servers: Vec<_> = (0..CUSTOMERS).map(|n| lab.add_customer(n, &domain(n), 600).unwrap()).collect();
        for server in &servers {
            server.start().unwrap();
        }
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut config = lab.config().unwrap();
        config.http.listen = listen;
        config.engine.auto_register = true;
        config.engine.poll_ms = 50;
        // Work of a dead process comes back after this; a probe must fit into it.
        config.engine.lease_seconds = 5;
        config.probe.connect_timeout_ms = 2_000;
        config.probe.total_timeout_ms = 4_000;
        // JSON is YAML.
        let path = folder.path().join("fencepost.yaml");
        std::fs::write(&path, serde_json::to_string_pretty(&config).unwrap()).unwrap();
        let token = token(&path);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        let url = format!("http://{listen}");
        Self { folder, config: path, url, token, client, lab, _servers: servers }
    }

    fn start(&self) -> Process {
        let log = self.folder.path().join("serve.log");
        let log = File::options().create(true).append(true).open(log).unwrap();
        let child = Command::new(PROGRAM)
            .args(["serve", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Process(child)
    }

    fn store(&self) -> SqliteStore {
        let path = self.folder.path().join("fencepost.db");
        SqliteStore::open(&fencepost::config::StoreConfig::sqlite(path)).unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap()
    }

    async fn up(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.client.get(format!("{}/healthz", self.url)).send().await.is_err() {
            assert!(Instant::now() < until, "it does not come up:\n{}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Places the order of customer `n`, again and again under its key until there is an answer.
    fn order(&self, n: u8) -> JoinHandle<Value> {
        let request = self
            .client
            .post(format!("{}/v1/orders", self.url))
            .bearer_auth(&self.token)
            .header("idempotency-key", format!("order-{n}"))
            .json(&order(n, self.lab.ports.smtp));
        tokio::spawn(async move {
            loop {
                if let Ok(response) = request.try_clone().unwrap().send().await {
                    let status = response.status();
                    // The connection may break in the middle of the answer, too.
                    if let Ok(text) = response.text().await {
                        assert_eq!(status, StatusCode::CREATED, "{text}");
                        return serde_json::from_str(&text).unwrap();
                    }
                }
                sleep(Duration::from_millis(20)).await;
            }
        })
    }

    async fn everybody_is_permitted(&self) {
        for n in 0..CUSTOMERS {
            let url = format!("{}/v1/domains/{}/mx-change", self.url, domain(n));
            loop {
                let asked = self.client.get(&url).bearer_auth(&self.token).send().await;
                if asked.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    async fn every_notice_is_sent(&self, store: &SqliteStore) {
        for n in 0..CUSTOMERS {
            let domain = fencepost_checks::DomainName::parse(&domain(n)).unwrap();
            let row = store.domain(&domain, &Scope::All).await.unwrap().unwrap();
            loop {
                let notices = store.notices(&row.connection.id, 100).await.unwrap();
                if notices.iter().all(|notice| notice.status == "sent") {
                    break;
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// A repetition of the same message is allowed; a second message about the same is not.
    async fn the_mailbox_holds_every_notice_under_one_name(&self, store: &SqliteStore, customers: &[Customer]) {
        let mut arrived: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        for mail in self.lab.mailbox.mails() {
            let about = |name: &str| mail.header(name).unwrap().to_owned();
            let what = (about("In-Reply-To"), about("X-Fencepost-Notice"));
            arrived.entry(what).or_default().insert(mail.message_id.clone());
        }
        for (what, ids) in &arrived {
            assert_eq!(ids.len(), 1, "{what:?} came under several Message-IDs: {ids:?}");
        }
        let mut wanted = 0;
        for customer in customers {
            let connection = &customer.connections[0];
            let notices = store.notices(&connection.id, 100).await.unwrap();
            let mut names: Vec<_> = notices
                .iter()
                .map(|row| serde_json::from_str::<Value>(&row.payload).unwrap()["notice"].as_str().unwrap().to_owned())
                .collect();
            names.sort_unstable();
            let mut expected = NOTICES.map(str::to_owned).to_vec();
            expected.sort_unstable();
            assert_eq!(names, expected, "{:?}", connection.domain);
            wanted += names.len();
        }
        assert_eq!(arrived.len(), wanted, "{:#?}", arrived.keys());
    }
}

async fn events_have_no_gap(store: &SqliteStore, customer: &Customer) {
    for subject in std::iter::once(&customer.subscription).chain(&customer.connections) {
        let events = store.events(&subject.id, 0, 1_000).await.unwrap();
        let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
        let whole: Vec<u64> = (1..=subject.last_seq).collect();
        assert_eq!(seqs, whole, "{}", subject.id);
        if subject.domain.is_some() {
            let issued = events.iter().filter(|event| event.kind == "permit_issued").count();
            assert_eq!(issued, 1, "{}", subject.id);
            let state: Value = serde_json::from_str(&subject.state).unwrap();
            assert_eq!(state["phase"], "ready");
        }
    }
}

fn domain(n: u8) -> String {
    format!("c{n}.example")
}

fn order(n: u8, port: u16) -> Value {
    let domain = domain(n);
    json!({
        "partner": "acme",
        "customer_name": format!("Customer {n}"),
        "contacts": [
            { "name": "T", "email": format!("tech{n}@elsewhere.example") },
            { "name": "P", "email": "orders@partner.example", "role": "partner" },
        ],
        "domains": [domain],
        "servers": [{ "host": format!("mail.{domain}"), "port": port }],
        "mailboxes": 10,
        "kind": "trial",
        "price": "120.00 EUR",
        "sales_rep": "rep@partner.example",
    })
}

fn token(config: &Path) -> String {
    let made = Command::new(PROGRAM)
        .args(["token", "create", "--role", "desk", "--label", "test", "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}
