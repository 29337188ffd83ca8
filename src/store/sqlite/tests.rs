//! The conformance suite on SQLite, and what only a file can show.

use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::SqliteStore;
use crate::config::StoreConfig;
use crate::ledger::chain;
use crate::store::conformance::fixture::{at, event, new_order, placed, subject, transition};
use crate::store::conformance::ledger::draft;
use crate::store::conformance::mail::mail;
use crate::store::conformance::{every_rule, every_vantage_rule};
use crate::store::{MAX_QUARANTINED, MailState, MailStore, NewMail, Scope, SettledMail, Store, StoreError};

fn config(folder: &TempDir) -> StoreConfig {
    StoreConfig::sqlite(folder.path().join("data/fencepost.db"))
}

async fn open() -> (TempDir, Arc<dyn Store>) {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&config(&folder)).unwrap();
    (folder, Arc::new(store))
}

every_rule!(open);
every_vantage_rule!(open);

#[tokio::test]
async fn a_reopened_file_has_everything() {
    let folder = TempDir::new().unwrap();
    let before = {
        let store = SqliteStore::open(&config(&folder)).unwrap();
        placed(&store, 2).await;
        store.customer("k1", &Scope::All).await.unwrap()
    };
    let store = SqliteStore::open(&config(&folder)).unwrap();
    store.ready().await.unwrap();
    assert_eq!(store.customer("k1", &Scope::All).await.unwrap(), before);
    assert_eq!(store.events("c2", 0, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn history_and_ledger_refuse_update_and_delete() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&config(&folder)).unwrap();
    placed(&store, 1).await;
    let db = Connection::open(config(&folder).path).unwrap();
    db.execute_batch(
        "INSERT INTO billing_entry VALUES (1, 'k1', 'activated', '2027-01-15', 0, '{}', zeroblob(32), zeroblob(32));
         INSERT INTO invoicing_run VALUES ('2027-01-15', 0, 'a', 1, zeroblob(32), x'00', NULL, NULL);",
    )
    .unwrap();
    for sql in [
        "UPDATE event SET body = 'x'",
        "DELETE FROM event",
        "UPDATE billing_entry SET body = 'x'",
        "INSERT OR REPLACE INTO billing_entry SELECT * FROM billing_entry",
        "INSERT OR REPLACE INTO invoicing_run SELECT * FROM invoicing_run",
        "DELETE FROM billing_entry",
        "UPDATE invoicing_run SET lines = x'01'",
        "DELETE FROM invoicing_run",
    ] {
        let refused = db.execute_batch(sql).unwrap_err().to_string();
        assert!(refused.contains("append-only") || refused.contains("never"), "{sql}: {refused}");
    }
}

#[tokio::test]
async fn an_entry_moved_to_another_customer_is_named() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&config(&folder)).unwrap();
    store.append_entries(vec![draft("k1"), draft("k1"), draft("k2")], at(1)).await.unwrap();
    let db = Connection::open(config(&folder).path).unwrap();
    db.execute_batch(
        "DROP TRIGGER billing_entry_is_never_changed; UPDATE billing_entry SET customer_id = 'k2' WHERE seq = 2;",
    )
    .unwrap();
    let entries = store.entries(None, 0, 100).await.unwrap();
    assert_eq!(chain::verify(&entries, &[]).unwrap_err().seq, 2);
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_stored_or_not_but_never_in_part() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&config(&folder)).unwrap();
    placed(&store, 1).await;
    for round in 0..20 {
        let before = subject(&store, "c1").await;
        let mut outcome = transition(&before, None, round);
        outcome.events = vec![event("a"), event("b")];
        let commit = store.commit(outcome);
        // Polled once, then dropped: the caller is gone while the writer has the work.
        let _ = tokio::time::timeout(std::time::Duration::ZERO, commit).await;
        store.tokens().await.unwrap();
    }
    drop(store);
    let store = SqliteStore::open(&config(&folder)).unwrap();
    let after = subject(&store, "c1").await;
    let events = store.events("c1", 0, 1000).await.unwrap();
    assert_eq!(after.last_seq, events.len() as u64);
    assert_eq!(after.last_seq, 1 + 2 * (after.version - 1));
}

#[tokio::test]
async fn every_earlier_schema_is_brought_up_to_date_with_what_it_holds() {
    for version in 1..super::SCHEMA {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("old.db");
        {
            let mut db = Connection::open(&path).unwrap();
            super::migrate::up_to(&mut db, version).unwrap();
            db.execute_batch(
                r#"INSERT INTO customer VALUES ('k1', 'p', 'o1', '{"kind":"trial","business_id":"FI-1"}', 0, 'desk');
                 INSERT INTO event VALUES ('c1', 1, 0, 'a', '{}', 'test');
                 INSERT INTO outbox (subject_id, dedupe_key, kind, payload, created_at, status)
                     VALUES ('c1', 'x', 'notice', '{}', 0, 'parked');
                 INSERT INTO invoicing_run (run_date, closed_at, closed_by, head_seq, head_hash, lines)
                     VALUES ('2027-01-15', 0, 'a', 0, zeroblob(32), x'00');"#,
            )
            .unwrap();
        }
        let config = StoreConfig::sqlite(&path);
        assert_eq!(crate::store::schema(&config).await.unwrap().found, version, "looking changes nothing");
        assert_eq!(crate::store::migrate(&config).await.unwrap().found, version);
        let store = SqliteStore::open(&config).unwrap();
        store.ready().await.unwrap();
        assert_eq!(store.events("c1", 0, 10).await.unwrap().len(), 1);
        assert_eq!(store.parked(&crate::store::Page { after: None, limit: 5 }).await.unwrap().rows.len(), 1);
        assert!(store.closed_runs().await.unwrap()[0].is_unsealed());
        store.place_order(new_order(5, "p", "d5.example")).await.unwrap();
    }
}

/// Rows as a flood of forgeries would leave them.
const FLOOD: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
    INSERT INTO inbound_mail (id, dedupe, sha256, authentication, received_at, via, sender, subject, state, reason, body, \
    copies, note) SELECT 'f' || i, 'f' || i, 'x', 'x', 0, 'lmtp', 'a@b.example', '', 'quarantined', 'unsigned', '{}', 1, '' FROM n";

#[tokio::test]
async fn a_full_quarantine_turns_forgeries_away_and_takes_what_is_believed() {
    let folder = TempDir::new().unwrap();
    let store = SqliteStore::open(&config(&folder)).unwrap();
    assert_eq!(MAX_QUARANTINED, 10_000);
    Connection::open(config(&folder).path).unwrap().execute_batch(FLOOD).unwrap();
    let full = store.keep_mail(mail(1, MailState::Quarantined)).await;
    assert!(matches!(full, Err(StoreError::Unavailable(_))), "{full:?}");
    assert!(store.mail("m1").await.unwrap().is_none(), "and nothing of it is kept");
    assert_eq!(store.kept_evidence("", 10).await.unwrap(), []);
    let believed = store.keep_mail(mail(2, MailState::Open)).await.unwrap();
    assert_eq!(believed.state, MailState::Open);
    // What is there is only counted; what is settled makes room.
    let again = NewMail { dedupe: "f7".to_owned(), ..mail(3, MailState::Quarantined) };
    assert_eq!(store.keep_mail(again).await.unwrap().copies, 2);
    let settled = SettledMail { id: "f7".to_owned(), by: "desk".to_owned(), note: "forged".to_owned() };
    assert!(store.reject_mail(&settled, at(9)).await.unwrap());
    assert_eq!(store.keep_mail(mail(1, MailState::Quarantined)).await.unwrap().copies, 1);
}
