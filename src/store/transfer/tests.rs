//! The same history in both stores, a copy from one into the other, and a backup under load.

use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::rows::{Row, Table};
use super::{backup, copy, into_postgres, out_of_sqlite};
use crate::config::StoreConfig;
use crate::ledger::chain;
use crate::store::conformance::fixture::{at, event, placed, subject, transition};
use crate::store::conformance::history::{self, lived};
use crate::store::conformance::ledger::draft;
use crate::store::postgres::server::Server;
use crate::store::postgres::{LeaseClock, Pool, PostgresStore, migrate};
use crate::store::sqlite::SqliteStore;
use crate::store::{PolitenessStore, Scope, Store, StoreError, StoreResult, TurnAnswer};

type Contents = Vec<(String, Vec<Row>)>;

fn of_sqlite(config: &StoreConfig) -> Contents {
    let db = Connection::open(&config.path).unwrap();
    let mut contents = Contents::new();
    for table in sorted(out_of_sqlite::tables(&db).unwrap()) {
        let mut rows = Vec::new();
        out_of_sqlite::read(&db, &table, |row| {
            rows.push(row);
            StoreResult::Ok(())
        })
        .unwrap();
        contents.push((table.name, rows));
    }
    contents
}

async fn of_postgres(config: &StoreConfig) -> Contents {
    let pool = Pool::new(config).unwrap();
    let mut db = pool.get().await.unwrap();
    let mut contents = Contents::new();
    for table in into_postgres::tables(&mut db).await.unwrap() {
        let mut rows = Vec::new();
        into_postgres::read(&mut db, &table, |row| {
            rows.push(row);
            Ok(())
        })
        .await
        .unwrap();
        contents.push((table.name, rows));
    }
    contents
}

fn sorted(mut tables: Vec<Table>) -> Vec<Table> {
    tables.sort_by(|a, b| a.name.cmp(&b.name));
    tables
}

async fn postgres() -> StoreConfig {
    let config = StoreConfig { connections: 4, ..StoreConfig::at(&Server::shared().database()) };
    migrate::up_to_date(&config).await.unwrap();
    config
}

fn sqlite() -> (TempDir, StoreConfig) {
    let folder = TempDir::new().unwrap();
    let config = StoreConfig::sqlite(folder.path().join("fencepost.db"));
    (folder, config)
}

#[tokio::test]
async fn both_stores_have_the_same_tables() {
    let (_folder, file) = sqlite();
    drop(SqliteStore::open(&file).unwrap());
    let here = sorted(out_of_sqlite::tables(&Connection::open(&file.path).unwrap()).unwrap());
    let pool = Pool::new(&postgres().await).unwrap();
    let there = into_postgres::tables(&mut pool.get().await.unwrap()).await.unwrap();
    assert_eq!(there, here);
    assert!(here.len() > 12 && here.iter().all(|table| !table.key.is_empty()));
}

#[tokio::test]
async fn identical_histories_are_identical_bytes() {
    let (_folder, file) = sqlite();
    lived(&SqliteStore::open(&file).unwrap()).await;
    let server = postgres().await;
    lived(&PostgresStore::open(&server, LeaseClock::Caller).await.unwrap()).await;
    let (here, there) = (of_sqlite(&file), of_postgres(&server).await);
    for ((name, here), (_, there)) in here.iter().zip(&there) {
        assert_eq!(here, there, "{name}");
    }
    let filled: Vec<_> = here.iter().filter(|(_, rows)| !rows.is_empty()).map(|(name, _)| name.as_str()).collect();
    for table in history::TABLES {
        assert!(filled.contains(table), "{table} is empty, the comparison says nothing of it");
    }
}

#[tokio::test]
async fn a_copy_has_every_byte_and_goes_on() {
    let (_folder, file) = sqlite();
    lived(&SqliteStore::open(&file).unwrap()).await;
    let server = StoreConfig { connections: 4, ..StoreConfig::at(&Server::shared().database()) };
    let copied = copy(&file, &server, at(1_000_000)).await.unwrap();
    assert_eq!(of_sqlite(&file), of_postgres(&server).await);
    let rows = |name: &str| copied.tables.iter().find(|(table, _)| table == name).unwrap().1;
    assert!(rows("customer") >= 3 && rows("billing_entry") == copied.head.seq && copied.head.seq > 0);

    let store = PostgresStore::open(&server, LeaseClock::Caller).await.unwrap();
    let mut next = transition(&subject(&store, "c3").await, None, 2_000);
    next.outbox = vec![crate::store::conformance::fixture::effect("after the copy", 0)];
    next.entries = vec![draft("k1")];
    store.commit(next).await.unwrap();
    chain::verify(&store.entries(None, 0, 100).await.unwrap(), &[]).unwrap();
    let again = copy(&file, &server, at(1_000_000)).await;
    assert!(matches!(&again, Err(StoreError::Conflict(why)) if why.contains("not empty")), "{again:?}");
}

