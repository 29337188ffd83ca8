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
use crate::order::{FieldError, OrderForm, OrderRules};
use crate::store::Role;

pub(super) async fn place(State(state): State<HttpState>, identity: Identity, body: JsonBody<OrderForm>) -> Answer {
    identity.require(&[Role::Desk, Role::Partner])?;
    let caller = body.caller(&identity);
    let mut form = body.value;
    let mut errors = Vec::new();
    if let Some(own) = &identity.partner {
        let named = form.partner.get_or_insert_with(|| own.clone());
        if named.trim() != own {
            let message = format!("this token orders for the partner `{own}` only");
            errors.push(FieldError { field: "partner".to_owned(), message });
        }
    }
    if identity.role != Role::Desk && form.trial_override.is_some() {
        let message = "only the service desk can allow another trial; ask it, or leave this out".to_owned();
        errors.push(FieldError { field: "trial_override".to_owned(), message });
    }
    let order = match form.check(&rules(&state)?) {
        Ok(order) if errors.is_empty() => order,
        Ok(_) => return Err(Problem::invalid(errors)),
        Err(more) => {
            errors.extend(more);
            return Err(Problem::invalid(errors));
        }
    };
    let placed = state.desk.place_order(order, &caller).await?;
    let mut response = (StatusCode::CREATED, Json(&placed)).into_response();
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/customers/{}", placed.customer_id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

pub(super) fn rules(state: &HttpState) -> Result<OrderRules, Problem> {
    let names = state.config.gateway.mx_hosts.iter().map(|host| host.name.clone()).collect();
    OrderRules::new(&state.config.probe.allow_targets, names).map_err(|text| {
        tracing::error!(error = %text, "probe.allow_targets cannot be read");
        Problem::new(Kind::Internal, "The configuration of the service is wrong. Its log says where.")
    })
}
