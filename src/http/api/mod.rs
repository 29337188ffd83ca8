//! The JSON API, one file a subject. Every route needs a bearer token, except those that say
//! whether the service lives.

mod agents;
mod agreement;
mod audit;
mod customers;
mod discrepancies;
mod document;
mod documents;
mod domains;
mod events;
mod evidence;
mod health;
mod imports;
mod intake;
mod invoicing;
mod ledger;
mod links;
mod mail;
mod orders;
mod paging;
mod parked;
mod places;
mod replay;
mod reports;
mod table;
mod vantages;

use axum::response::{IntoResponse, Response};

use self::table::Table;
use super::problem::{Kind, Problem};
use crate::store::Role;

pub(super) use audit::within as audit_within;
pub(super) use customers::checked_evidence;
pub(super) use discrepancies::{CONCERNED, OPERATORS, number};
#[cfg(test)]
pub(super) use domains::phase_word;
pub(super) use domains::{name, reason};
pub(super) use invoicing::{ExportQuery, day as run_day, export};
pub(super) use ledger::ACCOUNTANTS;
pub(super) use links::SHARERS;
pub(super) use mail::{ProposalView, line as mail_line, view as proposal_view};
pub(super) use orders::rules_of;
pub(super) use paging::{Params, cursor, page};
pub(super) use parked::{ParkedView, view as parked_view};

/// Who may read customers and domains, each within its scope.
pub(super) const READERS: &[Role] = &[Role::Desk, Role::Partner, Role::Accounting, Role::Viewer];

type Answer = Result<Response, Problem>;

pub(super) fn routes() -> Table {
    Table::new()
        .post("/v1/orders", orders::place)
        .kept_list("/v1/customers", customers::list)
        .kept("/v1/customers/{id}", customers::show)
        .post("/v1/customers/{id}/register", customers::register)
        .post("/v1/customers/{id}/decide", customers::decide)
        .post("/v1/customers/{id}/notice", customers::notice)
        .post("/v1/customers/{id}/domains", agreement::add_domains)
        .post("/v1/customers/{id}/transfer", agreement::transfer)
        .post("/v1/customers/{id}/extend", customers::extend)
        .post("/v1/customers/{id}/mailboxes", discrepancies::mailboxes)
        .kept_list("/v1/discrepancies", discrepancies::list)
        .list("/v1/domains", domains::list)
        .get("/v1/domains/{domain}/status", domains::status)
        .get("/v1/domains/{domain}/mx-change", domains::mx_change)
        .list("/v1/domains/{domain}/events", events::list)
        .kept("/v1/domains/{domain}/evidence/{sha256}", evidence::show)
        .get("/v1/domains/{domain}/links", links::list)
        .post("/v1/domains/{domain}/links", links::make)
        .delete("/v1/domains/{domain}/links/{id}", links::revoke)
        .post("/v1/domains/{domain}/recheck", domains::recheck)
        .post("/v1/domains/{domain}/accept-mx", domains::accept_mx)
        .post("/v1/domains/{domain}/route/confirm", domains::confirm_route)
        .post("/v1/domains/{domain}/cancel", domains::cancel)
        .post("/v1/domains/{domain}/release", domains::release)
        .post("/v1/domains/{domain}/servers", domains::servers)
        .post("/v1/domains/{domain}/suspend", domains::suspend)
        .post("/v1/domains/{domain}/resume", domains::resume)
        .kept_list("/v1/ledger/entries", ledger::entries)
        .get("/v1/ledger/verify", ledger::verify)
        .kept("/v1/ledger/as-of", ledger::as_of)
        .kept("/v1/ledger/evidence/{sha256}", ledger::evidence)
        .kept_list("/v1/invoicing", invoicing::list)
        .kept("/v1/invoicing/{date}", invoicing::show)
        .get("/v1/invoicing/{date}/preview", invoicing::preview)
        .post("/v1/invoicing/{date}/close", invoicing::close)
        .kept("/v1/invoicing/{date}/export", invoicing::export)
        .kept("/v1/invoicing/{date}/lines/{number}", invoicing::explain)
        .kept_list("/v1/invoicing/{date}/invoices", documents::list)
        .get("/v1/invoicing/{date}/deliveries", documents::deliveries)
        .post("/v1/invoicing/{date}/send", documents::send)
        .post("/v1/intake", intake::receive)
        .post("/v1/ledger/ingest", mail::ingest)
        .kept_list("/v1/proposals", mail::list)
        .kept("/v1/proposals/{id}", mail::show)
        .kept("/v1/proposals/{id}/message", mail::message)
        .post("/v1/proposals/{id}/approve", mail::approve)
        .post("/v1/proposals/{id}/reject", mail::reject)
        .post("/v1/proposals/{id}/again", mail::again)
        .kept("/v1/customers/{id}/senders", mail::senders)
        .post("/v1/customers/{id}/senders", mail::set_sender)
        .list("/v1/audit", audit::list)
        .list("/v1/parked", parked::list)
        .post("/v1/parked/{id}/retry", parked::retry)
        .get("/v1/domains/{domain}/replay", replay::show)
        .get("/v1/customers/{id}/replay", replay::subscription)
        .kept("/v1/customers/{id}/report", reports::show)
        .get("/metrics", super::metrics::show)
        .kept("/openapi.json", document::show)
        .get("/v1/gateway/places", places::report)
        .list("/v1/gateway/places/{place}/domains", places::domains)
        .get("/v1/vantages", vantages::list)
        .post("/v1/vantages/{id}/quarantine", vantages::quarantine)
        .post("/v1/vantages/{id}/release", vantages::release)
}

/// What takes longer bodies than other requests.
pub(super) fn table_routes() -> Table {
    Table::new().post("/v1/imports/connected", imports::connected).post("/v1/imports/orders", imports::orders)
}

/// For agents alone.
pub(super) fn agent_routes() -> Table {
    Table::new()
        .post("/v1/agent/tasks", agents::tasks)
        .post("/v1/agent/results", agents::results)
        .post("/v1/agent/routes", agents::routes)
}

pub(super) fn health_routes() -> Table {
    Table::new().get("/healthz", health::alive).get("/readyz", health::ready)
}

pub(super) async fn no_such_address() -> Response {
    Problem::not_found().into_response()
}

pub(super) async fn no_such_method() -> Response {
    Problem::new(Kind::MethodNotAllowed, "Use another method at this address.").into_response()
}
