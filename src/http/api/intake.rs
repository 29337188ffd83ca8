//! `POST /v1/intake`: mail that came for fencepost itself, as a mail server hands it over.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::IntoResponse;
use serde_json::json;

use super::Answer;
use crate::engine::Received;
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::problem::{Kind, Problem};
use crate::store::Role;

/// The body is the message as it is. Answered 200 whatever it says: `taken`, and why not.
pub(super) async fn receive(
    State(state): State<HttpState>,
    identity: Identity,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    identity.require(&[Role::Desk, Role::Agent])?;
    let message = body.map_err(|_| Problem::new(Kind::TooLarge, "The message is longer than this service takes."))?;
    let answer = match state.desk.receive(&message).await? {
        Ok(Received::Taken { domain }) => json!({ "taken": true, "domain": domain }),
        Ok(Received::Ignored(why)) => json!({ "taken": false, "reason": why }),
        Err(why) => json!({ "taken": false, "reason": why.0 }),
    };
    Ok(Json(answer).into_response())
}
