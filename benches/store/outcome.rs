//! The outcome that is stored in every comparison: a look at one connection with a result. One event, the
//! observation, the subject, the next timer. Its values follow from the number of the subject alone, so
//! that every side writes the same.

use fencepost::config::StoreConfig;
use fencepost::order::Order;
use fencepost::store::sqlite::SqliteStore;
use fencepost::store::{
    Claim, NewEvent, NewOrder, NewSubject, Observation, RouteChange, Store, SubjectKind, TimerSet, Transition,
};
use fencepost_checks::DomainName;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::Outcome;

/// What an observation of a mail server says, about as long as they are.
pub const BODY: &str = include_str!("observation.json");
pub const STATE: &str = include_str!("state.json");
/// Microseconds since 1970; when everything began, and when the outcome is found.
pub const BEGIN: i64 = 1_800_000_000_000_000;
pub const NOW: i64 = BEGIN + 60_000_000;
pub const NEXT: i64 = BEGIN + 900_000_000;

pub fn id(n: u32) -> String {
    format!("c{n:07}")
}

pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX)
}

/// Decided on the first version of connection `n`.
pub fn transition(n: u32, claim: Option<Claim>) -> Transition {
    Transition {
        subject_id: id(n),
        version: 1,
        claim,
        at: at(NOW),
        machine_version: 1,
        phase: "probing".to_owned(),
        state: STATE.to_owned(),
        state_since: at(NOW),
        events: vec![NewEvent {
            kind: "gate_failed".to_owned(),
            body: r#"{"event":"gate_failed","gate":"probe","codes":["SMTP_REFUSED"]}"#.to_owned(),
            cause: "probe".to_owned(),
        }],
        observations: vec![Observation {
            kind: "smtp".to_owned(),
            digest: "5a5a5a5a5a5a5a5a".to_owned(),
            first_at: at(NOW),
            last_at: at(NOW),
            body: BODY.to_owned(),
        }],
        archive: Vec::new(),
        outbox: Vec::new(),
        entries: Vec::new(),
        route: None,
        timers: vec![TimerSet { kind: "probe".to_owned(), due_at: at(NEXT) }],
        inbox: None,
        consumes: None,
        settles: None,
    }
}

/// Every number below `count` once, in an order that looks like chance and is always the same.
pub fn shuffled(count: u32) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..count).collect();
    let mut dice = 0x9e37_79b9_7f4a_7c15_u64;
    for last in (1..numbers.len()).rev() {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(dice >> 33).unwrap_or(0) % (last + 1);
        numbers.swap(last, other);
    }
    numbers
}

/// A SQLite file with so many customers of one connection each.
pub async fn filled(config: &StoreConfig, count: u32) -> Outcome<()> {
    let store = SqliteStore::open(config)?;
    let orders = (0..count).map(|n| store.place_order(new_order(n)));
    let _: Vec<_> = stream::iter(orders).buffer_unordered(512).try_collect().await?;
    Ok(())
}

pub fn order(domain: &str) -> Outcome<Order> {
    Ok(serde_json::from_value(json!({
        "partner": "acme", "customer_name": "Example Oy", "business_id": null, "billing_address": null,
        "vat_id": null, "bill_to": "customer",
        "contacts": [
            { "name": "T", "email": "tech@customer.example", "role": "technical" },
            { "name": "P", "email": "orders@partner.example", "role": "partner" },
        ],
        "domains": [domain], "servers": [{ "host": "mail.example.com", "port": 25 }], "hosted": false,
        "test_mailbox": "test", "mailboxes": 10, "kind": "paid", "price": "120.00 EUR",
        "sales_rep": "rep@partner.example", "invoicing_group": null, "language": "en",
    }))?)
}

/// Customer `n`, whose connection has one timer that is due at once.
pub fn new_order(n: u32) -> NewOrder {
    let domain = format!("d{n:07}.example");
    let name = DomainName::parse(&domain).ok();
    let order = order(&domain).unwrap_or_else(|error| unreachable_order(&*error));
    let subject = |id: String, kind, domain: Option<DomainName>| NewSubject {
        id,
        kind,
        machine_version: 1,
        phase: "probing".to_owned(),
        state: STATE.to_owned(),
        events: vec![NewEvent { kind: "ordered".to_owned(), body: "{}".to_owned(), cause: "bench".to_owned() }],
        outbox: Vec::new(),
        route: domain.clone().map(|domain| RouteChange {
            domain,
            mode: fencepost::lifecycle::connection::RouteMode::Defer,
            servers: order.servers.clone(),
        }),
        timers: domain.iter().map(|_| TimerSet { kind: "probe".to_owned(), due_at: at(BEGIN) }).collect(),
        domain,
    };
    NewOrder {
        order_id: format!("o{n:07}"),
        customer_id: format!("k{n:07}"),
        at: at(BEGIN),
        by: "bench".to_owned(),
        trials_since: None,
        must_hold: false,
        subjects: vec![
            subject(format!("k{n:07}"), SubjectKind::Subscription, None),
            subject(id(n), SubjectKind::Connection, name),
        ],
        entries: Vec::new(),
        inbox: None,
        order,
    }
}

fn unreachable_order(error: &dyn std::error::Error) -> Order {
    // The text above is this program's own; a mistake in it shows at the first run.
    eprintln!("the order of the benches cannot be read: {error}");
    std::process::exit(2)
}

/// How long a claim is held.
pub const LEASE: SignedDuration = SignedDuration::from_secs(300);
