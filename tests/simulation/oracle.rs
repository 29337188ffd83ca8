//! What must be true in the end, worked out from what people did and not from what the engine says.

use std::collections::{BTreeMap, BTreeSet};

use fencepost::engine::Accounts;
use fencepost::ledger::invoice::LineKind;
use fencepost::ledger::period::{first_charged_day, period};
use fencepost::lifecycle::calendar::{Calendar, next_run};
use fencepost::lifecycle::connection::RouteMode;
use fencepost::store::{Customer, EventRow, Page, Scope, Store};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::node::Nodes;
use super::people::PRICE;
use super::world::{Mx, Site};

/// What a run amounts to.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// SHA-256 over every event, ledger entry and invoice line, in order.
    pub hash: String,
    pub events: usize,
    pub letters: usize,
    pub lines: usize,
    pub phases: BTreeMap<String, usize>,
    pub faults: BTreeMap<&'static str, u64>,
}

struct Book {
    hash: Sha256,
    events: usize,
    phases: BTreeMap<String, usize>,
    broken: Vec<String>,
    keys: BTreeSet<String>,
}

/// # Panics
/// When something does not hold, with all of it.
pub async fn judge(nodes: &Nodes) -> Outcome {
    let store = nodes.store.as_ref();
    let mut book = Book {
        hash: Sha256::new(),
        events: 0,
        phases: BTreeMap::new(),
        broken: nodes.world.state().broken.clone(),
        keys: BTreeSet::new(),
    };
    let accounts = Accounts::new(nodes.store.clone(), nodes.world.clone(), nodes.config.clone());
    if let Err(error) = accounts.verify(&[]).await {
        book.broken.push(format!("the ledger: {error}"));
    }
    let parked = store.parked(&Page { after: None, limit: 10 }).await.unwrap().rows;
    book.broken.extend(parked.iter().map(|row| format!("parked: {row:?}")));
    let due = store.next_due().await.unwrap();
    let now = nodes.world.state().shown();
    if due.is_some_and(|due| due <= now) {
        book.broken.push(format!("work of {due:?} is not done at {now}"));
    }
    let runs = accounts.runs().await.unwrap();
    let mut invoiced: BTreeMap<String, BTreeMap<Date, i64>> = BTreeMap::new();
    let mut lines = 0;
    for line in runs.iter().flat_map(|run| &run.lines) {
        lines += 1;
        book.hash.update(serde_json::to_vec(line).unwrap());
        let of = invoiced.entry(line.customer_id.clone()).or_default();
        if line.kind == LineKind::Period && of.contains_key(&line.period.from) {
            book.broken.push(format!("{} is charged twice for {:?}", line.customer_id, line.period));
        }
        *of.entry(line.period.from).or_default() += line.amount.minor;
    }
    let last = runs.last().map(|run| run.run_date);
    let calendar = Calendar::from_config(&nodes.config.commerce).unwrap();
    let sites: Vec<Site> = nodes.world.state().sites.values().cloned().collect();
    for site in sites {
        let Some(id) = &site.customer else { continue };
        let customer = store.customer(id, &Scope::All).await.unwrap().unwrap();
        let told = told(&mut book, nodes, store, &customer).await;
        let charged = invoiced.remove(id).unwrap_or_default();
        let charged: BTreeMap<Date, i64> = charged.into_iter().filter(|(_, sum)| *sum != 0).collect();
        let expected = expected(&calendar, &site, &told, last);
        if charged != expected {
            book.broken.push(format!("{}: charged {charged:?}, should be {expected:?}; {site:?}", site.domain));
        }
        ends_well(&mut book, nodes, &site, &customer);
    }
    for entry in ledger(store).await {
        book.hash.update(entry);
    }
    let state = nodes.world.state();
    for key in state.keys() {
        if !book.keys.contains(key) {
            book.broken.push(format!("a letter that nobody wrote down: {key}"));
        }
    }
    assert!(
        book.broken.is_empty(),
        "{} broken:\n{}",
        book.broken.len(),
        book.broken[..book.broken.len().min(12)].join("\n")
    );
    Outcome {
        hash: hex::encode(book.hash.finalize()),
        events: book.events,
        letters: state.letters.len(),
        lines,
        phases: book.phases,
        faults: state.faults.clone(),
    }
}

async fn ledger(store: &dyn Store) -> Vec<Vec<u8>> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let piece = store.entries(None, after, 1_000).await.unwrap();
        let Some(last) = piece.last() else { return all };
        after = last.seq;
        all.extend(piece.iter().map(|entry| entry.hash.to_vec()));
    }
}

