//! Lines of the journal, written in the transaction that keeps what they are about.

use rusqlite::Connection;

use super::columns::{first, hash, int, number, run};
use crate::ledger::journal::{self, End, Kept};
use crate::ledger::{Hash, RawRun};
use crate::store::StoreResult;
use crate::store::sqlite::audit;

pub(super) fn add(connection: &Connection, kind: Kept, key: &str, digest: Hash) -> StoreResult<()> {
    let end = first(connection, "SELECT seq, hash FROM journal_end WHERE one = 1", [], |row| {
        Ok(End { seq: number(row.get(0)?)?, hash: hash(&row.get::<_, Vec<u8>>(1)?)? })
    })?;
    let mut end = end.unwrap_or(End::EMPTY);
    let line = end.add(kind, key, digest);
    run(
        connection,
        "INSERT INTO journal (seq, kind, key, digest, hash) VALUES (?1, ?2, ?3, ?4, ?5)",
        (int(line.seq), line.kind.word(), &line.key, &line.digest[..], &line.hash[..]),
    )?;
    run(
        connection,
        "INSERT INTO journal_end (one, seq, hash) VALUES (1, ?1, ?2) \
         ON CONFLICT (one) DO UPDATE SET seq = excluded.seq, hash = excluded.hash",
        (int(end.seq), &end.hash[..]),
    )?;
    Ok(())
}

/// Lines for what was kept before there was a journal.
pub(super) fn begin(connection: &Connection) -> StoreResult<()> {
    let mut documents = connection.prepare("SELECT sha256, kept_at FROM evidence ORDER BY kept_at, sha256")?;
    let mut rows = documents.query([])?;
    while let Some(row) = rows.next()? {
        let (sha256, kept_at): (String, i64) = (row.get(0)?, row.get(1)?);
        add(connection, Kept::Evidence, &sha256, journal::of_evidence(&sha256, Some(kept_at)))?;
    }
    for closed in audit::bare_runs(connection)? {
        add_run(connection, &closed)?;
    }
    let mut looks = connection.prepare(
        "SELECT subject_id, sha256, kind, observed_at FROM observation_archive ORDER BY observed_at, subject_id, sha256",
    )?;
    let mut rows = looks.query([])?;
    while let Some(row) = rows.next()? {
        let (subject, sha256, kind, at): (String, String, String, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let digest = journal::of_look(&subject, &sha256, kind.as_bytes(), Some(at));
        add(connection, Kept::Look, &journal::look_key(&subject, &sha256), digest)?;
    }
    Ok(())
}

pub(super) fn add_run(connection: &Connection, closed: &RawRun) -> StoreResult<()> {
    let key = String::from_utf8_lossy(&closed.run_date).into_owned();
    add(connection, Kept::Run, &key, journal::of_run(closed))
}
