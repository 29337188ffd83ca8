//! `/v1/vantages`: how every place that probes are sent from is doing. For the service desk, which may
//! also take one out of use, or say that it is sound.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::domains::reason;
use crate::engine::{AgentStatus, VantageStatus};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::{Kind, Problem};

#[derive(Debug, Serialize)]
struct Vantages {
    items: Vec<VantageStatus>,
    /// Always `null`: there are never more than the configuration names.
    next: Option<String>,
    agents: Vec<AgentStatus>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Why {
    reason: String,
}

pub(super) async fn list(State(state): State<HttpState>, identity: Identity) -> Answer {
    identity.require_desk()?;
    let (items, agents) = (state.agents.vantages().await?, state.agents.list().await?);
    Ok(Json(Vantages { items, next: None, agents }).into_response())
}

pub(super) async fn quarantine(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<Why>,
) -> Answer {
    identity.require_desk()?;
    let why = reason(body.value.reason)?;
    if !state.agents.quarantine(known(&state, &id).await?, &identity.who(), &why).await? {
        return Err(Problem::new(Kind::Conflict, "This vantage is quarantined already."));
    }
    one(&state, &id).await
}

pub(super) async fn release(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<Why>,
) -> Answer {
    identity.require_desk()?;
    let why = reason(body.value.reason)?;
    if !state.agents.release(known(&state, &id).await?, &identity.who(), &why).await? {
        return Err(Problem::new(Kind::Conflict, "This vantage is not quarantined."));
    }
    one(&state, &id).await
}

async fn known<'a>(state: &HttpState, id: &'a str) -> Result<&'a str, Problem> {
    let all = state.agents.vantages().await?;
    all.iter().any(|vantage| vantage.id == id).then_some(id).ok_or_else(Problem::not_found)
}

async fn one(state: &HttpState, id: &str) -> Answer {
    let all = state.agents.vantages().await?;
    let found = all.into_iter().find(|vantage| vantage.id == id).ok_or_else(Problem::not_found)?;
    Ok(Json(found).into_response())
}
