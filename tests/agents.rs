//! An agent on loopback, from the outside: real processes, TLS with an authority of our own in front of
//! the engine, a laboratory around them. Onboarding passes with the agent as a vantage and as the one
//! who sets the routes; an agent that is killed makes looks inconclusive and never failed; an engine
//! that is restarted is found again; wrong authorities and wrong tokens get nowhere.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod lab;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::{Clock, SystemClock};
use fencepost::config::{AdapterConfig, Config, RemoteOutsider, RemoteResolver};
use fencepost::demo::Agenda;
use fencepost::demo::lab::{Firewall, Lab, MailServer};
use lab::certificates::{Authority, Oddity};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
const BOUND: Duration = Duration::from_secs(150);
const DOMAIN: &str = "c0.example";
const ANNOUNCED: Ipv4Addr = Ipv4Addr::new(127, 0, 2, 3);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_probes_and_sets_routes_and_its_absence_fails_nobody() {
    timeout(BOUND, story()).await.expect("it takes too long: something hangs");
}

async fn story() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let stage = Stage::new().await;
    let mut engine = stage.serve();
    stage.up().await;

    // Without the agent nothing is found out, and nothing fails.
    stage.order().await;
    let status =
        stage.until("the first look was made", |status| codes(status).contains(&"VANTAGE_FAULT".to_owned())).await;
    assert_eq!(status["phase"], "allowlisting", "{status:#}");
    assert!(status.to_string().contains("has never been here"), "{status:#}");

    // Somebody else's authority, somebody else's token, no token.
    let other = Authority::new("127.0.0.1");
    let wrong = stage.agent_says("wrong-ca", &stage.agent_token, &other.roots(), "certificate").await;
    assert!(wrong.contains("cannot be reached") && wrong.contains("tries again"), "{wrong}");
    let wrong = stage.agent_says("wrong-role", &stage.desk, &stage.authority.roots(), "role").await;
    assert!(wrong.contains("needs a token with the role agent; this one has desk"), "{wrong}");
    let stranger = stage.token("agent", "stranger");
    let wrong = stage.agent_says("stranger", &stranger, &stage.authority.roots(), "nothing is configured").await;
    assert!(wrong.contains("`stranger`"), "{wrong}");
    let agents = stage.get("/v1/vantages").await;
    assert_eq!(agents["agents"][0]["last_seen"], Value::Null, "none of these was let in: {agents:#}");

    // The right one: everything passes, and the route went through it.
    let mut agent = stage.agent("gw1", &stage.agent_token, &stage.authority.roots());
    stage.recheck().await;
    let status = stage.until("the permit is issued", |status| status["mx_change_permitted"] == true).await;
    assert_eq!(status["phase"], "ready");
    assert!(stage.log("gw1").contains("agent `gw1` works for https://127.0.0.1"), "{}", stage.log("gw1"));
    let vantages = stage.get("/v1/vantages").await;
    for id in ["egress-127.0.2.2", "outsider-gw1"] {
        let vantage = vantages["items"].as_array().unwrap().iter().find(|v| v["id"] == id).unwrap();
        assert_eq!((&vantage["state"], &vantage["agent"]), (&json!("ok"), &json!("gw1")), "{vantages:#}");
        let proved = vantage["outside"].as_str().unwrap().to_owned();
        assert!(id.ends_with(&proved) || proved == "127.0.0.1", "{id} is seen as {proved}");
    }
    assert_eq!(vantages["agents"][0]["carries_routes"], true);

    let resolver = vantages["items"].as_array().unwrap().iter().find(|v| v["role"] == "resolver").unwrap();
    assert_eq!((&resolver["state"], &resolver["agent"]), (&json!("ok"), &json!("gw1")), "{vantages:#}");
    assert!(resolver["outside"].is_string(), "seen by our reference server: {resolver:#}");
    let id = resolver["id"].as_str().unwrap();
    let answer = stage.until_resolver(id, "mx").await;
    assert_eq!(answer["records"].as_array().unwrap().len(), 1, "{answer}");

    // An announced address is looked at from by its agent, and is a request and nothing else.
    stage.until_place("verified").await;
    stage.server.set_firewall(Firewall::Block(vec![ANNOUNCED])).unwrap();
    stage.recheck().await;
    stage.until_place("blocked").await;
    let status = stage.until("it is asked for", |status| codes(status).contains(&"FW_ANNOUNCED_BLOCKED".into())).await;
    assert_eq!((&status["phase"], &status["mx_change_permitted"]), (&json!("ready"), &json!(true)), "{status:#}");
    stage.server.set_firewall(Firewall::Open).unwrap();
    stage.recheck().await;
    stage.until_place("verified").await;

    // Killed: what it should see is not known, and nothing that was known is taken back.
    agent.kill();
    stage.until_vantage("egress-127.0.2.2", "away").await;
    stage.until_vantage(id, "away").await;
    stage.recheck().await;
    stage.until_place("verified").await;
    let answer = stage.until_resolver(id, "vantage_fault").await;
    // It is away, or it took the task with it.
    assert!(answer["detail"].as_str().unwrap().contains("`gw1`"), "{answer}");
    let status = stage.until("the absence shows", |status| codes(status).contains(&"VANTAGE_FAULT".to_owned())).await;
    assert_eq!((&status["phase"], &status["mx_change_permitted"]), (&json!("ready"), &json!(true)), "{status:#}");

    // Back again.
    let _agent = stage.agent("gw1", &stage.agent_token, &stage.authority.roots());
    stage.until_vantage("egress-127.0.2.2", "ok").await;
    stage.recheck().await;
    stage.until("the fault is gone", |status| !codes(status).contains(&"VANTAGE_FAULT".to_owned())).await;

    // The engine goes away and comes back; the agent finds it by itself.
    engine.kill();
    stage.until_log("gw1", "tries again").await;
    engine = stage.serve();
    stage.up().await;
    stage.until_vantage("egress-127.0.2.2", "ok").await;
    stage.recheck().await;
    let before = stage.status().await["as_of"].clone();
    let status = stage.until("there was another look", |status| status["as_of"] != before).await;
    assert_eq!(status["phase"], "ready", "{status:#}");
    let kinds = stage.event_kinds().await;
    assert!(!kinds.iter().any(|kind| kind == "permit_revoked"), "{kinds:?}");
    engine.kill();
}

