//! The ledger's place in the store.

use super::fixture::{at, effect, placed, subject, transition};
use crate::ledger::{EntryDraft, EntryKind, Evidence, chain};
use crate::store::{ClosedRun, INVOICING, NewOutbox, Store, StoreError};

pub(crate) fn draft(customer: &str) -> EntryDraft {
    EntryDraft {
        customer_id: customer.to_owned(),
        kind: EntryKind::Activated,
        valid_from: jiff::civil::date(2027, 1, 15),
        evidence: Evidence::Rule { rule: "r".to_owned(), version: 1, facts: "f".to_owned() },
        recorded_by: "engine".to_owned(),
        approved_by: None,
        supersedes: None,
    }
}

pub(crate) async fn entries_are_sealed_in_order(store: &dyn Store) {
    placed(store, 1).await;
    let mut outcome = transition(&subject(store, "k1").await, None, 1);
    outcome.entries = vec![draft("k1"), draft("k1")];
    store.commit(outcome.clone()).await.unwrap();
    store.append_entries(vec![draft("k2")], at(0)).await.unwrap();
    store.commit(outcome).await.unwrap();
    let all = store.entries(None, 0, 100).await.unwrap();
    assert_eq!(all.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 2, 3], "a refused outcome leaves no entry");
    assert!(all.windows(2).all(|w| w[0].recorded_at < w[1].recorded_at), "although the clock was set back");
    chain::verify(&all, &[]).unwrap();
    assert_eq!(store.entries(Some("k1"), 1, 100).await.unwrap().len(), 1);
    assert_eq!(store.ledger_customers("", 10).await.unwrap(), ["k1", "k2"]);
    assert_eq!(store.ledger_customers("k1", 10).await.unwrap(), ["k2"]);
}

fn closed(day: i8, lines: &[u8], before: Option<&ClosedRun>) -> ClosedRun {
    let run = ClosedRun {
        run_date: jiff::civil::date(2027, 1, day),
        closed_at: at(0),
        closed_by: "accounting".to_owned(),
        head_seq: 3,
        head_hash: [9; 32],
        lines: lines.to_vec(),
        prev_hash: [0; 32],
        hash: [0; 32],
    };
    run.sealed(before)
}

pub(crate) async fn a_closed_run_stays_as_it_is(store: &dyn Store) {
    let run = closed(15, b"[]", None);
    store.close_run(run.clone(), Vec::new()).await.unwrap();
    store.close_run(ClosedRun { closed_at: at(9), ..run.clone() }, Vec::new()).await.unwrap();
    let other = ClosedRun { lines: b"[1]".to_vec(), ..run.clone() };
    assert!(matches!(store.close_run(other, Vec::new()).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.closed_run(run.run_date).await.unwrap().unwrap(), run);
    assert_eq!(store.closed_runs().await.unwrap(), std::slice::from_ref(&run));
    assert_eq!(store.raw_runs().await.unwrap()[0].read().unwrap(), run);
}

pub(crate) async fn runs_are_closed_one_after_the_other(store: &dyn Store) {
    let first = closed(15, b"[]", None);
    // Both were computed before either was closed: the second to come does not know the first.
    let blind = closed(30, b"[]", None);
    let (one, other) =
        tokio::join!(store.close_run(first.clone(), Vec::new()), store.close_run(blind.clone(), Vec::new()));
    assert!(one.is_ok() != other.is_ok(), "one of them, and one alone: {one:?} {other:?}");
    let last = store.closed_runs().await.unwrap().pop().unwrap();
    let earlier = closed(14, b"[]", Some(&last));
    assert!(
        matches!(store.close_run(earlier, Vec::new()).await, Err(StoreError::Conflict(_))),
        "a later one is closed"
    );
    let next = closed(31, b"[]", Some(&last));
    store.close_run(next.clone(), Vec::new()).await.unwrap();
    assert_eq!(store.closed_runs().await.unwrap(), [last, next]);
}

pub(crate) async fn the_ledger_is_shown_as_it_stands(store: &dyn Store) {
    assert!(store.raw_head().await.unwrap().is_none());
    let sealed = store.append_entries(vec![draft("k1"), draft("k2"), draft("k1")], at(5)).await.unwrap();
    let raw = store.raw_entries(1, 1).await.unwrap();
    assert_eq!(raw.iter().map(|row| row.read().unwrap()).collect::<Vec<_>>(), sealed[1..2]);
    assert_eq!(raw[0].kind, b"activated");
    let head = store.raw_head().await.unwrap().unwrap();
    assert_eq!((head.seq, &head.hash[..]), (Some(3), &sealed[2].hash[..]));
    assert_eq!(head.recorded_at, Some(sealed[2].recorded_at.as_microsecond()));
}

pub(crate) async fn evidence_is_kept_by_its_hash(store: &dyn Store) {
    use sha2::{Digest, Sha256};
    let sha256 = hex::encode(Sha256::digest(b"yes"));
    store.keep_evidence(&sha256, b"yes", at(0)).await.unwrap();
    store.keep_evidence(&sha256, b"yes", at(1)).await.unwrap();
    assert!(store.keep_evidence(&sha256, b"no", at(1)).await.is_err());
    assert_eq!(store.evidence(&sha256).await.unwrap().unwrap(), b"yes");
    assert!(store.evidence("other").await.unwrap().is_none());
    let kept = store.kept_evidence("", 10).await.unwrap();
    assert_eq!((kept.len(), kept[0].content.as_slice()), (1, &b"yes"[..]));
    assert!(store.kept_evidence(&kept[0].sha256, 10).await.unwrap().is_empty());
}

pub(crate) async fn a_run_is_closed_with_what_is_told_of_it(store: &dyn Store) {
    let tell = |key: &str| vec![NewOutbox { kind: "webhook".to_owned(), ..effect(key, 0) }];
    let run = closed(15, b"[]", None);
    store.close_run(run.clone(), tell("run_1")).await.unwrap();
    store.close_run(run.clone(), tell("run_2")).await.unwrap();
    assert!(store.close_run(closed(14, b"[]", Some(&run)), tell("run_3")).await.is_err());
    let told = store.effects(INVOICING, "webhook", 9).await.unwrap();
    assert_eq!(told.iter().map(|row| row.dedupe_key.as_str()).collect::<Vec<_>>(), ["run_1"]);
}

pub(crate) async fn entries_come_customer_by_customer(store: &dyn Store) {
    store.append_entries(["k2", "k1", "k2", "k3", "k1"].map(draft).to_vec(), at(0)).await.unwrap();
    let mut all = Vec::new();
    let mut last = (String::new(), 0);
    loop {
        let piece = store.entries_by_customer((&last.0, last.1), 4, 2).await.unwrap();
        let Some(entry) = piece.last() else { break };
        last = (entry.draft.customer_id.clone(), entry.seq);
        all.extend(piece.into_iter().map(|entry| (entry.draft.customer_id, entry.seq)));
    }
    let of = |customer: &str, seq| (customer.to_owned(), seq);
    assert_eq!(all, [of("k1", 2), of("k2", 1), of("k2", 3), of("k3", 4)], "the fifth was not known yet");
}
