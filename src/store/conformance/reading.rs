//! Listings, scopes and tokens.

use super::fixture::{at, event, name, new_order, placed, subject, transition};
use crate::store::{DomainFilter, NewToken, Observation, Page, Role, Scope, Store};

pub(crate) async fn listings_are_scoped_and_paged(store: &dyn Store) {
    for n in 1..=7 {
        let partner = if n % 2 == 0 { "q" } else { "p" };
        store.place_order(new_order(n, partner, &format!("d{n}.example"))).await.unwrap();
    }
    let scope = Scope::Partner("p".to_owned());
    let (mut seen, mut page) = (Vec::new(), Page { after: None, limit: 3 });
    loop {
        let listing = store.domains(&scope, &DomainFilter::default(), &page).await.unwrap();
        assert!(listing.rows.len() <= 3);
        seen.extend(listing.rows.into_iter().map(|row| row.connection.id));
        let Some(next) = listing.next else { break };
        page.after = Some(next);
    }
    assert_eq!(seen, ["c1", "c3", "c5", "c7"]);
    let first = store.customers(&scope, &Page { after: None, limit: 3 }).await.unwrap();
    assert_eq!(first.rows.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["k1", "k3", "k5"]);
    let rest = store.customers(&scope, &Page { after: first.next, limit: 3 }).await.unwrap();
    assert_eq!((rest.rows.len(), rest.next), (1, None));
    let filter = DomainFilter { phase: Some("ordered".to_owned()), prefix: Some("d2".to_owned()) };
    let found = store.domains(&Scope::All, &filter, &Page { after: None, limit: 10 }).await.unwrap();
    assert_eq!(found.rows.iter().map(|row| row.connection.id.as_str()).collect::<Vec<_>>(), ["c2"]);
    let filter = DomainFilter { phase: Some("ready".to_owned()), prefix: None };
    assert!(store.domains(&Scope::All, &filter, &page).await.unwrap().rows.is_empty());
}

pub(crate) async fn a_customer_goes_by_its_order_too(store: &dyn Store) {
    placed(store, 2).await;
    for (name, id) in [("k2", "k2"), ("o2", "k2"), ("o1", "k1")] {
        assert_eq!(store.customer(name, &Scope::All).await.unwrap().unwrap().id, id);
    }
    assert!(store.customer("o3", &Scope::All).await.unwrap().is_none());
    assert!(store.customer("o1", &Scope::Partner("q".to_owned())).await.unwrap().is_none());
}

pub(crate) async fn a_stranger_sees_nothing(store: &dyn Store) {
    placed(store, 1).await;
    let stranger = Scope::Partner("q".to_owned());
    let page = Page { after: None, limit: 10 };
    assert!(store.customer("k1", &stranger).await.unwrap().is_none());
    assert!(store.domain(&name("d1.example"), &stranger).await.unwrap().is_none());
    assert!(store.standing(&name("d1.example"), &stranger).await.unwrap().is_none());
    assert!(store.stamp(&name("d1.example"), &stranger).await.unwrap().is_none());
    assert!(store.customers(&stranger, &page).await.unwrap().rows.is_empty());
    assert!(store.domains(&stranger, &DomainFilter::default(), &page).await.unwrap().rows.is_empty());
}

pub(crate) async fn a_stamp_changes_with_what_stands(store: &dyn Store) {
    placed(store, 1).await;
    let d1 = name("d1.example");
    let bare = store.standing(&d1, &Scope::All).await.unwrap().unwrap();
    assert_eq!((Some(&bare.row), bare.observations.len()), (store.domain(&d1, &Scope::All).await.unwrap().as_ref(), 0));
    let before = store.stamp(&d1, &Scope::All).await.unwrap().unwrap();
    assert_eq!(before, store.stamp(&d1, &Scope::Partner("p".to_owned())).await.unwrap().unwrap());

    // A look that saw nothing new changes the observation alone.
    let mut outcome = transition(&subject(store, "c1").await, None, 1);
    let seen = |kind: &str| Observation {
        kind: kind.to_owned(),
        digest: kind.to_owned(),
        first_at: at(1),
        last_at: at(1),
        body: "{}".to_owned(),
    };
    outcome.observations = ["mx", "lint"].map(seen).into();
    store.commit(outcome).await.unwrap();
    let after = store.stamp(&d1, &Scope::All).await.unwrap().unwrap();
    assert_ne!(before, after);
    let standing = store.standing(&d1, &Scope::All).await.unwrap().unwrap();
    assert_eq!(standing.observations, store.observations("c1").await.unwrap());
    assert_eq!(standing.observations.len(), 2);
    let row = &standing.row;
    let told = (row.connection.id.clone(), row.connection.version, row.next_check_at, row.held_by.clone());
    assert_eq!(told, (after.connection_id, after.version, after.next_check_at, after.held_by));
}

pub(crate) async fn events_are_read_in_pages(store: &dyn Store) {
    placed(store, 1).await;
    let mut outcome = transition(&subject(store, "c1").await, None, 1);
    outcome.events = (0..5).map(|n| event(&format!("e{n}"))).collect();
    store.commit(outcome).await.unwrap();
    let seqs = async |after| store.events("c1", after, 4).await.unwrap().iter().map(|e| e.seq).collect::<Vec<_>>();
    assert_eq!(seqs(0).await, [1, 2, 3, 4]);
    assert_eq!(seqs(4).await, [5, 6]);
}

pub(crate) async fn tokens_are_found_by_hash(store: &dyn Store) {
    let token = NewToken {
        id: "t1".to_owned(),
        hash: [7; 32],
        role: Role::Partner,
        partner: Some("p".to_owned()),
        label: "laptop".to_owned(),
        created_at: at(0),
        expires_at: Some(at(100)),
    };
    store.create_token(token).await.unwrap();
    assert!(store.token_by_hash(&[8; 32]).await.unwrap().is_none());
    assert!(store.revoke_token("t1", at(5)).await.unwrap());
    assert!(store.revoke_token("t1", at(9)).await.unwrap());
    assert!(!store.revoke_token("t2", at(5)).await.unwrap());
    let found = store.token_by_hash(&[7; 32]).await.unwrap().unwrap();
    assert_eq!((found.role, found.revoked_at, found.expires_at), (Role::Partner, Some(at(5)), Some(at(100))));
    assert_eq!(store.tokens().await.unwrap(), [found]);
}
