//! The whole path against real daemons: Knot as authoritative servers, Unbound as resolver, Postfix
//! as the gateway and as the customer's server. Time is virtual, everything else is as in production:
//! the engine, its store, the probes, the Postfix adapter, the mail sent, the API.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod lab;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use fencepost::clock::{Clock, SharedClock};
use fencepost::config::{self, Config};
use fencepost::demo::{Agenda, Busy};
use fencepost::engine::ports::{Gateway, RouteDesire};
use fencepost::engine::{Agents, Engine, EngineParts};
use fencepost::gateway;
use fencepost::http::token::Token;
use fencepost::http::{HttpParts, router};
use fencepost::intake::MailIntake;
use fencepost::lifecycle::connection::RouteMode;
use fencepost::notify::SmtpNotifier;
use fencepost::order::MailServer;
use fencepost::probe::Prober;
use fencepost::store::sqlite::SqliteStore;
use fencepost::store::{NewToken, Role, Store};
use jiff::{SignedDuration, Timestamp};
use lab::network::{
    self, EGRESS, GATEWAY, INTAKE_DOMAIN, Network, OUTSIDER, RESOLVER, ROOT, SMARTHOST, answer_to, send,
};
use lab::sink::{Sink, Taken};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const DOMAIN: &str = "customer.example";
const MAILBOX: &str = "onboarding-test@customer.example";
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_customer_goes_from_order_to_connected() {
    if !lab::ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path()).await;

    // Ordered: the gateway defers the domain, so that a premature change would lose nothing.
    let placed = run.post("/v1/orders", &order()).await;
    run.until("a deferring gateway", HOUR * 2, MINUTE, |seen| {
        seen.has("order_received") && seen.first("route_confirmed", "defer").is_some()
    })
    .await;
    assert_eq!(run.status().await["phase"], "ordered");
    for server in GATEWAY {
        answers(server, MAILBOX, "450 4.3.0").await;
        answers(server, "x@below.customer.example", "550 5.7.1").await;
        answers(server, "postmaster@not-served-here.example", "554 5.7.1").await;
    }
    assert!(send(GATEWAY[0], MAILBOX, "too early").is_err());

    // Registered: the gates pass, the route is written, and the partner is told.
    let customer = placed["customer_id"].as_str().unwrap();
    run.post(&format!("/v1/customers/{customer}/register"), &json!({})).await;
    let canary = run.canary(folder.path()).await;
    run.until("the permit", HOUR * 12, MINUTE, |seen| {
        seen.status["answer"] == "change_now" && seen.has("mx_change_may_be_relayed")
    })
    .await;
    let status = run.status().await;
    assert_eq!(status["mx_change_permitted"], true, "{status:#}");
    let codes: Vec<_> = status["findings"].as_array().unwrap().iter().map(|f| &f["code"]).collect();
    assert!(codes.contains(&&json!("TLS_PKIX")), "a certificate that nobody signed is told: {codes:?}");
    assert!(status["findings"].as_array().unwrap().iter().all(|f| f["severity"] != "blocking"), "{status:#}");
    let delivered = status["findings"].as_array().unwrap().iter().find(|f| f["code"] == "CANARY_OK");
    let delivered = delivered.unwrap_or_else(|| panic!("{status:#}"))["detail"].as_str().unwrap();
    assert!(delivered.contains(MAILBOX) && delivered.contains("reports mail.customer.example"), "{delivered}");
    run.no_notice_counts_twice(&canary).await;
    answers(GATEWAY[0], MAILBOX, "250").await;
    answers(GATEWAY[1], "postmaster@not-served-here.example", "554 5.7.1").await;

    // The change, first on one name server only: nothing is confirmed by half a change.
    run.network.move_mx(0);
    run.until("the first sight of the change", HOUR, MINUTE, |seen| seen.status["phase"] == "confirming").await;
    run.pass(HOUR * 26).await;
    let mixed = run.status().await;
    assert_eq!(
        (&mixed["phase"], &mixed["window"]["earliest_close"]),
        (&json!("confirming"), &Value::Null),
        "{mixed:#}"
    );
    assert!(!run.seen().await.has("connected"));
    run.network.move_mx(1);
    let whole_since = run.agenda.now();

    // The window, and a real message through the gateway.
    run.until("the end of the window", HOUR * 72, MINUTE * 10, |seen| {
        seen.status["phase"] == "connected" && seen.has("connected")
    })
    .await;
    let connected_at: Timestamp = run.status().await["phase_since"].as_str().unwrap().parse().unwrap();
    assert!(connected_at.duration_since(whole_since) >= HOUR * 24, "{connected_at} {whole_since}");
    assert_eq!(run.status().await["answer"], "done");
    send(GATEWAY[0], MAILBOX, "through the gateway").unwrap();
    let network = run.network.clone();
    let message = tokio::task::spawn_blocking(move || network.arrives("through the gateway")).await.unwrap();
    assert!(message.contains(&format!("[{}]", EGRESS[0])), "relayed from a gateway address:\n{message}");

    run.end().await;
}

