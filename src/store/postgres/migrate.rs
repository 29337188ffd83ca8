//! The schema of a PostgreSQL database. Forward only; the newest row of `schema_version` is the number
//! of the last migration. Nodes never change a schema: a person runs `fencepost migrate` once.

use sqlx::{Acquire, PgConnection};

use super::{journal, keys};
use crate::config::StoreConfig;
use crate::failpoint::{Step, around};
use crate::store::postgres::pool::Pool;
use crate::store::value::unreadable;
use crate::store::{StoreError, StoreResult};

const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/postgres/0001_first.sql"),
    include_str!("../migrations/postgres/0002_agents.sql"),
    include_str!("../migrations/postgres/0003_seals_and_retries.sql"),
    include_str!("../migrations/postgres/0004_politeness.sql"),
    include_str!("../migrations/postgres/0005_journal.sql"),
    include_str!("../migrations/postgres/0006_phases.sql"),
    include_str!("../migrations/postgres/0007_mail.sql"),
    include_str!("../migrations/postgres/0008_turned.sql"),
    include_str!("../migrations/postgres/0009_reports.sql"),
    include_str!("../migrations/postgres/0010_acts.sql"),
    include_str!("../migrations/postgres/0011_links.sql"),
    include_str!("../migrations/postgres/0012_attempts.sql"),
    include_str!("../migrations/postgres/0013_board.sql"),
    include_str!("../migrations/postgres/0014_people.sql"),
];

/// The schema that this program works with.
pub(in crate::store) const SCHEMA: u32 = 14;
/// From here on there is a journal.
const JOURNAL: u32 = 5;

/// The number of the last migration; 0 for an empty database.
pub(in crate::store) async fn version(db: &mut PgConnection) -> StoreResult<u32> {
    let there: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('schema_version')::text").fetch_one(&mut *db).await?;
    if there.is_none() {
        return Ok(0);
    }
    let found: Option<i32> = sqlx::query_scalar("SELECT max(version) FROM schema_version").fetch_one(db).await?;
    u32::try_from(found.unwrap_or(0)).map_err(unreadable)
}

/// Whether this program can work with the database as it is.
pub(super) async fn check(db: &mut PgConnection) -> StoreResult<()> {
    let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')").fetch_one(&mut *db).await?;
    if encoding != "UTF8" {
        let source = format!("its encoding is {encoding}; create it with ENCODING 'UTF8'").into();
        return Err(StoreError::Database { what: "the database cannot keep every text", source });
    }
    let found = version(db).await?;
    match found.cmp(&SCHEMA) {
        std::cmp::Ordering::Less => Err(StoreError::OlderSchema { found, known: SCHEMA }),
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(StoreError::NewerSchema { found, known: SCHEMA }),
    }
}

/// The version of the database that `config` names.
pub(in crate::store) async fn found(config: &StoreConfig) -> StoreResult<u32> {
    let pool = Pool::new(config)?;
    version(&mut *pool.get().await?).await
}

/// Brings the database that `config` names up to date; the version before.
pub(in crate::store) async fn up_to_date(config: &StoreConfig) -> StoreResult<u32> {
    let pool = Pool::new(config)?;
    up_to(&mut *pool.get().await?, SCHEMA).await
}

/// All missing migrations in one transaction, or none.
pub(super) async fn up_to(db: &mut PgConnection, wanted: u32) -> StoreResult<u32> {
    let mut transaction = db.begin().await?;
    // Large tables take their time, and somebody may be at work with them.
    sqlx::raw_sql("SET LOCAL statement_timeout = 0").execute(&mut *transaction).await?;
    keys::lock_schema(&mut transaction).await?;
    let found = version(&mut transaction).await?;
    if found > SCHEMA {
        return Err(StoreError::NewerSchema { found, known: SCHEMA });
    }
    if found == 0 {
        sqlx::raw_sql(
            "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())",
        )
        .execute(&mut *transaction)
        .await?;
    }
    for (number, sql) in (1..=wanted).zip(MIGRATIONS) {
        if number > found {
            sqlx::raw_sql(*sql).execute(&mut *transaction).await?;
            if number == JOURNAL {
                journal::begin(&mut transaction).await?;
            }
            let number = i32::try_from(number).map_err(unreadable)?;
            sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
                .bind(number)
                .execute(&mut *transaction)
                .await?;
        }
    }
    around(Step::Migrate, transaction.commit()).await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_number_is_that_of_the_last_migration() {
        assert_eq!(MIGRATIONS.len(), SCHEMA as usize);
    }
}
