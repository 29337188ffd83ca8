//! `POST /v1/orders`: an order is taken whole or refused whole, with every reason at its field.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;

use super::Answer;
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::{Kind, Problem};
use crate::order::{OrderForm, OrderRules};
use crate::store::Role;

pub(super) async fn place(State(state): State<HttpState>, identity: Identity, body: JsonBody<OrderForm>) -> Answer {
    identity.require(&[Role::Desk, Role::Partner])?;
    let caller = body.caller(&identity);
    let order = body.value.check(&rules_of(&state, &identity)?).map_err(Problem::invalid)?;
    let placed = state.desk.place_order(order, &caller).await?;
    let mut response = (StatusCode::CREATED, Json(&placed)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/customers/{}", placed.customer_id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// What an order of that caller is checked against.
pub(in crate::http) fn rules_of(state: &HttpState, identity: &Identity) -> Result<OrderRules, Problem> {
    Ok(rules(state)?.of_caller(identity.partner.clone(), identity.role == Role::Desk))
}

pub(super) fn rules(state: &HttpState) -> Result<OrderRules, Problem> {
    let names = state.config.gateway.mx_hosts.iter().map(|host| host.name.clone()).collect();
    OrderRules::new(&state.config.probe.allow_targets, names).map_err(|text| {
        tracing::error!(error = %text, "probe.allow_targets cannot be read");
        Problem::new(Kind::Internal, "The configuration of the service is wrong. Its log says where.")
    })
}
