//! The state of a domain or a subscription derived again from its history, each step in words.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::Serialize;

use super::Answer;
use super::domains::name;
use crate::engine::{Change, Replay, Step};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::panel::{in_words, subscription_in_words};
use crate::store::EventRow;

#[derive(Debug, Serialize)]
struct ReplayView {
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<String>,
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
    let mut view = view(replay, |row| in_words(row, zone, now));
    (view.connection_id, view.customer_id) = (view.customer_id, None);
    Ok(Json(view).into_response())
}

/// Of the subscription of a customer, by its id, its order's, or a domain of its.
pub(super) async fn subscription(
    State(state): State<HttpState>,
    identity: Identity,
    Path(customer): Path<String>,
) -> Answer {
    identity.require_desk()?;
    let id = state.desk.customer_named(&customer, &identity.scope()).await?;
    let replay = state.desk.replay_subscription(&id, &identity.scope()).await?;
    Ok(Json(view(replay, subscription_in_words)).into_response())
}

/// As of a customer.
fn view(replay: Replay, says: impl Fn(&EventRow) -> String) -> ReplayView {
    let step = |step: Step| {
        let Step { seq, at, kind, cause, body, changes } = step;
        let row = EventRow { seq, at, kind, body, cause };
        StepView { seq, at, says: says(&row), cause: row.cause, changes }
    };
    ReplayView {
        domain: replay.domain,
        connection_id: None,
        customer_id: Some(replay.subject_id),
        equal: replay.equal,
        differences: replay.differences,
        steps: replay.steps.into_iter().map(step).collect(),
    }
}
