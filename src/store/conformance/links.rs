//! Links to status pages.

use super::fixture::at;
use crate::store::{MAX_LINKS, NewLink, Store, StoreError};

fn link(n: u32, subject: &str) -> NewLink {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&n.to_be_bytes());
    NewLink {
        id: format!("l{n:03}"),
        hash,
        subject_id: subject.to_owned(),
        partner: "p".to_owned(),
        label: "for the DNS provider".to_owned(),
        made_by: "somebody".to_owned(),
        made_at: at(0),
        expires_at: Some(at(10_000)),
    }
}

pub(crate) async fn a_link_is_found_by_its_hash_until_it_ends(store: &dyn Store) {
    store.create_link(link(1, "c1")).await.unwrap();
    assert!(store.create_link(link(1, "c2")).await.is_err(), "neither id nor hash twice");
    assert_eq!(store.link_by_hash(&[9; 32]).await.unwrap(), None);
    let found = store.link_by_hash(&link(1, "c1").hash).await.unwrap().unwrap();
    assert_eq!((found.subject_id.as_str(), found.partner.as_str(), found.last_used_at), ("c1", "p", None));
    assert!(found.in_force(at(9_999)) && !found.in_force(at(10_000)));
    for (second, noted) in [(100, 100), (159, 100), (160, 160), (90, 160)] {
        store.link_used("l001", at(second)).await.unwrap();
        let used = store.link_by_hash(&link(1, "c1").hash).await.unwrap().unwrap().last_used_at;
        assert_eq!(used, Some(at(noted)), "at {second}");
    }
    assert!(!store.revoke_link("c2", "l001", "b", at(200)).await.unwrap(), "of another connection");
    assert!(store.revoke_link("c1", "l001", "b", at(200)).await.unwrap());
    assert!(store.revoke_link("c1", "l001", "c", at(300)).await.unwrap());
    let revoked = store.link_by_hash(&link(1, "c1").hash).await.unwrap().unwrap();
    assert_eq!(revoked.revoked, Some((at(200), "b".to_owned())), "who was first");
    assert!(!revoked.in_force(at(201)));
    assert_eq!(store.links("c1").await.unwrap(), [revoked]);
    assert_eq!(store.links("c2").await.unwrap(), []);
}

pub(crate) async fn links_in_force_are_bounded(store: &dyn Store) {
    for n in 1..=MAX_LINKS {
        store.create_link(link(n, "c1")).await.unwrap();
    }
    let refused = store.create_link(link(500, "c1")).await;
    assert!(matches!(&refused, Err(StoreError::Conflict(why)) if why.contains("revoke one")), "{refused:?}");
    store.create_link(link(501, "c2")).await.unwrap();
    assert!(store.revoke_link("c1", "l003", "b", at(1)).await.unwrap());
    store.create_link(link(500, "c1")).await.unwrap();
    let later = NewLink { made_at: at(10_000), expires_at: None, ..link(502, "c1") };
    store.create_link(later).await.unwrap();
    assert_eq!(store.links("c1").await.unwrap().len(), MAX_LINKS as usize + 2);
}
