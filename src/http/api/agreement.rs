//! Changes to what was agreed with a customer: further domains, another partner.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::Answer;
use super::customers::{Evidence, evidence_file};
use super::orders::rules;
use crate::engine::{FurtherDomains, Transfer};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::Problem;
use crate::order::{ContactForm, OrderForm, ServerForm};
use crate::store::Role;

const MAX_REASON: usize = 500;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct DomainsBody {
    domains: Vec<String>,
    /// Left out: those of the order.
    servers: Vec<ServerForm>,
    hosted: bool,
}

pub(super) async fn add_domains(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<DomainsBody>,
) -> Answer {
    identity.require(&[Role::Desk, Role::Partner])?;
    let caller = body.caller(&identity);
    let DomainsBody { domains, servers, hosted } = body.value;
    let form = OrderForm { domains, servers, hosted, ..OrderForm::default() };
    let (domains, servers) = form.further_domains(&rules(&state)?).map_err(Problem::invalid)?;
    let id = state.desk.customer_named(&id, &caller.scope).await?;
    let further = FurtherDomains { domains, servers, hosted };
    let amended = state.desk.add_domains(&id, &further, &caller).await?;
    Ok((StatusCode::CREATED, Json(amended)).into_response())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TransferBody {
    partner: Option<String>,
    /// At the new partner.
    contacts: Vec<ContactForm>,
    sales_rep: Option<String>,
    /// What an invoice to it needs, where the partner pays; as in an order.
    vat_id: Option<String>,
    billing_address: Option<String>,
    billing_street: Option<String>,
    billing_postal_code: Option<String>,
    billing_city: Option<String>,
    billing_country: Option<String>,
    e_invoice_address: Option<String>,
    buyer_reference: Option<String>,
    /// First day on which invoices name the new partner; today, when not given.
    from: Option<Date>,
    reason: String,
    evidence: Option<Evidence>,
    received: Option<Timestamp>,
}

pub(super) async fn transfer(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<TransferBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let TransferBody { mut contacts, from, evidence, received, .. } = body.value;
    let reason = body.value.reason.trim().to_owned();
    if reason.is_empty() || reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        let message = format!("say why, in one line of at most {MAX_REASON} characters");
        return Err(Problem::field("reason", message));
    }
    let id = state.desk.customer_named(&id, &caller.scope).await?;
    let customer = state.store.customer(&id, &caller.scope).await?.ok_or_else(Problem::not_found)?;
    for contact in &mut contacts {
        contact.role = Some("partner".to_owned());
    }
    let form = OrderForm {
        partner: body.value.partner,
        contacts,
        sales_rep: body.value.sales_rep,
        vat_id: body.value.vat_id,
        billing_address: body.value.billing_address,
        billing_street: body.value.billing_street,
        billing_postal_code: body.value.billing_postal_code,
        billing_city: body.value.billing_city,
        billing_country: body.value.billing_country,
        e_invoice_address: body.value.e_invoice_address,
        buyer_reference: body.value.buyer_reference,
        ..OrderForm::default()
    };
    let to = form.other_partner(&customer.order.domains).map_err(Problem::invalid)?;
    let evidence = evidence.map(|file| evidence_file(file, received, state.clock.now())).transpose()?;
    let transfer = Transfer { to, from, reason, evidence };
    Ok(Json(state.desk.transfer(&id, transfer, &caller).await?).into_response())
}
