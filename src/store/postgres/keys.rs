//! Advisory locks: what two transactions must not decide at the same time although no row stands for
//! it yet, such as "nobody holds this domain". Held to the end of the transaction.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::store::StoreResult;

/// The head of the ledger, and the end of the journal. Always taken last and in this order, so that nobody
/// waits for another one in a ring.
const LEDGER: &str = "ledger";
const JOURNAL: &str = "journal";
/// Who brings the schema up to date.
const SCHEMA: &str = "schema";

/// Locks names, in an order that is the same for everybody.
pub(super) async fn lock(db: &mut PgConnection, names: &[String]) -> StoreResult<()> {
    let mut keys: Vec<i64> = names.iter().map(|name| key(name)).collect();
    keys.sort_unstable();
    sqlx::query("SELECT pg_advisory_xact_lock(k) FROM unnest($1::bigint[]) k").bind(keys).execute(db).await?;
    Ok(())
}

pub(super) async fn lock_domain(db: &mut PgConnection, domain: &str) -> StoreResult<()> {
    lock(db, &[of_domain(domain)]).await
}

pub(super) fn of_domain(domain: &str) -> String {
    format!("domain:{domain}")
}

pub(super) async fn lock_ledger(db: &mut PgConnection) -> StoreResult<()> {
    lock(db, &[LEDGER.to_owned()]).await
}

pub(super) async fn lock_journal(db: &mut PgConnection) -> StoreResult<()> {
    lock(db, &[JOURNAL.to_owned()]).await
}

pub(super) async fn lock_schema(db: &mut PgConnection) -> StoreResult<()> {
    lock(db, &[SCHEMA.to_owned()]).await
}

fn key(name: &str) -> i64 {
    let digest = Sha256::digest(format!("fencepost:{name}"));
    digest[..8].iter().fold(0, |key, byte| (key << 8) | i64::from(*byte))
}