fn codes(status: &Value) -> Vec<String> {
    let findings = status["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}

struct Process(Child);

impl Process {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Stage {
    folder: tempfile::TempDir,
    config: PathBuf,
    agent_config: PathBuf,
    url: String,
    /// Where TLS is ended for the engine.
    tls: SocketAddr,
    authority: Authority,
    desk: String,
    agent_token: String,
    client: reqwest::Client,
    lab: Lab,
    server: Arc<MailServer>,
}

impl Stage {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lab = Lab::start(Agenda::starting_at(SystemClock.now()), folder.path(), &[]).await.unwrap();
        let server = lab.add_customer(0, DOMAIN, 600).unwrap();
        server.start().unwrap();
        let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let (listen, reference) = (free(), free());
        let mut config = lab.config().unwrap();
        // The agent sets routes by this adapter, the engine by the agent.
        let adapter = config.gateway.adapter.clone();
        let agent_config = Config {
            gateway: fencepost::config::GatewayConfig { adapter, ..Config::default().gateway },
            probe: fencepost::config::ProbeConfig {
                allow_targets: vec!["127.0.0.0/8".to_owned()],
                extra_roots: config.probe.extra_roots.clone(),
                pause_ms: 0,
                ..Config::default().probe
            },
            ..Config::default()
        };
        config.gateway.adapter = AdapterConfig::Agents { agents: vec!["gw1".to_owned()] };
        config.gateway.egress[1].agent = Some("gw1".to_owned());
        // A place that is yet to come, looked at from by the agent alone.
        let announced = json!({ "address": ANNOUNCED, "label": "oulu", "agent": "gw1", "state": "announced" });
        config.gateway.egress.push(serde_json::from_value(announced).unwrap());
        config.probe.outsiders.clear();
        config.probe.remote_outsiders = vec![RemoteOutsider { agent: "gw1".to_owned(), address: None }];
        // One of the laboratory's resolvers is asked by the agent alone.
        let address = config.probe.resolvers.pop();
        config.probe.remote_resolvers = vec![RemoteResolver { agent: "gw1".to_owned(), address }];
        config.probe.reference = vec![reference];
        config.probe.reference_listen = Some(reference);
        config.http.listen = listen;
        config.engine.auto_register = true;
        config.engine.poll_ms = 50;
        config.engine.agent_away_seconds = 2;
        let write = |name: &str, config: &Config| {
            let path = folder.path().join(name);
            // JSON is YAML.
            std::fs::write(&path, serde_json::to_string_pretty(config).unwrap()).unwrap();
            path
        };
        let (path, agent_config) = (write("engine.yaml", &config), write("agent.yaml", &agent_config));
        let authority = Authority::new("127.0.0.1");
        let tls = end_tls(authority.acceptor(Oddity::None), listen).await;
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().unwrap();
        let mut stage = Self {
            folder,
            config: path,
            agent_config,
            url: format!("http://{listen}"),
            tls,
            authority,
            desk: String::new(),
            agent_token: String::new(),
            client,
            lab,
            server,
        };
        stage.desk = stage.token("desk", "desk");
        stage.agent_token = stage.token("agent", "gw1");
        stage
    }

    fn token(&self, role: &str, label: &str) -> String {
        let made = Command::new(PROGRAM)
            .args(["token", "create", "--role", role, "--label", label, "--config"])
            .arg(&self.config)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    }

    fn spawn(&self, name: &str, command: &mut Command) -> Process {
        let log = File::options().create(true).append(true).open(self.log_file(name)).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .env_remove("FENCEPOST_TOKEN")
            .spawn()
            .unwrap();
        Process(child)
    }

    fn serve(&self) -> Process {
        self.spawn("engine", Command::new(PROGRAM).args(["serve", "--config"]).arg(&self.config))
    }

    fn agent(&self, log: &str, token: &str, authority: &Path) -> Process {
        let file = self.folder.path().join(format!("{log}.token"));
        std::fs::write(&file, token).unwrap();
        let engine = format!("https://{}", self.tls);
        let mut command = Command::new(PROGRAM);
        command.args(["agent", "--engine", &engine, "--config"]).arg(&self.agent_config);
        command.arg("--ca").arg(authority).arg("--token-file").arg(file);
        self.spawn(log, &mut command)
    }

    /// What an agent says that gets nowhere.
    async fn agent_says(&self, log: &str, token: &str, authority: &Path, word: &str) -> String {
        let _agent = self.agent(log, token, authority);
        self.until_log(log, word).await;
        self.log(log)
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.log"))
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.log_file(name)).unwrap_or_default()
    }

    async fn until_log(&self, name: &str, word: &str) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.log(name).contains(word) {
            assert!(Instant::now() < until, "{name} does not say {word:?}:\n{}", self.log(name));
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn up(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.client.get(format!("{}/healthz", self.url)).send().await.is_err() {
            assert!(Instant::now() < until, "it does not come up:\n{}", self.log("engine"));
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.desk).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        answer.json().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.url)).bearer_auth(&self.desk).json(body);
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn order(&self) {
        let order = json!({
            "partner": "acme", "customer_name": "Customer",
            "contacts": [{ "name": "T", "email": "tech@elsewhere.example" }, { "name": "P", "email": "orders@partner.example", "role": "partner" }],
            "domains": [DOMAIN],
            "servers": [{ "host": format!("mail.{DOMAIN}"), "port": self.lab.ports.smtp }],
            "mailboxes": 10, "kind": "trial", "price": "120.00 EUR", "sales_rep": "rep@partner.example",
        });
        self.post("/v1/orders", &order).await;
    }

    async fn recheck(&self) {
        self.post(&format!("/v1/domains/{DOMAIN}/recheck"), &json!({})).await;
    }

    async fn status(&self) -> Value {
        self.get(&format!("/v1/domains/{DOMAIN}/status")).await
    }

    async fn event_kinds(&self) -> Vec<String> {
        let events = self.get(&format!("/v1/domains/{DOMAIN}/events?limit=500")).await;
        let items = events["items"].as_array().unwrap();
        items.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    }

    async fn until(&self, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let status = self.status().await;
            if done(&status) {
                return status;
            }
            assert!(
                Instant::now() < until,
                "{what}: not yet\n{status:#}\nengine:\n{}\nagent:\n{}",
                self.log("engine"),
                self.log("gw1")
            );
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// What the vantage said in the last whole round, once it is of this kind.
    async fn until_resolver(&self, vantage: &str, kind: &str) -> Value {
        let config: Value = serde_json::from_slice(&std::fs::read(&self.config).unwrap()).unwrap();
        let path = config["store"]["path"].as_str().unwrap().to_owned();
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let body: String = rusqlite::Connection::open(&path)
                .unwrap()
                .query_row("SELECT body FROM observation WHERE kind = 'mx'", [], |row| row.get(0))
                .unwrap();
            let round: Value = serde_json::from_str(&body).unwrap();
            let seen = round["resolvers"].as_array().unwrap().iter().find(|seen| seen["vantage"] == vantage).unwrap();
            if seen["answer"]["kind"] == kind {
                return seen["answer"].clone();
            }
            assert!(Instant::now() < until, "{vantage} does not say {kind}: {seen:#}\n{}", self.log("engine"));
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// How the customer stands towards the announced address.
    async fn until_place(&self, standing: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let rows = self.get(&format!("/v1/gateway/places/{ANNOUNCED}/domains")).await;
            if rows["items"][0]["standing"] == standing {
                return;
            }
            assert!(Instant::now() < until, "it is not {standing}: {rows:#}\n{}", self.log("gw1"));
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn until_vantage(&self, id: &str, state: &str) {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let vantages = self.get("/v1/vantages").await;
            let found = vantages["items"].as_array().unwrap().iter().find(|v| v["id"] == id).unwrap();
            if found["state"] == state {
                return;
            }
            assert!(Instant::now() < until, "{id} is not {state}: {vantages:#}\n{}", self.log("gw1"));
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A TLS proxy as an operator puts it in front of the engine.
async fn end_tls(acceptor: tokio_rustls::TlsAcceptor, engine: SocketAddr) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut inside) = acceptor.accept(stream).await else { return };
                let Ok(mut outside) = tokio::net::TcpStream::connect(engine).await else { return };
                let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
            });
        }
    });
    address
}
