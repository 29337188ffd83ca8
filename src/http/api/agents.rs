//! `/v1/agent/…`: what agents ask and say. The token's label is the agent's name; a token of any other
//! role is refused here, and one of an agent everywhere else. Waiting requests have places of their
//! own, so that agents never keep people out.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;

use super::Answer;
use crate::config::is_agent_name;
use crate::engine::AgentError;
use crate::engine::ports::wire::{MAX_RESULT, PollRequest, ResultReport, RoutesRequest};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::{Kind, Problem};
use crate::store::Role;

pub(super) async fn tasks(State(state): State<HttpState>, identity: Identity, body: JsonBody<PollRequest>) -> Answer {
    let answer = state.agents.poll(name(&identity)?, body.value).await?;
    Ok(Json(answer).into_response())
}

pub(super) async fn results(
    State(state): State<HttpState>,
    identity: Identity,
    body: JsonBody<ResultReport>,
) -> Answer {
    let name = name(&identity)?;
    if body.bytes > MAX_RESULT {
        return Err(Problem::new(Kind::TooLarge, format!("A result has at most {MAX_RESULT} bytes.")));
    }
    state.agents.result(name, body.value).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(super) async fn routes(
    State(state): State<HttpState>,
    identity: Identity,
    body: JsonBody<RoutesRequest>,
) -> Answer {
    let answer = state.agents.routes(name(&identity)?, body.value).await?;
    Ok(Json(answer).into_response())
}

/// The agent behind a token.
fn name(identity: &Identity) -> Result<&str, Problem> {
    identity.require(&[Role::Agent])?;
    if is_agent_name(&identity.label) {
        return Ok(&identity.label);
    }
    let detail = "This token names no agent. Make one with `fencepost token create --role agent --label NAME`, where \
                  NAME is what the configuration calls the agent: 1 to 63 of a-z, 0-9 and -.";
    Err(Problem::new(Kind::NotAllowed, detail))
}

impl From<AgentError> for Problem {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Unknown(_) => Self::new(Kind::NotAllowed, error.to_string()),
            AgentError::Conflict(text) => Self::new(Kind::Conflict, text),
            AgentError::Invalid(text) => Self::new(Kind::Invalid, text),
            AgentError::Late => Self::new(Kind::Late, error.to_string()),
            AgentError::NoTask => Self::new(Kind::NotFound, error.to_string()),
            AgentError::Store(error) => error.into(),
        }
    }
}
