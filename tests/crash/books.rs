//! Every use case of a store that writes, one after the other, in a process that is stopped at each
//! point the first times it comes by. Whoever asked asks again, as clients do, and nothing is there twice.

use std::path::Path;
use std::sync::Arc;

use fencepost::clock::Clock;
use fencepost::config::{Config, StoreConfig};
use fencepost::engine::{Accounts, Caller, Desk, Idempotency};
use fencepost::failpoint::{Point, Step};
use fencepost::ledger::{EntryDraft, EntryKind, Evidence, PriceMode};
use fencepost::store::postgres::{LeaseClock, PostgresStore};
use fencepost::store::{
    Act, ActFilter, ActOutcome, ActPart, Allowance, ClaimRequest, HolderId, Manners, NewLink, NewPerson, NewSession,
    NewSignInLink, NewToken, Page, Role, Scope, Share, SignInWay, Store, TurnAnswer, TurnRequest,
};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::database::Database;
use super::role::{self, Blow};
use super::{agents, mails};

/// All that a store does. What the service does as well is enumerated here time by time.
pub const STEPS: [Step; 21] = [
    Step::PlaceOrder,
    Step::CreateToken,
    Step::RevokeToken,
    Step::ShareLink,
    Step::Person,
    Step::SignIn,
    Step::Claim,
    Step::Transition,
    Step::Abandon,
    Step::Park,
    Step::RetryParked,
    Step::ClaimOutbox,
    Step::OutboxDone,
    Step::AppendEntries,
    Step::KeepEvidence,
    Step::CloseRun,
    Step::RecordAct,
    Step::Heartbeat,
    Step::Manners,
    Step::Migrate,
    Step::Flush,
];
const RUN: Date = date(2026, 10, 15);
const MAIJA: &str = "maija@desk.example";
const DOCUMENT: &[u8] = b"We stay.";

#[test]
fn stopped_at_every_point_the_books_are_as_if_nothing_had_happened_on_sqlite() {
    story(&Database::Sqlite);
}

#[test]
fn stopped_at_every_point_the_books_are_as_if_nothing_had_happened_on_postgres() {
    story(&Database::postgres());
}

fn story(database: &Database) {
    // How often one point is stopped at; where it is passed more rarely, each time. A new database for
    // each costs little on SQLite alone.
    let most = if matches!(database, Database::Sqlite) { 3 } else { 1 };
    let fresh = || {
        let folder = tempfile::tempdir().unwrap();
        let config = database.fresh(folder.path());
        std::fs::write(folder.path().join("store"), serde_json::to_string(&config).unwrap()).unwrap();
        folder
    };
    let calm = fresh();
    assert!(once(calm.path(), None), "undisturbed");
    let calm = told(calm.path());
    for point in Point::all().filter(|point| {
        STEPS.contains(&point.step) || agents::STEPS.contains(&point.step) || mails::STEPS.contains(&point.step)
    }) {
        let mut nth = 1;
        while nth <= most {
            let folder = fresh();
            let ended = once(folder.path(), Some((point, nth)));
            if ended {
                break;
            }
            assert!(once(folder.path(), None), "{point} ({nth}): it does not come through afterwards");
            assert_eq!(told(folder.path()), calm, "stopped {point} ({nth})");
            nth += 1;
        }
        assert!(nth > 1, "{point} is never reached");
    }
}

/// Whether the process came to its end.
fn once(folder: &Path, at: Option<(Point, u32)>) -> bool {
    let log = folder.join("log");
    let at = at.map(|(point, nth)| (point, nth, Blow::Abort));
    let mut process = role::start("books", folder, at, &log);
    let status = process.ended(std::time::Duration::from_secs(30)).expect("it hangs");
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(status.success() || log.contains("stopped at"), "{status}\n{log}");
    status.success()
}

