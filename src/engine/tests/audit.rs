//! A ledger in a real file, damaged one byte at a time from outside: whatever is touched is named.

mod postgres;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Connection;
use rusqlite::types::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::clock::Clock;
use crate::config::{Config, StoreConfig};
use crate::engine::{Accounts, AccountsError, Audit};
use crate::ledger::fault::Place;
use crate::ledger::{EntryDraft, EntryKind, Evidence, PriceMode};
use crate::store::conformance::fixture::{placed, subject, transition};
use crate::store::sqlite::SqliteStore;
use crate::store::{CommitOutcome, EvidenceName, Observation, Store};

#[derive(Debug)]
struct Day(Timestamp);

impl Clock for Day {
    fn now(&self) -> Timestamp {
        self.0
    }
}

struct Books {
    accounts: Accounts,
    store: Arc<dyn Store>,
    path: PathBuf,
    _folder: TempDir,
}

impl Books {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let config = StoreConfig::sqlite(folder.path().join("t.db"));
        Self::over(Arc::new(SqliteStore::open(&config).unwrap()), folder).await
    }

    /// On any store: two customers who are charged, two documents, two looks that permits rest on.
    async fn over(store: Arc<dyn Store>, folder: TempDir) -> Self {
        let config = Arc::new(Config::default());
        let now = Day("2026-05-02T08:00:00Z".parse().unwrap());
        let accounts = Accounts::new(store.clone(), Arc::new(now), config);
        let books = Self { accounts, store, path: folder.path().join("t.db"), _folder: folder };
        books.charge("c-1").await;
        books.charge("c-2").await;
        for text in ["yes, we stay", "no, thank you"] {
            let sha256 = hex::encode(Sha256::digest(text));
            books.store.keep_evidence(&sha256, text.as_bytes(), at()).await.unwrap();
        }
        placed(books.store.as_ref(), 2).await;
        for id in ["c1", "c2"] {
            let mut look = transition(&subject(books.store.as_ref(), id).await, None, 1);
            let body = format!(r#"{{"look":"{id}"}}"#);
            let sha256 = hex::encode(Sha256::digest(&body));
            look.archive = vec![EvidenceName { kind: "smtp".to_owned(), sha256 }];
            let (kind, digest) = ("smtp".to_owned(), "d".to_owned());
            look.observations = vec![Observation { kind, digest, first_at: at(), last_at: at(), body }];
            assert!(matches!(books.store.commit(look).await.unwrap(), CommitOutcome::Committed { .. }));
        }
        books
    }

    async fn charge(&self, customer: &str) {
        let draft = |kind, approved_by| EntryDraft {
            customer_id: customer.to_owned(),
            kind,
            valid_from: "2026-03-01".parse().unwrap(),
            evidence: Evidence::Mail {
                sha256: "ab".repeat(32),
                message_id: None,
                received: at(),
                authentication: None,
            },
            recorded_by: "engine".to_owned(),
            approved_by,
            supersedes: None,
        };
        let amount = "120.00 EUR".parse().unwrap();
        let entries = vec![
            draft(EntryKind::PartnerSet { partner: "acme".to_owned() }, None),
            draft(EntryKind::BillingPartySet { party: "customer".to_owned() }, Some("desk".to_owned())),
            draft(EntryKind::MailboxBasisSet { mailboxes: 12 }, None),
            draft(EntryKind::PriceSet { mode: PriceMode::Total, amount }, None),
            draft(EntryKind::GroupSet { group: 15 }, None),
            draft(EntryKind::Activated, None),
        ];
        self.store.append_entries(entries, at()).await.unwrap();
    }

    async fn closed(&self) {
        for date in ["2026-03-15", "2026-04-15"] {
            let run = self.accounts.close(date.parse().unwrap(), "accounting").await.unwrap();
            assert_eq!(run.lines.len(), 2);
        }
    }

    async fn audit(&self) -> Audit {
        self.accounts.verify(&[]).await.unwrap()
    }

    /// The file as somebody has it who is not held back by triggers.
    fn hand(&self) -> Connection {
        let db = Connection::open(&self.path).unwrap();
        let triggers: Vec<String> = db
            .prepare("SELECT 'DROP TRIGGER ' || name FROM sqlite_schema WHERE type = 'trigger'")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        db.execute_batch(&triggers.join(";")).unwrap();
        db.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
        db
    }
}

fn at() -> Timestamp {
    "2026-03-01T10:00:00Z".parse().unwrap()
}

/// Bytes of a value, whatever its type, and the SQL that puts bytes in its place.
const TEXT: (&str, &str) = ("CAST({} AS BLOB)", "CAST(?1 AS TEXT)");
const BLOB: (&str, &str) = ("{}", "?1");

