//! The outbox and the inbox.

use super::fixture::{at, effect, placed, request, subject, transition};
use crate::store::{CommitOutcome, OutboxItem, OutboxOutcome, Page, Store};

async fn put(store: &dyn Store, id: &str, keys: &[&str]) {
    let mut outcome = transition(&subject(store, id).await, None, 0);
    outcome.outbox = keys.iter().map(|key| effect(key, 0)).collect();
    store.commit(outcome).await.unwrap();
}

pub(crate) async fn a_dedupe_key_is_stored_once(store: &dyn Store) {
    placed(store, 1).await;
    put(store, "c1", &["a", "a"]).await;
    put(store, "c1", &["a"]).await;
    assert_eq!(store.notices("c1", 10).await.unwrap().len(), 1);
}

pub(crate) async fn effects_of_one_subject_go_out_one_after_the_other(store: &dyn Store) {
    placed(store, 2).await;
    put(store, "c1", &["a", "b"]).await;
    put(store, "c2", &["c"]).await;
    let first = store.claim_outbox(request(0)).await.unwrap();
    assert_eq!(first.iter().map(|i| i.dedupe_key.as_str()).collect::<Vec<_>>(), ["a", "c"]);
    assert_eq!(store.claim_outbox(request(0)).await.unwrap(), []);
    store.outbox_done(&first[0], at(0), OutboxOutcome::Sent { detail: "250".to_owned() }).await.unwrap();
    assert_eq!(store.claim_outbox(request(0)).await.unwrap()[0].dedupe_key, "b");
}

pub(crate) async fn an_old_fence_cannot_settle_an_effect(store: &dyn Store) {
    placed(store, 1).await;
    put(store, "c1", &["a"]).await;
    let old = store.claim_outbox(request(0)).await.unwrap().remove(0);
    let new = store.claim_outbox(request(300)).await.unwrap().remove(0);
    assert_eq!((new.fence, new.attempt), (old.fence + 1, 2));
    store.outbox_done(&old, at(301), OutboxOutcome::Dropped { reason: String::new() }).await.unwrap();
    assert_eq!(store.notices("c1", 1).await.unwrap()[0].status, "pending");
    store.outbox_done(&new, at(301), OutboxOutcome::Sent { detail: String::new() }).await.unwrap();
    assert_eq!(store.notices("c1", 1).await.unwrap()[0].sent_at, Some(at(301)));
}

pub(crate) async fn a_fact_is_taken_in_once(store: &dyn Store) {
    placed(store, 1).await;
    for expected in [CommitOutcome::Committed { version: 2 }, CommitOutcome::Repeated] {
        let mut outcome = transition(&subject(store, "c1").await, None, 1);
        outcome.consumes = Some("fact-1".to_owned());
        assert_eq!(store.commit(outcome).await.unwrap(), expected);
    }
    assert_eq!(subject(store, "c1").await.version, 2);
}

pub(crate) async fn every_outcome_is_shown(store: &dyn Store) {
    placed(store, 4).await;
    let retry = OutboxOutcome::Retry { due_at: at(50), error: "451".to_owned() };
    let outcomes = [
        ("c1", OutboxOutcome::Sent { detail: "250 ok".to_owned() }, "sent", "250 ok"),
        ("c2", OutboxOutcome::Dropped { reason: "permit gone".to_owned() }, "dropped", "permit gone"),
        ("c3", OutboxOutcome::Parked { error: "550".to_owned() }, "parked", "550"),
        ("c4", retry, "pending", "451"),
    ];
    for (id, outcome, status, detail) in outcomes {
        put(store, id, &[id]).await;
        let item = store.claim_outbox(request(0)).await.unwrap().remove(0);
        store.outbox_done(&item, at(1), outcome).await.unwrap();
        let row = store.notices(id, 1).await.unwrap().remove(0);
        assert_eq!((row.status.as_str(), row.detail.as_str()), (status, detail));
    }
    assert_eq!(store.parked(&Page { after: None, limit: 5 }).await.unwrap().rows[0].subject_id, "c3");
    let again = store.claim_outbox(request(50)).await.unwrap().remove(0);
    assert_eq!((again.dedupe_key.as_str(), again.attempt), ("c4", 2), "only the failed one comes back");
    let waiting = OutboxOutcome::Waiting { due_at: at(60), reason: "no way out".to_owned() };
    store.outbox_done(&again, at(51), waiting).await.unwrap();
    let row = store.notices("c4", 1).await.unwrap().remove(0);
    assert_eq!((row.status.as_str(), row.detail.as_str()), ("pending", "no way out"));
    assert_eq!(store.claim_outbox(request(60)).await.unwrap()[0].attempt, 1, "waiting is no attempt");
}

pub(crate) async fn an_effect_is_sent_again_whatever_became_of_it(store: &dyn Store) {
    let effects = vec![effect("run_1", 0), effect("run_2", 0)];
    store.send_again("invoicing", effects.clone(), at(0)).await.unwrap();
    let first = store.claim_outbox(request(1)).await.unwrap().remove(0);
    let sent = OutboxOutcome::Sent { detail: "204".to_owned() };
    let noted = OutboxItem { log: "what its sender keeps\nin lines".to_owned(), ..first.clone() };
    assert!(store.outbox_done(&noted, at(1), sent).await.unwrap());
    // The second one waits: it stays as it is, and its place.
    store.send_again("invoicing", effects, at(2)).await.unwrap();
    let rows = store.effects("invoicing", &first.kind, 9).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.status.as_str()).collect::<Vec<_>>(), ["pending", "pending"]);
    let again = store.claim_outbox(request(1)).await.unwrap().remove(0);
    assert_eq!(again.log, noted.log, "it stays with the item");
    assert_eq!(store.effects("invoicing", &first.kind, 9).await.unwrap()[0].log, noted.log);
    assert_eq!((again.dedupe_key, again.attempt, again.fence > first.fence), (first.dedupe_key, 1, true));
}
