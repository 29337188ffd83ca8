//! `fencepost store copy`: everything of a SQLite file into an empty PostgreSQL database, in one
//! transaction. Nobody can write to the file meanwhile, and a file that somebody works on is refused.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags};
use sqlx::PgConnection;
use tokio::sync::{mpsc, oneshot};

use super::rows::{Row, Table, Total};
use super::{into_postgres, out_of_sqlite, seal};
use crate::config::{Database, StoreConfig};
use crate::ledger::chain::Head;
use crate::store::postgres::{self, Pool};
use crate::store::value::{unreadable, us};
use crate::store::{StoreError, StoreResult, sqlite};

/// Rows that are sent in one statement.
const PIECE: usize = 500;

/// What was copied, and verified afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Rows of each table, by name.
    pub tables: Vec<(String, u64)>,
    /// Where the ledger ends.
    pub head: Head,
}

/// From the reading thread.
enum Piece {
    /// All tables, before any row.
    Tables(Vec<Table>),
    /// Rows of a table, by its place.
    Rows(usize, Vec<Row>),
    /// Nothing more will come; what was read is as it was sealed, up to this head.
    End(Vec<Total>, Head),
}

/// Copies the SQLite file that `from` names into the empty PostgreSQL database that `to` names.
///
/// # Errors
/// [`StoreError::Conflict`] when the target is not empty or the file is being worked on; otherwise as
/// for opening either. Nothing is copied then.
pub async fn copy(from: &StoreConfig, to: &StoreConfig, now: Timestamp) -> StoreResult<Copied> {
    let (Ok(Database::Sqlite(path)), Ok(Database::Postgres(_))) = (from.database(), to.database()) else {
        return Err(StoreError::Conflict("only a SQLite file can be copied, and only into PostgreSQL".to_owned()));
    };
    postgres::migrate::up_to_date(to).await?;
    let pool = Pool::new(to)?;
    let (pieces, coming) = mpsc::channel(4);
    // Until this is dropped nobody writes to the file.
    let (hold, held) = oneshot::channel::<()>();
    let reader = tokio::task::spawn_blocking(move || read(&path, now, &pieces, held));
    let written = write(&pool, coming).await;
    drop(hold);
    match reader.await.map_err(unreadable)? {
        Ok(()) | Err(ReadError::NobodyListens) => written,
        Err(ReadError::Failed(error)) => Err(error),
    }
}

/// Why reading ended early.
enum ReadError {
    /// The other side gave up, and says why.
    NobodyListens,
    Failed(StoreError),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// Everything that the file holds, with its lock until `held` ends.
fn read(
    path: &Path,
    now: Timestamp,
    pieces: &mpsc::Sender<Piece>,
    held: oneshot::Receiver<()>,
) -> Result<(), ReadError> {
    let found = sqlite::found(path)?;
    if found != sqlite::SCHEMA {
        let known = sqlite::SCHEMA;
        let newer = found > known;
        let refused =
            if newer { StoreError::NewerSchema { found, known } } else { StoreError::OlderSchema { found, known } };
        return Err(refused.into());
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let busy: i64 = connection.query_row(
        "SELECT (SELECT count(*) FROM subject WHERE lease_until > ?1) + (SELECT count(*) FROM outbox WHERE lease_until > ?1) \
              + (SELECT count(*) FROM turn WHERE until > ?1)",
        [us(now)],
        |row| row.get(0),
    )?;
    if busy > 0 {
        let why = format!(
            "somebody works on this file ({busy} claims or turns in force): stop `fencepost serve` first, and where it was killed \
             wait until its claims end (engine.lease_seconds)"
        );
        return Err(StoreError::Conflict(why).into());
    }
    // What is read back has to be the same bytes: sound here is sound there.
    let head = seal::verify(&connection)?.head;
    let tables = out_of_sqlite::tables(&connection)?;
    let send = |piece| pieces.blocking_send(piece).map_err(|_| ReadError::NobodyListens);
    send(Piece::Tables(tables.clone()))?;
    let mut totals = Vec::with_capacity(tables.len());
    for (place, table) in tables.iter().enumerate() {
        let mut waiting = Vec::with_capacity(PIECE);
        let total = out_of_sqlite::read(&connection, table, |row| {
            waiting.push(row);
            if waiting.len() < PIECE {
                return Ok(());
            }
            send(Piece::Rows(place, std::mem::take(&mut waiting)))
        })?;
        if !waiting.is_empty() {
            send(Piece::Rows(place, waiting))?;
        }
        totals.push(total);
    }
    send(Piece::End(totals, head))?;
    // Ends when the other side is done, whatever became of it.
    let _ = held.blocking_recv();
    Ok(())
}

/// Writes what comes, reads it back, and commits when it is the same.
async fn write(pool: &Pool, mut coming: mpsc::Receiver<Piece>) -> StoreResult<Copied> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    sqlx::raw_sql("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
        .execute(&mut *db)
        .await?;
    let mut tables = Vec::new();
    let mut wanted = None;
    while let Some(piece) = coming.recv().await {
        match piece {
            Piece::Tables(read) => {
                tables = read;
                prepare(db, &tables).await?;
            }
            Piece::Rows(place, rows) => {
                let table = tables.get(place).ok_or_else(|| unreadable("rows of an unknown table"))?;
                into_postgres::write(db, table, rows).await?;
            }
            Piece::End(totals, head) => wanted = Some((totals, head)),
        }
        if wanted.is_some() {
            break;
        }
    }
    let (wanted, head) = wanted.ok_or_else(|| unreadable("the file could not be read to its end"))?;
    into_postgres::continue_numbers(db).await?;
    let totals = read_back(db, &tables).await?;
    for ((table, wanted), total) in tables.iter().zip(&wanted).zip(&totals) {
        if total != wanted {
            let why = format!("{}: {} rows were read, {} are there", table.name, wanted.rows, total.rows);
            return Err(StoreError::Database { what: "the copy is not what was copied", source: why.into() });
        }
    }
    transaction.commit().await?;
    let tables = tables.into_iter().zip(totals).map(|(table, total)| (table.name, total.rows)).collect();
    Ok(Copied { tables, head })
}

/// The target has the same tables and not one row.
async fn prepare(db: &mut PgConnection, tables: &[Table]) -> StoreResult<()> {
    let mut there = into_postgres::tables(db).await?;
    let mut here = tables.to_vec();
    for side in [&mut there, &mut here] {
        side.sort_by(|a, b| a.name.cmp(&b.name));
    }
    if there != here {
        return Err(StoreError::Conflict(
            "the two databases have different tables: run `fencepost migrate`".to_owned(),
        ));
    }
    match into_postgres::occupied(db, tables).await? {
        None => Ok(()),
        Some(table) => Err(StoreError::Conflict(format!(
            "the target is not empty (there are rows in {table}); name an empty database"
        ))),
    }
}

async fn read_back(db: &mut PgConnection, tables: &[Table]) -> StoreResult<Vec<Total>> {
    let mut totals = Vec::with_capacity(tables.len());
    for table in tables {
        totals.push(into_postgres::read(db, table, |_| Ok(())).await?);
    }
    Ok(totals)
}
