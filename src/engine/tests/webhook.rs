//! A closed run told to an accounting system that verifies what it gets, fails twice, and takes it then.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::date;
use ring::hmac;
use tokio_util::sync::CancellationToken;

use super::Stage;
use crate::config::{StoreConfig, WebhookConfig};
use crate::engine::{Accounts, AccountsError, Engine, EngineParts};
use crate::ledger::{EntryDraft, EntryKind, Evidence, PriceMode};
use crate::notify::SmtpNotifier;
use crate::store::sqlite::SqliteStore;
use crate::store::{Page, Store};

const SECRET: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";

/// What a request said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    id: String,
    timestamp: String,
    body: Vec<u8>,
    verified: bool,
    answer: StatusCode,
}

/// An accounting system on loopback.
#[derive(Debug, Default)]
struct Receiver {
    requests: Mutex<Vec<Request>>,
    /// Answers to come, the last one first; then 204.
    answers: Mutex<Vec<StatusCode>>,
}

impl Receiver {
    async fn start(answers: &[StatusCode]) -> (Arc<Self>, String) {
        let receiver = Arc::new(Self::default());
        receiver.answers.lock().unwrap().extend(answers.iter().rev());
        let router = Router::new().route("/hook", post(take)).with_state(receiver.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (receiver, url)
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

async fn take(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(SECRET).unwrap());
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &body].concat();
    let signature = STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    let verified = hmac::verify(&key, &signed, &signature).is_ok();
    let answer = receiver.answers.lock().unwrap().pop().unwrap_or(StatusCode::NO_CONTENT);
    receiver.requests.lock().unwrap().push(Request { id, timestamp, body: body.to_vec(), verified, answer });
    answer
}

/// Everything that is logged, at every level.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Office {
    engine: Engine,
    accounts: Accounts,
    store: Arc<dyn Store>,
    _secret: tempfile::TempDir,
}

/// An engine that tells the accounting system at `url`, with customers who were charged in August.
async fn office(stage: &mut Stage, url: &str) -> Office {
    let folder = tempfile::tempdir().unwrap();
    let secret_file: PathBuf = folder.path().join("secret");
    std::fs::write(&secret_file, format!("whsec_{SECRET}\n")).unwrap();
    stage.config.commerce.webhook = Some(WebhookConfig { url: url.to_owned(), secret_file });
    let config = Arc::new(stage.config.clone());
    let path = StoreConfig::sqlite(stage.folder.path().join("fencepost.db"));
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&path).unwrap());
    let notifier = SmtpNotifier::new(&config.notify, "https://x.example").unwrap();
    let engine = Engine::new(EngineParts {
        dice: crate::dice::Dice::new(),
        store: store.clone(),
        observer: stage.world.clone(),
        gateway: stage.world.clone(),
        notifier: Arc::new(notifier.with_webhook(config.commerce.webhook.as_ref()).unwrap()),
        clock: stage.clock.clone(),
        config: config.clone(),
    });
    for n in 0..3 {
        let draft = |kind| EntryDraft {
            customer_id: format!("c{n}"),
            kind,
            valid_from: date(2026, 8, 20),
            evidence: Evidence::Rule { rule: "test".to_owned(), version: 1, facts: String::new() },
            recorded_by: "engine".to_owned(),
            approved_by: None,
            supersedes: None,
        };
        let price = EntryKind::PriceSet { mode: PriceMode::Total, amount: "120.00 EUR".parse().unwrap() };
        let party = EntryKind::BillingPartySet { party: "Customer".to_owned() };
        let kinds = [price, party, EntryKind::GroupSet { group: 30 }, EntryKind::Activated];
        store.append_entries(kinds.map(draft).to_vec(), stage.clock.now()).await.unwrap();
    }
    let accounts = Accounts::new(store.clone(), stage.clock.clone(), config);
    Office { engine, accounts, store, _secret: folder }
}

