//! Whether the service lives, and whether it can work.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::Answer;
use crate::http::HttpState;
use crate::http::problem::Problem;

pub(super) async fn alive() -> Response {
    (StatusCode::OK, "ok\n").into_response()
}

pub(super) async fn ready(State(state): State<HttpState>) -> Answer {
    let missing = state.readiness.missing().await;
    if missing.is_empty() { Ok((StatusCode::OK, "ready\n").into_response()) } else { Err(Problem::not_ready(missing)) }
}