/// The role: the same requests each time, whatever became of them before.
pub fn play(folder: &Path) {
    // Each process comes later than the leases of the one before.
    let runs = folder.join("runs");
    let before = std::fs::read(&runs).map_or(0, |runs| runs.len());
    std::fs::write(&runs, vec![b'.'; before + 1]).unwrap();
    let now = "2026-10-20T08:00:00Z".parse::<Timestamp>().unwrap();
    let now = now + SignedDuration::from_hours(i64::try_from(before).unwrap());
    tokio::runtime::Runtime::new().unwrap().block_on(write(folder, now));
}

async fn write(folder: &Path, now: Timestamp) {
    fencepost::store::migrate(&config(folder)).await.unwrap();
    let store = open(folder).await;
    let config = Arc::new(Config::default());
    let clock = Arc::new(Still(now));
    let desk = Desk::new(store.clone(), clock.clone(), config.clone());
    let placed = desk.place_order(order(), &caller("order")).await.unwrap();
    desk.register(&placed.customer_id, &caller("register")).await.unwrap();
    token(store.as_ref(), now).await;
    link(store.as_ref(), now).await;
    people(store.as_ref(), now).await;
    store.keep_evidence(&sha256(), DOCUMENT, now).await.unwrap();
    if store.entries(None, 0, 10).await.unwrap().is_empty() {
        store.append_entries(entries(&placed.customer_id), now).await.unwrap();
    }
    Accounts::new(store.clone(), clock, config).close(RUN, "accounting").await.unwrap();
    agents::write(store.as_ref(), now).await;
    mails::write(store.as_ref(), &placed.customer_id, now).await;
    acted(store.as_ref(), now).await;
    store.heartbeat(now).await.unwrap();
    manners(store.as_ref(), now).await;
    settle(store.as_ref(), now).await;
    let parked = store.parked(&Page { after: None, limit: 10 }).await.unwrap().rows;
    store.retry_parked(&parked[0].id, now, "desk").await.unwrap().unwrap();
    settle(store.as_ref(), now).await;
}

/// A turn that its holder took to the grave ends with its lease, so every process gets it.
async fn manners(store: &dyn Store, now: Timestamp) {
    let seconds = SignedDuration::from_secs;
    let manners = Manners { same: seconds(30), other: seconds(5), looks: 20, look: SignedDuration::ZERO };
    let request = TurnRequest {
        target: "smtp 192.0.2.25".to_owned(),
        vantage: "egress".to_owned(),
        holder: now.to_string(),
        now,
        lease: seconds(200),
        manners,
    };
    assert_eq!(store.take_turn(request).await.unwrap(), TurnAnswer::Yours);
    store.end_turn("smtp 192.0.2.25", &now.to_string(), now).await.unwrap();
    let allowance = Allowance { count: 10, per: seconds(60) };
    assert_eq!(store.draw("dns 192.0.2.53", 4, allowance, now).await.unwrap().granted, 4);
}

/// Whoever writes down what was done writes it once.
async fn acted(store: &dyn Store, now: Timestamp) {
    if !acts(store).await.is_empty() {
        return;
    }
    let act = |id: &str| Act {
        id: id.to_owned(),
        at: now,
        actor: "t1".to_owned(),
        who: "test".to_owned(),
        role: "desk".to_owned(),
        action: "suspend".to_owned(),
        part: ActPart::Desk,
        subject_kind: "domain".to_owned(),
        subject: "a.example".to_owned(),
        detail: "a holiday".to_owned(),
        outcome: ActOutcome::Done,
        request_id: "r1".to_owned(),
    };
    store.record_acts(vec![act("a1"), act("a2")]).await.unwrap();
}

async fn acts(store: &dyn Store) -> Vec<Act> {
    store.acts(&ActFilter::default(), &Page { after: None, limit: 10 }).await.unwrap().rows
}

async fn token(store: &dyn Store, now: Timestamp) {
    let token = NewToken {
        id: "t1".to_owned(),
        hash: [1; 32],
        role: Role::Desk,
        partner: None,
        label: "test".to_owned(),
        created_at: now,
        expires_at: None,
    };
    if store.tokens().await.unwrap().is_empty() {
        store.create_token(token).await.unwrap();
    }
    assert!(store.revoke_token("t1", now).await.unwrap());
}