/// Every route that can be desired, as the real Postfix answers it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postfix_answers_every_route_at_rcpt() {
    if !lab::ready() {
        return;
    }
    const SERVER: &str = "127.0.66.1";
    const STANDBY: &str = "127.0.66.9";
    let folder = tempfile::tempdir().unwrap();
    let maps = network::maps(folder.path());
    let postfix = network::gateway(&folder.path().join("gateway"), &maps, &[SERVER], "127.0.66.2", "");
    let sink = Sink::start(folder.path(), format!("{STANDBY}:25").parse().unwrap());
    let adapter =
        gateway::PostfixGateway::new(&maps.join("relay_domains"), &maps.join("transport"), &postfix.reload_command())
            .unwrap();
    let server = |host: &str, standby| MailServer { host: host.to_owned(), port: 25, standby };
    let modes = [
        (RouteMode::Absent, "554 5.7.1"),
        (RouteMode::Defer, "450 4.3.0"),
        (RouteMode::Deliver, "250 2.1.5"),
        (RouteMode::Defer, "450 4.3.0"),
        (RouteMode::Reject, "550 5.7.1"),
        (RouteMode::Absent, "554 5.7.1"),
        (RouteMode::Deliver, "250 2.1.5"),
    ];
    for ((mode, expected), generation) in modes.into_iter().zip(1..) {
        let desire = RouteDesire {
            domain: DOMAIN.parse().unwrap(),
            mode,
            // Nothing listens at the first: Postfix goes on to the standby.
            servers: vec![server(STANDBY, true), server("127.0.66.8", false)],
            generation,
        };
        adapter.apply(&desire).await.unwrap();
        answers(SERVER, MAILBOX, expected).await;
        let below = if mode == RouteMode::Absent { "554 5.7.1" } else { "550 5.7.1" };
        answers(SERVER, "x@below.customer.example", below).await;
        answers(SERVER, "postmaster@not-served-here.example", "554 5.7.1").await;
        let known = Some(mode).filter(|mode| *mode != RouteMode::Absent);
        assert_eq!(adapter.observe(&desire.domain).await.unwrap(), known);
    }
    send(SERVER, MAILBOX, "to the standby").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !sink.taken().iter().any(|taken| taken.text.contains("Subject: to the standby")) {
        assert!(Instant::now() < deadline, "{}", postfix.log());
        tokio::task::spawn_blocking(lab::pause).await.unwrap();
    }
}

/// The program under test in its laboratory. Virtual time passes in [`Run::pass`] and [`Run::until`]
/// and stands still otherwise.
struct Run {
    network: Arc<Network>,
    agenda: Agenda,
    held: Option<Busy>,
    api: Router,
    token: String,
    stop: CancellationToken,
    work: tokio::task::JoinHandle<()>,
}

/// Everything that can be seen from outside at an instant.
struct Seen {
    status: Value,
    events: Vec<Value>,
    letters: Vec<Taken>,
}

impl Seen {
    fn has(&self, notice: &str) -> bool {
        self.letters.iter().any(|letter| letter.notice == notice)
    }

    /// Where in the history this event comes first, with this word in it.
    fn first(&self, kind: &str, word: &str) -> Option<usize> {
        self.events.iter().position(|event| {
            let text = event.to_string();
            text.contains(&format!("\"{kind}\"")) && text.contains(&format!("\"{word}\""))
        })
    }
}

