//! Orders, subjects and transitions to test with.

use fencepost_checks::DomainName;
use jiff::{SignedDuration, Timestamp};

use crate::lifecycle::connection::RouteMode;
use crate::order::Order;
use crate::store::{
    Claim, ClaimRequest, NewEvent, NewOrder, NewOutbox, NewSubject, RouteChange, Share, Store, Subject, SubjectKind,
    TimerSet, Transition,
};

pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(300);

/// So many seconds after the beginning of the test.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn name(domain: &str) -> DomainName {
    DomainName::parse(domain).unwrap()
}

pub(crate) fn order(partner: &str, domain: &str) -> Order {
    serde_json::from_value(serde_json::json!({
        "partner": partner, "customer_name": "Example Oy", "business_id": null, "billing_address": null,
        "vat_id": null, "bill_to": "customer",
        "contacts": [
            { "name": "T", "email": "tech@customer.example", "role": "technical" },
            { "name": "P", "email": "orders@partner.example", "role": "partner" },
        ],
        "domains": [domain], "servers": [{ "host": "mail.example.com", "port": 25 }], "hosted": false,
        "test_mailbox": "test", "mailboxes": 10, "kind": "trial", "price": "120.00 EUR",
        "sales_rep": "rep@partner.example", "invoicing_group": null, "language": "en",
    }))
    .unwrap()
}

/// An order `n` with one connection `c<n>` that has one timer due at once, and a route.
pub(crate) fn new_order(n: u32, partner: &str, domain: &str) -> NewOrder {
    let order = order(partner, domain);
    let subject = |id: String, kind, domain: Option<&str>| NewSubject {
        id,
        kind,
        domain: domain.map(name),
        machine_version: 1,
        phase: "ordered".to_owned(),
        state: "{}".to_owned(),
        events: vec![event("phase_entered")],
        outbox: Vec::new(),
        route: domain.map(|domain| RouteChange {
            domain: name(domain),
            mode: RouteMode::Defer,
            servers: order.servers.clone(),
        }),
        timers: domain.iter().map(|_| timer("mx", 0)).collect(),
    };
    NewOrder {
        order_id: format!("o{n}"),
        customer_id: format!("k{n}"),
        at: at(0),
        by: "desk".to_owned(),
        trials_since: None,
        must_hold: false,
        subjects: vec![
            subject(format!("k{n}"), SubjectKind::Subscription, None),
            subject(format!("c{n}"), SubjectKind::Connection, Some(domain)),
        ],
        entries: Vec::new(),
        inbox: None,
        order,
    }
}

pub(crate) fn event(kind: &str) -> NewEvent {
    NewEvent { kind: kind.to_owned(), body: "{}".to_owned(), cause: "test".to_owned() }
}

pub(crate) fn timer(kind: &str, seconds: i64) -> TimerSet {
    TimerSet { kind: kind.to_owned(), due_at: at(seconds) }
}

pub(crate) fn effect(key: &str, seconds: i64) -> NewOutbox {
    NewOutbox { dedupe_key: key.to_owned(), kind: "notice".to_owned(), payload: "{}".to_owned(), due_at: at(seconds) }
}

pub(crate) fn request(seconds: i64) -> ClaimRequest {
    ClaimRequest { now: at(seconds), owner: "test".to_owned(), lease: LEASE, limit: 100, share: Share::All }
}

/// A transition that changes nothing but the version.
pub(crate) fn transition(subject: &Subject, claim: Option<&Claim>, seconds: i64) -> Transition {
    Transition {
        subject_id: subject.id.clone(),
        version: subject.version,
        claim: claim.cloned(),
        at: at(seconds),
        machine_version: 1,
        phase: "ordered".to_owned(),
        state: format!(r#"{{"at":{seconds}}}"#),
        state_since: subject.state_since,
        events: Vec::new(),
        observations: Vec::new(),
        archive: Vec::new(),
        outbox: Vec::new(),
        entries: Vec::new(),
        route: None,
        timers: Vec::new(),
        inbox: None,
        consumes: None,
        settles: None,
    }
}

pub(crate) async fn subject(store: &dyn Store, id: &str) -> Subject {
    store.subject(id).await.unwrap().unwrap()
}

/// Places orders 1 to `n` of partner `p` for `d<n>.example`.
pub(crate) async fn placed(store: &dyn Store, n: u32) {
    for n in 1..=n {
        store.place_order(new_order(n, "p", &format!("d{n}.example"))).await.unwrap();
    }
}
