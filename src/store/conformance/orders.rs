//! Orders, repeated requests, and domains that somebody else holds.

use super::fixture::{at, effect, name, new_order, placed, request, subject, transition};
use crate::store::{
    Amendment, CommitOutcome, InboxKey, NewOrder, NewSubject, Placed, Scope, Store, StoreError, SubjectKind,
};

fn inbox(key: &str, hash: &str) -> Option<InboxKey> {
    Some(InboxKey { key: key.to_owned(), request_hash: hash.to_owned(), response: "first".to_owned() })
}

pub(crate) async fn an_order_brings_its_subjects(store: &dyn Store) {
    let mut order = new_order(1, "p", "d1.example");
    order.subjects[1].outbox = vec![effect("welcome", 0)];
    store.place_order(order.clone()).await.unwrap();
    let customer = store.customer("k1", &Scope::All).await.unwrap().unwrap();
    assert_eq!(customer.order, order.order);
    assert_eq!(customer.subscription.id, "k1");
    assert_eq!(customer.connections.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["c1"]);
    assert_eq!(customer.connections[0].last_seq, 1);
    assert_eq!(store.events("c1", 0, 10).await.unwrap().len(), 1);
    assert_eq!(store.notices("c1", 10).await.unwrap()[0].dedupe_key, "welcome");
    assert_eq!(store.route(&name("d1.example")).await.unwrap().unwrap().generation, 1);
    assert_eq!(store.next_due().await.unwrap(), Some(at(0)));
}

pub(crate) async fn a_repeated_request_gets_the_first_answer(store: &dyn Store) {
    let mut order = new_order(1, "p", "d1.example");
    order.inbox = inbox("key", "hash");
    assert!(matches!(store.place_order(order).await.unwrap(), Placed::New { .. }));
    let mut again = new_order(2, "p", "d1.example");
    again.inbox = inbox("key", "hash");
    assert_eq!(store.place_order(again).await.unwrap(), Placed::Repeated { response: "first".to_owned() });
    assert!(store.customer("k2", &Scope::All).await.unwrap().is_none());
    assert_eq!(store.answered("key").await.unwrap(), inbox("key", "hash"));
}

pub(crate) async fn a_key_cannot_be_used_for_another_request(store: &dyn Store) {
    let mut order = new_order(1, "p", "d1.example");
    order.inbox = inbox("key", "hash");
    store.place_order(order).await.unwrap();
    let mut other = new_order(2, "p", "d2.example");
    other.inbox = inbox("key", "other");
    assert!(matches!(store.place_order(other).await, Err(StoreError::KeyReused)));
    assert!(store.customer("k2", &Scope::All).await.unwrap().is_none());
}

pub(crate) async fn a_partner_cannot_order_a_domain_twice(store: &dyn Store) {
    placed(store, 1).await;
    let refused = store.place_order(new_order(2, "p", "d1.example")).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert!(store.customer("k2", &Scope::All).await.unwrap().is_none(), "nothing of it is stored");
}

pub(crate) async fn a_domain_held_elsewhere_waits_and_is_handed_over(store: &dyn Store) {
    placed(store, 1).await;
    store.place_order(new_order(2, "q", "d1.example")).await.unwrap();
    store.place_order(new_order(3, "r", "d1.example")).await.unwrap();
    let again = store.place_order(new_order(4, "q", "d1.example")).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "who waits is told the same as who is served: {again:?}");
    let domain = name("d1.example");
    let seen = |partner: &str| Scope::Partner(partner.to_owned());
    assert_eq!(store.domain(&domain, &Scope::All).await.unwrap().unwrap().connection.id, "c1");
    let waiting = store.domain(&domain, &seen("q")).await.unwrap().unwrap();
    assert_eq!((waiting.connection.id.as_str(), waiting.held_by.as_deref()), ("c2", Some("k1")));
    let claims = store.claim(request(0)).await.unwrap();
    assert_eq!(claims.len(), 1, "who waits is not probed");
    assert_eq!(store.route(&domain).await.unwrap().unwrap().generation, 1, "and wishes no route");

    let mut end = transition(&subject(store, "c1").await, Some(&claims[0]), 1);
    end.phase = "released".to_owned();
    store.commit(end).await.unwrap();
    let next = store.domain(&domain, &seen("q")).await.unwrap().unwrap();
    assert_eq!((next.held_by, next.next_check_at), (None, Some(at(1))));
    assert_eq!(store.domain(&domain, &seen("r")).await.unwrap().unwrap().held_by.as_deref(), Some("k2"));
    assert_eq!(store.domain(&domain, &seen("p")).await.unwrap().unwrap().connection.id, "c1", "the ended one is kept");
}

