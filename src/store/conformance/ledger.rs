//! The ledger's place in the store.

use super::fixture::{at, placed, subject, transition};
use crate::ledger::{EntryDraft, EntryKind, Evidence, chain};
use crate::store::{ClosedRun, Store, StoreError};

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

pub(crate) async fn a_closed_run_stays_as_it_is(store: &dyn Store) {
    let run_date = jiff::civil::date(2027, 1, 15);
    let run = ClosedRun {
        run_date,
        closed_at: at(0),
        closed_by: "accounting".to_owned(),
        head_seq: 3,
        head_hash: [9; 32],
        lines: b"[]".to_vec(),
    };
    store.close_run(run.clone()).await.unwrap();
    store.close_run(ClosedRun { closed_at: at(9), ..run.clone() }).await.unwrap();
    let other = ClosedRun { lines: b"[1]".to_vec(), ..run.clone() };
    assert!(matches!(store.close_run(other).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.closed_run(run_date).await.unwrap().unwrap(), run);
    assert_eq!(store.closed_runs().await.unwrap(), [run]);
}

pub(crate) async fn evidence_is_kept_by_its_hash(store: &dyn Store) {
    use sha2::{Digest, Sha256};
    let sha256 = hex::encode(Sha256::digest(b"yes"));
    store.keep_evidence(&sha256, b"yes", at(0)).await.unwrap();
    store.keep_evidence(&sha256, b"yes", at(1)).await.unwrap();
    assert!(store.keep_evidence(&sha256, b"no", at(1)).await.is_err());
    assert_eq!(store.evidence(&sha256).await.unwrap().unwrap(), b"yes");
    assert!(store.evidence("other").await.unwrap().is_none());
}
