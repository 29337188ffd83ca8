//! The same on PostgreSQL, by somebody who owns the tables and has put their triggers out of the way.

use std::sync::Arc;

use super::{Books, TABLES};
use crate::config::StoreConfig;
use crate::ledger::fault::Place;
use crate::store::postgres::server::Server;
use crate::store::postgres::{LeaseClock, PostgresStore};

/// The superuser, at the database.
struct Hand {
    database: String,
}

impl Hand {
    fn run(&self, sql: &str) -> String {
        Server::shared().psql(&self.database, sql)
    }
}

async fn books() -> (Books, Hand) {
    let url = Server::shared().database();
    let config = StoreConfig { connections: 4, ..StoreConfig::at(&url) };
    crate::store::migrate(&config).await.unwrap();
    let store = PostgresStore::open(&config, LeaseClock::Caller).await.unwrap();
    let books = Books::over(Arc::new(store), tempfile::TempDir::new().unwrap()).await;
    books.closed().await;
    let database = url.split(['/', '?']).find(|part| part.starts_with("test")).unwrap().to_owned();
    let hand = Hand { database };
    for (table, _) in TABLES {
        // The last row of each is the one that is damaged; by the mark it is found again.
        hand.run(&format!(
            "ALTER TABLE {table} DISABLE TRIGGER USER; ALTER TABLE {table} ADD COLUMN mark INT; \
             UPDATE {table} SET mark = 1 WHERE ctid = (SELECT max(ctid) FROM {table})"
        ));
    }
    hand.run("ALTER TABLE journal DROP CONSTRAINT journal_kind_check");
    (books, hand)
}

#[tokio::test]
async fn every_byte_of_every_column_of_the_books_is_sealed_here_too() {
    let (books, hand) = books().await;
    let mut tried = 0;
    for (table, named) in TABLES {
        let columns = hand.run(&format!(
            "SELECT column_name, data_type FROM information_schema.columns \
             WHERE table_name = '{table}' AND column_name NOT IN ('one', 'mark') ORDER BY 1"
        ));
        for (column, kind) in columns.lines().map(|line| line.split_once('|').unwrap()) {
            // Every change is its own inverse.
            let (length, change) = match kind {
                "bigint" => ("8", format!("{column} # (64::bigint << (8 * (AT - 1)))")),
                "bytea" => ("length(COLUMN)", format!("set_byte({column}, AT - 1, get_byte({column}, AT - 1) # 1)")),
                _ => (
                    "length(COLUMN)",
                    format!("overlay({column} PLACING chr(ascii(substr({column}, AT, 1)) # 1) FROM AT FOR 1)"),
                ),
            };
            let length = length.replace("COLUMN", column);
            let length: usize = hand.run(&format!("SELECT {length} FROM {table} WHERE mark = 1")).parse().unwrap();
            for at in (1..=length).step_by(length.div_ceil(8)) {
                let change = change.replace("AT", &at.to_string());
                let sql = format!("UPDATE {table} SET {column} = {change} WHERE mark = 1");
                hand.run(&sql);
                let audit = books.audit().await;
                let found = audit.faults.iter().any(|fault| named(&fault.place));
                assert!(found, "{table}.{column} at {at}: {:?}", audit.faults);
                hand.run(&sql);
                tried += 1;
            }
        }
    }
    assert!(tried > 150, "{tried}");
    assert!(books.audit().await.is_whole(), "everything was put back");
}

#[tokio::test]
async fn a_row_that_is_taken_out_is_named_here_too() {
    let (books, hand) = books().await;
    for (table, named) in TABLES {
        hand.run(&format!("CREATE TABLE saved AS SELECT * FROM {table} WHERE mark = 1"));
        hand.run(&format!("DELETE FROM {table} WHERE mark = 1"));
        let audit = books.audit().await;
        // The last entry is missed by the head.
        let found = audit.faults.iter().any(|fault| named(&fault.place) || fault.place == Place::Head);
        assert!(found, "{table}: {:?}", audit.faults);
        hand.run(&format!("INSERT INTO {table} SELECT * FROM saved; DROP TABLE saved"));
    }
    assert!(books.audit().await.is_whole());
}
