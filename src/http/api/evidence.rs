//! `GET /v1/domains/{domain}/evidence/{sha256}`: a look on which a permit rests, word for word. What
//! servers said and where they are is for the service desk alone.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use fencepost_checks::DomainName;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::Answer;
use super::domains::name;
use crate::http::auth::Identity;
use crate::http::problem::Problem;
use crate::http::{HttpState, view};

#[derive(Debug, Serialize)]
struct Evidence {
    domain: DomainName,
    kind: String,
    sha256: String,
    observed_at: Timestamp,
    /// The very bytes that the hash is of.
    observation: Box<RawValue>,
}

/// The name may be written as in the event: `kind:sha256`.
pub(super) async fn show(
    State(state): State<HttpState>,
    identity: Identity,
    Path((domain, named)): Path<(String, String)>,
) -> Answer {
    identity.require_desk()?;
    let domain = name(&domain)?;
    let row = state.store.domain(&domain, &identity.scope()).await?.ok_or_else(Problem::not_found)?;
    let sha256 = named.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    let found = state.store.archived(&row.connection.id, &sha256).await?.ok_or_else(Problem::not_found)?;
    let observation = view::raw(found.body, "evidence")?;
    Ok(Json(Evidence { domain, kind: found.kind, sha256, observed_at: found.observed_at, observation }).into_response())
}
