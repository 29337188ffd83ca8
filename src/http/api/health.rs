//! Whether the service lives, whether it can work, and what is parked.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;

use super::Answer;
use super::paging::{Items, Paging, Params, page};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::problem::Problem;

pub(super) async fn alive() -> Response {
    (StatusCode::OK, "ok\n").into_response()
}

pub(super) async fn ready(State(state): State<HttpState>) -> Answer {
    let missing = state.readiness.missing().await;
    if missing.is_empty() { Ok((StatusCode::OK, "ready\n").into_response()) } else { Err(Problem::not_ready(missing)) }
}

/// Work that was given up and waits for a person.
#[derive(Debug, Serialize)]
struct Parked {
    what: String,
    subject_id: String,
    since: Timestamp,
    error: String,
}

pub(super) async fn parked(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<Paging>,
) -> Answer {
    identity.require_desk()?;
    let listing = state.store.parked(&page(query.after, query.limit)?).await?;
    let items: Vec<Parked> = listing
        .rows
        .into_iter()
        .map(|row| Parked { what: row.what, subject_id: row.subject_id, since: row.since, error: row.error })
        .collect();
    Ok(Json(Items::new(items, listing.next.as_deref())).into_response())
}
