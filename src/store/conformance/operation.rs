//! What operators see of the work: how much is due, what is parked, and that writing works.

use jiff::SignedDuration;

use super::fixture::{at, effect, placed, request, subject, timer, transition};
use crate::store::{OutboxOutcome, Page, Store};

const PAGE: Page = Page { after: None, limit: 10 };

pub(crate) async fn parked_work_is_retried_once_with_who_asked(store: &dyn Store) {
    placed(store, 1).await;
    let mut outcome = transition(&subject(store, "k1").await, None, 0);
    outcome.outbox = vec![effect("e1", 0)];
    store.commit(outcome).await.unwrap();
    let claim = store.claim(request(1)).await.unwrap().remove(0);
    store.park(&claim, at(2), "cannot be read").await.unwrap();
    let item = store.claim_outbox(request(1)).await.unwrap().remove(0);
    assert!(store.outbox_done(&item, at(3), OutboxOutcome::Parked { error: "550 no".to_owned() }).await.unwrap());

    let parked = store.parked(&PAGE).await.unwrap().rows;
    assert_eq!(parked.iter().map(|row| (row.since, row.attempts)).collect::<Vec<_>>(), [(at(2), 1), (at(3), 1)]);
    assert_eq!(parked[0].domain.as_ref().unwrap().as_str(), "d1.example");
    assert!(store.claim(request(100)).await.unwrap().is_empty());
    for row in &parked {
        let before = store.retry_parked(&row.id, at(10), "desk (t1)").await.unwrap().unwrap();
        assert_eq!(&before, row);
        assert!(store.retry_parked(&row.id, at(11), "desk (t1)").await.unwrap().is_none(), "it is parked no more");
    }
    assert!(store.retry_parked("t:c1:nothing", at(10), "desk").await.unwrap().is_none());
    assert!(store.retry_parked("o:x", at(10), "desk").await.unwrap().is_none());
    let claim = store.claim(request(10)).await.unwrap().remove(0);
    assert_eq!(claim.attempt, 1, "attempts count anew");
    let item = store.claim_outbox(request(10)).await.unwrap().remove(0);
    store.park(&claim, at(12), "still not").await.unwrap();
    store.outbox_done(&item, at(12), OutboxOutcome::Parked { error: "550 no".to_owned() }).await.unwrap();
    for row in store.parked(&PAGE).await.unwrap().rows {
        assert_eq!(row.retried, Some((at(10), "desk (t1)".to_owned())));
    }
}

pub(crate) async fn work_of_a_dead_owner_says_so(store: &dyn Store) {
    placed(store, 1).await;
    let mut outcome = transition(&subject(store, "k1").await, None, 0);
    outcome.outbox = vec![effect("e1", 0)];
    store.commit(outcome).await.unwrap();
    let after = super::fixture::LEASE.as_secs() + 1;
    assert!(!store.claim(request(0)).await.unwrap()[0].taken_over);
    assert!(store.claim(request(after)).await.unwrap()[0].taken_over);
    let first = store.claim_outbox(request(0)).await.unwrap().remove(0);
    assert!(!first.taken_over);
    assert!(store.claim_outbox(request(after)).await.unwrap()[0].taken_over);
    let late = store.outbox_done(&first, at(after), OutboxOutcome::Sent { detail: String::new() }).await.unwrap();
    assert!(!late, "it belongs to somebody else by now");
}

pub(crate) async fn figures_tell_what_is_due(store: &dyn Store) {
    placed(store, 3).await;
    let mut outcome = transition(&subject(store, "c1").await, None, 0);
    outcome.timers = vec![timer("mx", 40), timer("probe", 500)];
    outcome.outbox = vec![effect("e1", 7), effect("e2", 900)];
    store.commit(outcome).await.unwrap();
    let now = at(100);
    let figures = store.figures(now).await.unwrap();
    assert_eq!((figures.timers_due, figures.oldest_timer_due), (3, Some(at(0))));
    assert_eq!((figures.effects_due, figures.oldest_effect_due), (1, Some(at(7))));
    assert_eq!((figures.leases, figures.parked_timers, figures.parked_effects), (0, 0, 0));

    let claims = store.claim(request(100)).await.unwrap();
    store.park(&claims[0], now, "no").await.unwrap();
    let figures = store.figures(now + SignedDuration::from_secs(1)).await.unwrap();
    assert_eq!((figures.timers_due, figures.leases, figures.parked_timers), (0, 2, 1));
    assert_eq!(figures.oldest_timer_due, None);
}

pub(crate) async fn a_heartbeat_is_written_again_and_again(store: &dyn Store) {
    store.heartbeat(at(1)).await.unwrap();
    store.heartbeat(at(1)).await.unwrap();
    store.heartbeat(at(2)).await.unwrap();
    store.ready().await.unwrap();
}