#[tokio::test]
async fn manners_come_along_and_a_turn_in_force_does_not() {
    let (_folder, file) = sqlite();
    lived(&SqliteStore::open(&file).unwrap()).await;
    let last = 9_000 + 300;
    let visiting = SqliteStore::open(&file).unwrap();
    let visit = |target: &str, vantage: &str, seconds| history::visit(target, vantage, seconds);
    assert_eq!(visiting.take_turn(visit("smtp 192.0.2.3", "north", last)).await.unwrap(), TurnAnswer::Yours);
    let server = postgres().await;
    let during = copy(&file, &server, at(last + 100)).await;
    assert!(matches!(&during, Err(StoreError::Conflict(why)) if why.contains("turns in force")), "{during:?}");
    // Its visitor died; the turn has ended by itself.
    copy(&file, &server, at(last + 200)).await.unwrap();

    let store = PostgresStore::open(&server, LeaseClock::Caller).await.unwrap();
    let soon = last + 201;
    let ask = |target, vantage, seconds| store.take_turn(visit(target, vantage, seconds));
    let spent = ask("smtp 192.0.2.1", "north", soon).await.unwrap();
    assert!(matches!(spent, TurnAnswer::Spent { .. }), "looks of the day are counted on: {spent:?}");
    assert_eq!(ask("smtp 192.0.2.1", "south", soon).await.unwrap(), TurnAnswer::Yours, "each for itself");
    assert_eq!(ask("smtp 192.0.2.3", "south", soon).await.unwrap(), TurnAnswer::Yours, "nobody is there any more");
    let drawn = store.draw("dns 192.0.2.53", 7, history::QUESTIONS, at(soon)).await.unwrap();
    assert_eq!(drawn.granted, 3, "questions that were asked before count");
}

#[tokio::test]
async fn a_file_that_is_worked_on_and_a_forged_ledger_are_not_copied() {
    let (_folder, file) = sqlite();
    lived(&SqliteStore::open(&file).unwrap()).await;
    let server = postgres().await;
    let empty = of_postgres(&server).await;
    let busy = copy(&file, &server, at(0)).await;
    assert!(matches!(&busy, Err(StoreError::Conflict(why)) if why.contains("in force")), "{busy:?}");
    let db = Connection::open(&file.path).unwrap();
    db.execute_batch(
        "DROP TRIGGER billing_entry_is_never_changed;
         UPDATE billing_entry SET body = replace(body, '\"engine\"', '\"nobody\"') WHERE seq = 1;",
    )
    .unwrap();
    let forged = copy(&file, &server, at(1_000_000)).await;
    assert!(matches!(&forged, Err(StoreError::Database { what, .. }) if what.contains("sealed")), "{forged:?}");
    assert_eq!(of_postgres(&server).await, empty, "nothing of it is there");
}

