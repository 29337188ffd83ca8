//! How vantages have been doing: the newest look of each at each subject, where our reference server
//! saw it, and whether it is quarantined.

use std::collections::BTreeSet;

use fencepost_checks::vantage::SUSPICIOUS;
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::commit::put_out;
use super::keys;
use super::pool::Pool;
use crate::store::value::{instant, int, number, unreadable, us};
use crate::store::vantage::subject;
use crate::store::{Mark, NewOutbox, ProofNote, StoreResult, VantageNote, VantageRow};

/// A look that is older says nothing about today.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(100 * 24);

macro_rules! vantages {
    ($rest:literal) => {
        concat!(
            "SELECT v.id, v.looked_at, v.outside, v.outside_at, v.unreached_since, \
             v.quarantined_at, v.quarantined_by, v.quarantined_why, v.released_at, v.released_by, v.released_why, \
             (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at >= $1 AND l.good = 1), \
             (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at >= $1 AND l.good = 0), \
             (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at >= $1 AND l.good = 0 \
              AND l.turned_at >= $1 AND l.turned_at > coalesce(v.released_at, l.turned_at - 1)), \
             (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at > v.quarantined_at AND l.good = 1), \
             (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at > v.quarantined_at AND l.good = 0) \
             FROM vantage v ",
            $rest
        )
    };
}

pub(super) async fn note(
    pool: &Pool,
    notes: &[VantageNote],
    at: Timestamp,
    since: Timestamp,
) -> StoreResult<Vec<VantageRow>> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    let ids: BTreeSet<&str> = notes.iter().map(|note| note.vantage.as_str()).collect();
    // Two that fail at the same time must see each other. The many looks that are good wait for nobody.
    let failed: BTreeSet<&str> =
        notes.iter().filter(|note| note.good == Some(false)).map(|note| note.vantage.as_str()).collect();
    if !failed.is_empty() {
        keys::lock(db, &failed.iter().map(|id| format!("vantage:{id}")).collect::<Vec<_>>()).await?;
    }
    for id in &ids {
        let proof = notes.iter().find(|note| note.vantage == *id).and_then(|note| note.proof);
        seen(db, id, proof, at).await?;
    }
    let looks: Vec<(&VantageNote, bool)> = notes.iter().filter_map(|note| Some((note, note.good?))).collect();
    sqlx::query(
        "INSERT INTO vantage_look AS l (vantage, subject_id, target, good, at) \
         SELECT n.*, $5 FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) n \
         ON CONFLICT (vantage, subject_id) DO UPDATE SET target = excluded.target, at = excluded.at, good = excluded.good, \
         turned_at = CASE WHEN excluded.good = 1 THEN NULL WHEN l.good = 1 THEN excluded.at ELSE l.turned_at END \
         WHERE excluded.at >= l.at",
    )
    .bind(looks.iter().map(|(note, _)| note.vantage.as_str()).collect::<Vec<_>>())
    .bind(looks.iter().map(|(note, _)| note.subject_id.as_str()).collect::<Vec<_>>())
    .bind(looks.iter().map(|(note, _)| note.target.as_str()).collect::<Vec<_>>())
    .bind(looks.iter().map(|(_, good)| i64::from(*good)).collect::<Vec<_>>())
    .bind(us(at))
    .execute(&mut *db)
    .await?;
    let rows = sqlx::query(vantages!(
        "WHERE v.id = ANY($2) AND (v.quarantined_at IS NOT NULL OR $3 <= \
         (SELECT count(*) FROM (SELECT FROM vantage_look l WHERE l.vantage = v.id AND l.turned_at >= $1 LIMIT $3) few)) \
         ORDER BY v.id"
    ))
    .bind(us(since))
    .bind(ids.into_iter().collect::<Vec<_>>())
    .bind(int(SUSPICIOUS))
    .fetch_all(&mut *db)
    .await?;
    transaction.commit().await?;
    rows.iter().map(read).collect()
}

pub(super) async fn list(pool: &Pool, since: Timestamp) -> StoreResult<Vec<VantageRow>> {
    let rows = sqlx::query(vantages!("ORDER BY v.id")).bind(us(since)).fetch_all(&mut *pool.get().await?).await?;
    rows.iter().map(read).collect()
}