pub(crate) async fn a_domain_has_one_trial_in_a_while(store: &dyn Store) {
    let again = |n: u32, partner: &str, since: Option<i64>| {
        let mut order = new_order(n, partner, "d1.example");
        (order.at, order.trials_since) = (at(100), since.map(at));
        order
    };
    placed(store, 1).await;
    let waits = store.place_order(again(2, "q", Some(-10))).await;
    assert!(matches!(waits, Ok(Placed::New { .. })), "a stranger's trial must stay unknown: {waits:?}");
    for (connection, seconds) in [("c2", 1), ("c1", 2)] {
        let mut end = transition(&subject(store, connection).await, None, seconds);
        end.phase = "released".to_owned();
        store.commit(end).await.unwrap();
    }
    for (n, partner) in [(3, "p"), (4, "r")] {
        let told = store.trial_refusals(&again(n, partner, Some(-10))).await.unwrap();
        assert_eq!(told.len(), 1, "asked before, the same is said: {told:?}");
        assert!(store.trial_refusals(&again(n, partner, None)).await.unwrap().is_empty(), "the desk allows it");
        let Err(StoreError::Invalid(errors)) = store.place_order(again(n, partner, Some(-10))).await else {
            panic!("a second trial of {partner}")
        };
        assert_eq!(errors.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), ["domains[0]"]);
        assert!(store.customer(&format!("k{n}"), &Scope::All).await.unwrap().is_none(), "nothing of it is stored");
    }
    let mut paid = again(5, "r", Some(-10));
    paid.order.kind = crate::lifecycle::subscription::OrderKind::Paid;
    assert!(store.trial_refusals(&paid).await.unwrap().is_empty());
    assert!(matches!(store.place_order(paid).await.unwrap(), Placed::New { .. }));
    for (n, since) in [(6, Some(101)), (7, None)] {
        let end = |id: String| async move {
            let mut end = transition(&subject(store, &id).await, None, 3);
            end.phase = "cancelled".to_owned();
            store.commit(end).await.unwrap();
        };
        end(format!("c{}", n - 1)).await;
        let placed = store.place_order(again(n, "r", since)).await;
        assert!(matches!(placed, Ok(Placed::New { .. })), "long ago, or allowed by the desk: {placed:?}");
    }
}

pub(crate) async fn several_orders_are_stored_all_or_none(store: &dyn Store) {
    placed(store, 1).await;
    let domains = ["d2.example", "d1.example"];
    let all = (2..).zip(domains).map(|(n, domain)| new_order(n, "p", domain)).collect();
    let refused = store.place_orders(all).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert!(store.customer("k2", &Scope::All).await.unwrap().is_none(), "the first one is not stored either");

    let keyed =
        |n: u32| NewOrder { inbox: inbox(&format!("key {n}"), "hash"), ..new_order(n, "p", &format!("d{n}.example")) };
    let stored = store.place_orders(vec![keyed(2), keyed(3)]).await.unwrap();
    assert_eq!(stored.len(), 2);
    let again = NewOrder { inbox: inbox("key 2", "hash"), ..new_order(8, "p", "d2.example") };
    let stored = store.place_orders(vec![again, keyed(4)]).await.unwrap();
    assert_eq!(stored[0], Placed::Repeated { response: "first".to_owned() });
    assert_eq!(stored[1], Placed::New { customer_id: "k4".to_owned() });
}