/// The events of the subscription; all of the customer's go into the hash, and every letter is there once.
async fn told(book: &mut Book, nodes: &Nodes, store: &dyn Store, customer: &Customer) -> Vec<EventRow> {
    let mut of_subscription = Vec::new();
    for subject in std::iter::once(&customer.subscription).chain(&customer.connections) {
        let mut events = Vec::new();
        loop {
            let piece = store.events(&subject.id, events.len() as u64, 1_000).await.unwrap();
            if piece.is_empty() {
                break;
            }
            events.extend(piece);
        }
        let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
        if seqs != (1..=subject.last_seq).collect::<Vec<_>>() {
            book.broken.push(format!("{} has a gap: {seqs:?} of {}", subject.id, subject.last_seq));
        }
        book.events += events.len();
        for event in &events {
            let line = format!("{} {} {} {} {}\n", subject.id, event.seq, event.at, event.body, event.cause);
            book.hash.update(line);
            if event.kind == "permit_issued" {
                evidence_is_kept(book, store, &subject.id, event).await;
            }
        }
        letters(book, nodes, store, &subject.id).await;
        if subject.domain.is_none() {
            of_subscription = events;
        }
    }
    of_subscription
}

async fn evidence_is_kept(book: &mut Book, store: &dyn Store, subject: &str, event: &EventRow) {
    let body: Value = serde_json::from_str(&event.body).unwrap();
    for name in body["evidence"].as_array().unwrap() {
        let sha256 = name.as_str().unwrap().split_once(':').unwrap().1;
        let kept = store.archived(subject, sha256).await.unwrap();
        let fresh = kept.is_some_and(|kept| event.at.duration_since(kept.observed_at).as_hours().abs() < 6);
        if !fresh {
            book.broken.push(format!("{subject}: permit of {} without fresh evidence {name}", event.at));
        }
    }
}

async fn letters(book: &mut Book, nodes: &Nodes, store: &dyn Store, subject: &str) {
    let rows = store.notices(subject, 10_000).await.unwrap();
    let mut caused = BTreeSet::new();
    for row in rows {
        let arrived = nodes.world.state().letters.contains_key(&row.dedupe_key);
        let payload: Value = serde_json::from_str(&row.payload).unwrap();
        let first = caused.insert((payload["seq"].as_u64(), payload["notice"].as_str().map(str::to_owned)));
        // What was dropped may have arrived before, under a name that said so at that time.
        let well = match row.status.as_str() {
            "sent" => arrived,
            "dropped" => row.detail.contains("no longer valid"),
            _ => false,
        };
        if !well || !first {
            book.broken.push(format!("{}: {} (arrived: {arrived}) {}", row.dedupe_key, row.status, row.detail));
        }
        book.keys.insert(row.dedupe_key);
    }
}

/// What the calendar says that a customer has to pay, period by period.
fn expected(calendar: &Calendar, site: &Site, told: &[EventRow], last_run: Option<Date>) -> BTreeMap<Date, i64> {
    let nothing = BTreeMap::new();
    let bodies: Vec<Value> = told.iter().map(|event| serde_json::from_str(&event.body).unwrap()).collect();
    let connected = bodies.iter().find(|body| body["event"] == "domain_counted" && body["connected"] == true);
    let (Some(connected), Some(last_run)) = (connected, last_run) else { return nothing };
    let at: Timestamp = connected["at"].as_str().unwrap().parse().unwrap();
    let dates = calendar.dates(at);
    let day = |at: i64| calendar.day_of(Timestamp::from_microsecond(at).unwrap());
    let begins = match (site.paid, site.word) {
        (true, _) => dates.connected,
        (false, Some((false, _))) => return nothing,
        (false, Some((true, received))) => day(received).max(dates.trial_end),
        (false, None) => dates.negotiation_end,
    };
    let begins = first_charged_day(begins);
    let ends = site.notice.map_or(Date::MAX, |received| day(received).saturating_add(1.month()).max(begins));
    let group = calendar.group_by_rule(dates.connected);
    let periods = (0..).map(|n| period(begins, n)).take_while(|p| p.from < ends && next_run(group, p.from) <= last_run);
    periods.map(|p| (p.from, PRICE)).collect()
}

/// Nobody is left half-way, and the gateway does what it should.
fn ends_well(book: &mut Book, nodes: &Nodes, site: &Site, customer: &Customer) {
    let phase = |state: &str| {
        let state: Value = serde_json::from_str(state).unwrap();
        state["phase"].as_str().unwrap().to_owned()
    };
    let (subscription, connection) = (phase(&customer.subscription.state), phase(&customer.connections[0].state));
    *book.phases.entry(format!("{subscription}/{connection}")).or_default() += 1;
    let route = nodes.world.state().routes.get(&site.domain).map_or(RouteMode::Absent, |(mode, _)| *mode);
    let served = connection == "connected" || connection == "confirming" || connection == "drifted";
    let leaves = site.word.is_some_and(|(customer, _)| !customer) || site.notice.is_some();
    let well = match connection.as_str() {
        "released" | "cancelled" => route == RouteMode::Absent,
        _ if served => route == RouteMode::Deliver && (site.mx == Mx::Ours || connection != "connected"),
        "releasing" => leaves || site.cancelled,
        _ => !site.connected,
    };
    if !well || (leaves && served && subscription == "active") {
        book.broken.push(format!("{}: {subscription}/{connection}, route {route:?}; {site:?}", site.domain));
    }
}
