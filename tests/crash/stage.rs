//! The laboratory and the files that outlive every process, and what must be true in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::{Clock, SystemClock};
use fencepost::config::{AdapterConfig, Config, StoreConfig};
use fencepost::demo::Agenda;
use fencepost::demo::lab::{Lab, MailServer};
use fencepost::failpoint::Point;
use fencepost::lifecycle::connection::RouteMode;
use fencepost::store::{Customer, Page, Scope, Store};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::database::Database;
use super::role::{self, Blow, Process};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
const NOTICES: [&str; 3] = ["order_received", "firewall_instructions", "mx_change_may_be_relayed"];
/// Work of a dead process comes back after this.
pub const LEASE: Duration = Duration::from_secs(5);

pub struct Stage {
    pub folder: tempfile::TempDir,
    pub main: Place,
    config: Config,
    token: String,
    client: reqwest::Client,
    lab: Lab,
    customers: u8,
    _servers: Vec<Arc<MailServer>>,
}

/// Where one process listens, and the configuration that says so.
pub struct Place {
    pub config: PathBuf,
    url: String,
}

impl Place {
    fn new(folder: &Path, name: &str, mut config: Config) -> Self {
        config.http.listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let url = format!("http://{}", config.http.listen);
        // JSON is YAML.
        let path = folder.join(format!("{name}.yaml"));
        std::fs::write(&path, serde_json::to_string_pretty(&config).unwrap()).unwrap();
        Self { config: path, url }
    }
}

