//! Brings a file's schema up to date. Forward only; `user_version` is the number of the last
//! migration that was applied, and a file from a newer program is refused untouched.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::journal;
use crate::store::{StoreError, StoreResult};

const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/sqlite/0001_first.sql"),
    include_str!("../migrations/sqlite/0002_archive_and_trials.sql"),
    include_str!("../migrations/sqlite/0003_append_only.sql"),
    include_str!("../migrations/sqlite/0004_agents.sql"),
    include_str!("../migrations/sqlite/0005_seals_and_retries.sql"),
    include_str!("../migrations/sqlite/0006_politeness.sql"),
    include_str!("../migrations/sqlite/0007_journal.sql"),
    include_str!("../migrations/sqlite/0008_phases.sql"),
    include_str!("../migrations/sqlite/0009_mail.sql"),
    include_str!("../migrations/sqlite/0010_turned.sql"),
    include_str!("../migrations/sqlite/0011_reports.sql"),
    include_str!("../migrations/sqlite/0012_acts.sql"),
    include_str!("../migrations/sqlite/0013_links.sql"),
    include_str!("../migrations/sqlite/0014_attempts.sql"),
    include_str!("../migrations/sqlite/0015_board.sql"),
    include_str!("../migrations/sqlite/0016_people.sql"),
];

/// The schema that this program works with.
pub(in crate::store) const SCHEMA: u32 = 16;
/// From here on there is a journal.
const JOURNAL: u32 = 7;

pub(super) fn up_to_date(connection: &mut Connection) -> StoreResult<()> {
    up_to(connection, SCHEMA)
}

pub(super) fn up_to(connection: &mut Connection, wanted: u32) -> StoreResult<()> {
    // Two processes may open a new file at the same time: the second one waits and finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    if found > SCHEMA {
        return Err(StoreError::NewerSchema { found, known: SCHEMA });
    }
    for (number, sql) in (1..=wanted).zip(MIGRATIONS) {
        if number > found {
            transaction.execute_batch(sql)?;
            if number == JOURNAL {
                journal::begin(&transaction)?;
            }
            transaction.pragma_update(None, "user_version", number)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// The schema of a file, 0 where there is none. Nothing is created.
pub(in crate::store) fn found(path: &Path) -> StoreResult<u32> {
    if !path.exists() {
        return Ok(0);
    }
    version(&Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

pub(super) fn version(connection: &Connection) -> StoreResult<u32> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_number_is_that_of_the_last_migration() {
        assert_eq!(MIGRATIONS.len(), SCHEMA as usize);
    }

    #[test]
    fn a_newer_file_is_refused_untouched() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", SCHEMA + 1).unwrap();
        let refused = up_to_date(&mut connection);
        assert!(matches!(refused, Err(StoreError::NewerSchema { found, .. }) if found == SCHEMA + 1));
        let tables: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0)).unwrap();
        assert_eq!(tables, 0);
    }
}
