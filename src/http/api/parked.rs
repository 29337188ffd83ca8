//! Work that was given up and waits for a person: listed with why and what to do, and retried.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::Serialize;

use super::Answer;
use super::customers::Empty;
use super::paging::{Items, Paging, Params, page};
use crate::engine::advice;
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::store::ParkedRow;

#[derive(Debug, Serialize)]
pub(in crate::http) struct ParkedView {
    /// Give it to `retry`.
    pub id: String,
    /// `timer <kind>`, or the kind of an effect and its key.
    pub what: String,
    pub subject_id: String,
    pub domain: Option<String>,
    pub since: Timestamp,
    pub attempts: u32,
    /// Why it was given up.
    pub error: String,
    pub to_do: &'static str,
    pub retried_at: Option<Timestamp>,
    pub retried_by: Option<String>,
}

pub(super) async fn list(State(state): State<HttpState>, identity: Identity, Params(query): Params<Paging>) -> Answer {
    identity.require_desk()?;
    let listing = state.store.parked(&page(query.after, query.limit)?).await?;
    let items: Vec<ParkedView> = listing.rows.into_iter().map(view).collect();
    Ok(Items::new(items, listing.next.as_deref()).into_response())
}

/// Makes it due now. What it was is in the answer; who asked is kept.
pub(super) async fn retry(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<Empty>,
) -> Answer {
    identity.require_desk()?;
    let row = state.desk.retry_parked(&id, &body.caller(&identity)).await?;
    Ok(Json(view(row)).into_response())
}

pub(in crate::http) fn view(row: ParkedRow) -> ParkedView {
    let to_do = advice(&row);
    let (retried_at, retried_by) = row.retried.unzip();
    ParkedView {
        id: row.id,
        what: row.what,
        subject_id: row.subject_id,
        domain: row.domain.map(|domain| domain.to_string()),
        since: row.since,
        attempts: row.attempts,
        error: row.error,
        to_do,
        retried_at,
        retried_by,
    }
}
