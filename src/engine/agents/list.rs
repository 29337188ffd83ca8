//! How vantages and agents are doing, for people: everything that the configuration names, with what the
//! store knows of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use fencepost_checks::observation::VantageRole;
use fencepost_checks::vantage::{Standing, WINDOW};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{Agents, absence};
use crate::config::EgressState;
use crate::engine::vantages::{quarantine, standing};
use crate::store::{Mark, StoreResult, VantageRow};

/// Over which the rate of success is told.
const RATE: SignedDuration = SignedDuration::from_hours(24);

/// A vantage as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VantageStatus {
    pub id: String,
    pub role: VantageRole,
    /// For people, as configured.
    pub label: String,
    /// The agent that it is at; `null`: this installation's own host.
    pub agent: Option<String>,
    /// As configured.
    pub address: Option<IpAddr>,
    pub state: VantageState,
    /// What is the matter, in words.
    pub detail: Option<String>,
    /// When something was last heard of it: of its agent, or by a look.
    pub last_seen: Option<Timestamp>,
    /// As our reference server saw it last.
    pub outside: Option<IpAddr>,
    pub outside_at: Option<Timestamp>,
    /// Version of the agent.
    pub version: Option<String>,
    /// Targets that answered it, and that did not, in the last 24 hours.
    pub good: u64,
    pub bad: u64,
    pub quarantined: Option<Since>,
    /// The last release from quarantine.
    pub released: Option<Since>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Since {
    pub at: Timestamp,
    pub by: String,
    pub why: String,
}

/// Worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VantageState {
    Quarantined,
    /// Its agent does not answer.
    Away,
    /// Seen from another address than it should be.
    Astray,
    /// It does not reach our own reference server.
    Unreached,
    /// Held back: too much failed at once.
    Suspect,
    /// Nobody can probe from there.
    Uncovered,
    /// Nothing was looked at from there yet.
    Unused,
    Ok,
}

/// An agent as people see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentStatus {
    pub name: String,
    pub version: Option<String>,
    pub last_seen: Option<Timestamp>,
    /// When its present process began to ask.
    pub since: Option<Timestamp>,
    pub away: Option<String>,
    pub carries_routes: bool,
}

/// A vantage as configured.
struct Configured {
    id: String,
    role: VantageRole,
    label: String,
    agent: Option<String>,
    address: Option<IpAddr>,
    covered: bool,
}

