//! What the service desk works through.

use super::fixture::{at, new_order, subject, transition};
use crate::store::{CommitOutcome, Page, RunFilter, Scope, Store, Transition};

fn page(limit: u32) -> Page {
    Page { after: None, limit }
}

async fn is_in(store: &dyn Store, id: &str, phase: &str, since: i64) {
    let step = Transition {
        phase: phase.to_owned(),
        state_since: at(since),
        ..transition(&subject(store, id).await, None, since)
    };
    assert!(matches!(store.commit(step).await.unwrap(), CommitOutcome::Committed { .. }));
}

/// Seven runs of two partners: c1 has stood longest, c6 is connected, c7 has ended.
async fn at_work(store: &dyn Store) {
    for n in 1..=7 {
        let partner = if n % 2 == 0 { "p2" } else { "p1" };
        let mut order = new_order(n, partner, &format!("d{n}.example"));
        order.order.customer_name =
            ["Bakery Åkesson", "bakery Berg", "Carpenter", "Dairy"][(n as usize - 1) % 4].to_owned();
        store.place_order(order).await.unwrap();
    }
    for (id, phase, since) in [
        ("c1", "ready", 10),
        ("c2", "allowlisting", 50),
        ("c3", "ready", 20),
        ("c4", "confirming", 40),
        ("c5", "drifted", 30),
        ("c6", "connected", 1),
        ("c7", "released", 2),
    ] {
        is_in(store, id, phase, since).await;
    }
}

async fn found(store: &dyn Store, scope: &Scope, filter: &RunFilter) -> Vec<String> {
    let rows = store.runs(scope, filter, &page(100)).await.unwrap().rows;
    rows.into_iter().map(|row| row.connection.id).collect()
}

pub(crate) async fn runs_under_way_come_by_how_long_they_have_stood(store: &dyn Store) {
    at_work(store).await;
    let (mut seen, mut page) = (Vec::new(), page(2));
    loop {
        let listing = store.runs(&Scope::All, &RunFilter::default(), &page).await.unwrap();
        assert!(listing.rows.len() <= 2);
        seen.extend(listing.rows.into_iter().map(|row| row.connection.id));
        let Some(next) = listing.next else { break };
        page.after = Some(next);
    }
    assert_eq!(seen, ["c1", "c3", "c5", "c4", "c2"]);
    let odd = Page { after: Some("no key".to_owned()), limit: 100 };
    assert_eq!(store.runs(&Scope::All, &RunFilter::default(), &odd).await.unwrap().rows.len(), 5);
}

pub(crate) async fn runs_are_found_by_phase_partner_and_name(store: &dyn Store) {
    at_work(store).await;
    let of = |partner: &str| Scope::Partner(partner.to_owned());
    let some = |text: &str| Some(text.to_owned());
    let none = RunFilter::default();
    assert_eq!(found(store, &of("p2"), &none).await, ["c4", "c2"]);
    assert_eq!(found(store, &Scope::All, &RunFilter { phase: some("ready"), ..none.clone() }).await, ["c1", "c3"]);
    assert_eq!(found(store, &Scope::All, &RunFilter { partner: some("p2"), ..none.clone() }).await, ["c4", "c2"]);
    let of_another = RunFilter { partner: some("p2"), ..none.clone() };
    assert!(found(store, &of("p1"), &of_another).await.is_empty(), "a filter widens nothing");
    assert_eq!(found(store, &Scope::All, &RunFilter { begins: some("D5"), ..none.clone() }).await, ["c5"]);
    assert_eq!(
        found(store, &Scope::All, &RunFilter { begins: some("BAKERY"), ..none.clone() }).await,
        ["c1", "c5", "c2"]
    );
    assert!(found(store, &Scope::All, &RunFilter { begins: some("%"), ..none }).await.is_empty());
}

pub(crate) async fn nobody_counts_further_than_asked(store: &dyn Store) {
    at_work(store).await;
    let phases = ["ready", "connected", "released", "ordered"];
    let counted = |scope: Scope, most: u32| async move {
        let counts = store.phase_counts(&scope, &phases, most).await.unwrap();
        counts.into_iter().map(|count| count.domains).collect::<Vec<_>>()
    };
    assert_eq!(counted(Scope::All, 100).await, [2, 1, 1, 0]);
    assert_eq!(counted(Scope::All, 1).await, [1, 1, 1, 0]);
    assert_eq!(counted(Scope::Partner("p2".to_owned()), 100).await, [0, 1, 0, 0]);
}

pub(crate) async fn customers_are_found_by_the_beginning_of_their_name(store: &dyn Store) {
    at_work(store).await;
    let named = |scope: Scope, begins: &'static str, limit: u32| async move {
        let (mut seen, mut page) = (Vec::new(), page(limit));
        loop {
            let listing = store.customers_named(&scope, begins, &page).await.unwrap();
            seen.extend(listing.rows.into_iter().map(|row| row.id));
            let Some(next) = listing.next else { return seen };
            page.after = Some(next);
        }
    };
    // By name, as its bytes stand: Å comes after B.
    assert_eq!(named(Scope::All, "", 3).await, ["k2", "k6", "k1", "k5", "k3", "k7", "k4"]);
    assert_eq!(named(Scope::All, "Bakery", 1).await, ["k2", "k6", "k1", "k5"]);
    assert_eq!(named(Scope::Partner("p1".to_owned()), "bakery", 10).await, ["k1", "k5"]);
    assert!(named(Scope::All, "x", 10).await.is_empty());
}
