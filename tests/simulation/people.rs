//! The people of the simulation: who orders when, and how each customer behaves. Drawn from the seed
//! before anything happens, so that faults change the course of things and not the cast.

use fencepost::engine::{Accounts, Caller, Desk, EvidenceFile, Idempotency, Word};
use fencepost::order::Order;
use fencepost::store::Scope;
use fencepost_checks::DomainName;
use jiff::Timestamp;
use serde_json::json;

use super::node::Nodes;
use super::world::{Act, DAY, HOUR, Mx, Script, Site, State};

/// Everybody who will come, and the weather.
pub fn cast(state: &mut State, customers: u32, days: i64) {
    let start = state.now;
    for n in 0..customers {
        let domain = DomainName::parse(&format!("c{n}.example")).unwrap();
        let script = script(state);
        let site = Site {
            domain: domain.clone(),
            customer: None,
            paid: state.between(0, 9) < 4,
            server_works: state.between(0, 9) > 0,
            firewall_open: state.between(0, 9) < 3,
            mx: Mx::Old,
            go_ahead: false,
            connected: false,
            passed: [None; 4],
            last_round_named_us: false,
            script,
            word: None,
            notice: None,
            cancelled: false,
        };
        let ordered = start + state.between(0, (days - 60).max(1) * 24) * HOUR / 3;
        if !site.server_works {
            let works = ordered + state.between(1, 72) * HOUR;
            state.plan(works, Act::Server(domain.clone(), true));
        }
        if let Some(after) = site.script.cancels {
            state.plan(ordered + after, Act::Cancel(domain.clone()));
        }
        if let Some(after) = site.script.hurries {
            state.plan(ordered + after, Act::Hurry(domain.clone()));
        }
        state.sites.insert(domain.clone(), site);
        state.plan(ordered, Act::Order(domain));
    }
    for day in (10..days - 20).step_by(23) {
        let at = start + day * DAY + state.between(0, 20) * HOUR;
        let length = state.between(1, 5) * HOUR;
        state.plan(at, Act::Storm(length));
    }
    for day in (17..days - 20).step_by(41) {
        let at = start + day * DAY + state.between(0, 20) * HOUR;
        let by = state.between(-3, 3) * HOUR;
        state.plan(at, Act::Jump(by));
        state.plan(at + 2 * DAY, Act::Jump(-by));
    }
    runs(state, days);
}

fn script(state: &mut State) -> Script {
    let maybe = |state: &mut State, per_cent: i64, least: i64, most: i64| {
        let at = state.between(least, most);
        (state.between(0, 99) < per_cent).then_some(at * HOUR)
    };
    let stays = state.between(0, 9) < 6;
    Script {
        opens_after: state.between(0, 240) * HOUR,
        moves_after: state.between(1, 120) * HOUR,
        obeys: state.between(0, 99) < 85,
        decides: maybe(state, 70, 24, 50 * 24).map(|at| (stays, at)),
        entered_late: maybe(state, 30, 1, 72).unwrap_or(0),
        gives_notice: maybe(state, 15, 100 * 24, 250 * 24),
        drifts: maybe(state, 25, 5 * 24, 150 * 24),
        closes_firewall: maybe(state, 15, 5 * 24, 200 * 24),
        cancels: maybe(state, 12, 1, 20 * 24),
        hurries: maybe(state, 15, 1, 15 * 24),
    }
}

/// Accounting closes every run on its day.
fn runs(state: &mut State, days: i64) {
    let day = |at: i64| Timestamp::from_microsecond(at).unwrap().to_zoned(jiff::tz::TimeZone::UTC).date();
    for n in 0..days {
        let noon = state.now + n * DAY + 6 * HOUR;
        if fencepost::ledger::period::group_of_run(day(noon)).is_some() {
            state.plan(noon, Act::CloseRun(day(noon)));
        }
    }
}