#[tokio::test]
async fn one_changed_byte_is_named_wherever_it_is() {
    let books = Books::new().await;
    books.closed().await;
    let whole = books.audit().await;
    assert!(whole.is_whole(), "{:?}", whole.faults);
    assert_eq!((whole.head.seq, whole.runs, whole.documents, whole.looks), (12, 2, 2, 2));
    let db = books.hand();
    let document = hex::encode(Sha256::digest("no, thank you"));
    let entry = |seq| Place::Entry(seq);
    let run = |date: &str| Place::Run(date.to_owned());
    let mut tried = 0;
    for (table, column, row, how, place) in [
        ("billing_entry", "body", "seq = 4", TEXT, entry(4)),
        ("billing_entry", "customer_id", "seq = 1", TEXT, entry(1)),
        ("billing_entry", "kind", "seq = 9", TEXT, entry(9)),
        ("billing_entry", "valid_from", "seq = 12", TEXT, entry(12)),
        ("billing_entry", "prev_hash", "seq = 7", BLOB, entry(7)),
        ("billing_entry", "hash", "seq = 12", BLOB, entry(12)),
        ("ledger_head", "hash", "one = 1", BLOB, Place::Head),
        ("invoicing_run", "lines", "run_date = '2026-03-15'", BLOB, run("2026-03-15")),
        ("invoicing_run", "closed_by", "run_date = '2026-04-15'", TEXT, run("2026-04-15")),
        ("invoicing_run", "prev_hash", "run_date = '2026-04-15'", BLOB, run("2026-04-15")),
        ("invoicing_run", "hash", "run_date = '2026-04-15'", BLOB, run("2026-04-15")),
        ("evidence", "content", &format!("sha256 = '{document}'"), BLOB, Place::Evidence(document.clone())),
    ] {
        let select = format!("SELECT {} FROM {table} WHERE {row}", how.0.replace("{}", column));
        let good: Vec<u8> = db.query_row(&select, [], |r| r.get(0)).unwrap();
        let put = |bytes: &[u8]| {
            let sql = format!("UPDATE {table} SET {column} = {} WHERE {row}", how.1);
            db.execute(&sql, [bytes]).unwrap();
        };
        // Every byte of short values, every seventh of long ones; a bit that keeps letters letters.
        for index in (0..good.len()).step_by(if good.len() > 80 { 7 } else { 1 }) {
            let mut bad = good.clone();
            bad[index] ^= if index % 2 == 0 { 0x01 } else { 0x80 };
            put(&bad);
            let audit = books.audit().await;
            let named = audit.faults.iter().any(|fault| fault.place == place);
            assert!(named, "{table}.{column} byte {index}: {:?}", audit.faults);
            tried += 1;
        }
        put(&good);
    }
    for (table, column, row, place) in [
        ("billing_entry", "recorded_at", "seq = 5", entry(5)),
        ("ledger_head", "seq", "one = 1", Place::Head),
        ("ledger_head", "recorded_at", "one = 1", Place::Head),
        ("invoicing_run", "closed_at", "run_date = '2026-03-15'", run("2026-03-15")),
        ("invoicing_run", "head_seq", "run_date = '2026-03-15'", run("2026-03-15")),
    ] {
        for by in [1, -1, 65_536] {
            let change =
                |by: i32| db.execute(&format!("UPDATE {table} SET {column} = {column} + ?1 WHERE {row}"), [by]);
            change(by).unwrap();
            let audit = books.audit().await;
            assert!(audit.faults.iter().any(|fault| fault.place == place), "{table}.{column}: {:?}", audit.faults);
            change(-by).unwrap();
            tried += 1;
        }
    }
    assert!(tried > 300, "{tried}");
    assert!(books.audit().await.is_whole(), "everything was put back");
}

/// Whether a place is of a table.
type Names = fn(&Place) -> bool;

/// Everything that the books consist of, and how a row of it is called when something is wrong with it.
const TABLES: [(&str, Names); 7] = [
    ("billing_entry", |place| matches!(place, Place::Entry(_))),
    ("ledger_head", |place| *place == Place::Head),
    ("invoicing_run", |place| matches!(place, Place::Run(_))),
    ("evidence", |place| matches!(place, Place::Evidence(_))),
    ("observation_archive", |place| matches!(place, Place::Look(_))),
    ("journal", |place| matches!(place, Place::Line(_) | Place::JournalEnd)),
    ("journal_end", |place| *place == Place::JournalEnd),
];

/// Columns of a table, and which of them make its key.
fn columns(db: &Connection, table: &str) -> Vec<(String, bool)> {
    let mut statement = db.prepare(&format!("SELECT name, pk FROM pragma_table_info('{table}')")).unwrap();
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)? > 0));
    statement.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
}

