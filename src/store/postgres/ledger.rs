//! Billing entries, their head, evidence and frozen runs. Entries get their place in the chain under
//! a lock that everybody takes who appends, inside the transaction that appends them; they are only
//! ever inserted.

use jiff::Timestamp;
use jiff::civil::Date;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::commit::put_out;
use super::pool::Pool;
use super::{journal, keys};
use crate::ledger::EntryDraft;
use crate::ledger::chain::Head;
use crate::ledger::journal::{Kept, of_evidence};
use crate::store::value::{from_json, hash, instant, int, json, number, unreadable, us};
use crate::store::{ClosedRun, INVOICING, NewOutbox, StoreError, StoreResult, StoredEntry};

/// Appends entries in the order given: all drafts of one moment, then those of the next.
pub(super) async fn append(
    db: &mut PgConnection,
    drafts: impl IntoIterator<Item = (Timestamp, Vec<EntryDraft>)>,
) -> StoreResult<Vec<StoredEntry>> {
    let drafts: Vec<_> = drafts.into_iter().filter(|(_, drafts)| !drafts.is_empty()).collect();
    if drafts.is_empty() {
        return Ok(Vec::new());
    }
    keys::lock_ledger(db).await?;
    let mut head = head(db).await?;
    let mut stored = Vec::new();
    for (at, drafts) in drafts {
        stored.extend(head.append(at, drafts));
    }
    insert(db, &stored).await?;
    sqlx::query(
        "INSERT INTO ledger_head (one, seq, recorded_at, hash) VALUES (1, $1, $2, $3) \
         ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, recorded_at = excluded.recorded_at, hash = excluded.hash",
    )
    .bind(int(head.seq))
    .bind(head.recorded_at.map(us))
    .bind(&head.hash[..])
    .execute(db)
    .await?;
    Ok(stored)
}

pub(super) async fn append_alone(pool: &Pool, drafts: Vec<EntryDraft>, at: Timestamp) -> StoreResult<Vec<StoredEntry>> {
    let mut transaction = pool.begin().await?;
    let stored = append(&mut transaction, [(at, drafts)]).await?;
    transaction.commit().await?;
    Ok(stored)
}

async fn head(db: &mut PgConnection) -> StoreResult<Head> {
    let row: Option<(i64, i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, recorded_at, hash FROM ledger_head WHERE one = 1").fetch_optional(db).await?;
    let Some((seq, recorded_at, sealed)) = row else { return Ok(Head::EMPTY) };
    Ok(Head { seq: number(seq)?, recorded_at: Some(instant(recorded_at)?), hash: hash(&sealed)? })
}

async fn insert(db: &mut PgConnection, entries: &[StoredEntry]) -> StoreResult<()> {
    let bodies = entries.iter().map(|entry| json(&entry.draft)).collect::<StoreResult<Vec<_>>>()?;
    sqlx::query(
        "INSERT INTO billing_entry (seq, customer_id, kind, valid_from, recorded_at, body, prev_hash, hash) \
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], \
                              $7::bytea[], $8::bytea[])",
    )
    .bind(entries.iter().map(|entry| int(entry.seq)).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.draft.customer_id.as_str()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.draft.kind.name()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.draft.valid_from.to_string()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| us(entry.recorded_at)).collect::<Vec<_>>())
    .bind(bodies)
    .bind(entries.iter().map(|entry| entry.prev_hash.to_vec()).collect::<Vec<_>>())
    .bind(entries.iter().map(|entry| entry.hash.to_vec()).collect::<Vec<_>>())
    .execute(db)
    .await?;
    Ok(())
}

macro_rules! entries {
    ($rest:literal) => {
        concat!(
            "SELECT seq, recorded_at, body, prev_hash, hash, customer_id FROM billing_entry WHERE seq > $1",
            $rest,
            " ORDER BY seq LIMIT $2"
        )
    };
}

pub(super) async fn entries(
    pool: &Pool,
    customer_id: Option<&str>,
    after_seq: u64,
    limit: u32,
) -> StoreResult<Vec<StoredEntry>> {
    let query = match customer_id {
        Some(_) => sqlx::query(entries!(" AND customer_id = $3")),
        None => sqlx::query(entries!("")),
    };
    let query = query.bind(int(after_seq)).bind(i64::from(limit));
    let query = customer_id.into_iter().fold(query, sqlx::query::Query::bind);
    query.fetch_all(&mut *pool.get().await?).await?.iter().map(entry).collect()
}

pub(super) async fn by_customer(
    pool: &Pool,
    (customer, seq): (&str, u64),
    known_seq: u64,
    limit: u32,
) -> StoreResult<Vec<StoredEntry>> {
    let query = sqlx::query(
        "SELECT seq, recorded_at, body, prev_hash, hash, customer_id FROM billing_entry \
         WHERE (customer_id, seq) > ($1, $2) AND seq <= $3 ORDER BY customer_id, seq LIMIT $4",
    );
    let query = query.bind(customer).bind(int(seq)).bind(int(known_seq)).bind(i64::from(limit));
    query.fetch_all(&mut *pool.get().await?).await?.iter().map(entry).collect()
}