#[tokio::test]
async fn a_backup_under_load_is_sound_and_lives() {
    let (folder, file) = sqlite();
    let store = Arc::new(SqliteStore::open(&file).unwrap());
    placed(store.as_ref(), 4).await;
    store.append_entries(vec![draft("k1")], at(0)).await.unwrap();
    let writers: Vec<_> = (1..=4)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                for round in 0..200 {
                    let mut next = transition(&subject(store.as_ref(), &format!("c{n}")).await, None, round);
                    next.events = vec![event("a"), event("b")];
                    next.entries = vec![draft("k1")];
                    store.commit(next).await.unwrap();
                }
            })
        })
        .collect();
    let mut taken = 0;
    while !writers.iter().all(tokio::task::JoinHandle::is_finished) || taken == 0 {
        let to = folder.path().join(format!("{taken}.db"));
        let (from, into) = (file.path.clone(), to.clone());
        let backed_up = tokio::task::spawn_blocking(move || backup(&from, &into)).await.unwrap().unwrap();
        let restored = SqliteStore::open(&StoreConfig::sqlite(&to)).unwrap();
        restored.ready().await.unwrap();
        let entries = restored.entries(None, 0, 10_000).await.unwrap();
        assert_eq!(chain::verify(&entries, &[]).unwrap(), backed_up.head);
        for n in 1..=4 {
            let after = subject(&restored, &format!("c{n}")).await;
            assert_eq!(after.last_seq, 1 + 2 * (after.version - 1), "an outcome is in it whole or not at all");
        }
        taken += 1;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(
        store.customers(&Scope::All, &crate::store::Page { after: None, limit: 9 }).await.unwrap().rows.len(),
        4
    );
    assert!(taken > 1, "the load ended before a second backup");
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_leaves_nothing_half_done() {
    let (folder, file) = sqlite();
    lived(&SqliteStore::open(&file).unwrap()).await;
    let to = folder.path().join("backup.db");
    std::fs::write(&to, "mine").unwrap();
    assert!(matches!(backup(&file.path, &to), Err(StoreError::Conflict(_))));
    assert_eq!(std::fs::read(&to).unwrap(), b"mine");
    std::fs::remove_file(&to).unwrap();
    let missing = backup(&folder.path().join("none.db"), &to);
    assert!(matches!(missing, Err(StoreError::Conflict(_))), "{missing:?}");
    let db = Connection::open(&file.path).unwrap();
    db.execute_batch("DROP TRIGGER billing_entry_is_never_deleted; DELETE FROM billing_entry WHERE seq = 1;").unwrap();
    let forged = backup(&file.path, &to);
    assert!(matches!(&forged, Err(StoreError::Database { what, .. }) if what.contains("sealed")), "{forged:?}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("fencepost.db")), "{left:?}");
}

#[tokio::test]
async fn what_is_kept_beside_the_ledger_is_verified_too() {
    let (folder, file) = sqlite();
    lived(&SqliteStore::open(&file).unwrap()).await;
    let good = folder.path().join("good.db");
    let whole = backup(&file.path, &good).unwrap();
    assert!(whole.runs > 0 && whole.documents > 0 && whole.looks > 1, "{whole:?}");
    let server = postgres().await;
    for (n, (trigger, damage, named)) in [
        ("journal_is_never_deleted", "DELETE FROM journal WHERE seq = 2", "journal line 2"),
        ("journal_is_never_changed", "UPDATE journal SET digest = zeroblob(32) WHERE seq = 1", "journal line 1"),
        ("", "UPDATE journal_end SET seq = seq + 1", "journal end"),
        ("", "DELETE FROM journal_end", "journal end"),
        ("evidence_is_never_deleted", "DELETE FROM evidence", "evidence"),
        ("evidence_is_never_changed", "UPDATE evidence SET content = x'00'", "field `content`"),
        ("", "INSERT INTO evidence VALUES ('00', x'00', 0)", "evidence 00"),
        ("observation_archive_is_never_deleted", "DELETE FROM observation_archive", "permit evidence"),
        ("observation_archive_is_never_changed", "UPDATE observation_archive SET kind = 'mx'", "permit evidence"),
        ("invoicing_run_is_never_changed", "UPDATE invoicing_run SET closed_by = 'me'", "invoicing run"),
        ("invoicing_run_is_never_deleted", "DELETE FROM invoicing_run", "invoicing run"),
        ("", "UPDATE ledger_head SET hash = zeroblob(32)", "ledger head"),
    ]
    .into_iter()
    .enumerate()
    {
        let damaged = StoreConfig::sqlite(folder.path().join(format!("damaged-{n}.db")));
        std::fs::copy(&good, &damaged.path).unwrap();
        let db = Connection::open(&damaged.path).unwrap();
        db.execute_batch(&format!("DROP TRIGGER IF EXISTS {trigger:?}; {damage};")).unwrap();
        assert!(db.query_row("SELECT changes()", [], |row| row.get::<_, u32>(0)).unwrap() > 0, "{damage}");
        drop(db);
        let refused = |what: &'static str, found: StoreError| {
            let StoreError::Database { source, .. } = found else { panic!("{damage}: {what}: {found:?}") };
            assert!(source.to_string().contains(named), "{damage}: {what}: {source}");
        };
        refused("backup", backup(&damaged.path, &folder.path().join("again.db")).unwrap_err());
        refused("copy", copy(&damaged, &server, at(1_000_000)).await.unwrap_err());
    }
    assert!(!folder.path().join("again.db").exists());
}

#[tokio::test]
async fn a_file_from_before_the_journal_can_be_backed_up_before_it_is_migrated() {
    let (folder, file) = sqlite();
    lived(&SqliteStore::open(&file).unwrap()).await;
    let db = Connection::open(&file.path).unwrap();
    db.execute_batch("DROP TABLE journal; DROP TABLE journal_end; PRAGMA user_version = 6").unwrap();
    let done = backup(&file.path, &folder.path().join("old.db")).unwrap();
    assert!(done.head.seq > 0, "{done:?}");
    db.execute_batch("DROP TRIGGER billing_entry_is_never_deleted; DELETE FROM billing_entry WHERE seq = 2").unwrap();
    let forged = backup(&file.path, &folder.path().join("forged.db"));
    assert!(matches!(&forged, Err(StoreError::Database { what, .. }) if what.contains("sealed")), "{forged:?}");
}