fn rows(db: &Connection, table: &str) -> Vec<Vec<Value>> {
    let width = columns(db, table).len();
    let mut statement = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let read = |row: &rusqlite::Row<'_>| (0..width).map(|column| row.get(column)).collect::<Result<Vec<Value>, _>>();
    statement.query_map([], read).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The value with one bit of one byte changed, for every byte of short values and every seventh of long ones.
fn damaged(value: &Value) -> Vec<(Value, &'static str)> {
    let flipped = |bytes: &[u8], index: usize| {
        let mut bytes = bytes.to_vec();
        bytes[index] ^= if index.is_multiple_of(2) { 0x01 } else { 0x80 };
        Value::Blob(bytes)
    };
    let places = |length: usize| (0..length).step_by(if length > 80 { 7 } else { 1 });
    match value {
        Value::Integer(number) => (0..8).map(|byte| (Value::Integer(number ^ (0x40 << (8 * byte))), "?1")).collect(),
        Value::Text(text) => {
            places(text.len()).map(|index| (flipped(text.as_bytes(), index), "CAST(?1 AS TEXT)")).collect()
        }
        Value::Blob(bytes) => places(bytes.len()).map(|index| (flipped(bytes, index), "?1")).collect(),
        Value::Null | Value::Real(_) => Vec::new(),
    }
}

#[tokio::test]
async fn every_byte_of_every_column_of_the_books_is_sealed() {
    let books = Books::new().await;
    books.closed().await;
    let db = books.hand();
    let mut tried = 0;
    for (table, named) in TABLES {
        let columns = columns(&db, table);
        let row = rows(&db, table).pop().unwrap();
        let other_keys: Vec<usize> = (0..columns.len()).filter(|place| columns[*place].1).collect();
        for (place, (column, _)) in columns.iter().enumerate().filter(|(_, (column, _))| column != "one") {
            for (bad, how) in damaged(&row[place]) {
                // The key of the row, before and after.
                let put = |value: &Value, how: &str, now: Option<(&Value, &str)>| {
                    let mut sql = format!("UPDATE {table} SET {column} = {how} WHERE 1");
                    let mut values = vec![value.clone()];
                    for key in &other_keys {
                        let (value, how) =
                            if *key == place { now.unwrap_or((&row[*key], "?1")) } else { (&row[*key], "?1") };
                        values.push(value.clone());
                        sql +=
                            &format!(" AND {} = {}", columns[*key].0, how.replace("?1", &format!("?{}", values.len())));
                    }
                    let changed = db.execute(&sql, rusqlite::params_from_iter(values)).unwrap();
                    assert_eq!(changed, 1, "{sql}");
                };
                put(&bad, how, None);
                let audit = books.audit().await;
                let found = audit.faults.iter().any(|fault| named(&fault.place));
                assert!(found, "{table}.{column} as {bad:?}: {:?}", audit.faults);
                put(&row[place], "?1", Some((&bad, how)));
                tried += 1;
            }
        }
    }
    assert!(tried > 700, "{tried}");
    let audit = books.audit().await;
    assert!(audit.is_whole(), "everything was put back: {:?}", audit.faults);
}

#[tokio::test]
async fn every_row_of_the_books_that_is_taken_out_is_named() {
    let books = Books::new().await;
    books.closed().await;
    let db = books.hand();
    for (table, _) in TABLES {
        let columns = columns(&db, table);
        for row in rows(&db, table) {
            let text = |name: &str| match &row[columns.iter().position(|(column, _)| column == name).unwrap()] {
                Value::Text(text) => text.clone(),
                Value::Integer(number) => number.to_string(),
                other => panic!("{other:?}"),
            };
            let seq = || text("seq").parse::<u64>().unwrap();
            let last: u64 = 12;
            let place = match table {
                "billing_entry" if seq() == last => Place::Head,
                "billing_entry" => Place::Entry(seq()),
                "ledger_head" => Place::Head,
                "invoicing_run" => Place::Run(text("run_date")),
                "evidence" => Place::Evidence(text("sha256")),
                "observation_archive" => Place::Look(format!("{}/{}", text("subject_id"), text("sha256"))),
                "journal" if seq() == 6 => Place::JournalEnd,
                "journal" => Place::Line(seq()),
                _ => Place::JournalEnd,
            };
            let matching: Vec<String> =
                (1..).zip(&columns).map(|(place, (column, _))| format!("{column} IS ?{place}")).collect();
            let gone = format!("DELETE FROM {table} WHERE {}", matching.join(" AND "));
            assert_eq!(db.execute(&gone, rusqlite::params_from_iter(&row)).unwrap(), 1);
            let audit = books.audit().await;
            assert!(audit.faults.iter().any(|fault| fault.place == place), "{place:?} of {table}: {:?}", audit.faults);
            let marks: Vec<String> = (1..=columns.len()).map(|place| format!("?{place}")).collect();
            let back = format!("INSERT INTO {table} VALUES ({})", marks.join(", "));
            db.execute(&back, rusqlite::params_from_iter(&row)).unwrap();
        }
    }
    assert!(books.audit().await.is_whole());
}

#[tokio::test]
async fn what_is_slipped_in_is_named() {
    let books = Books::new().await;
    books.closed().await;
    let forged = hex::encode(Sha256::digest("we pay nothing"));
    books
        .hand()
        .execute("INSERT INTO evidence (sha256, content, kept_at) VALUES (?1, ?2, 0)", (&forged, b"we pay nothing"))
        .unwrap();
    let told: Vec<String> = books.audit().await.faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [format!("evidence {forged}: the journal has no line about it: it was slipped in, or the line was taken out")]
    );
}

