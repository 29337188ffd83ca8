//! Turns and allowances on SQLite. There is one writer, so nothing comes between reading and writing.
//! A turn that is lost on the way ends with its lease.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;

use super::SqliteStore;
use super::columns::{first, instant, run, small, us};
use crate::failpoint::Step;
use crate::store::politeness::{Kept, Visits, decide, grant};
use crate::store::{Allowance, Drawn, PolitenessStore, Spread, StoreResult, TurnAnswer, TurnRequest};

#[async_trait]
impl PolitenessStore for SqliteStore {
    async fn take_turn(&self, request: TurnRequest) -> StoreResult<TurnAnswer> {
        self.write(Step::Manners, move |db| take(db, &request)).await
    }

    async fn end_turn(&self, target: &str, holder: &str, at: Timestamp) -> StoreResult<()> {
        let (target, holder) = (target.to_owned(), holder.to_owned());
        self.write(Step::Manners, move |db| end(db, &target, &holder, at)).await
    }

    async fn spread_overdue(&self, spread: Spread) -> StoreResult<u64> {
        self.write(Step::Manners, move |db| spread_overdue(db, &spread)).await
    }

    async fn draw(&self, target: &str, wanted: u32, allowance: Allowance, now: Timestamp) -> StoreResult<Drawn> {
        let target = target.to_owned();
        self.write(Step::Manners, move |db| draw(db, &target, wanted, allowance, now)).await
    }
}

fn take(db: &Connection, request: &TurnRequest) -> StoreResult<TurnAnswer> {
    let (answer, visits) = decide(&kept(db, request)?, request);
    if answer == TurnAnswer::Yours {
        run(
            db,
            "INSERT INTO turn (target, holder, until, left_by) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (target) DO UPDATE SET holder = excluded.holder, until = excluded.until, left_by = excluded.left_by",
            (&request.target, &request.holder, us(request.now + request.lease), &request.vantage),
        )?;
        run(
            db,
            "INSERT INTO turn_visit (target, vantage, since, looks, look_at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (target, vantage) DO UPDATE SET since = excluded.since, looks = excluded.looks, \
             look_at = excluded.look_at, last_at = excluded.last_at",
            (
                &request.target,
                &request.vantage,
                us(visits.since),
                i64::from(visits.looks),
                us(visits.look_at),
                us(visits.last_at),
            ),
        )?;
    }
    Ok(answer)
}

fn kept(db: &Connection, request: &TurnRequest) -> StoreResult<Kept> {
    let turn =
        first(db, "SELECT holder, until, left_by, left_at FROM turn WHERE target = ?1", [&request.target], |row| {
            let time = |column| row.get::<_, Option<i64>>(column)?.map(instant).transpose();
            Ok(Kept { holder: row.get(0)?, until: time(1)?, left_by: row.get(2)?, left_at: time(3)?, visits: None })
        })?;
    let visits = first(
        db,
        "SELECT since, looks, look_at, last_at FROM turn_visit WHERE target = ?1 AND vantage = ?2",
        (&request.target, &request.vantage),
        |row| {
            Ok(Visits {
                since: instant(row.get(0)?)?,
                looks: small(row.get(1)?)?,
                look_at: instant(row.get(2)?)?,
                last_at: instant(row.get(3)?)?,
            })
        },
    )?;
    Ok(Kept { visits, ..turn.unwrap_or_default() })
}

fn end(db: &Connection, target: &str, holder: &str, at: Timestamp) -> StoreResult<()> {
    run(
        db,
        "UPDATE turn SET holder = NULL, until = NULL, left_at = ?3 WHERE target = ?1 AND holder = ?2",
        (target, holder, us(at)),
    )
    .map(drop)
}

fn spread_overdue(db: &Connection, spread: &Spread) -> StoreResult<u64> {
    let (before, pace, most) = spread.numbers();
    let touched = run(
        db,
        "UPDATE timer SET due_at = ?2 + n.place * min(?3, ?4 / n.count) FROM ( \
           SELECT t.subject_id AS subject, t.kind AS kind, count(*) OVER () AS count, \
             row_number() OVER (ORDER BY t.due_at, t.subject_id, t.kind) - 1 AS place \
           FROM timer t JOIN subject s ON s.id = t.subject_id \
           WHERE t.due_at < ?1 AND s.phase = 'connected' AND s.lease_until IS NULL AND t.kind IN ('mx', 'allowlist', 'probe') \
         ) n WHERE timer.subject_id = n.subject AND timer.kind = n.kind",
        (us(before), us(spread.now), pace, most),
    )?;
    Ok(touched as u64)
}

fn draw(db: &Connection, target: &str, wanted: u32, allowance: Allowance, now: Timestamp) -> StoreResult<Drawn> {
    let kept = first(db, "SELECT since, drawn FROM allowance WHERE target = ?1", [target], |row| {
        Ok((instant(row.get(0)?)?, small(row.get(1)?)?))
    })?;
    let (answer, (since, drawn)) = grant(kept, wanted, allowance, now);
    run(
        db,
        "INSERT INTO allowance (target, since, drawn) VALUES (?1, ?2, ?3) \
         ON CONFLICT (target) DO UPDATE SET since = excluded.since, drawn = excluded.drawn",
        (target, us(since), i64::from(drawn)),
    )?;
    Ok(answer)
}
