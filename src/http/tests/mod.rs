//! The router over a real SQLite store, with a clock that stands still. Requests go through every
//! layer; there is no socket.

mod access;
mod accounting;
mod agents;
mod audit;
mod board;
mod books;
mod bounds;
mod bounds_by_client;
mod commerce;
mod content;
mod contract;
mod document;
mod domains;
mod forms;
mod hostile;
mod imports;
mod invoices;
mod isolation;
mod openid;
mod operation;
mod order_form;
mod orders;
mod pages;
mod reports;
mod routes;
mod shared_links;
mod signing_in;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use fencepost_checks::mx::MxVerdict;
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, ServerAnswer};
use fencepost_checks::{DomainName, Finding, Verdict};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::token::Token;
use super::{HttpParts, router};
use crate::clock::Clock;
use crate::config::{Config, MxHost, RateConfig, StoreConfig};
use crate::dice::Dice;
use crate::engine::{Agents, Desk, secret_hash};
use crate::lifecycle::connection::{self, Connection, Fact, Gate, GateFact, MxFact, Phase, RouteMode};
use crate::lifecycle::permit::Setup;
use crate::store::sqlite::SqliteStore;
use crate::store::{
    CommitOutcome, EvidenceName, HolderId, NewEvent, NewSession, NewToken, Observation, Role, Scope, SignInWay, Store,
    Transition,
};

const START: &str = "2026-03-10T08:00:00Z";

#[derive(Debug)]
struct StandingClock(AtomicI64);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

struct TestApp {
    store: Arc<dyn Store>,
    sqlite: Arc<SqliteStore>,
    clock: Arc<StandingClock>,
    router: Router,
    config: Arc<Config>,
    _folder: tempfile::TempDir,
}

struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn pretty(&self) -> String {
        format!("{}\n{}", self.status.as_u16(), serde_json::to_string_pretty(&self.json()).unwrap())
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl TestApp {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = |name: &str, preference| MxHost::current(name.parse().unwrap(), preference);
        let mut config =
            Config { store: StoreConfig::sqlite(PathBuf::from(folder.path()).join("t.db")), ..Config::default() };
        config.gateway.mx_hosts = vec![host("mx1.gateway.example", 10), host("mx2.gateway.example", 20)];
        // A browser of these tests stays signed in, however far the clock is moved.
        config.http.sign_in.idle_minutes = 400 * 24 * 60;
        config.http.rate = RateConfig::unbounded();
        change(&mut config);
        let sqlite = Arc::new(SqliteStore::open(&config.store).unwrap());
        let store: Arc<dyn Store> = sqlite.clone();
        let start: Timestamp = START.parse().unwrap();
        let clock = Arc::new(StandingClock(AtomicI64::new(start.as_microsecond())));
        let config = Arc::new(config);
        let desk = Desk::new(store.clone(), clock.clone(), config.clone());
        let agents = Agents::new(store.clone(), clock.clone(), config.clone(), Dice::new());
        let parts = HttpParts { store: store.clone(), desk, agents, clock: clock.clone(), config: config.clone() };
        Self { store, sqlite, clock, router: router(parts), config, _folder: folder }
    }

    /// The same data under another configuration, as after a restart.
    fn reconfigured(mut self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::clone(&self.config);
        change(&mut config);
        self.config = Arc::new(config);
        let desk = Desk::new(self.store.clone(), self.clock.clone(), self.config.clone());
        let (store, clock, config) = (self.store.clone(), self.clock.clone(), self.config.clone());
        let agents = Agents::new(store.clone(), clock.clone(), config.clone(), Dice::new());
        self.router = router(HttpParts { store, desk, agents, clock, config });
        self
    }

    fn agents(&self) -> Agents {
        Agents::new(self.store.clone(), self.clock.clone(), self.config.clone(), Dice::new())
    }

    fn database(&self) -> PathBuf {
        self._folder.path().join("t.db")
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the store was asked since the last time.
    fn asked(&self) -> Vec<&'static str> {
        self.sqlite.asked()
    }

    fn advance(&self, by: SignedDuration) {
        self.clock.0.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::SeqCst);
    }

    async fn token(&self, role: Role, partner: Option<&str>) -> String {
        self.token_until(role, partner, None).await
    }

    async fn token_until(&self, role: Role, partner: Option<&str>, expires_at: Option<Timestamp>) -> String {
        let token = Token::generate();
        let new = NewToken {
            id: token.id().to_owned(),
            hash: token.hash(),
            role,
            partner: partner.map(str::to_owned),
            label: "somebody".to_owned(),
            created_at: self.now(),
            expires_at,
        };
        self.store.create_token(new).await.unwrap();
        token.reveal().to_owned()
    }

    /// Sends a request. A token in the cookie `fencepost_token` stands for a browser that is signed in with it.
    async fn send(&self, request: Request<Body>) -> Reply {
        let (mut asked, body) = request.into_parts();
        self.signed_in(&mut asked.headers).await;
        let said = to_bytes(body, 64 << 20).await.unwrap();
        let (method, address, kind) =
            (asked.method.clone(), asked.uri.clone(), asked.headers.get(header::CONTENT_TYPE).cloned());
        let request = Request::from_parts(asked, Body::from(said.clone()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, 8 << 20).await.unwrap();
        let reply =
            Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() };
        // Whatever a test is about: no answer of the API is another than the document says.
        contract::hold(&contract::Asked { method: &method, path: address.path(), kind, body: &said }, &reply);
        reply
    }

    /// What the browser holds is the token itself, so that words of forms are easily made.
    async fn signed_in(&self, headers: &mut HeaderMap) {
        let Some(cookie) = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()) else { return };
        let Some((before, token)) = cookie.split_once("fencepost_token=") else { return };
        let secure = if self.config.http.public_url.starts_with("https:") { "__Host-" } else { "" };
        let changed = format!("{before}{secure}fencepost_session={token}");
        if let Some(known) = Token::parse(token)
            && self.store.session(&secret_hash(token)).await.unwrap().is_none()
        {
            let session = NewSession {
                id: known.id().to_owned(),
                hash: secret_hash(token),
                way: SignInWay::Token,
                browser: "test".to_owned(),
                created_at: self.now(),
                ends_at: self.now() + SignedDuration::from_hours(24 * 400),
            };
            self.store.begin_session(HolderId::Token(known.id().to_owned()), session).await.unwrap();
        }
        headers.insert(header::COOKIE, changed.parse().unwrap());
    }

    async fn get(&self, token: &str, path: &str) -> Reply {
        self.send(request(Method::GET, token, path, Body::empty())).await
    }

    async fn post(&self, token: &str, path: &str, body: &Value) -> Reply {
        self.send(request(Method::POST, token, path, Body::from(body.to_string()))).await
    }

    async fn post_with_key(&self, token: &str, key: &str, path: &str, body: &Value) -> Reply {
        let mut request = request(Method::POST, token, path, Body::from(body.to_string()));
        request.headers_mut().insert("idempotency-key", key.parse().unwrap());
        self.send(request).await
    }

    /// Places a good order; gives the customer's id.
    async fn ordered(&self, partner: &str, domain: &str) -> String {
        let desk = self.token(Role::Desk, None).await;
        let reply = self.post(&desk, "/v1/orders", &order(partner, domain)).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        reply.json()["customer_id"].as_str().unwrap().to_owned()
    }

    /// Lets facts reach the connection of a domain, and stores what the lifecycle decides.
    async fn facts(&self, domain: &str, facts: &[Fact], observations: Vec<Observation>) -> Connection {
        let name: DomainName = domain.parse().unwrap();
        let row = self.store.domain(&name, &Scope::All).await.unwrap().unwrap();
        let state: Connection = serde_json::from_str(&row.connection.state).unwrap();
        let mut state = Connection { setup: Setup::of(&self.config), ..state };
        let (mut events, mut archive) = (Vec::new(), Vec::new());
        for fact in facts {
            let decision = connection::decide(&state, fact, self.now());
            state = connection::evolve(&state, &decision, self.now());
            archive.extend(decision.events.iter().flat_map(cited));
            events.extend(decision.events.iter().map(|event| NewEvent {
                kind: "test".to_owned(),
                body: serde_json::to_string(event).unwrap(),
                cause: "test".to_owned(),
            }));
        }
        let outcome = self
            .store
            .commit(Transition {
                subject_id: row.connection.id,
                version: row.connection.version,
                claim: None,
                at: self.now(),
                machine_version: connection::MACHINE_VERSION,
                phase: super::api::phase_word(state.phase),
                state: serde_json::to_string(&state).unwrap(),
                state_since: state.phase_since,
                events,
                observations,
                archive,
                outbox: Vec::new(),
                entries: Vec::new(),
                route: None,
                timers: Vec::new(),
                inbox: None,
                consumes: None,
                settles: None,
            })
            .await
            .unwrap();
        assert!(matches!(outcome, CommitOutcome::Committed { .. }), "{outcome:?}");
        state
    }

    /// Everything passes: the domain gets its permit.
    async fn made_ready(&self, domain: &str) {
        let now = self.now();
        let gate = |gate| {
            Fact::Gate(GateFact {
                gate,
                verdict: Verdict::Pass,
                blocking: Vec::new(),
                observed_at: now,
                retry_after: None,
                evidence: evidence_name(gate),
                setup: Setup::of(&self.config),
                egress: None,
            })
        };
        let foreign = Fact::Mx(MxFact {
            verdict: MxVerdict::ForeignOnly,
            ours_published: false,
            old_published: true,
            complete: true,
            clean: false,
            gone: true,
            resolvers_stale: false,
            t_star: None,
            observed_at: now,
            broken_by: None,
            names: vec!["mail.old.example".to_owned()],
            nxdomain: false,
            retiring: Vec::new(),
            retired: Vec::new(),
            ours: Vec::new(),
        });
        let facts = [
            Fact::Registered { by: "desk".to_owned() },
            foreign,
            gate(Gate::Allowlist),
            gate(Gate::Probe),
            gate(Gate::Lint),
            Fact::RouteApplied { mode: RouteMode::Deliver, at: now },
            gate(Gate::Gateway),
            gate(Gate::Lint),
        ];
        let mx = observation("mx", &round(domain, "mail.old.example", now), now);
        let probe = observation("smtp", &serde_json::from_str::<Value>(SEEN_BODY).unwrap(), now);
        let state = self.facts(domain, &facts, vec![mx, probe]).await;
        assert_eq!(state.phase, Phase::Ready, "{state:?}");
    }
}

