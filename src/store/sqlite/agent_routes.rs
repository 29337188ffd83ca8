//! Routes that agents carry: what each shall do with a domain, and what it has confirmed.

use fencepost_checks::DomainName;
use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::columns::{all, from_json, from_word, instant, int, json, name, number, run, us, word};
use crate::store::{AgentRoute, RouteOutcome, RouteReport, RouteRow, StoreResult};

pub(super) fn want(connection: &Connection, agents: &[String], route: &RouteRow) -> StoreResult<()> {
    for agent in agents {
        run(
            connection,
            "INSERT INTO agent_route (agent, domain, mode, servers, generation) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (agent, domain) DO UPDATE SET mode = excluded.mode, servers = excluded.servers, \
             generation = excluded.generation, error = NULL, seen = NULL \
             WHERE excluded.generation > agent_route.generation",
            (agent, route.domain.as_str(), word(&route.mode)?, json(&route.servers)?, int(route.generation)),
        )?;
    }
    Ok(())
}

pub(super) fn reopen(connection: &Connection, agent: &str) -> StoreResult<()> {
    run(
        connection,
        "INSERT INTO agent_route (agent, domain, mode, servers, generation) \
         SELECT ?1, domain, mode, servers, generation FROM route WHERE true \
         ON CONFLICT (agent, domain) DO UPDATE SET mode = excluded.mode, servers = excluded.servers, \
         generation = excluded.generation WHERE excluded.generation > agent_route.generation",
        [agent],
    )?;
    run(
        connection,
        "UPDATE agent_route SET applied = 0, applied_at = NULL, error = NULL, seen = NULL WHERE agent = ?1",
        [agent],
    )?;
    Ok(())
}

pub(super) fn open(
    connection: &Connection,
    agent: &str,
    after: Option<&str>,
    limit: u32,
) -> StoreResult<Vec<RouteRow>> {
    all(
        connection,
        "SELECT domain, mode, servers, generation FROM agent_route \
         WHERE agent = ?1 AND applied < generation AND domain > ?2 ORDER BY domain LIMIT ?3",
        (agent, after.unwrap_or_default(), limit),
        |row| route(row, 0),
    )
}

pub(super) fn confirm(connection: &Connection, agent: &str, reports: &[RouteReport], at: Timestamp) -> StoreResult<()> {
    for RouteReport { domain, generation, outcome } in reports {
        let (applied, error, seen) = match outcome {
            RouteOutcome::Applied => (Some(int(*generation)), None, None),
            RouteOutcome::Failed(why) => (None, Some(why.as_str()), None),
            RouteOutcome::Stale(seen) => (None, Some("the gateway has a newer route"), Some(int(*seen))),
        };
        run(
            connection,
            "UPDATE agent_route SET applied = coalesce(?4, applied), applied_at = iif(?4 IS NULL, applied_at, ?5), \
             error = ?6, seen = ?7 WHERE agent = ?1 AND domain = ?2 AND generation = ?3",
            (agent, domain.as_str(), int(*generation), applied, us(at), error, seen),
        )?;
    }
    Ok(())
}

pub(super) fn of_domain(connection: &Connection, domain: &DomainName) -> StoreResult<Vec<AgentRoute>> {
    all(
        connection,
        "SELECT agent, domain, mode, servers, generation, applied, applied_at, error, seen FROM agent_route \
         WHERE domain = ?1 ORDER BY agent",
        [domain.as_str()],
        |row| {
            Ok(AgentRoute {
                agent: row.get(0)?,
                route: route(row, 1)?,
                applied: number(row.get(5)?)?,
                applied_at: row.get::<_, Option<i64>>(6)?.map(instant).transpose()?,
                error: row.get(7)?,
                seen: row.get::<_, Option<i64>>(8)?.map(number).transpose()?,
            })
        },
    )
}

fn route(row: &Row<'_>, from: usize) -> StoreResult<RouteRow> {
    Ok(RouteRow {
        domain: name(&row.get::<_, String>(from)?)?,
        mode: from_word(row.get(from + 1)?)?,
        servers: from_json(&row.get::<_, String>(from + 2)?)?,
        generation: number(row.get(from + 3)?)?,
    })
}
