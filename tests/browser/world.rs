//! The laboratory of the demonstration with the engine and the pages of `fencepost serve` in it. Virtual
//! time passes in [`World::pass`] and [`World::until`] and stands still otherwise, so that a person at a
//! page has all the time it needs.

use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::{Clock, SharedClock};
use fencepost::config::{Config, RateConfig, SignInConfig};
use fencepost::demo::lab::{Copies, Lab, MailServer, Task};
use fencepost::demo::{Agenda, Busy};
use fencepost::dice::Dice;
use fencepost::engine::{Agents, Engine, EngineParts};
use fencepost::gateway;
use fencepost::http::server::{self, Limits};
use fencepost::http::token::Token;
use fencepost::http::{HttpParts, router};
use fencepost::notify::SmtpNotifier;
use fencepost::probe::Prober;
use fencepost::store::sqlite::SqliteStore;
use fencepost::store::{NewToken, Role, Store};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::chromium::{Chromium, Scripts};
use super::person::Person;

pub const HOUR: SignedDuration = SignedDuration::from_hours(1);
pub const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// In real time, for the engine to come to rest.
const PATIENCE: Duration = Duration::from_secs(240);
/// In minutes.
const YEAR: u32 = 365 * 24 * 60;
/// Domains of the world with their own mail servers.
const DOMAINS: [&str; 3] = ["bakery.example", "florist.example", "tailor.example"];

pub struct World {
    pub lab: Lab,
    pub agenda: Agenda,
    /// Where the pages are.
    pub url: String,
    pub store: Arc<dyn Store>,
    pub servers: Vec<Arc<MailServer>>,
    held: Option<Busy>,
    desk: String,
    stop: CancellationToken,
    engine: tokio::task::JoinHandle<()>,
    pages: Option<Task>,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        // Monday morning in Helsinki.
        let agenda = Agenda::starting_at("2027-01-04T06:00:00Z".parse().unwrap());
        let held = Some(agenda.busy());
        let lab = Lab::start(agenda.clone(), folder.path(), &DOMAINS).await.unwrap();
        let servers: Vec<_> =
            (0u8..).zip(DOMAINS).map(|(n, domain)| lab.add_customer(n, domain, 300).unwrap()).collect();
        servers.iter().for_each(|server| server.start().unwrap());

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = lab.config().unwrap();
        config.http.listen = listener.local_addr().unwrap();
        config.http.public_url = format!("http://{}", config.http.listen);
        // Months pass in a minute: whoever signs in stays so.
        config.http.sign_in = SignInConfig { idle_minutes: YEAR, session_hours: YEAR / 60, ..SignInConfig::default() };
        config.http.rate = RateConfig::unbounded();
        let (url, config) = (config.http.public_url.clone(), Arc::new(config));
        let clock: SharedClock = Arc::new(agenda.clone());
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config.store).unwrap());
        let engine = engine(&config, &store, &clock);
        let waking = engine.clone();
        // Letting go of the engine's own hold wakes it.
        agenda.on_release(move || drop(waking.hold()));
        let parts = HttpParts {
            store: store.clone(),
            desk: engine.desk(),
            agents: Agents::new(store.clone(), clock.clone(), config.clone(), Dice::new()),
            clock,
            config: config.clone(),
        };
        let (routes, limits) = (router(parts), Limits::of(&config.http));
        let pages = Task::spawn(async move { server::serve(listener, routes, limits, CancellationToken::new()).await });
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { engine.run(stop).await }
        });
        let mut world = Self {
            lab,
            agenda,
            url,
            store,
            servers,
            held,
            desk: String::new(),
            stop,
            engine: running,
            pages: Some(pages),
            _folder: folder,
        };
        world.desk = world.token(Role::Desk, None, "service desk").await;
        world
    }

    /// A new token.
    pub async fn token(&self, role: Role, partner: Option<&str>, label: &str) -> String {
        let token = Token::generate();
        let new = NewToken {
            id: token.id().to_owned(),
            hash: token.hash(),
            role,
            partner: partner.map(str::to_owned),
            label: label.to_owned(),
            created_at: self.agenda.now(),
            expires_at: None,
        };
        self.store.create_token(new).await.unwrap();
        token.reveal().to_owned()
    }

    /// Somebody with this role, signed in, at a browser of its own.
    pub async fn person(&self, chromium: &Chromium, scripts: Scripts, role: Role, partner: Option<&str>) -> Person {
        let person = Person { driver: chromium.open(scripts).await, base: self.url.clone() };
        person.window(1200, 900).await;
        self.sign_in(&person, role, partner).await;
        person
    }

    /// Signs somebody in, on the page that asks for it.
    pub async fn sign_in(&self, person: &Person, role: Role, partner: Option<&str>) {
        let token = self.token(role, partner, partner.unwrap_or("somebody")).await;
        person.go("/").await;
        assert_eq!(person.path().await, "/sign-in");
        // People sign in by a mailed link; a token is for those who have one.
        if person.has("#email").await {
            person.press("Sign in with an access token").await;
        }
        person.fill("Access token", &token).await;
        person.press("Sign in").await;
        person.sees("Domains").await;
    }

    /// What the API says, asked as the desk.
    pub async fn ask(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.desk);
        if let Some(body) = body {
            request = request.header("Idempotency-Key", uuid::Uuid::now_v7().to_string()).json(body);
        }
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    /// Orders by the API what is no subject of the test; the customer's id.
    pub async fn ordered(&self, partner: &str, domain: &str) -> String {
        let order = order(partner, domain, self.lab.ports.smtp);
        let placed = self.ask(reqwest::Method::POST, "/v1/orders", Some(&order)).await;
        let id = placed["customer_id"].as_str().unwrap().to_owned();
        self.ask(reqwest::Method::POST, &format!("/v1/customers/{id}/register"), Some(&json!({}))).await;
        id
    }

    pub async fn status(&self, domain: &str) -> Value {
        self.ask(reqwest::Method::GET, &format!("/v1/domains/{domain}/status"), None).await
    }

    /// The customer's people set the MX at their DNS provider, exactly as they were shown it.
    pub fn set_mx(&self, domain: &str, ttl: u32, records: &[(u16, &str)]) {
        self.lab.set_mx(Copies::Both, domain, ttl, records).unwrap();
    }

    /// Lets virtual time pass, at least so much.
    pub async fn pass(&mut self, time: SignedDuration) {
        let held = self.held.take();
        self.held = tokio::time::timeout(PATIENCE, self.agenda.after(time, held)).await.ok();
        assert!(self.held.is_some(), "the engine never came to rest");
    }

    /// Lets virtual time pass in steps until the status of a domain is so, no longer than `limit`.
    pub async fn until(
        &mut self,
        domain: &str,
        pointer: &str,
        value: &str,
        step: SignedDuration,
        limit: SignedDuration,
    ) {
        let end = self.agenda.now() + limit;
        loop {
            let status = self.status(domain).await;
            if status.pointer(pointer).and_then(Value::as_str) == Some(value) {
                return;
            }
            assert!(self.agenda.now() < end, "{pointer} of {domain} is not {value} within {limit:#}: {status:#}");
            self.pass(step).await;
        }
    }

    /// Stops the engine and the pages in good order.
    pub async fn end(mut self) {
        self.stop.cancel();
        drop(self.held.take());
        self.engine.await.unwrap();
        drop(self.pages.take());
    }
}