/// A person acts.
pub async fn act(nodes: &mut Nodes, act: Act) {
    match act {
        Act::Order(domain) => {
            let order = order(&domain, nodes.world.state().site(&domain).paid);
            let caller = caller(&format!("order {domain}"));
            let placed = nodes.insist(async |desk: Desk| desk.place_order(order.clone(), &caller).await.unwrap()).await;
            nodes.world.state().site(&domain).customer = Some(placed.customer_id);
        }
        Act::Decide(domain, customer, late) => {
            let received = now(nodes, late);
            let caller = caller(&format!("decide {domain}"));
            let id = id(nodes, &domain);
            nodes.world.state().site(&domain).word = Some((customer, received.as_microsecond()));
            let word = || Word { customer, group: None, evidence: mail(received, "we have decided"), replace: true };
            nodes.insist(async |desk: Desk| desk.decide(&id, word(), &caller).await.unwrap()).await;
        }
        Act::GiveNotice(domain) => give_notice(nodes, domain).await,
        Act::Cancel(domain) => {
            let site = nodes.world.state().site(&domain).clone();
            if site.customer.is_some() && !site.connected {
                let caller = caller(&format!("cancel {domain}"));
                let why = "not wanted any more".to_owned();
                nodes.insist(async |desk: Desk| desk.cancel(&domain, why.clone(), &caller).await.unwrap()).await;
                nodes.world.state().site(&domain).cancelled = true;
            }
        }
        Act::CloseRun(date) => {
            let accounts = Accounts::new(nodes.store.clone(), nodes.world.clone(), nodes.config.clone());
            let report = accounts.close(date, "accounting").await.unwrap();
            let problems = format!("{:?}", report.problems);
            nodes.world.state().holds(report.problems.is_empty(), || format!("run {date}: {problems}"));
        }
        other => unreachable!("{other:?} happens by itself"),
    }
}

async fn give_notice(nodes: &mut Nodes, domain: DomainName) {
    let id = id(nodes, &domain);
    let customer = nodes.store.customer(&id, &Scope::All).await.unwrap().unwrap();
    let state: serde_json::Value = serde_json::from_str(&customer.subscription.state).unwrap();
    if state["phase"] != "active" {
        return;
    }
    let received = now(nodes, 0);
    nodes.world.state().site(&domain).notice = Some(received.as_microsecond());
    let caller = caller(&format!("notice {domain}"));
    let evidence = || mail(received, "we leave");
    nodes.insist(async |desk: Desk| desk.notice_given(&id, evidence(), &caller).await.unwrap()).await;
}

fn id(nodes: &Nodes, domain: &DomainName) -> String {
    nodes.world.state().site(domain).customer.clone().unwrap()
}

fn now(nodes: &Nodes, late: i64) -> Timestamp {
    Timestamp::from_microsecond(nodes.world.state().shown().as_microsecond() - late).unwrap()
}

fn mail(received: Timestamp, text: &str) -> EvidenceFile {
    EvidenceFile { name: "mail".to_owned(), content: format!("{text} {received}").into_bytes(), received }
}

fn caller(key: &str) -> Caller {
    let idempotency = Some(Idempotency { key: format!("t/{key}"), request_hash: key.to_owned() });
    Caller { who: "desk".to_owned(), scope: Scope::All, idempotency }
}

pub const PRICE: i64 = 12_000;

fn order(domain: &DomainName, paid: bool) -> Order {
    serde_json::from_value(json!({
        "partner": "p", "customer_name": "Example Oy", "business_id": null, "billing_address": null,
        "vat_id": null, "bill_to": "customer",
        "contacts": [
            { "name": "T", "email": "tech@customer.example", "role": "technical" },
            { "name": "P", "email": "orders@partner.example", "role": "partner" },
        ],
        "domains": [domain], "servers": [{ "host": format!("mail.{domain}"), "port": 25 }], "hosted": false,
        "test_mailbox": "test", "mailboxes": 10, "kind": if paid { "paid" } else { "trial" },
        "price": "120.00 EUR", "sales_rep": "rep@partner.example", "invoicing_group": null, "language": "en",
    }))
    .unwrap()
}
