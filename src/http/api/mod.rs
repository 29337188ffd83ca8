//! The JSON API, one file a subject. Every route needs a bearer token, except those that say
//! whether the service lives.

mod agents;
mod agreement;
mod customers;
mod discrepancies;
mod documents;
mod domains;
mod events;
mod evidence;
mod health;
mod imports;
mod intake;
mod invoicing;
mod ledger;
mod mail;
mod orders;
mod paging;
mod parked;
mod places;
mod replay;
mod reports;
mod vantages;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::HttpState;
use super::problem::{Kind, Problem};
use crate::store::Role;

pub(super) use customers::checked_evidence;
pub(super) use discrepancies::{CONCERNED, OPERATORS, number};
pub(super) use domains::{name, phase_word};
pub(super) use mail::{ProposalView, line as mail_line, view as proposal_view};
pub(super) use orders::rules_of;
pub(super) use paging::{cursor, page};
pub(super) use parked::{ParkedView, view as parked_view};

/// Who may read customers and domains, each within its scope.
pub(super) const READERS: &[Role] = &[Role::Desk, Role::Partner, Role::Accounting, Role::Viewer];

type Answer = Result<Response, Problem>;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/v1/orders", post(orders::place))
        .route("/v1/customers", get(customers::list))
        .route("/v1/customers/{id}", get(customers::show))
        .route("/v1/customers/{id}/register", post(customers::register))
        .route("/v1/customers/{id}/decide", post(customers::decide))
        .route("/v1/customers/{id}/notice", post(customers::notice))
        .route("/v1/customers/{id}/domains", post(agreement::add_domains))
        .route("/v1/customers/{id}/transfer", post(agreement::transfer))
        .route("/v1/customers/{id}/extend", post(customers::extend))
        .route("/v1/customers/{id}/mailboxes", post(discrepancies::mailboxes))
        .route("/v1/discrepancies", get(discrepancies::list))
        .route("/v1/domains", get(domains::list))
        .route("/v1/domains/{domain}/status", get(domains::status))
        .route("/v1/domains/{domain}/mx-change", get(domains::mx_change))
        .route("/v1/domains/{domain}/events", get(events::list))
        .route("/v1/domains/{domain}/evidence/{sha256}", get(evidence::show))
        .route("/v1/domains/{domain}/recheck", post(domains::recheck))
        .route("/v1/domains/{domain}/accept-mx", post(domains::accept_mx))
        .route("/v1/domains/{domain}/route/confirm", post(domains::confirm_route))
        .route("/v1/domains/{domain}/cancel", post(domains::cancel))
        .route("/v1/domains/{domain}/release", post(domains::release))
        .route("/v1/domains/{domain}/servers", post(domains::servers))
        .route("/v1/domains/{domain}/suspend", post(domains::suspend))
        .route("/v1/domains/{domain}/resume", post(domains::resume))
        .route("/v1/ledger/entries", get(ledger::entries))
        .route("/v1/ledger/verify", get(ledger::verify))
        .route("/v1/ledger/as-of", get(ledger::as_of))
        .route("/v1/ledger/evidence/{sha256}", get(ledger::evidence))
        .route("/v1/invoicing", get(invoicing::list))
        .route("/v1/invoicing/{date}", get(invoicing::show))
        .route("/v1/invoicing/{date}/preview", get(invoicing::preview))
        .route("/v1/invoicing/{date}/close", post(invoicing::close))
        .route("/v1/invoicing/{date}/export", get(invoicing::export))
        .route("/v1/invoicing/{date}/lines/{number}", get(invoicing::explain))
        .route("/v1/invoicing/{date}/invoices", get(documents::list))
        .route("/v1/invoicing/{date}/deliveries", get(documents::deliveries))
        .route("/v1/invoicing/{date}/send", post(documents::send))
        .route("/v1/intake", post(intake::receive))
        .route("/v1/ledger/ingest", post(mail::ingest))
        .route("/v1/proposals", get(mail::list))
        .route("/v1/proposals/{id}", get(mail::show))
        .route("/v1/proposals/{id}/message", get(mail::message))
        .route("/v1/proposals/{id}/approve", post(mail::approve))
        .route("/v1/proposals/{id}/reject", post(mail::reject))
        .route("/v1/proposals/{id}/again", post(mail::again))
        .route("/v1/customers/{id}/senders", get(mail::senders).post(mail::set_sender))
        .route("/v1/parked", get(parked::list))
        .route("/v1/parked/{id}/retry", post(parked::retry))
        .route("/v1/domains/{domain}/replay", get(replay::show))
        .route("/v1/customers/{id}/replay", get(replay::subscription))
        .route("/v1/customers/{id}/report", get(reports::show))
        .route("/metrics", get(super::metrics::show))
        .route("/v1/gateway/places", get(places::report))
        .route("/v1/gateway/places/{place}/domains", get(places::domains))
        .route("/v1/vantages", get(vantages::list))
        .route("/v1/vantages/{id}/quarantine", post(vantages::quarantine))
        .route("/v1/vantages/{id}/release", post(vantages::release))
}

/// What takes longer bodies than other requests.
pub(super) fn table_routes() -> Router<HttpState> {
    Router::new()
        .route("/v1/imports/connected", post(imports::connected))
        .route("/v1/imports/orders", post(imports::orders))
}

/// For agents alone.
pub(super) fn agent_routes() -> Router<HttpState> {
    Router::new()
        .route("/v1/agent/tasks", post(agents::tasks))
        .route("/v1/agent/results", post(agents::results))
        .route("/v1/agent/routes", post(agents::routes))
}

pub(super) fn health_routes() -> Router<HttpState> {
    Router::new().route("/healthz", get(health::alive)).route("/readyz", get(health::ready))
}

pub(super) async fn no_such_address() -> Response {
    Problem::not_found().into_response()
}

pub(super) async fn no_such_method() -> Response {
    Problem::new(Kind::MethodNotAllowed, "Use another method at this address.").into_response()
}
