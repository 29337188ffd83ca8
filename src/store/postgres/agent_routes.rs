//! Routes that agents carry: what each shall do with a domain, and what it has confirmed.

use fencepost_checks::DomainName;
use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::claims::without_nul;
use super::pool::Pool;
use crate::store::value::{from_json, from_word, instant, int, json, name, number, us, word};
use crate::store::{AgentRoute, RouteOutcome, RouteReport, RouteRow, StoreResult};

pub(super) async fn want(pool: &Pool, agents: &[String], route: &RouteRow) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO agent_route AS a (agent, domain, mode, servers, generation) \
         SELECT DISTINCT n.agent, $2, $3, $4, $5::bigint FROM unnest($1::text[]) n(agent) ORDER BY n.agent \
         ON CONFLICT (agent, domain) DO UPDATE SET mode = excluded.mode, servers = excluded.servers, \
         generation = excluded.generation, error = NULL, seen = NULL WHERE excluded.generation > a.generation",
    )
    .bind(agents)
    .bind(route.domain.as_str())
    .bind(word(&route.mode)?)
    .bind(json(&route.servers)?)
    .bind(int(route.generation))
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(())
}

pub(super) async fn reopen(pool: &Pool, agent: &str) -> StoreResult<()> {
    let mut transaction = pool.begin().await?;
    sqlx::query(
        "INSERT INTO agent_route AS a (agent, domain, mode, servers, generation) \
         SELECT $1, domain, mode, servers, generation FROM route ORDER BY domain \
         ON CONFLICT (agent, domain) DO UPDATE SET mode = excluded.mode, servers = excluded.servers, \
         generation = excluded.generation WHERE excluded.generation > a.generation",
    )
    .bind(agent)
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE agent_route SET applied = 0, applied_at = NULL, error = NULL, seen = NULL WHERE agent = $1")
        .bind(agent)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn open(pool: &Pool, agent: &str, after: Option<&str>, limit: u32) -> StoreResult<Vec<RouteRow>> {
    let rows = sqlx::query(
        "SELECT domain, mode, servers, generation FROM agent_route \
         WHERE agent = $1 AND applied < generation AND domain > $2 ORDER BY domain LIMIT $3",
    )
    .bind(agent)
    .bind(after.unwrap_or_default())
    .bind(i64::from(limit))
    .fetch_all(&mut *pool.get().await?)
    .await?;
    rows.iter().map(|row| route(row, 0)).collect()
}

pub(super) async fn confirm(pool: &Pool, agent: &str, reports: &[RouteReport], at: Timestamp) -> StoreResult<()> {
    let mut transaction = pool.begin().await?;
    for RouteReport { domain, generation, outcome } in reports {
        let (applied, error, seen) = match outcome {
            RouteOutcome::Applied => (Some(int(*generation)), None, None),
            RouteOutcome::Failed(why) => (None, Some(without_nul(why)), None),
            RouteOutcome::Stale(seen) => (None, Some("the gateway has a newer route".to_owned()), Some(int(*seen))),
        };
        sqlx::query(
            "UPDATE agent_route SET applied = coalesce($4, applied), \
             applied_at = CASE WHEN $4 IS NULL THEN applied_at ELSE $5 END, error = $6, seen = $7 \
             WHERE agent = $1 AND domain = $2 AND generation = $3",
        )
        .bind(agent)
        .bind(domain.as_str())
        .bind(int(*generation))
        .bind(applied)
        .bind(us(at))
        .bind(error)
        .bind(seen)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

pub(super) async fn of_domain(pool: &Pool, domain: &DomainName) -> StoreResult<Vec<AgentRoute>> {
    let rows = sqlx::query(
        "SELECT agent, domain, mode, servers, generation, applied, applied_at, error, seen FROM agent_route \
         WHERE domain = $1 ORDER BY agent",
    )
    .bind(domain.as_str())
    .fetch_all(&mut *pool.get().await?)
    .await?;
    let read = |row: &PgRow| {
        Ok(AgentRoute {
            agent: row.try_get(0)?,
            route: route(row, 1)?,
            applied: number(row.try_get(5)?)?,
            applied_at: row.try_get::<Option<i64>, _>(6)?.map(instant).transpose()?,
            error: row.try_get(7)?,
            seen: row.try_get::<Option<i64>, _>(8)?.map(number).transpose()?,
        })
    };
    rows.iter().map(read).collect()
}

fn route(row: &PgRow, from: usize) -> StoreResult<RouteRow> {
    Ok(RouteRow {
        domain: name(row.try_get(from)?)?,
        mode: from_word(row.try_get(from + 1)?)?,
        servers: from_json(row.try_get(from + 2)?)?,
        generation: number(row.try_get(from + 3)?)?,
    })
}
