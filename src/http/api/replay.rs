//! A domain's state derived again from its history, each step in words.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::Serialize;

use super::Answer;
use super::domains::name;
use crate::engine::{Change, Step};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::panel::in_words;
use crate::store::EventRow;

#[derive(Debug, Serialize)]
struct ReplayView {
    domain: String,
    connection_id: String,
    /// The history leads to what is stored.
    equal: bool,
    differences: Vec<String>,
    steps: Vec<StepView>,
}

#[derive(Debug, Serialize)]
struct StepView {
    seq: u64,
    at: Timestamp,
    cause: String,
    /// What happened, in a sentence.
    says: String,
    changes: Vec<Change>,
}

pub(super) async fn show(State(state): State<HttpState>, identity: Identity, Path(domain): Path<String>) -> Answer {
    identity.require_desk()?;
    let replay = state.desk.replay(&name(&domain)?, &identity.scope()).await?;
    let zone = &state.config.commerce.time_zone;
    let now = state.clock.now();
    let steps = replay.steps.into_iter().map(|step| view(step, zone, now)).collect();
    let view = ReplayView {
        domain: replay.domain,
        connection_id: replay.connection_id,
        equal: replay.equal,
        differences: replay.differences,
        steps,
    };
    Ok(Json(view).into_response())
}

fn view(step: Step, zone: &str, now: Timestamp) -> StepView {
    let Step { seq, at, kind, cause, body, changes } = step;
    let row = EventRow { seq, at, kind, body, cause };
    let says = in_words(&row, zone, now);
    StepView { seq, at, cause: row.cause, says, changes }
}
