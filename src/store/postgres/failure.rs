//! What a failure of PostgreSQL means to a caller: away or overloaded for now, overtaken by another
//! transaction, or broken.

use crate::store::{StoreError, StoreResult};

/// How often a transaction that others got in the way of is begun again.
const ATTEMPTS: usize = 6;

impl From<sqlx::Error> for StoreError {
    fn from(source: sqlx::Error) -> Self {
        let passing = match &source {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| may_pass(&code)),
            _ => false,
        };
        if passing {
            return Self::Unavailable(Box::new(source));
        }
        Self::Database { what: "the database failed", source: Box::new(source) }
    }
}

pub(super) fn unavailable(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Unavailable(why.into())
}

/// SQLSTATEs after which the same request may succeed: connection lost (08), resources (53), operator
/// intervention such as a restart or a time-out (57), lock not available, rolled back for the sake of
/// others (40), and a server that has just become a standby.
fn may_pass(code: &str) -> bool {
    ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class)) || matches!(code, "55P03" | "25006")
}

/// Whether another transaction was in the way: deadlock, or it stored the same key first. Begun again,
/// the transaction finds out what that other one did.
pub(super) fn overtaken(error: &StoreError) -> bool {
    let source = match error {
        StoreError::Unavailable(source) | StoreError::Database { source, .. } => source,
        _ => return false,
    };
    let code = source
        .downcast_ref::<sqlx::Error>()
        .and_then(sqlx::Error::as_database_error)
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("40001" | "40P01" | "23505"))
}

/// Runs a transaction from its beginning until nobody is in its way.
pub(super) async fn undisturbed<T, F>(mut transaction: impl FnMut() -> F) -> StoreResult<T>
where
    F: Future<Output = StoreResult<T>>,
{
    let mut done = transaction().await;
    for _ in 1..ATTEMPTS {
        match &done {
            Err(error) if overtaken(error) => done = transaction().await,
            _ => break,
        }
    }
    done
}