pub(crate) async fn a_taken_over_domain_waits_for_nobody(store: &dyn Store) {
    placed(store, 1).await;
    let taken = NewOrder { must_hold: true, ..new_order(2, "q", "d1.example") };
    let Err(StoreError::Conflict(why)) = store.place_order(taken).await else { panic!("it waits") };
    assert!(why.contains("k1"), "{why}");
    assert!(store.customer("k2", &Scope::All).await.unwrap().is_none());
}

/// A change of the customer `k1`, with further connections.
async fn amendment(store: &dyn Store, partner: &str, subjects: Vec<NewSubject>) -> Amendment {
    let mut order = new_order(1, partner, "d1.example").order;
    order.domains.extend(subjects.iter().filter_map(|subject| subject.domain.clone()));
    let transition = transition(&subject(store, "k1").await, None, 5);
    Amendment { transition, customer_id: "k1".to_owned(), order, subjects }
}

/// Connection `c<n>` of `domain`.
fn connection(n: u32, domain: &str) -> NewSubject {
    let order = new_order(n, "p", domain);
    order.subjects.into_iter().find(|subject| subject.kind == SubjectKind::Connection).unwrap()
}

pub(crate) async fn a_further_domain_joins_a_customer(store: &dyn Store) {
    placed(store, 2).await;
    let further = amendment(store, "p", vec![connection(9, "d9.example")]).await;
    let outcome = store.amend(further.clone()).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Committed { version: 2 });
    let customer = store.customer("k1", &Scope::Partner("p".to_owned())).await.unwrap().unwrap();
    assert_eq!(customer.connections.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["c1", "c9"]);
    assert_eq!(customer.order, further.order);
    assert_eq!(store.route(&name("d9.example")).await.unwrap().unwrap().generation, 1);
    let overtaken = Amendment { subjects: vec![connection(7, "d7.example")], ..further };
    assert_eq!(store.amend(overtaken).await.unwrap(), CommitOutcome::VersionConflict);
    assert!(store.domain(&name("d7.example"), &Scope::All).await.unwrap().is_none(), "nothing of it is stored");
    let twice = amendment(store, "p", vec![connection(8, "d2.example")]).await;
    assert!(matches!(store.amend(twice).await, Err(StoreError::Conflict(_))), "it is under way for k2");
    assert_eq!(subject(store, "k1").await.version, 2, "nothing of it is stored");
}

pub(crate) async fn another_partner_takes_a_customer_over(store: &dyn Store) {
    placed(store, 1).await;
    store.place_order(new_order(2, "q", "d1.example")).await.unwrap();
    let doubled = amendment(store, "q", Vec::new()).await;
    assert!(matches!(store.amend(doubled).await, Err(StoreError::Conflict(_))), "q waits for that very domain");
    let taken = amendment(store, "r", Vec::new()).await;
    assert_eq!(store.amend(taken).await.unwrap(), CommitOutcome::Committed { version: 2 });
    let seen = |partner: &str| Scope::Partner(partner.to_owned());
    assert!(store.customer("k1", &seen("p")).await.unwrap().is_none(), "the old one sees nothing");
    assert!(store.domain(&name("d1.example"), &seen("p")).await.unwrap().is_none());
    let customer = store.customer("k1", &seen("r")).await.unwrap().unwrap();
    assert_eq!((customer.order.partner.as_str(), customer.subscription.partner_id.as_str()), ("r", "r"));
    let domain = store.domain(&name("d1.example"), &seen("r")).await.unwrap().unwrap();
    assert_eq!((domain.connection.partner_id.as_str(), domain.held_by), ("r", None));
}
