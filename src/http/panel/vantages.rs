//! `/vantages`: the places that probes are sent from, worst first. For the service desk.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use fencepost_checks::observation::VantageRole;
use serde::Deserialize;

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::words::{Times, When};
use crate::engine::{AgentStatus, Since, VantageState, VantageStatus};
use crate::http::HttpState;
use crate::http::api::reason;
use crate::http::problem::{Kind, Problem};

struct Row {
    id: String,
    role: &'static str,
    label: String,
    at: String,
    tone: &'static str,
    state: &'static str,
    detail: Option<String>,
    outside: Option<String>,
    proved: Option<When>,
    last_seen: Option<When>,
    version: Option<String>,
    rate: Option<String>,
    quarantined: Option<Marked>,
    released: Option<Marked>,
}

struct Marked {
    at: When,
    by: String,
    why: String,
}

struct AgentRow {
    name: String,
    version: Option<String>,
    last_seen: Option<When>,
    since: Option<When>,
    away: Option<String>,
    carries_routes: bool,
}

#[derive(Template)]
#[template(path = "pages/vantages.html")]
struct VantagesPage {
    rows: Vec<Row>,
    agents: Vec<AgentRow>,
    /// For whoever may take one out of use, or believe it again.
    form: Option<String>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader) -> Page {
    reader.identity.require_desk()?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let mut vantages = state.agents.vantages().await?;
    vantages.sort_by_key(|vantage| vantage.state);
    let agents = state.agents.list().await?;
    html(&VantagesPage {
        rows: vantages.into_iter().map(|vantage| row(vantage, &times)).collect(),
        form: reader.desk_form(),
        agents: agents.into_iter().map(|agent| agent_row(agent, &times)).collect(),
        frame: Frame::of(&reader, "/vantages").every(30),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    form: String,
    reason: String,
}

/// Takes a vantage out of use.
pub(super) async fn quarantine(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(sent): Form<Why>,
) -> Page {
    let (id, why) = marked(&state, &reader, &headers, id, sent).await?;
    if !state.agents.quarantine(&id, &reader.identity.who(), &why).await? {
        return Err(Problem::new(Kind::Conflict, "This vantage is quarantined already.").into());
    }
    Ok(Redirect::to("/vantages").into_response())
}

/// Believes it again.
pub(super) async fn release(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(sent): Form<Why>,
) -> Page {
    let (id, why) = marked(&state, &reader, &headers, id, sent).await?;
    if !state.agents.release(&id, &reader.identity.who(), &why).await? {
        return Err(Problem::new(Kind::Conflict, "This vantage is not quarantined.").into());
    }
    Ok(Redirect::to("/vantages").into_response())
}

/// A vantage that there is, and why.
async fn marked(
    state: &HttpState,
    reader: &Reader,
    headers: &HeaderMap,
    id: String,
    sent: Why,
) -> Result<(String, String), Problem> {
    reader.sent(headers, &sent.form)?;
    let why = reason(sent.reason.trim().to_owned())?;
    let known = state.agents.vantages().await?.iter().any(|vantage| vantage.id == id);
    if known { Ok((id, why)) } else { Err(Problem::not_found()) }
}

fn row(vantage: VantageStatus, times: &Times) -> Row {
    let (tone, state) = word(vantage.state);
    let mark = |since: Since| Marked { at: times.show(since.at), by: since.by, why: since.why };
    let all = vantage.good + vantage.bad;
    Row {
        id: vantage.id,
        role: match vantage.role {
            VantageRole::Egress => "gateway address",
            VantageRole::Outsider => "outsider",
            VantageRole::Resolver => "resolver",
        },
        label: vantage.label,
        at: vantage.agent.map_or_else(|| "this host".to_owned(), |agent| format!("agent {agent}")),
        tone,
        state,
        // The quarantine says it better.
        detail: vantage.detail.filter(|_| vantage.quarantined.is_none()),
        outside: vantage.outside.map(|address| address.to_string()),
        proved: vantage.outside_at.map(|at| times.show(at)),
        last_seen: vantage.last_seen.map(|at| times.show(at)),
        version: vantage.version,
        rate: (all > 0).then(|| format!("{} of {all}", vantage.good)),
        quarantined: vantage.quarantined.map(mark),
        released: vantage.released.map(mark),
    }
}

fn agent_row(agent: AgentStatus, times: &Times) -> AgentRow {
    AgentRow {
        name: agent.name,
        version: agent.version,
        last_seen: agent.last_seen.map(|at| times.show(at)),
        since: agent.since.map(|at| times.show(at)),
        away: agent.away,
        carries_routes: agent.carries_routes,
    }
}

/// Colour class and word.
const fn word(state: VantageState) -> (&'static str, &'static str) {
    match state {
        VantageState::Quarantined => ("stop", "quarantined"),
        VantageState::Away => ("stop", "away"),
        VantageState::Astray => ("stop", "elsewhere"),
        VantageState::Unreached => ("stop", "cut off"),
        VantageState::Suspect => ("wait", "held back"),
        VantageState::Uncovered => ("wait", "not covered"),
        VantageState::Unused => ("done", "not used yet"),
        VantageState::Ok => ("go", "well"),
    }
}
