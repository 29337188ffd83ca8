//! The looks that a permit rests on, kept word for word under the SHA-256 of their body, so that
//! anybody can verify later what was seen. Nothing is archived that no permit names.

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::columns::{first, instant, run};
use super::journal;
use crate::ledger::journal::{Kept, look_key, of_look};
use crate::store::{ArchivedObservation, EvidenceName, StoreResult};

/// Bytes of one body; the engine keeps observations far below it.
const LARGEST: usize = 1 << 20;

/// Archives what the kept observations of a subject still say word for word.
pub(super) fn keep(connection: &Connection, subject: &str, evidence: &[EvidenceName]) -> StoreResult<()> {
    for EvidenceName { kind, sha256 } in evidence {
        let kept: Option<(i64, String)> = first(
            connection,
            "SELECT last_at, body FROM observation WHERE subject_id = ?1 AND kind = ?2",
            (subject, kind),
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
        let sound =
            kept.filter(|(_, body)| body.len() <= LARGEST && hex::encode(Sha256::digest(body.as_bytes())) == *sha256);
        let Some((at, body)) = sound else {
            tracing::warn!(subject, kind, sha256, "a permit names evidence that is not at hand");
            continue;
        };
        let new = run(
            connection,
            "INSERT INTO observation_archive (subject_id, sha256, kind, observed_at, body) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (subject_id, sha256) DO NOTHING",
            (subject, sha256, kind, at, body),
        )?;
        if new > 0 {
            let digest = of_look(subject, sha256, kind.as_bytes(), Some(at));
            journal::add(connection, Kept::Look, &look_key(subject, sha256), digest)?;
        }
    }
    Ok(())
}

pub(super) fn find(connection: &Connection, subject: &str, sha256: &str) -> StoreResult<Option<ArchivedObservation>> {
    first(
        connection,
        "SELECT kind, observed_at, body FROM observation_archive WHERE subject_id = ?1 AND sha256 = ?2",
        (subject, sha256),
        |row| Ok(ArchivedObservation { kind: row.get(0)?, observed_at: instant(row.get(1)?)?, body: row.get(2)? }),
    )
}