impl Run {
    async fn start(folder: &Path) -> Self {
        let network = Arc::new(Network::start(folder));
        let config = Arc::new(configuration(folder, &network));
        let agenda = Agenda::starting_at("2027-03-01T08:00:00Z".parse().unwrap());
        let held = Some(agenda.busy());
        let clock: SharedClock = Arc::new(agenda.clone());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.store).unwrap());
        let engine = Engine::new(EngineParts {
            dice: fencepost::dice::Dice::new(),
            store: store.clone(),
            observer: Arc::new(Prober::new(&config.probe, &config.gateway, clock.clone()).unwrap()),
            gateway: gateway::build(&config.gateway).unwrap(),
            notifier: Arc::new(SmtpNotifier::new(&config.notify, &config.http.public_url).unwrap()),
            clock: clock.clone(),
            config: config.clone(),
        });
        let engine = engine.with_intake(Arc::new(MailIntake::new(&config.intake)));
        // Letting go of the engine's own hold wakes it.
        let waking = engine.clone();
        agenda.on_release(move || drop(waking.hold()));
        let token = Token::generate();
        let new = NewToken {
            id: token.id().to_owned(),
            hash: token.hash(),
            role: Role::Desk,
            partner: None,
            label: "desk".to_owned(),
            created_at: clock.now(),
            expires_at: None,
        };
        store.create_token(new).await.unwrap();
        let agents = Agents::new(store.clone(), clock.clone(), config.clone(), fencepost::dice::Dice::new());
        let api = router(HttpParts { store, desk: engine.desk(), agents, clock, config });
        let stop = CancellationToken::new();
        let work = tokio::spawn({
            let stop = stop.clone();
            async move { engine.run(stop).await }
        });
        Self { network, agenda, held, api, token: token.reveal().to_owned(), stop, work }
    }

    async fn get(&self, path: &str) -> Value {
        self.ask("GET", path, Body::empty()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, Body::from(body.to_string())).await
    }

    async fn ask(&self, method: &str, path: &str, body: Body) -> Value {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .unwrap();
        let response = self.api.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 8 << 20).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn status(&self) -> Value {
        self.get(&format!("/v1/domains/{DOMAIN}/status")).await
    }

    async fn events(&self) -> Vec<Value> {
        let page = self.get(&format!("/v1/domains/{DOMAIN}/events?limit=200")).await;
        page["items"].as_array().unwrap().clone()
    }

    async fn seen(&self) -> Seen {
        Seen { status: self.status().await, events: self.events().await, letters: self.network.sink.taken() }
    }

    /// Until the canary was sent, and then in real time until its delivery notice was taken in; the notice
    /// as it came. Meanwhile there is no permit.
    async fn canary(&mut self, folder: &Path) -> Vec<u8> {
        let sent = |seen: &Seen| {
            let findings = seen.status["findings"].as_array().cloned().unwrap_or_default();
            findings.iter().any(|f| f["code"] == "CANARY_WAITING" && f["detail"].to_string().contains("was taken by"))
        };
        self.until("the canary", HOUR * 12, MINUTE, sent).await;
        let status = self.status().await;
        assert_eq!((&status["phase"], &status["permit"]), (&json!("provisioning"), &Value::Null), "{status:#}");
        let read = network::intake_maildir(folder).join("cur");
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let found = std::fs::read_dir(&read).ok().and_then(|mut files| files.next());
            if let Some(file) = found {
                return std::fs::read(file.unwrap().path()).unwrap();
            }
            let logs = || format!("{}\n{}", self.network.customer.log(), self.network.gateway.log());
            assert!(Instant::now() < deadline, "no delivery notice:\n{}", logs());
            tokio::task::spawn_blocking(lab::pause).await.unwrap();
        }
    }

    /// The same notice again, a forged one, and any other message change nothing.
    async fn no_notice_counts_twice(&self, notice: &[u8]) {
        let before = self.events().await.len();
        let text = String::from_utf8_lossy(notice).into_owned();
        let token = text.split("canary.").nth(1).unwrap().split('@').next().unwrap();
        let forged = text.replace(&token[32..], &"0".repeat(32)).replace("Action: delivered", "Action: failed");
        let contrary = text.replace("Action: delivered", "Action: failed");
        let told = "it was told already";
        let rows = [
            (text.clone(), told),
            (contrary, told),
            (forged, "none of ours"),
            ("Subject: hello\r\n\r\nhello".to_owned(), "no multipart/report"),
        ];
        for (message, reason) in rows {
            let answer = self.ask("POST", "/v1/intake", Body::from(message)).await;
            assert_eq!(answer["taken"], false, "{answer}");
            assert!(answer["reason"].as_str().unwrap().contains(reason), "{answer}");
        }
        assert_eq!(self.events().await.len(), before);
    }

    /// Lets virtual time pass, at least so much.
    async fn pass(&mut self, time: SignedDuration) {
        let held = self.held.take();
        let passed = tokio::time::timeout(Duration::from_secs(240), self.agenda.after(time, held)).await;
        self.held = passed.ok();
        assert!(self.held.is_some(), "the engine never came to rest\n{}", self.story().await);
    }

    /// Lets virtual time pass in steps until the condition holds, no longer than `limit`.
    async fn until(
        &mut self,
        what: &str,
        limit: SignedDuration,
        step: SignedDuration,
        condition: impl Fn(&Seen) -> bool,
    ) {
        let end = self.agenda.now() + limit;
        while !condition(&self.seen().await) {
            assert!(self.agenda.now() < end, "{what} did not come within {limit:#}\n{}", self.story().await);
            self.pass(step).await;
        }
    }

    /// What a failure is explained by.
    async fn story(&self) -> String {
        let seen = self.seen().await;
        let events: Vec<String> = seen.events.iter().map(Value::to_string).collect();
        let letters: Vec<_> = seen.letters.iter().map(|letter| (&letter.notice, &letter.recipient)).collect();
        format!("{:#}\n{}\n{letters:?}\n{}", seen.status, events.join("\n"), self.network.gateway.log())
    }

    /// Stops the engine, then holds what it has done against what it should have done.
    async fn end(self) {
        let seen = self.seen().await;
        let story = self.story().await;
        self.stop.cancel();
        self.work.await.unwrap();
        let phases: Vec<_> = seen.events.iter().filter_map(|event| phase_entered(event)).collect();
        let path = ["ordered", "allowlisting", "probing", "provisioning", "ready", "confirming", "connected"];
        assert_eq!(phases, path, "{story}");
        let places = [
            ("route_confirmed", "defer"),
            ("route_confirmed", "deliver"),
            ("permit_issued", "permit_issued"),
            ("window_opened", "window_opened"),
        ]
        .map(|(kind, word)| seen.first(kind, word).unwrap_or_else(|| panic!("no {kind} {word}\n{story}")));
        assert!(places.is_sorted(), "{places:?}\n{story}");
        assert!(seen.first("window_broken", "window_broken").is_some(), "half a change broke the window\n{story}");

        let mut deliveries: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut notices: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for letter in &seen.letters {
            *deliveries.entry((&letter.message_id, &letter.recipient)).or_default() += 1;
            let ids = notices.entry(&letter.notice).or_default();
            if !ids.contains(&letter.message_id.as_str()) {
                ids.push(&letter.message_id);
            }
        }
        assert!(deliveries.values().all(|times| *times == 1), "sent twice: {deliveries:#?}");
        for notice in
            ["order_received", "firewall_instructions", "mx_change_may_be_relayed", "mx_change_seen", "connected"]
        {
            assert_eq!(notices.get(notice).map(Vec::len), Some(1), "{notice}: {notices:#?}");
        }
        assert!(!notices.contains_key("permission_withdrawn"), "{notices:#?}");
    }
}