async fn link(store: &dyn Store, now: Timestamp) {
    let link = NewLink {
        id: "l1".to_owned(),
        hash: [2; 32],
        subject_id: "c1".to_owned(),
        partner: "p".to_owned(),
        label: "test".to_owned(),
        made_by: "test".to_owned(),
        made_at: now,
        expires_at: None,
    };
    if store.links("c1").await.unwrap().is_empty() {
        store.create_link(link).await.unwrap();
    }
    store.link_used("l1", now).await.unwrap();
    assert!(store.revoke_link("c1", "l1", "test", now).await.unwrap());
}

/// Somebody with an account comes in by a link.
async fn people(store: &dyn Store, now: Timestamp) {
    let person = NewPerson {
        id: "p1".to_owned(),
        email: MAIJA.to_owned(),
        name: "Maija".to_owned(),
        role: Role::Desk,
        partner: None,
        language: fencepost::order::Language::En,
        created_at: now,
        created_by: "test".to_owned(),
    };
    if store.person_by_email(MAIJA).await.unwrap().is_none() {
        store.add_person(person).await.unwrap();
    }
    let holder = HolderId::Person("p1".to_owned());
    if !store.sessions(&holder).await.unwrap().is_empty() {
        return;
    }
    let ends_at = now + SignedDuration::from_hours(10_000);
    if store.sign_in_link(&[2; 32], now).await.unwrap().is_none() {
        let link =
            NewSignInLink { hash: [2; 32], person_id: "p1".to_owned(), next: "/".to_owned(), created_at: now, ends_at };
        assert!(store.keep_sign_in_link(link).await.unwrap());
    }
    let session = NewSession {
        id: "s1".to_owned(),
        hash: [3; 32],
        way: SignInWay::Link,
        browser: String::new(),
        created_at: now,
        ends_at,
    };
    assert!(store.use_sign_in_link(&[2; 32], session).await.unwrap().is_some());
}

/// Effects are done, one kind of work is parked, the rest is put off.
async fn settle(store: &dyn Store, now: Timestamp) {
    let far = now + SignedDuration::from_hours(10_000);
    let request = ClaimRequest {
        now,
        owner: "test".to_owned(),
        lease: SignedDuration::from_mins(5),
        limit: 100,
        share: Share::All,
    };
    loop {
        let (items, claims) =
            (store.claim_outbox(request.clone()).await.unwrap(), store.claim(request.clone()).await.unwrap());
        if items.is_empty() && claims.is_empty() {
            return;
        }
        for item in items {
            let outcome = fencepost::store::OutboxOutcome::Sent { detail: "taken".to_owned() };
            store.outbox_done(&item, now, outcome).await.unwrap();
        }
        for claim in claims {
            if claim.kind == "mx" {
                store.park(&claim, now, "no such thing").await.unwrap();
            } else {
                store.abandon(&claim, far, "later").await.unwrap();
            }
        }
    }
}