impl Stage {
    /// A stage on which so many customers may order.
    pub async fn new(customers: u8, database: &Database) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = database.fresh(folder.path());
        Self::on(customers, folder, store).await
    }

    /// The same with a store of the caller's choice.
    pub async fn on(customers: u8, folder: tempfile::TempDir, store: StoreConfig) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        fencepost::store::migrate(&store).await.unwrap();
        // Nothing here waits for the laboratory's own clock.
        let lab = Lab::start(Agenda::starting_at(SystemClock.now()), folder.path(), &[]).await.unwrap();
        let servers: Vec<_> = (0..customers).map(|n| lab.add_customer(n, &domain(n), 600).unwrap()).collect();
        for server in &servers {
            server.start().unwrap();
        }
        let mut config = lab.config().unwrap();
        config.engine.auto_register = true;
        config.engine.poll_ms = 50;
        config.engine.lease_seconds = u32::try_from(LEASE.as_secs()).unwrap();
        // A probe must fit into the lease.
        config.probe.connect_timeout_ms = 2_000;
        config.probe.total_timeout_ms = 4_000;
        config.store = store;
        let main = Place::new(folder.path(), "main", config.clone());
        let token = token(&main.config);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        Self { folder, main, config, token, client, lab, customers, _servers: servers }
    }

    /// Where a further process on the same store may listen.
    pub fn another(&self, name: &str) -> Place {
        Place::new(self.folder.path(), name, self.config.clone())
    }

    /// A further place from which the gateway's API is reached at another address, and the true one.
    pub fn behind(&self, proxy: SocketAddr) -> (Place, SocketAddr) {
        let mut config = self.config.clone();
        let AdapterConfig::Http { url, .. } = &mut config.gateway.adapter else { panic!("the laboratory has an API") };
        let mut parts = reqwest::Url::parse(url).unwrap();
        let gateway = parts.socket_addrs(|| None).unwrap()[0];
        parts.set_port(Some(proxy.port())).unwrap();
        *url = parts.to_string();
        (Place::new(self.folder.path(), "behind", config), gateway)
    }

    /// The gateway's route of customer `n`: mode and generation.
    pub fn live(&self, n: u8) -> Option<(RouteMode, u64)> {
        self.lab.gateway.routes.get(&domain(n)).map(|route| (route.mode, route.generation))
    }

    /// The shipped program.
    pub fn start(&self) -> Process {
        self.start_at(&self.main)
    }

    pub fn start_at(&self, place: &Place) -> Process {
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        Process::spawn(Command::new(PROGRAM).args(["serve", "--config"]).arg(&place.config).stderr(log))
    }

    /// The same in a process that can be stopped at a point.
    pub fn start_armed(&self, place: &Place, at: (Point, u32, Blow)) -> Process {
        role::start("serve", &place.config, Some(at), &self.log_file())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("serve.log")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap()
    }

    pub async fn store(&self) -> Arc<dyn Store> {
        fencepost::store::open(&self.config.store).await.unwrap()
    }

    /// Whether somebody holds the lock of the database file.
    pub fn is_locked(&self) -> bool {
        let fencepost::config::Database::Sqlite(path) = self.config.store.database().unwrap() else { return false };
        let file = rusqlite::Connection::open(path).unwrap();
        file.busy_timeout(Duration::ZERO).unwrap();
        file.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err()
    }

    pub async fn up(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while self.client.get(format!("{}/healthz", self.main.url)).send().await.is_err() {
            assert!(Instant::now() < until, "it does not come up:\n{}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What one attempt to place the order of customer `n` is answered.
    pub async fn one_order(&self, n: u8) -> (StatusCode, String) {
        let request = self.request(&self.main, n);
        let response = request.send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    /// Places the order of customer `n`, again and again under its key until there is an answer.
    pub fn order(&self, n: u8) -> JoinHandle<Value> {
        self.order_at(&self.main, n)
    }

    pub fn order_at(&self, place: &Place, n: u8) -> JoinHandle<Value> {
        self.asking(place, n, false)
    }

    /// The same, where the service may say (5xx) that it cannot take the order just now.
    pub fn order_through_trouble(&self, n: u8) -> JoinHandle<Value> {
        self.asking(&self.main, n, true)
    }

    fn asking(&self, place: &Place, n: u8, trouble: bool) -> JoinHandle<Value> {
        let request = self.request(place, n);
        tokio::spawn(async move {
            loop {
                if let Ok(response) = request.try_clone().unwrap().send().await {
                    let status = response.status();
                    if trouble && status.is_server_error() {
                        sleep(Duration::from_millis(100)).await;
                        continue;
                    }
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

    fn request(&self, place: &Place, n: u8) -> reqwest::RequestBuilder {
        self.client
            .post(format!("{}/v1/orders", place.url))
            .bearer_auth(&self.token)
            .header("idempotency-key", format!("order-{n}"))
            .json(&order(n, self.lab.ports.smtp))
    }

    /// Waits for the end of every story, and looks whether it is the one of an undisturbed run.
    pub async fn ends_as_if_nothing_had_happened(&self, process: &mut Process, answers: &[Value]) {
        // A repetition long after gets the first answer again, as soon as the store is there again.
        for (n, answer) in (0..self.customers).zip(answers) {
            assert_eq!(self.order_through_trouble(n).await.unwrap(), *answer);
        }
        self.everybody_is_permitted().await;
        let store = self.store().await;
        let store = store.as_ref();
        self.every_notice_is_sent(store).await;
        process.kill();

        let customers = store.customers(&Scope::All, &Page { after: None, limit: 100 }).await.unwrap().rows;
        let ids: BTreeSet<_> = customers.iter().map(|customer| customer.id.as_str()).collect();
        let answered: BTreeSet<_> = answers.iter().map(|answer| answer["customer_id"].as_str().unwrap()).collect();
        assert_eq!(ids, answered, "what was answered is what is stored");
        let mut endings = BTreeMap::<_, Vec<_>>::new();
        for customer in &customers {
            endings.entry(self.ending(store, customer).await).or_default().push(&customer.connections[0].domain);
        }
        assert_eq!(endings.len(), 1, "not everybody ended alike: {endings:#?}");
        let parked = store.parked(&Page { after: None, limit: 10 }).await.unwrap().rows;
        assert!(parked.is_empty(), "{parked:#?}");
        self.the_mailbox_holds_every_notice_under_one_name(store, &customers).await;
    }

    async fn everybody_is_permitted(&self) {
        for n in 0..self.customers {
            self.permitted(n).await;
        }
    }

    /// Waits until the MX change of customer `n` may be relayed.
    pub async fn permitted(&self, n: u8) {
        let url = format!("{}/v1/domains/{}/mx-change", self.main.url, domain(n));
        loop {
            let asked = self.client.get(&url).bearer_auth(&self.token).send().await;
            if asked.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn every_notice_is_sent(&self, store: &dyn Store) {
        for n in 0..self.customers {
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

    /// What a customer's story amounts to.
    async fn ending(&self, store: &dyn Store, customer: &Customer) -> (String, RouteMode, Vec<String>) {
        let mut told = Vec::new();
        for subject in std::iter::once(&customer.subscription).chain(&customer.connections) {
            let events = store.events(&subject.id, 0, 1_000).await.unwrap();
            let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
            let whole: Vec<u64> = (1..=subject.last_seq).collect();
            assert_eq!(seqs, whole, "{} has a gap", subject.id);
            // A look that is repeated, or a wish that is overtaken before it is confirmed, is no other ending.
            let looks = ["gate_changed", "mx_changed", "route_confirmed"];
            let events = events.into_iter().filter(|event| !looks.contains(&event.kind.as_str()));
            told.extend(events.map(|event| {
                let body: Value = serde_json::from_str(&event.body).unwrap();
                format!("{} {}{}", event.kind, body["phase"], body["mode"])
            }));
        }
        let connection = &customer.connections[0];
        let state: Value = serde_json::from_str(&connection.state).unwrap();
        assert_eq!(state["phase"], "ready");
        let domain = connection.domain.clone().unwrap();
        let (desired, live) =
            (store.route(&domain).await.unwrap().unwrap(), self.lab.gateway.routes.get(domain.as_str()));
        let live = live.expect("the gateway knows the domain");
        assert_eq!((live.mode, live.generation), (desired.mode, desired.generation), "{domain}");
        assert_eq!(live.servers, desired.servers, "{domain}");
        (state["phase"].to_string(), live.mode, told)
    }

    /// A repetition of the same message is allowed; a second message about the same is not.
    async fn the_mailbox_holds_every_notice_under_one_name(&self, store: &dyn Store, customers: &[Customer]) {
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
