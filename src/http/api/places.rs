//! `/v1/gateway/places`: how far the customers are with the gateway's MX hosts and egress addresses that
//! come and go. For the service desk; reads only, the places themselves stand in the configuration.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::Answer;
use super::paging::{Items, Params, page};
use crate::engine::places_report;
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::problem::Problem;
use crate::store::PlaceStanding;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    standing: Option<PlaceStanding>,
    after: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn report(State(state): State<HttpState>, identity: Identity) -> Answer {
    identity.require_desk()?;
    let report = places_report(state.store.as_ref(), &state.config.gateway, state.clock.now()).await?;
    Ok(Json(report).into_response())
}

/// Domains by name, of one place that the configuration has.
pub(super) async fn domains(
    State(state): State<HttpState>,
    identity: Identity,
    Path(place): Path<String>,
    Params(query): Params<Wanted>,
) -> Answer {
    identity.require_desk()?;
    let place = state.config.gateway.place(&place).ok_or_else(Problem::not_found)?;
    let page = page(query.after, query.limit)?;
    let listing = state.store.place_domains(&place, query.standing, &page).await?;
    Ok(Items::new(listing.rows, listing.next.as_deref()).into_response())
}
