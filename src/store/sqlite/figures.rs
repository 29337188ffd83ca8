//! How much there is to do, for metrics, and a write that only shows whether writing works. Counting
//! is bounded, so that a long queue does not make it slow.

use jiff::Timestamp;
use rusqlite::Connection;

use super::columns::{first, instant, number, run, us};
use crate::store::{Figures, StoreResult};

pub(super) fn figures(connection: &Connection, now: Timestamp) -> StoreResult<Figures> {
    const TIMERS: &str = "timer t JOIN subject s ON s.id = t.subject_id WHERE t.due_at <= ?1 AND s.lease_until IS NULL";
    const EFFECTS: &str = "outbox o WHERE o.due_at <= ?1 AND o.lease_until IS NULL";
    let count = |rest: &str| {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {rest} LIMIT {})", Figures::COUNTED);
        first(connection, &sql, [us(now)], |row| number(row.get(0)?)).map(Option::unwrap_or_default)
    };
    let oldest = |column: &str, rest: &str| {
        let sql = format!("SELECT {column} FROM {rest} ORDER BY {column} LIMIT 1");
        first(connection, &sql, [us(now)], |row| instant(row.get(0)?))
    };
    Ok(Figures {
        timers_due: count(TIMERS)?,
        oldest_timer_due: oldest("t.due_at", TIMERS)?,
        leases: count("subject WHERE lease_until > ?1")?,
        effects_due: count(EFFECTS)?,
        oldest_effect_due: oldest("o.due_at", EFFECTS)?,
        parked_timers: count("timer WHERE parked_at <= ?1")?,
        parked_effects: count("outbox WHERE status = 'parked' AND created_at <= ?1")?,
    })
}

pub(super) fn heartbeat(connection: &Connection, at: Timestamp) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO heartbeat (one, at) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET at = excluded.at",
        [us(at)],
    )?;
    Ok(())
}