fn engine(config: &Arc<Config>, store: &Arc<dyn Store>, clock: &SharedClock) -> Engine {
    let notifier = SmtpNotifier::new(&config.notify, &config.http.public_url).unwrap();
    let notifier = notifier.with_calendar(&config.commerce).unwrap();
    Engine::new(EngineParts {
        dice: Dice::new(),
        store: store.clone(),
        observer: Arc::new(Prober::new(&config.probe, &config.gateway, clock.clone()).unwrap()),
        gateway: gateway::build(&config.gateway).unwrap(),
        notifier: Arc::new(notifier),
        clock: clock.clone(),
        config: config.clone(),
    })
}

fn order(partner: &str, domain: &str, port: u16) -> Value {
    let name = domain.split('.').next().unwrap_or(domain);
    json!({
        "partner": partner,
        "customer_name": format!("The {name}"),
        "business_id": format!("FI-{name}"),
        "contacts": [
            { "name": "Owner", "email": format!("owner@{name}.example.net"), "role": "technical" },
            { "name": "Technician", "email": format!("tech@{partner}.example.net"), "role": "partner" },
        ],
        "domains": [domain],
        "servers": [{ "host": format!("mail.{domain}"), "port": port }],
        "test_mailbox": "info",
        "mailboxes": 20,
        "kind": "trial",
        "price": "120.00 EUR",
        "sales_rep": "sales@desk.example.net",
    })
}
