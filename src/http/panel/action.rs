//! The few things that the desk does from a page: retrying parked work, confirming a route that was set by
//! hand, approving and rejecting what a mail asks for. Each is a form of this site, with a word that only pages of whoever is signed in hold.
//! What may be done is decided where the API has it decided, too.

use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

use super::page::Page;
use super::session::Reader;
use crate::engine::{Approval, Caller};
use crate::http::HttpState;
use crate::http::api::name;
use crate::lifecycle::connection::RouteMode;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Retry {
    form: String,
}

pub(super) async fn retry(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(sent): Form<Retry>,
) -> Page {
    reader.sent(&headers, &sent.form)?;
    state.desk.retry_parked(&id, &caller(&reader)).await?;
    Ok(Redirect::to("/parked").into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    form: String,
    /// What the page said that was to be set: another wish may have come since.
    mode: RouteMode,
}

pub(super) async fn confirm_route(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(domain): Path<String>,
    Form(sent): Form<Confirm>,
) -> Page {
    reader.sent(&headers, &sent.form)?;
    let domain = name(&domain)?;
    state.desk.confirm_route(&domain, Some(sent.mode), &caller(&reader)).await?;
    Ok(Redirect::to(&format!("/domains/{domain}")).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approve {
    form: String,
}

/// Approves a proposal as it was understood; anything else is for the command line or the API.
pub(super) async fn approve(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(sent): Form<Approve>,
) -> Page {
    reader.sent(&headers, &sent.form)?;
    state.proposals.approve(&id, &Approval::default(), &caller(&reader)).await?;
    Ok(Redirect::to(&format!("/proposals/{id}")).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reject {
    form: String,
    reason: String,
}

pub(super) async fn reject(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(sent): Form<Reject>,
) -> Page {
    reader.sent(&headers, &sent.form)?;
    let reason: String = sent.reason.chars().filter(|c| !c.is_control()).take(500).collect();
    state.proposals.reject(&id, reason.trim(), &caller(&reader)).await?;
    Ok(Redirect::to(&format!("/proposals/{id}")).into_response())
}

pub(super) fn caller(reader: &Reader) -> Caller {
    Caller { who: reader.identity.who(), scope: reader.identity.scope(), idempotency: None }
}