impl Agents {
    /// Every configured vantage.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn vantages(&self) -> StoreResult<Vec<VantageStatus>> {
        let now = self.clock.now();
        let by_id = |rows: Vec<VantageRow>| rows.into_iter().map(|row| (row.id.clone(), row)).collect();
        let window: BTreeMap<String, VantageRow> = by_id(self.store.vantages(now - WINDOW).await?);
        let day: BTreeMap<String, VantageRow> = by_id(self.store.vantages(now - RATE).await?);
        let agents = self.list().await?;
        let status = |vantage: Configured| {
            let agent = agents.iter().find(|agent| Some(&agent.name) == vantage.agent.as_ref());
            let (row, day) = (window.get(&vantage.id), day.get(&vantage.id));
            let (state, detail) = judge(&vantage, row, agent, now);
            let looked_at = row.and_then(|row| row.looked_at);
            let mark = |mark: &Mark| Since { at: mark.at, by: mark.by.clone(), why: mark.why.clone() };
            VantageStatus {
                state,
                detail,
                last_seen: agent.map_or(looked_at, |agent| agent.last_seen.max(looked_at)),
                outside: row.and_then(|row| row.outside),
                outside_at: row.and_then(|row| row.outside_at),
                version: agent.and_then(|agent| agent.version.clone()),
                good: day.map_or(0, |row| row.good),
                bad: day.map_or(0, |row| row.bad),
                quarantined: row.and_then(|row| row.quarantine.as_ref()).map(mark),
                released: row.and_then(|row| row.released.as_ref()).map(mark),
                id: vantage.id,
                role: vantage.role,
                label: vantage.label,
                agent: vantage.agent,
                address: vantage.address,
            }
        };
        Ok(self.configured().into_iter().map(status).collect())
    }

    /// Every configured agent.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self) -> StoreResult<Vec<AgentStatus>> {
        let (rows, now) = (self.store.agents().await?, self.clock.now());
        let status = |name: &str| {
            let row = rows.iter().find(|row| row.name == name);
            AgentStatus {
                name: name.to_owned(),
                version: row.map(|row| row.version.clone()),
                last_seen: row.map(|row| row.seen_at),
                since: row.map(|row| row.session_since),
                away: absence(name, row.map(|row| row.seen_at), now, self.patience()),
                carries_routes: self.config.route_agents().iter().any(|agent| agent == name),
            }
        };
        Ok(self.config.agents().into_iter().map(status).collect())
    }

    /// Takes a vantage out of use. `false` when it was already.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn quarantine(&self, id: &str, by: &str, why: &str) -> StoreResult<bool> {
        let mark = Mark { at: self.clock.now(), by: by.to_owned(), why: why.to_owned() };
        quarantine(self.store.as_ref(), id, mark).await
    }

    /// Says that a vantage is sound; what it saw before counts no more against it. `false` when it was
    /// not quarantined.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release(&self, id: &str, by: &str, why: &str) -> StoreResult<bool> {
        self.store.release_vantage(id, by, why, self.clock.now()).await
    }

    fn configured(&self) -> Vec<Configured> {
        let (gateway, probe) = (&self.config.gateway, &self.config.probe);
        let egress =
            gateway.egress.iter().filter(|egress| egress.state != EgressState::Retired).map(|egress| Configured {
                id: egress.vantage_id(),
                role: VantageRole::Egress,
                label: egress.label.clone(),
                agent: egress.agent.clone(),
                address: Some(egress.address),
                covered: egress.covered(),
            });
        let here = probe.outsiders.iter().map(|address| {
            let address = Some(*address).filter(|address| !address.is_unspecified());
            let id = address.map_or_else(|| "outsider-default".to_owned(), |address| format!("outsider-{address}"));
            Configured { id, role: VantageRole::Outsider, label: String::new(), agent: None, address, covered: true }
        });
        let remote = probe.remote_outsiders.iter().map(|outsider| Configured {
            id: outsider.vantage_id(),
            role: VantageRole::Outsider,
            label: String::new(),
            agent: Some(outsider.agent.clone()),
            address: outsider.address,
            covered: true,
        });
        let resolvers = probe.remote_resolvers.iter().map(|resolver| Configured {
            id: resolver.vantage_id(),
            role: VantageRole::Resolver,
            label: String::new(),
            agent: Some(resolver.agent.clone()),
            address: None,
            covered: true,
        });
        egress.chain(here).chain(remote).chain(resolvers).collect()
    }
}

/// The worst that can be said of a vantage.
fn judge(
    vantage: &Configured,
    row: Option<&VantageRow>,
    agent: Option<&AgentStatus>,
    now: Timestamp,
) -> (VantageState, Option<String>) {
    if let Some(mark) = row.and_then(|row| row.quarantine.as_ref()) {
        return (VantageState::Quarantined, Some(mark.why.clone()));
    }
    if let Some(away) = agent.and_then(|agent| agent.away.clone()) {
        return (VantageState::Away, Some(away));
    }
    if !vantage.covered {
        let detail = "it is not this host's address, and no agent is named for it";
        return (VantageState::Uncovered, Some(detail.to_owned()));
    }
    let Some(row) = row else { return (VantageState::Unused, None) };
    if row.unreached_since.is_some() {
        return (VantageState::Unreached, Some("it does not reach our own reference server".to_owned()));
    }
    if let (VantageRole::Egress, Some(address), Some(outside)) = (vantage.role, vantage.address, row.outside)
        && address.to_canonical() != outside.to_canonical()
    {
        let detail = format!("it should be seen at {address} and is seen at {outside}: NAT, or another route out");
        return (VantageState::Astray, Some(detail));
    }
    match standing(row, now) {
        Standing::Suspect { why } | Standing::Quarantine { why } => (VantageState::Suspect, Some(why)),
        Standing::Sound | Standing::Quarantined | Standing::Release { .. } => (VantageState::Ok, None),
    }
}