/// What the probe of a permitted domain saw.
const SEEN_BODY: &str = r#"{"said":"250 fine"}"#;

/// What a permit names: of the probe something that is kept.
fn evidence_name(gate: Gate) -> String {
    if gate == Gate::Probe {
        return format!("smtp:{}", hex::encode(Sha256::digest(SEEN_BODY)));
    }
    format!("{gate:?}").to_lowercase()
}

fn cited(event: &connection::Event) -> Vec<EvidenceName> {
    match event {
        connection::Event::PermitIssued { evidence, .. } => {
            evidence.iter().filter_map(|name| EvidenceName::parse(name)).collect()
        }
        _ => Vec::new(),
    }
}

fn request(method: Method, token: &str, path: &str, body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    request.header(header::CONTENT_TYPE, "application/json").body(body).unwrap()
}

fn order(partner: &str, domain: &str) -> Value {
    json!({
        "partner": partner,
        "customer_name": "Customer of tests",
        "contacts": [{ "name": "Postmaster", "email": "it@elsewhere.example" }],
        "domains": [domain],
        "servers": [{ "host": "mail.customer.example" }],
        "mailboxes": 12,
        "kind": "trial",
        "price": "120.00 EUR",
        "sales_rep": "rep@partner.example",
    })
}

fn round(domain: &str, exchange: &str, at: Timestamp) -> DnsRound {
    let domain: DomainName = domain.parse().unwrap();
    let answer = ServerAnswer {
        name: "ns1.dns.example".to_owned(),
        address: "192.0.2.53:53".parse().unwrap(),
        in_parent: true,
        in_child: true,
        answer: DnsAnswer::Mx { records: vec![MxRecord { preference: 10, exchange: exchange.to_owned() }], ttl: 3600 },
        elapsed_ms: 3,
        observed_at: at,
    };
    let round = json!({
        "domain": domain, "started_at": at, "finished_at": at, "zone": domain, "servers": [answer], "resolvers": [],
    });
    serde_json::from_value(round).unwrap()
}

fn observation(kind: &str, body: &impl serde::Serialize, at: Timestamp) -> Observation {
    Observation {
        kind: kind.to_owned(),
        digest: "d".to_owned(),
        first_at: at,
        last_at: at,
        body: serde_json::to_string(body).unwrap(),
    }
}

fn findings(findings: &[Finding], at: Timestamp) -> Observation {
    observation("findings:probe", &findings, at)
}

/// What a page says, without its marks: one line for each piece of text.
fn said(page: &str) -> String {
    let main = page.split_once("<main").map_or(page, |(_, rest)| rest.split_once('>').unwrap().1);
    let main = main.split("</main>").next().unwrap();
    let mut text = String::new();
    for (index, piece) in main.split('<').enumerate() {
        let shown = if index == 0 { piece } else { piece.split_once('>').map_or("", |(_, shown)| shown) };
        let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        if !words.is_empty() {
            text.push_str(&words);
            text.push('\n');
        }
    }
    without_ids(&text)
}

/// Ids are random: the same one gets the same name in a snapshot.
fn without_ids(text: &str) -> String {
    let mut known: Vec<String> = Vec::new();
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = find_uuid(rest) {
        let id = &rest[at..at + 36];
        let number = known.iter().position(|k| k == id).unwrap_or_else(|| {
            known.push(id.to_owned());
            known.len() - 1
        });
        out.push_str(&rest[..at]);
        out.push_str(&format!("<id {}>", number + 1));
        rest = &rest[at + 36..];
    }
    out + rest
}

fn find_uuid(text: &str) -> Option<usize> {
    let shape = |window: &[u8]| {
        window.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
    };
    text.as_bytes().windows(36).position(shape)
}
