//! The plain pages: a desk list and a status page for each domain. They read; what little the desk does
//! from them are the forms of `action`. They work without JavaScript.

mod account;
mod action;
mod actions;
mod api;
mod audit;
mod board;
mod bulk;
pub(super) mod cookies;
mod customer;
mod customers;
mod decide;
mod desk;
mod discrepancies;
mod domain;
mod entries;
mod evidence;
mod form;
mod frame;
mod invoicing;
mod ledger;
mod live;
mod openid;
mod order;
mod page;
mod parked;
mod precheck;
mod proposals;
mod reports;
mod session;
mod shared;
mod sign_in;
mod status;
mod story;
mod subscription;
mod subscription_story;
mod transcripts;
mod vantages;
mod words;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::HttpState;
pub(super) use form::guard;
#[cfg(test)]
pub(super) use form::word_of;
pub(super) use page::PageError;
pub(super) use story::in_words;
pub(super) use subscription_story::subscription_in_words;

pub use frame::Frame;
pub use story::event_in_words;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");
const ICON: &str = include_str!("icon.svg");

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/", get(desk::show))
        .route("/domains/{domain}", get(domain::show))
        .route("/domains/{domain}/transcripts", get(transcripts::show))
        .route("/domains/{domain}/live", get(live::of_domain))
        .route("/domains/{domain}/links", post(shared::make))
        .route("/domains/{domain}/links/{id}/revoke", post(shared::revoke))
        .route("/s/{secret}", get(shared::show))
        .route("/s/{secret}/live", get(live::of_link))
        .route("/domains/{domain}/act", post(actions::act))
        .route("/domains/{domain}/evidence", get(evidence::show))
        .route("/bulk", post(bulk::confirm))
        .route("/bulk/confirmed", post(bulk::carry_out))
        .route("/order", get(order::show).post(order::place))
        .route("/order/check", post(order::check))
        .route("/customers", get(customers::list))
        .route("/ledger", get(ledger::list))
        .route("/ledger/{customer}", get(ledger::show))
        .route("/ledger/evidence/{sha256}", get(ledger::evidence))
        .route("/ledger/evidence/{sha256}/file", get(ledger::file))
        .route("/invoicing", get(invoicing::list))
        .route("/invoicing/{date}", get(invoicing::show))
        .route("/invoicing/{date}/close", post(invoicing::close))
        .route("/invoicing/{date}/export", get(invoicing::export))
        .route("/invoicing/{date}/lines/{number}", get(invoicing::line))
        .route("/customers/{id}", get(customer::show))
        .route("/customers/{id}/mailboxes", post(customer::mailboxes))
        .route("/customers/{id}/extend", post(customer::extend))
        .route("/discrepancies", get(discrepancies::list))
        .route("/vantages", get(vantages::show))
        .route("/vantages/{id}/quarantine", post(vantages::quarantine))
        .route("/vantages/{id}/release", post(vantages::release))
        .route("/audit", get(audit::show))
        .route("/parked", get(parked::show))
        .route("/parked/{id}/retry", post(action::retry))
        .route("/domains/{domain}/route/confirm", post(action::confirm_route))
        .route("/proposals", get(proposals::list))
        .route("/proposals/{id}", get(proposals::show))
        .route("/proposals/{id}/approve", post(action::approve))
        .route("/proposals/{id}/reject", post(action::reject))
        .route("/customers/{id}/decide", get(decide::show).post(decide::decide))
        .route("/reports/{customer}", get(reports::next))
        .route("/reports/{customer}/{month}", get(reports::show))
        .route("/docs/api", get(api::index))
        .route("/docs/api/{part}", get(api::section))
        .route("/problems", get(api::problems))
        .route("/problems/{kind}", get(api::problem))
        .route("/sign-in", get(sign_in::form).post(sign_in::ask))
        .route("/sign-in/sent", get(sign_in::sent))
        .route("/sign-in/link/{secret}", get(sign_in::link).post(sign_in::use_link))
        .route("/sign-in/openid", get(openid::begin))
        .route("/sign-in/openid/callback", get(openid::end))
        .route("/sign-in/token", post(sign_in::paste))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/account", get(account::show))
        .route("/account/sessions/{id}/end", post(account::end))
        .route("/account/sign-out-everywhere", post(account::end_all))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
        .route("/page.js", get(script))
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn script() -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], SCRIPT).into_response()
}

async fn icon() -> Response {
    ([(header::CONTENT_TYPE, "image/svg+xml")], ICON).into_response()
}