/// Lets the engine work until `done`.
async fn work_until(engine: &Engine, done: impl AsyncFn() -> bool) {
    let shutdown = CancellationToken::new();
    let working = tokio::spawn({
        let (engine, shutdown) = (engine.clone(), shutdown.clone());
        async move { engine.run(shutdown).await }
    });
    let waited = tokio::time::timeout(Duration::from_secs(30), async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it is not done in time");
    shutdown.cancel();
    working.await.unwrap();
}

#[tokio::test]
async fn a_closed_run_is_told_once_signed_and_again_when_asked() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let failure = StatusCode::INTERNAL_SERVER_ERROR;
    let (receiver, url) = Receiver::start(&[failure, failure]).await;
    let mut stage = Stage::new();
    let office = office(&mut stage, &url).await;
    let run = date(2026, 8, 30);
    let accounts = &office.accounts;
    assert!(matches!(accounts.deliveries(run).await, Err(AccountsError::NoRun(_))));
    accounts.close(run, "Anna").await.unwrap();
    accounts.close(run, "Anna").await.unwrap();
    assert_eq!(accounts.deliveries(run).await.unwrap()[0].status, "pending");
    let sent = async || accounts.deliveries(run).await.unwrap().iter().all(|one| one.status == "sent");
    work_until(&office.engine, sent).await;

    let requests = receiver.requests();
    let answers: Vec<u16> = requests.iter().map(|request| request.answer.as_u16()).collect();
    assert_eq!(answers, [500, 500, 204]);
    assert!(requests.iter().all(|request| request.verified));
    let times: BTreeSet<&str> = requests.iter().map(|request| request.timestamp.as_str()).collect();
    assert_eq!(times.len(), 3, "each attempt says when it was made: {times:?}");
    let told: serde_json::Value = serde_json::from_slice(&requests[2].body).unwrap();
    assert_eq!(told["type"], "invoicing_run.closed");
    assert_eq!((&told["data"]["totals"][0], &told["data"]["parts"]), (&"360.00 EUR".into(), &1.into()));
    assert_eq!(told["data"]["lines"], serde_json::json!(accounts.closed(run).await.unwrap().lines));
    let delivery = accounts.deliveries(run).await.unwrap().remove(0);
    assert_eq!((delivery.id.as_str(), delivery.attempts, delivery.due_at), ("run_2026-08-30_1", 3, None));
    assert!(delivery.detail.starts_with("204"), "{}", delivery.detail);
    let tried: Vec<_> =
        delivery.log.iter().map(|one| (one.outcome.as_str(), one.status, one.next_at.is_some())).collect();
    assert_eq!(tried, [("failed", Some(500), true), ("failed", Some(500), true), ("sent", Some(204), false)]);

    let none = accounts.send_again(run, Some(2)).await.unwrap_err();
    assert!(matches!(none, AccountsError::NoPart { parts: 1, .. }), "{none}");
    accounts.send_again(run, Some(1)).await.unwrap();
    work_until(&office.engine, async || receiver.requests().len() == 4 && sent().await).await;
    let mut accepted: BTreeMap<String, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for request in receiver.requests() {
        assert!(request.verified);
        accepted.entry(request.id).or_default().insert(request.body);
    }
    assert_eq!(accepted.values().map(BTreeSet::len).collect::<Vec<_>>(), [1], "one content for one id");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("run_2026-08-30_1"), "the log was listened to");
    assert!(!log.contains(&SECRET[..12]), "the secret is in the log");
}

#[tokio::test]
async fn a_receiver_that_never_takes_it_ends_in_what_is_parked() {
    let (receiver, url) = Receiver::start(&[StatusCode::BAD_REQUEST; 50]).await;
    let mut stage = Stage::new();
    stage.config.engine.max_attempts = 5;
    let office = office(&mut stage, &url).await;
    let run = date(2026, 8, 30);
    office.accounts.close(run, "Anna").await.unwrap();
    let parked = async || office.accounts.deliveries(run).await.unwrap()[0].status == "parked";
    work_until(&office.engine, parked).await;
    assert_eq!(receiver.requests().len(), 5);
    let row = office.store.parked(&Page { after: None, limit: 10 }).await.unwrap().rows.remove(0);
    assert!(row.error.contains("answered 400"), "{}", row.error);
    // Retrying what is parked, or sending it again, begins anew.
    office.store.retry_parked(&row.id, stage.clock.now(), "desk").await.unwrap().unwrap();
    receiver.answers.lock().unwrap().clear();
    let sent = async || office.accounts.deliveries(run).await.unwrap()[0].status == "sent";
    work_until(&office.engine, sent).await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_good_is_not_asked_again() {
    let (receiver, url) = Receiver::start(&[StatusCode::GONE]).await;
    let mut stage = Stage::new();
    let office = office(&mut stage, &url).await;
    let run = date(2026, 8, 30);
    office.accounts.close(run, "Anna").await.unwrap();
    let parked = async || office.accounts.deliveries(run).await.unwrap()[0].status == "parked";
    work_until(&office.engine, parked).await;
    assert_eq!(receiver.requests().len(), 1);
}
