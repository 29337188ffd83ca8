//! The looks that a permit rests on, kept word for word under the SHA-256 of their body, so that
//! anybody can verify later what was seen. Nothing is archived that no permit names.

use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use super::journal;
use super::pool::Pool;
use crate::store::value::instant;
use crate::store::{ArchivedObservation, EvidenceName, StoreResult};

/// Bytes of one body; the engine keeps observations far below it.
const LARGEST: usize = 1 << 20;

/// Archives what the kept observations of a subject still say word for word. Gives the journal's lines.
pub(super) async fn keep(
    db: &mut PgConnection,
    subject: &str,
    evidence: &[EvidenceName],
) -> StoreResult<Vec<journal::Entry>> {
    let mut lines = Vec::new();
    for EvidenceName { kind, sha256 } in evidence {
        let kept: Option<(i64, String)> =
            sqlx::query_as("SELECT last_at, body FROM observation WHERE subject_id = $1 AND kind = $2")
                .bind(subject)
                .bind(kind)
                .fetch_optional(&mut *db)
                .await?;
        let sound =
            kept.filter(|(_, body)| body.len() <= LARGEST && hex::encode(Sha256::digest(body.as_bytes())) == *sha256);
        let Some((at, body)) = sound else {
            tracing::warn!(subject, kind, sha256, "a permit names evidence that is not at hand");
            continue;
        };
        let kept = sqlx::query(
            "INSERT INTO observation_archive (subject_id, sha256, kind, observed_at, body) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (subject_id, sha256) DO NOTHING",
        )
        .bind(subject)
        .bind(sha256)
        .bind(kind)
        .bind(at)
        .bind(body)
        .execute(&mut *db)
        .await?;
        if kept.rows_affected() > 0 {
            lines.push(journal::of_look(subject, sha256, kind, at));
        }
    }
    Ok(lines)
}

pub(super) async fn find(pool: &Pool, subject: &str, sha256: &str) -> StoreResult<Option<ArchivedObservation>> {
    let row: Option<(String, i64, String)> =
        sqlx::query_as("SELECT kind, observed_at, body FROM observation_archive WHERE subject_id = $1 AND sha256 = $2")
            .bind(subject)
            .bind(sha256)
            .fetch_optional(&mut *pool.get().await?)
            .await?;
    row.map(|(kind, at, body)| Ok(ArchivedObservation { kind, observed_at: instant(at)?, body })).transpose()
}
