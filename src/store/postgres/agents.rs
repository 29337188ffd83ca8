//! Agents, the tasks asked of them, and their answers. A task is answered once; whoever holds it is
//! told by the session that it was handed to. Whatever gives a session or hands out tasks locks the
//! agent's name, so that two nodes never hand out the same task.

use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row};

use super::keys;
use super::pool::Pool;
use crate::store::value::{instant, int, number, us};
use crate::store::{
    AgentAnswer, AgentHello, AgentRow, AgentTake, AgentTask, AgentTaskState, Answered, MAX_OPEN_TASKS, NewAgentTask,
    StoreError, StoreResult,
};

pub(super) async fn greet(pool: &Pool, hello: &AgentHello) -> StoreResult<u64> {
    let mut transaction = pool.begin().await?;
    let newest = newest_session(&mut transaction, &hello.name).await?;
    let session = match hello.session {
        None => newest + 1,
        Some(session) if session < newest => return Err(replaced()),
        Some(session) => session,
    };
    sqlx::query(
        "INSERT INTO agent AS a (name, session, session_since, version, seen_at) VALUES ($1, $2, $4, $3, $4) \
         ON CONFLICT (name) DO UPDATE SET session_since = CASE WHEN a.session = excluded.session THEN a.session_since \
         ELSE excluded.session_since END, session = excluded.session, version = excluded.version, \
         seen_at = greatest(a.seen_at, excluded.seen_at)",
    )
    .bind(&hello.name)
    .bind(int(session))
    .bind(&hello.version)
    .bind(us(hello.at))
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(session)
}

pub(super) async fn list(pool: &Pool) -> StoreResult<Vec<AgentRow>> {
    let rows: Vec<(String, i64, String, i64, i64)> =
        sqlx::query_as("SELECT name, session, version, session_since, seen_at FROM agent ORDER BY name")
            .fetch_all(&mut *pool.get().await?)
            .await?;
    let read = |(name, session, version, since, seen): (String, i64, String, i64, i64)| {
        let (session, session_since, seen_at) = (number(session)?, instant(since)?, instant(seen)?);
        Ok(AgentRow { name, session, version, session_since, seen_at })
    };
    rows.into_iter().map(read).collect()
}

pub(super) async fn ask(pool: &Pool, task: &NewAgentTask, forget_before: Timestamp) -> StoreResult<bool> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    sqlx::query("DELETE FROM agent_task WHERE deadline < $1").bind(us(forget_before)).execute(&mut *db).await?;
    let open: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM agent_task WHERE agent = $1 AND answered_at IS NULL AND deadline > $2",
    )
    .bind(&task.agent)
    .bind(us(task.asked_at))
    .fetch_one(&mut *db)
    .await?;
    if number(open)? >= MAX_OPEN_TASKS as u64 {
        return Ok(false);
    }
    sqlx::query("INSERT INTO agent_task (id, agent, body, asked_at, deadline) VALUES ($1, $2, $3, $4, $5)")
        .bind(&task.id)
        .bind(&task.agent)
        .bind(&task.body)
        .bind(us(task.asked_at))
        .bind(us(task.deadline))
        .execute(&mut *db)
        .await?;
    transaction.commit().await?;
    Ok(true)
}

pub(super) async fn take(pool: &Pool, take: &AgentTake) -> StoreResult<Vec<AgentTask>> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    if newest_session(db, &take.agent).await? != take.session {
        return Err(replaced());
    }
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT id, body, deadline FROM agent_task \
         WHERE agent = $1 AND answered_at IS NULL AND deadline > $2 \
           AND (session IS DISTINCT FROM $3 OR id <> ALL($4)) ORDER BY id LIMIT $5 FOR UPDATE",
    )
    .bind(&take.agent)
    .bind(us(take.now))
    .bind(int(take.session))
    .bind(&take.holding)
    .bind(i64::from(take.limit))
    .fetch_all(&mut *db)
    .await?;
    let ids: Vec<&str> = rows.iter().map(|(id, ..)| id.as_str()).collect();
    sqlx::query("UPDATE agent_task SET session = $2, taken_at = $3 WHERE id = ANY($1)")
        .bind(ids)
        .bind(int(take.session))
        .bind(us(take.now))
        .execute(&mut *db)
        .await?;
    transaction.commit().await?;
    let task = |(id, body, deadline)| Ok(AgentTask { id, body, deadline: instant(deadline)? });
    rows.into_iter().map(task).collect()
}