#[tokio::test]
async fn a_cut_end_is_named_by_the_head_alone() {
    let books = Books::new().await;
    books.hand().execute_batch("DELETE FROM billing_entry WHERE seq > 10").unwrap();
    let audit = books.audit().await;
    assert_eq!(
        audit.faults.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["ledger head, field `seq`: names entry 12, the ledger ends at 10: its end was cut off"]
    );
    books.hand().execute_batch("DELETE FROM ledger_head").unwrap();
    assert_eq!(books.audit().await.faults[0].to_string(), "ledger head: is missing, the ledger has 10 entries");
}

#[tokio::test]
async fn an_entry_that_is_none_is_named_with_its_field_and_nothing_is_invoiced() {
    let books = Books::new().await;
    books.hand().execute_batch("UPDATE billing_entry SET body = '{\"customer_id\":' WHERE seq = 3").unwrap();
    let fault = books.audit().await.faults.remove(0);
    assert_eq!((fault.place.clone(), fault.field), (Place::Entry(3), Some("body")));
    assert!(fault.remedy().contains("backup"));
    for refused in [
        books.accounts.preview("2026-03-15".parse().unwrap()).await.unwrap_err(),
        books.accounts.close("2026-03-15".parse().unwrap(), "accounting").await.unwrap_err(),
        books.accounts.entries(None, 0, 100).await.unwrap_err(),
    ] {
        assert!(matches!(&refused, AccountsError::Broken { fault } if fault.place == Place::Entry(3)), "{refused}");
        assert!(refused.to_string().contains("ledger entry 3, field `body`"), "{refused}");
    }
}

#[tokio::test]
async fn a_removed_run_is_named_by_the_one_after_it() {
    let books = Books::new().await;
    books.closed().await;
    books.hand().execute_batch("DELETE FROM invoicing_run WHERE run_date = '2026-03-15'").unwrap();
    let fault = books.audit().await.faults.remove(0);
    assert_eq!((fault.place, fault.field), (Place::Run("2026-04-15".to_owned()), Some("prev_hash")));
}

/// No later run tells of it.
#[tokio::test]
async fn the_last_run_that_is_removed_whole_is_named_by_the_journal() {
    let books = Books::new().await;
    books.closed().await;
    books.hand().execute_batch("DELETE FROM invoicing_run WHERE run_date = '2026-04-15'").unwrap();
    let told: Vec<String> = books.audit().await.faults.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["invoicing run 2026-04-15: is gone: line 6 of the journal says that it was kept"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runs_closed_at_the_same_instant_charge_every_period_once() {
    for _ in 0..8 {
        let books = Books::new().await;
        let close = |date: &'static str, who: &'static str| {
            let accounts = books.accounts.clone();
            tokio::spawn(async move { accounts.close(date.parse().unwrap(), who).await })
        };
        let tasks =
            [close("2026-03-15", "a"), close("2026-04-15", "b"), close("2026-03-15", "c"), close("2026-04-15", "d")];
        let mut done = Vec::new();
        for task in tasks {
            done.push(task.await.unwrap());
        }
        assert!(done.iter().any(Result::is_ok), "{done:?}");
        let periods: Vec<String> = books
            .accounts
            .runs()
            .await
            .unwrap()
            .iter()
            .flat_map(|run| run.lines.iter().map(|line| format!("{} {:?}", line.customer_id, line.period)))
            .collect();
        let once: std::collections::BTreeSet<_> = periods.iter().collect();
        assert_eq!(once.len(), periods.len(), "a period was charged twice: {periods:?}");
        for (index, other) in [(0, 2), (1, 3)] {
            // Whoever is told that a run is closed is told of the same one.
            if let (Ok(one), Ok(two)) = (&done[index], &done[other]) {
                assert_eq!(one, two);
            }
        }
        assert!(books.audit().await.is_whole());
    }
}
