//! Claims: leases, fences, and what becomes of abandoned work.

use super::fixture::{LEASE, at, new_order, placed, request, subject, timer, transition};
use crate::store::{ClaimRequest, CommitOutcome, Page, Share, Store};

pub(crate) async fn one_claim_a_subject_in_due_order(store: &dyn Store) {
    for (n, due) in [(1, [3, 5]), (2, [1, 9]), (3, [20, 20])] {
        let mut order = new_order(n, "p", &format!("d{n}.example"));
        order.subjects[1].timers = vec![timer("mx", due[0]), timer("probe", due[1])];
        store.place_order(order).await.unwrap();
    }
    let claims = store.claim(request(10)).await.unwrap();
    let order: Vec<_> = claims.iter().map(|c| (c.subject_id.as_str(), c.kind.as_str())).collect();
    assert_eq!(order, [("c2", "mx"), ("c1", "mx")], "the earliest of each, c3 is not due");
    assert_eq!(store.claim(request(10)).await.unwrap(), [], "both subjects are worked on");
    let one = ClaimRequest { limit: 1, ..request(30) };
    assert_eq!(store.claim(one).await.unwrap().len(), 1);
}

pub(crate) async fn a_claim_whose_owner_died_comes_back_when_its_lease_ends(store: &dyn Store) {
    placed(store, 1).await;
    let first = store.claim(request(0)).await.unwrap().remove(0);
    assert_eq!(store.next_due().await.unwrap(), Some(at(0) + LEASE));
    assert_eq!(store.claim(request(299)).await.unwrap(), []);
    let second = store.claim(request(300)).await.unwrap().remove(0);
    assert_eq!((second.fence, second.attempt), (first.fence + 1, first.attempt + 1));
    let late = transition(&subject(store, "c1").await, Some(&first), 301);
    assert_eq!(store.commit(late).await.unwrap(), CommitOutcome::FenceLost);
    store.abandon(&first, at(0), "late").await.unwrap();
    assert_eq!(store.claim(request(302)).await.unwrap(), [], "the late one cannot give up another's claim");
}

pub(crate) async fn an_abandoned_claim_comes_back_when_asked(store: &dyn Store) {
    placed(store, 1).await;
    let claim = store.claim(request(0)).await.unwrap().remove(0);
    store.abandon(&claim, at(7), "no luck").await.unwrap();
    assert_eq!(store.claim(request(6)).await.unwrap(), []);
    let again = store.claim(request(7)).await.unwrap().remove(0);
    assert_eq!((again.kind.as_str(), again.attempt), ("mx", 2));
}

pub(crate) async fn a_parked_claim_is_shown_and_does_not_come_back(store: &dyn Store) {
    placed(store, 1).await;
    let claim = store.claim(request(0)).await.unwrap().remove(0);
    store.park(&claim, at(1), "unknown kind").await.unwrap();
    assert_eq!(store.claim(request(1_000_000)).await.unwrap(), []);
    let page = Page { after: None, limit: 10 };
    let parked = store.parked(&page).await.unwrap().rows;
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].subject_id.as_str(), parked[0].error.as_str()), ("c1", "unknown kind"));

    let other = transition(&subject(store, "c1").await, None, 2);
    store.commit(other).await.unwrap();
    assert_eq!(store.parked(&page).await.unwrap().rows.len(), 1, "an unrelated outcome does not drop it");
    let mut rearmed = transition(&subject(store, "c1").await, None, 3);
    rearmed.timers = vec![timer("mx", 3)];
    store.commit(rearmed).await.unwrap();
    assert_eq!(store.parked(&page).await.unwrap().rows.len(), 0);
    assert_eq!(store.claim(request(3)).await.unwrap().len(), 1);
}

pub(crate) async fn connected_domains_may_be_a_share_of_their_own(store: &dyn Store) {
    placed(store, 2).await;
    let mut connected = transition(&subject(store, "c2").await, None, 0);
    connected.phase = "connected".to_owned();
    connected.timers = vec![timer("mx", 0)];
    store.commit(connected).await.unwrap();
    for (share, id) in [(Share::Connected, "c2"), (Share::Runs, "c1")] {
        let claims = store.claim(ClaimRequest { share, ..request(1) }).await.unwrap();
        assert_eq!(claims.iter().map(|claim| claim.subject_id.as_str()).collect::<Vec<_>>(), [id]);
    }
}
