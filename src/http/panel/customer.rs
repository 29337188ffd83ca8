//! `/customers/{id}`: one customer with its subscription, who pays, what differs between operation and
//! accounting, and its history; and the few things that are said of it from here.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use jiff::civil::Date;
use serde::Deserialize;

use super::action::caller;
use super::discrepancies::{Row, rows};
use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::subscription::SubscriptionView;
use super::subscription_story::subscription_in_words;
use super::words::{self, Times, When};
use crate::engine::{EvidenceFile, Extension};
use crate::http::HttpState;
use crate::http::api::{OPERATORS, READERS, number};
use crate::http::problem::Problem;
use crate::http::view::{self, CustomerView};
use crate::lifecycle::subscription::Phase;
use crate::order::{BillTo, ContactRole};
use crate::store::Role;

/// Newest events on the page.
const EVENTS: u64 = 200;
/// Characters of a reason.
const REASON: usize = 2_000;

struct Line {
    at: When,
    text: String,
}

#[derive(Template)]
#[template(path = "pages/customer.html")]
struct CustomerPage {
    id: String,
    name: String,
    partner: String,
    subscription: SubscriptionView,
    billing: Vec<(&'static str, String)>,
    contacts: Vec<(&'static str, String)>,
    /// Domain, phase.
    domains: Vec<(String, &'static str)>,
    differences: Vec<Row>,
    /// As they were last set.
    operated: Option<u32>,
    timeline: Vec<Line>,
    /// For whoever may say how many mailboxes are in operation.
    operator_form: Option<String>,
    /// For the desk, while there is a trial to extend.
    extension_form: Option<String>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Path(id): Path<String>) -> Page {
    let identity = &reader.identity;
    identity.require(READERS)?;
    let id = state.desk.customer_named(&id, &identity.scope()).await?;
    let row = state.store.customer(&id, &identity.scope()).await?.ok_or_else(Problem::not_found)?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let first = row.subscription.last_seq.saturating_sub(EVENTS);
    let events = state.store.events(&row.subscription.id, first, u32::try_from(EVENTS).unwrap_or(u32::MAX)).await?;
    let differences = match identity.role {
        Role::Viewer | Role::Agent => Vec::new(),
        Role::Desk | Role::Partner | Role::Accounting => state.desk.differences_of(&row).await?,
    };
    let customer = view::customer(&row)?;
    let on_trial = matches!(customer.phase, Phase::Trial | Phase::Negotiation);
    html(&CustomerPage {
        name: customer.name.clone(),
        partner: customer.partner.clone(),
        subscription: SubscriptionView::new(&customer),
        billing: billing(&customer),
        contacts: contacts(&customer),
        domains: customer.domains.iter().map(|d| (d.domain.to_string(), words::phase(d.phase))).collect(),
        differences: rows(differences, &times),
        operated: customer.mailboxes_in_operation,
        timeline: events
            .iter()
            .rev()
            .map(|event| Line { at: times.show(event.at), text: subscription_in_words(event) })
            .collect(),
        operator_form: reader.form_for(OPERATORS),
        extension_form: reader.desk_form().filter(|_| on_trial),
        id,
        frame: Frame::of(&reader, "/"),
    })
}

fn billing(customer: &CustomerView) -> Vec<(&'static str, String)> {
    let billing = &customer.billing;
    let who = match billing.bill_to {
        BillTo::Customer => format!("the customer, {}", customer.name),
        BillTo::Partner => format!("the partner, {}", customer.partner),
    };
    let mut facts = vec![("Who pays", who)];
    let mut fact = |what, text: Option<String>| facts.extend(text.map(|text| (what, text)));
    fact("Business id", billing.business_id.clone());
    fact("VAT id", billing.vat_id.clone());
    fact("Address", billing.address.clone().or(billing.postal_address.as_ref().map(ToString::to_string)));
    fact("E-invoices to", billing.e_invoice_address.as_ref().map(ToString::to_string));
    fact("Buyer reference", billing.buyer_reference.clone());
    facts
}

fn contacts(customer: &CustomerView) -> Vec<(&'static str, String)> {
    let named = |name: &str, email: &str| if name.is_empty() { email.to_owned() } else { format!("{name}, {email}") };
    let mut people: Vec<(&'static str, String)> = customer
        .contacts
        .iter()
        .map(|contact| {
            let role = match contact.role {
                ContactRole::Technical => "At the customer",
                ContactRole::Partner => "At the partner",
            };
            (role, named(&contact.name, &contact.email))
        })
        .collect();
    people.extend(customer.sales_rep.clone().map(|email| ("Sales rep", email)));
    people
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mailboxes {
    form: String,
    count: u32,
}

pub(super) async fn mailboxes(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(sent): Form<Mailboxes>,
) -> Page {
    reader.sent_by(OPERATORS, &headers, &sent.form)?;
    let count = number("count", sent.count)?;
    state.desk.set_mailboxes(&id, count, &caller(&reader)).await?;
    Ok(Redirect::to(&format!("/customers/{id}")).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extend {
    form: String,
    until: Date,
    /// Who asked for it and how: kept as the evidence.
    reason: String,
}

pub(super) async fn extend(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    Form(sent): Form<Extend>,
) -> Page {
    reader.sent(&headers, &sent.form)?;
    let reason: String = sent.reason.trim().chars().take(REASON).collect();
    if reason.is_empty() {
        return Err(
            Problem::field("reason", "say who asked for it and how, or paste the mail: it is the evidence").into()
        );
    }
    let evidence = EvidenceFile {
        name: "as pasted by the desk".to_owned(),
        content: reason.into_bytes(),
        received: state.clock.now(),
    };
    state.desk.extend_trial(&id, Extension { until: sent.until, evidence }, &caller(&reader)).await?;
    Ok(Redirect::to(&format!("/customers/{id}")).into_response())
}