/// The customer is the one of the column that look-ups go by: were it another than the sealed one,
/// the seal would not hold, and `verify` names the entry.
fn entry(row: &PgRow) -> StoreResult<StoredEntry> {
    let mut draft: EntryDraft = from_json(row.try_get(2)?)?;
    draft.customer_id = row.try_get(5)?;
    Ok(StoredEntry {
        seq: number(row.try_get(0)?)?,
        recorded_at: instant(row.try_get(1)?)?,
        draft,
        prev_hash: hash(row.try_get(3)?)?,
        hash: hash(row.try_get(4)?)?,
    })
}

pub(super) async fn customers(pool: &Pool, after: &str, limit: u32) -> StoreResult<Vec<String>> {
    let found = sqlx::query_scalar(
        "SELECT DISTINCT customer_id FROM billing_entry WHERE customer_id > $1 ORDER BY customer_id LIMIT $2",
    )
    .bind(after)
    .bind(i64::from(limit))
    .fetch_all(&mut *pool.get().await?)
    .await?;
    Ok(found)
}

pub(super) async fn keep_evidence(pool: &Pool, sha256: &str, content: &[u8], at: Timestamp) -> StoreResult<()> {
    use sha2::{Digest, Sha256};
    if hex::encode(Sha256::digest(content)) != sha256 {
        return Err(StoreError::Conflict("the evidence does not have the SHA-256 it came with".to_owned()));
    }
    let mut transaction = pool.begin().await?;
    keep_documents(&mut transaction, &[(sha256, content)], at).await?;
    transaction.commit().await?;
    Ok(())
}

/// Documents by their SHA-256, each with its line in the journal where it is new.
pub(super) async fn keep_documents(
    db: &mut PgConnection,
    documents: &[(&str, &[u8])],
    at: Timestamp,
) -> StoreResult<()> {
    let sql = "INSERT INTO evidence (sha256, content, kept_at) VALUES ($1, $2, $3) ON CONFLICT (sha256) DO NOTHING";
    let mut lines = Vec::new();
    for (sha256, content) in documents {
        let kept = sqlx::query(sql).bind(sha256).bind(content).bind(us(at)).execute(&mut *db).await?;
        if kept.rows_affected() > 0 {
            lines.push((Kept::Evidence, (*sha256).to_owned(), of_evidence(sha256, Some(us(at)))));
        }
    }
    journal::add(db, lines).await
}

pub(super) async fn evidence(pool: &Pool, sha256: &str) -> StoreResult<Option<Vec<u8>>> {
    let found = sqlx::query_scalar("SELECT content FROM evidence WHERE sha256 = $1")
        .bind(sha256)
        .fetch_optional(&mut *pool.get().await?)
        .await?;
    Ok(found)
}

macro_rules! runs {
    ($rest:literal) => {
        concat!(
            "SELECT run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash FROM invoicing_run ",
            $rest
        )
    };
}

pub(super) async fn closed_run(pool: &Pool, date: Date) -> StoreResult<Option<ClosedRun>> {
    let row = sqlx::query(runs!("WHERE run_date = $1"))
        .bind(date.to_string())
        .fetch_optional(&mut *pool.get().await?)
        .await?;
    row.as_ref().map(closed).transpose()
}

pub(super) async fn closed_runs(pool: &Pool) -> StoreResult<Vec<ClosedRun>> {
    let rows = sqlx::query(runs!("ORDER BY run_date")).fetch_all(&mut *pool.get().await?).await?;
    rows.iter().map(closed).collect()
}

pub(super) async fn close_run(pool: &Pool, new: &ClosedRun, tell: &[NewOutbox]) -> StoreResult<()> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    // Two people may close runs at the same time: the later one finds what the other one froze.
    keys::lock(db, &["runs".to_owned()]).await?;
    let old = sqlx::query(runs!("WHERE run_date = $1")).bind(new.run_date.to_string()).fetch_optional(&mut *db).await?;
    if let Some(old) = old {
        return new.may_repeat(&closed(&old)?).map_err(StoreError::Conflict);
    }
    let last = sqlx::query(runs!("ORDER BY run_date DESC LIMIT 1")).fetch_optional(&mut *db).await?;
    let last = last.as_ref().map(closed).transpose()?;
    new.may_follow(last.as_ref()).map_err(StoreError::Conflict)?;
    sqlx::query(
        "INSERT INTO invoicing_run (run_date, closed_at, closed_by, head_seq, head_hash, lines, prev_hash, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(new.run_date.to_string())
    .bind(us(new.closed_at))
    .bind(&new.closed_by)
    .bind(int(new.head_seq))
    .bind(&new.head_hash[..])
    .bind(&new.lines)
    .bind(&new.prev_hash[..])
    .bind(&new.hash[..])
    .execute(&mut *db)
    .await?;
    journal::add(db, vec![journal::of_run(&new.into())]).await?;
    put_out(db, [(INVOICING, new.closed_at, tell)]).await?;
    transaction.commit().await?;
    Ok(())
}

fn closed(row: &PgRow) -> StoreResult<ClosedRun> {
    let date: &str = row.try_get(0)?;
    let seal = |column: usize| match row.try_get::<Option<&[u8]>, _>(column)? {
        Some(bytes) => hash(bytes),
        None => Ok([0; 32]),
    };
    Ok(ClosedRun {
        run_date: date.parse::<Date>().map_err(unreadable)?,
        closed_at: instant(row.try_get(1)?)?,
        closed_by: row.try_get(2)?,
        head_seq: number(row.try_get(3)?)?,
        head_hash: hash(row.try_get(4)?)?,
        lines: row.try_get(5)?,
        prev_hash: seal(6)?,
        hash: seal(7)?,
    })
}