fn phase_entered(event: &Value) -> Option<&str> {
    let body = event.get("body").unwrap_or(event);
    (body.get("event")? == "phase_entered").then(|| body["phase"].as_str()).flatten()
}

/// A reload takes effect when Postfix' processes have come round to it.
async fn answers(server: &str, recipient: &str, expected: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let (to, about) = (server.to_owned(), recipient.to_owned());
        let answer = tokio::task::spawn_blocking(move || {
            lab::pause();
            answer_to(&to, &about)
        });
        let answer = answer.await.unwrap();
        if answer.starts_with(expected) {
            return;
        }
        assert!(Instant::now() < deadline, "{server} answers {answer:?} to {recipient}, expected {expected}");
    }
}

/// As an operator writes it.
fn configuration(folder: &Path, network: &Network) -> Config {
    let yaml = format!(
        "store:
  path: {folder}/fencepost.db
engine:
  poll_ms: 20
gateway:
  mx_hosts:
    - {{ name: mx1.gateway.example, preference: 10 }}
    - {{ name: mx2.gateway.example, preference: 20 }}
  egress:
    - address: {egress1}
    - address: {egress2}
  adapter:
    kind: postfix
    relay_domains: {maps}/relay_domains
    transport: {maps}/transport
    reload: {reload:?}
probe:
  resolvers: ['{RESOLVER}:53']
  roots: ['{ROOT}:53']
  outsiders: [{OUTSIDER}]
  dns_timeout_ms: 1000
  pause_ms: 0
  allow_targets: [127.0.0.0/8]
  canary: required
  canary_sender: canary@{INTAKE_DOMAIN}
intake:
  maildir: {intake}
notify:
  smarthost: smtp://{SMARTHOST}
",
        folder = folder.display(),
        egress1 = EGRESS[0],
        egress2 = EGRESS[1],
        maps = network::maps(folder).display(),
        reload = network.gateway.reload_command(),
        intake = network::intake_maildir(folder).display(),
    );
    config::from_text(&yaml).unwrap_or_else(|mistakes| panic!("{mistakes:#?}\n{yaml}"))
}

fn order() -> Value {
    json!({
        "partner": "reseller",
        "customer_name": "Customer of the laboratory",
        "contacts": [
            { "name": "IT", "email": "it@elsewhere.example" },
            { "name": "Reseller", "email": "onboarding@reseller.example", "role": "partner" },
        ],
        "domains": [DOMAIN],
        "servers": [{ "host": "mail.customer.example" }],
        "test_mailbox": MAILBOX,
        "mailboxes": 12,
        "kind": "trial",
        "price": "120.00 EUR",
        "sales_rep": "rep@reseller.example",
    })
}