pub(super) async fn quarantine(pool: &Pool, id: &str, mark: &Mark, tell: &NewOutbox) -> StoreResult<bool> {
    let mut transaction = pool.begin().await?;
    let touched = sqlx::query(
        "INSERT INTO vantage AS v (id, quarantined_at, quarantined_by, quarantined_why) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (id) DO UPDATE SET quarantined_at = excluded.quarantined_at, \
         quarantined_by = excluded.quarantined_by, quarantined_why = excluded.quarantined_why \
         WHERE v.quarantined_at IS NULL",
    )
    .bind(id)
    .bind(us(mark.at))
    .bind(&mark.by)
    .bind(&mark.why)
    .execute(&mut *transaction)
    .await?;
    let begun = touched.rows_affected() > 0;
    if begun {
        let subject = subject(id);
        put_out(&mut transaction, [(subject.as_str(), mark.at, std::slice::from_ref(tell))]).await?;
    }
    transaction.commit().await?;
    Ok(begun)
}

pub(super) async fn release(pool: &Pool, id: &str, by: &str, why: &str, at: Timestamp) -> StoreResult<bool> {
    let touched = sqlx::query(
        "UPDATE vantage SET quarantined_at = NULL, quarantined_by = NULL, quarantined_why = NULL, \
         released_at = $2, released_by = $3, released_why = $4 WHERE id = $1 AND quarantined_at IS NOT NULL",
    )
    .bind(id)
    .bind(us(at))
    .bind(by)
    .bind(why)
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(touched.rows_affected() > 0)
}

/// A vantage is at work all the time: to the second is exact enough, and leaves its row to the others.
async fn seen(db: &mut PgConnection, id: &str, proof: Option<ProofNote>, at: Timestamp) -> StoreResult<()> {
    let touched =
        sqlx::query("UPDATE vantage SET looked_at = $2 WHERE id = $1 AND coalesce(looked_at, 0) <= $2 - 1000000")
            .bind(id)
            .bind(us(at))
            .execute(&mut *db)
            .await?;
    if touched.rows_affected() > 0 {
        sqlx::query("DELETE FROM vantage_look WHERE vantage = $1 AND at < $2")
            .bind(id)
            .bind(us(at.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN)))
            .execute(&mut *db)
            .await?;
    } else {
        sqlx::query("INSERT INTO vantage (id, looked_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
            .bind(id)
            .bind(us(at))
            .execute(&mut *db)
            .await?;
    }
    match proof {
        None => {}
        Some(ProofNote::SeenAs(address)) => {
            sqlx::query("UPDATE vantage SET outside = $2, outside_at = $3, unreached_since = NULL WHERE id = $1")
                .bind(id)
                .bind(address.to_string())
                .bind(us(at))
                .execute(db)
                .await?;
        }
        Some(ProofNote::NotReached) => {
            sqlx::query("UPDATE vantage SET unreached_since = coalesce(unreached_since, $2) WHERE id = $1")
                .bind(id)
                .bind(us(at))
                .execute(db)
                .await?;
        }
    }
    Ok(())
}

fn read(row: &PgRow) -> StoreResult<VantageRow> {
    let at =
        |column| -> StoreResult<Option<Timestamp>> { row.try_get::<Option<i64>, _>(column)?.map(instant).transpose() };
    let mark = |from: usize| -> StoreResult<Option<Mark>> {
        let Some(at) = at(from)? else { return Ok(None) };
        Ok(Some(Mark { at, by: row.try_get(from + 1)?, why: row.try_get(from + 2)? }))
    };
    let outside: Option<String> = row.try_get(2)?;
    Ok(VantageRow {
        id: row.try_get(0)?,
        looked_at: at(1)?,
        outside: outside.map(|text| text.parse()).transpose().map_err(unreadable)?,
        outside_at: at(3)?,
        unreached_since: at(4)?,
        quarantine: mark(5)?,
        released: mark(8)?,
        good: number(row.try_get(11)?)?,
        bad: number(row.try_get(12)?)?,
        turned: number(row.try_get(13)?)?,
        good_after: number(row.try_get(14)?)?,
        bad_after: number(row.try_get(15)?)?,
    })
}
