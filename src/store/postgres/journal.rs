//! Lines of the journal, written in the transaction that keeps what they are about, under a lock that
//! everybody takes who writes one.

use sqlx::PgConnection;

use super::{audit, keys};
use crate::ledger::journal::{self, End, Kept, Line};
use crate::ledger::{Hash, RawRun};
use crate::store::StoreResult;
use crate::store::value::{hash, int, number};

/// What a line shall say.
pub(super) type Entry = (Kept, String, Hash);

pub(super) async fn add(db: &mut PgConnection, entries: Vec<Entry>) -> StoreResult<()> {
    if entries.is_empty() {
        return Ok(());
    }
    keys::lock_journal(db).await?;
    let found: Option<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, hash FROM journal_end WHERE one = 1").fetch_optional(&mut *db).await?;
    let mut end = match found {
        Some((seq, sealed)) => End { seq: number(seq)?, hash: hash(&sealed)? },
        None => End::EMPTY,
    };
    let lines: Vec<Line> = entries.into_iter().map(|(kind, key, digest)| end.add(kind, &key, digest)).collect();
    sqlx::query(
        "INSERT INTO journal (seq, kind, key, digest, hash) \
         SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::bytea[])",
    )
    .bind(lines.iter().map(|line| int(line.seq)).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.kind.word()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.key.as_str()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.digest.to_vec()).collect::<Vec<_>>())
    .bind(lines.iter().map(|line| line.hash.to_vec()).collect::<Vec<_>>())
    .execute(&mut *db)
    .await?;
    sqlx::query(
        "INSERT INTO journal_end (one, seq, hash) VALUES (1, $1, $2) \
         ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
    )
    .bind(int(end.seq))
    .bind(&end.hash[..])
    .execute(db)
    .await?;
    Ok(())
}

/// Lines for what was kept before there was a journal.
pub(super) async fn begin(db: &mut PgConnection) -> StoreResult<()> {
    let documents: Vec<(String, i64)> =
        sqlx::query_as("SELECT sha256, kept_at FROM evidence ORDER BY kept_at, sha256").fetch_all(&mut *db).await?;
    let mut entries: Vec<Entry> = documents
        .into_iter()
        .map(|(sha256, kept_at)| {
            let digest = journal::of_evidence(&sha256, Some(kept_at));
            (Kept::Evidence, sha256, digest)
        })
        .collect();
    entries.extend(audit::bare_runs(db).await?.iter().map(of_run));
    let looks: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT subject_id, sha256, kind, observed_at FROM observation_archive ORDER BY observed_at, subject_id, sha256",
    )
    .fetch_all(&mut *db)
    .await?;
    entries.extend(looks.into_iter().map(|(subject, sha256, kind, at)| of_look(&subject, &sha256, &kind, at)));
    add(db, entries).await
}

pub(super) fn of_run(closed: &RawRun) -> Entry {
    (Kept::Run, String::from_utf8_lossy(&closed.run_date).into_owned(), journal::of_run(closed))
}

pub(super) fn of_look(subject: &str, sha256: &str, kind: &str, observed_at: i64) -> Entry {
    let digest = journal::of_look(subject, sha256, kind.as_bytes(), Some(observed_at));
    (Kept::Look, journal::look_key(subject, sha256), digest)
}