/// Everything that is to be found afterwards, without instants and random names.
fn told(folder: &Path) -> String {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = open(folder).await;
        let page = Page { after: None, limit: 100 };
        let customers = store.customers(&Scope::All, &page).await.unwrap().rows;
        assert_eq!(customers.len(), 1);
        let mut text = String::new();
        for subject in customers.iter().flat_map(|c| std::iter::once(&c.subscription).chain(&c.connections)) {
            let events = store.events(&subject.id, 0, 100).await.unwrap();
            assert_eq!(events.len() as u64, subject.last_seq);
            let kinds: Vec<_> = events.iter().map(|event| (event.seq, &event.kind)).collect();
            let notices = store.notices(&subject.id, 100).await.unwrap();
            let notices: Vec<_> = notices.iter().map(|row| (&row.dedupe_key, &row.status)).collect();
            text += &format!("{:?} {} {kinds:?} {notices:?}\n", subject.kind, subject.version);
        }
        let entries = store.entries(None, 0, 100).await.unwrap();
        fencepost::ledger::chain::verify(&entries, &[]).unwrap();
        let drafts: Vec<_> = entries.iter().map(|entry| (entry.seq, &entry.draft)).collect();
        let tokens = store.tokens().await.unwrap();
        let tokens: Vec<_> = tokens.iter().map(|token| (&token.id, token.revoked_at.is_some())).collect();
        let runs = store.closed_runs().await.unwrap();
        let runs: Vec<_> =
            runs.iter().map(|run| (run.run_date, run.head_seq, String::from_utf8_lossy(&run.lines))).collect();
        let parked = store.parked(&page).await.unwrap().rows;
        let parked: Vec<_> = parked.iter().map(|row| (&row.what, &row.subject_id, &row.error)).collect();
        let kept = store.evidence(&sha256()).await.unwrap();
        let acts: Vec<String> = acts(store.as_ref()).await.into_iter().map(|act| act.id).collect();
        text += &format!("{acts:?}\n");
        let sessions = store.sessions(&HolderId::Person("p1".to_owned())).await.unwrap();
        let sessions: Vec<_> = sessions.iter().map(|session| (&session.id, session.way)).collect();
        let waits = store.sign_in_link(&[2; 32], Timestamp::UNIX_EPOCH).await.unwrap().is_some();
        text += &format!("{sessions:?} {waits}\n");
        text += &format!("{drafts:?}\n{tokens:?}\n{runs:?}\n{parked:?}\n{kept:?}\n");
        text += &agents::told(store.as_ref()).await;
        text += &mails::told(store.as_ref(), &customers[0].id).await;
        for (id, name) in [(&customers[0].id, "customer"), (&customers[0].connections[0].id, "connection")] {
            text = text.replace(id, name);
        }
        text
    })
}

fn sha256() -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(DOCUMENT))
}

fn config(folder: &Path) -> StoreConfig {
    serde_json::from_str(&std::fs::read_to_string(folder.join("store")).unwrap()).unwrap()
}

async fn open(folder: &Path) -> Arc<dyn Store> {
    let config = config(folder);
    match config.database().unwrap() {
        fencepost::config::Database::Sqlite(_) => fencepost::store::open(&config).await.unwrap(),
        // Leases end by the clock of this story.
        fencepost::config::Database::Postgres(_) => {
            Arc::new(PostgresStore::open(&config, LeaseClock::Caller).await.unwrap())
        }
    }
}

fn caller(key: &str) -> Caller {
    let idempotency = Some(Idempotency { key: format!("t/{key}"), request_hash: key.to_owned() });
    Caller { who: "desk".to_owned(), scope: Scope::All, idempotency }
}

fn order() -> fencepost::order::Order {
    serde_json::from_value(json!({
        "partner": "p", "customer_name": "Example Oy", "business_id": null, "billing_address": null,
        "vat_id": null, "bill_to": "customer",
        "contacts": [{ "name": "T", "email": "tech@customer.example", "role": "technical" }],
        "domains": ["d1.example"], "servers": [{ "host": "mail.example.com", "port": 25 }], "hosted": false,
        "test_mailbox": "test", "mailboxes": 10, "kind": "trial", "price": "120.00 EUR",
        "sales_rep": "rep@partner.example", "invoicing_group": null, "language": "en",
    }))
    .unwrap()
}

fn entries(customer: &str) -> Vec<EntryDraft> {
    let kinds = [
        EntryKind::PartnerSet { partner: "p".to_owned() },
        EntryKind::BillingPartySet { party: "Example Oy".to_owned() },
        EntryKind::PriceSet { mode: PriceMode::Total, amount: "120.00 EUR".parse().unwrap() },
        EntryKind::MailboxBasisSet { mailboxes: 10 },
        EntryKind::GroupSet { group: 15 },
        EntryKind::Activated,
    ];
    let draft = |kind| EntryDraft {
        customer_id: customer.to_owned(),
        kind,
        valid_from: date(2026, 10, 1),
        evidence: Evidence::Rule { rule: "test".to_owned(), version: 1, facts: "none".to_owned() },
        recorded_by: "accounting".to_owned(),
        approved_by: None,
        supersedes: None,
    };
    kinds.map(draft).into()
}

/// A clock that stands still while a process lives.
#[derive(Debug)]
struct Still(Timestamp);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.0
    }
}