pub(super) async fn waits(pool: &Pool, agent: &str, session: u64, now: Timestamp) -> StoreResult<bool> {
    let found: Option<i32> = sqlx::query_scalar(
        "SELECT 1 FROM agent_task WHERE agent = $1 AND answered_at IS NULL AND deadline > $3 \
         AND session IS DISTINCT FROM $2 LIMIT 1",
    )
    .bind(agent)
    .bind(int(session))
    .bind(us(now))
    .fetch_optional(&mut *pool.get().await?)
    .await?;
    Ok(found.is_some())
}

pub(super) async fn answer(pool: &Pool, answer: &AgentAnswer) -> StoreResult<Answered> {
    let hash = Sha256::digest(&answer.result).to_vec();
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    let found: Option<(i64, Option<i64>, Option<Vec<u8>>)> =
        sqlx::query_as("SELECT deadline, session, result_hash FROM agent_task WHERE id = $1 AND agent = $2 FOR UPDATE")
            .bind(&answer.id)
            .bind(&answer.agent)
            .fetch_optional(&mut *db)
            .await?;
    let Some((deadline, session, answered)) = found else { return Ok(Answered::Foreign) };
    match answered {
        Some(known) if known == hash => return Ok(Answered::Repeated),
        Some(_) => return Ok(Answered::Contradicts),
        None if session != Some(int(answer.session)) => return Ok(Answered::Foreign),
        None if deadline <= us(answer.at) => return Ok(Answered::Late),
        None => {}
    }
    sqlx::query("UPDATE agent_task SET answered_at = $2, result = $3, result_hash = $4 WHERE id = $1")
        .bind(&answer.id)
        .bind(us(answer.at))
        .bind(&answer.result)
        .bind(hash)
        .execute(&mut *db)
        .await?;
    sqlx::query("UPDATE agent SET seen_at = greatest(seen_at, $2) WHERE name = $1")
        .bind(&answer.agent)
        .bind(us(answer.at))
        .execute(&mut *db)
        .await?;
    transaction.commit().await?;
    Ok(Answered::Taken)
}

pub(super) async fn state(pool: &Pool, id: &str) -> StoreResult<Option<AgentTaskState>> {
    let row = sqlx::query("SELECT taken_at, answered_at, result FROM agent_task WHERE id = $1")
        .bind(id)
        .fetch_optional(&mut *pool.get().await?)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let at =
        |column| -> StoreResult<Option<Timestamp>> { row.try_get::<Option<i64>, _>(column)?.map(instant).transpose() };
    Ok(Some(AgentTaskState { taken_at: at(0)?, answered_at: at(1)?, result: row.try_get(2)? }))
}

pub(super) async fn close(pool: &Pool, id: &str, at: Timestamp) -> StoreResult<()> {
    sqlx::query("UPDATE agent_task SET body = '', result = NULL, deadline = least(deadline, $2) WHERE id = $1")
        .bind(id)
        .bind(us(at))
        .execute(&mut *pool.get().await?)
        .await?;
    Ok(())
}

/// 0 for an agent that was never seen. Nobody else changes it, nor hands out its tasks, until the end
/// of the transaction.
async fn newest_session(db: &mut PgConnection, agent: &str) -> StoreResult<u64> {
    keys::lock(db, &[format!("agent:{agent}")]).await?;
    let found: Option<i64> =
        sqlx::query_scalar("SELECT session FROM agent WHERE name = $1").bind(agent).fetch_optional(db).await?;
    number(found.unwrap_or_default())
}

fn replaced() -> StoreError {
    StoreError::Conflict("another process with this agent's token has taken over".to_owned())
}
