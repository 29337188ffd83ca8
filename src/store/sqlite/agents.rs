//! Agents, the tasks asked of them, and their answers. A task is answered once; whoever holds it is
//! told by the session that it was handed to.

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::columns::{all, first, instant, int, number, run, us};
use crate::store::{
    AgentAnswer, AgentHello, AgentRow, AgentTake, AgentTask, AgentTaskState, Answered, MAX_OPEN_TASKS, NewAgentTask,
    StoreError, StoreResult,
};

pub(super) fn greet(connection: &Connection, hello: &AgentHello) -> StoreResult<u64> {
    let newest = newest_session(connection, &hello.name)?;
    let session = match hello.session {
        None => newest + 1,
        Some(session) if session < newest => return Err(replaced()),
        Some(session) => session,
    };
    run(
        connection,
        "INSERT INTO agent (name, session, session_since, version, seen_at) VALUES (?1, ?2, ?4, ?3, ?4) \
         ON CONFLICT (name) DO UPDATE SET session_since = iif(session = excluded.session, session_since, \
         excluded.session_since), session = excluded.session, version = excluded.version, \
         seen_at = max(seen_at, excluded.seen_at)",
        (&hello.name, int(session), &hello.version, us(hello.at)),
    )?;
    Ok(session)
}

pub(super) fn list(connection: &Connection) -> StoreResult<Vec<AgentRow>> {
    let sql = "SELECT name, session, version, session_since, seen_at FROM agent ORDER BY name";
    all(connection, sql, [], |row| {
        Ok(AgentRow {
            name: row.get(0)?,
            session: number(row.get(1)?)?,
            version: row.get(2)?,
            session_since: instant(row.get(3)?)?,
            seen_at: instant(row.get(4)?)?,
        })
    })
}

pub(super) fn ask(connection: &Connection, task: &NewAgentTask, forget_before: Timestamp) -> StoreResult<bool> {
    run(connection, "DELETE FROM agent_task WHERE deadline < ?1", [us(forget_before)])?;
    let open = first(
        connection,
        "SELECT count(*) FROM agent_task WHERE agent = ?1 AND answered_at IS NULL AND deadline > ?2",
        (&task.agent, us(task.asked_at)),
        |row| number(row.get(0)?),
    )?;
    if open.is_some_and(|open| open >= MAX_OPEN_TASKS as u64) {
        return Ok(false);
    }
    run(
        connection,
        "INSERT INTO agent_task (id, agent, body, asked_at, deadline) VALUES (?1, ?2, ?3, ?4, ?5)",
        (&task.id, &task.agent, &task.body, us(task.asked_at), us(task.deadline)),
    )?;
    Ok(true)
}

pub(super) fn take(connection: &Connection, take: &AgentTake) -> StoreResult<Vec<AgentTask>> {
    if newest_session(connection, &take.agent)? != take.session {
        return Err(replaced());
    }
    let mut tasks = all(
        connection,
        "SELECT id, body, deadline, session FROM agent_task \
         WHERE agent = ?1 AND answered_at IS NULL AND deadline > ?2 ORDER BY id",
        (&take.agent, us(take.now)),
        |row| {
            let session: Option<i64> = row.get(3)?;
            let task = AgentTask { id: row.get(0)?, body: row.get(1)?, deadline: instant(row.get(2)?)? };
            Ok((task, session))
        },
    )?;
    tasks.retain(|(task, session)| *session != Some(int(take.session)) || !take.holding.contains(&task.id));
    tasks.truncate(take.limit as usize);
    for (task, _) in &tasks {
        run(
            connection,
            "UPDATE agent_task SET session = ?2, taken_at = ?3 WHERE id = ?1",
            (&task.id, int(take.session), us(take.now)),
        )?;
    }
    Ok(tasks.into_iter().map(|(task, _)| task).collect())
}

pub(super) fn waits(connection: &Connection, agent: &str, session: u64, now: Timestamp) -> StoreResult<bool> {
    let found = first(
        connection,
        "SELECT 1 FROM agent_task WHERE agent = ?1 AND answered_at IS NULL AND deadline > ?3 \
         AND session IS NOT ?2 LIMIT 1",
        (agent, int(session), us(now)),
        |row| Ok(row.get::<_, i64>(0)?),
    )?;
    Ok(found.is_some())
}

pub(super) fn answer(connection: &Connection, answer: &AgentAnswer) -> StoreResult<Answered> {
    let hash = Sha256::digest(&answer.result).to_vec();
    let found = first(
        connection,
        "SELECT deadline, session, result_hash FROM agent_task WHERE id = ?1 AND agent = ?2",
        (&answer.id, &answer.agent),
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, Option<Vec<u8>>>(2)?)),
    )?;
    let Some((deadline, session, answered)) = found else { return Ok(Answered::Foreign) };
    match answered {
        Some(known) if known == hash => return Ok(Answered::Repeated),
        Some(_) => return Ok(Answered::Contradicts),
        None if session != Some(int(answer.session)) => return Ok(Answered::Foreign),
        None if deadline <= us(answer.at) => return Ok(Answered::Late),
        None => {}
    }
    run(
        connection,
        "UPDATE agent_task SET answered_at = ?2, result = ?3, result_hash = ?4 WHERE id = ?1",
        (&answer.id, us(answer.at), &answer.result, hash),
    )?;
    run(connection, "UPDATE agent SET seen_at = max(seen_at, ?2) WHERE name = ?1", (&answer.agent, us(answer.at)))?;
    Ok(Answered::Taken)
}

pub(super) fn state(connection: &Connection, id: &str) -> StoreResult<Option<AgentTaskState>> {
    first(connection, "SELECT taken_at, answered_at, result FROM agent_task WHERE id = ?1", [id], |row: &Row<'_>| {
        let at =
            |column| -> StoreResult<Option<Timestamp>> { row.get::<_, Option<i64>>(column)?.map(instant).transpose() };
        Ok(AgentTaskState { taken_at: at(0)?, answered_at: at(1)?, result: row.get(2)? })
    })
}

pub(super) fn close(connection: &Connection, id: &str, at: Timestamp) -> StoreResult<()> {
    run(
        connection,
        "UPDATE agent_task SET body = '', result = NULL, deadline = min(deadline, ?2) WHERE id = ?1",
        (id, us(at)),
    )?;
    Ok(())
}

/// 0 for an agent that was never seen.
fn newest_session(connection: &Connection, agent: &str) -> StoreResult<u64> {
    let found = first(connection, "SELECT session FROM agent WHERE name = ?1", [agent], |row| number(row.get(0)?))?;
    Ok(found.unwrap_or_default())
}

fn replaced() -> StoreError {
    StoreError::Conflict("another process with this agent's token has taken over".to_owned())
}
