//! How vantages have been doing: the newest look of each at each subject, where our reference server
//! saw it, and whether it is quarantined.

use fencepost_checks::vantage::SUSPICIOUS;
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row};

use super::columns::{all, first, instant, int, number, run, unreadable, us};
use super::commit::put_out;
use crate::store::vantage::subject;
use crate::store::{Mark, NewOutbox, ProofNote, StoreResult, VantageNote, VantageRow};

/// A look that is older says nothing about today.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(100 * 24);

const SELECT: &str = "SELECT v.id, v.looked_at, v.outside, v.outside_at, v.unreached_since, \
     v.quarantined_at, v.quarantined_by, v.quarantined_why, v.released_at, v.released_by, v.released_why, \
     (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at >= ?1 AND l.good = 1), \
     (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at >= ?1 AND l.good = 0), \
     (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at >= ?1 AND l.good = 0 \
      AND l.turned_at >= ?1 AND l.turned_at > coalesce(v.released_at, l.turned_at - 1)), \
     (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at > v.quarantined_at AND l.good = 1), \
     (SELECT count(DISTINCT l.target) FROM vantage_look l WHERE l.vantage = v.id AND l.at > v.quarantined_at AND l.good = 0) \
     FROM vantage v";
const UNDECIDED: &str = "WHERE v.id = ?2 AND (v.quarantined_at IS NOT NULL OR ?3 <= \
     (SELECT count(*) FROM (SELECT 1 FROM vantage_look l WHERE l.vantage = v.id AND l.turned_at >= ?1 LIMIT ?3)))";

pub(super) fn note(
    connection: &Connection,
    notes: &[VantageNote],
    at: Timestamp,
    since: Timestamp,
) -> StoreResult<Vec<VantageRow>> {
    let mut ids: Vec<&str> = Vec::new();
    for VantageNote { vantage, subject_id, target, good, proof } in notes {
        if !ids.contains(&vantage.as_str()) {
            ids.push(vantage);
            seen(connection, vantage, *proof, at)?;
        }
        if let Some(good) = good {
            run(
                connection,
                "INSERT INTO vantage_look (vantage, subject_id, target, at, good) VALUES (?1, ?2, ?5, ?3, ?4) \
                 ON CONFLICT (vantage, subject_id) DO UPDATE SET target = excluded.target, at = excluded.at, good = excluded.good, \
                 turned_at = CASE WHEN excluded.good = 1 THEN NULL WHEN good = 1 THEN excluded.at ELSE turned_at END \
                 WHERE excluded.at >= at",
                (vantage, subject_id, us(at), good, target),
            )?;
        }
    }
    let mut rows = Vec::new();
    for id in ids {
        rows.extend(first(connection, &format!("{SELECT} {UNDECIDED}"), (us(since), id, int(SUSPICIOUS)), read)?);
    }
    Ok(rows)
}

pub(super) fn list(connection: &Connection, since: Timestamp) -> StoreResult<Vec<VantageRow>> {
    all(connection, &format!("{SELECT} ORDER BY v.id"), [us(since)], read)
}

pub(super) fn quarantine(connection: &Connection, id: &str, mark: &Mark, tell: &NewOutbox) -> StoreResult<bool> {
    let touched = run(
        connection,
        "INSERT INTO vantage (id, quarantined_at, quarantined_by, quarantined_why) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT (id) DO UPDATE SET quarantined_at = excluded.quarantined_at, \
         quarantined_by = excluded.quarantined_by, quarantined_why = excluded.quarantined_why \
         WHERE quarantined_at IS NULL",
        (id, us(mark.at), &mark.by, &mark.why),
    )?;
    if touched > 0 {
        put_out(connection, &subject(id), mark.at, std::slice::from_ref(tell))?;
    }
    Ok(touched > 0)
}

pub(super) fn release(connection: &Connection, id: &str, by: &str, why: &str, at: Timestamp) -> StoreResult<bool> {
    let touched = run(
        connection,
        "UPDATE vantage SET quarantined_at = NULL, quarantined_by = NULL, quarantined_why = NULL, \
         released_at = ?2, released_by = ?3, released_why = ?4 WHERE id = ?1 AND quarantined_at IS NOT NULL",
        (id, us(at), by, why),
    )?;
    Ok(touched > 0)
}

/// A vantage is at work all the time: to the second is exact enough.
fn seen(connection: &Connection, id: &str, proof: Option<ProofNote>, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE vantage SET looked_at = ?2 WHERE id = ?1 AND coalesce(looked_at, 0) <= ?2 - 1000000";
    if run(connection, sql, (id, us(at)))? > 0 {
        let old = us(at.checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN));
        run(connection, "DELETE FROM vantage_look WHERE vantage = ?1 AND at < ?2", (id, old))?;
    } else {
        let sql = "INSERT INTO vantage (id, looked_at) VALUES (?1, ?2) ON CONFLICT (id) DO NOTHING";
        run(connection, sql, (id, us(at)))?;
    }
    match proof {
        None => {}
        Some(ProofNote::SeenAs(address)) => {
            let sql = "UPDATE vantage SET outside = ?2, outside_at = ?3, unreached_since = NULL WHERE id = ?1";
            run(connection, sql, (id, address.to_string(), us(at)))?;
        }
        Some(ProofNote::NotReached) => {
            let sql = "UPDATE vantage SET unreached_since = coalesce(unreached_since, ?2) WHERE id = ?1";
            run(connection, sql, (id, us(at)))?;
        }
    }
    Ok(())
}

fn read(row: &Row<'_>) -> StoreResult<VantageRow> {
    let at = |column| -> StoreResult<Option<Timestamp>> { row.get::<_, Option<i64>>(column)?.map(instant).transpose() };
    let mark = |from: usize| -> StoreResult<Option<Mark>> {
        let Some(at) = at(from)? else { return Ok(None) };
        Ok(Some(Mark { at, by: row.get(from + 1)?, why: row.get(from + 2)? }))
    };
    let outside: Option<String> = row.get(2)?;
    Ok(VantageRow {
        id: row.get(0)?,
        looked_at: at(1)?,
        outside: outside.map(|text| text.parse()).transpose().map_err(unreadable)?,
        outside_at: at(3)?,
        unreached_since: at(4)?,
        quarantine: mark(5)?,
        released: mark(8)?,
        good: number(row.get(11)?)?,
        bad: number(row.get(12)?)?,
        turned: number(row.get(13)?)?,
        good_after: number(row.get(14)?)?,
        bad_after: number(row.get(15)?)?,
    })
}
