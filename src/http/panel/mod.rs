//! The plain pages: a desk list and a status page for each domain. They read; what little the desk does
//! from them are the forms of `action`. They work without JavaScript.

mod action;
mod api;
mod audit;
mod customer;
mod decide;
mod desk;
mod discrepancies;
mod domain;
mod frame;
mod live;
mod order;
mod page;
mod parked;
mod proposals;
mod reports;
mod session;
mod shared;
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
pub(super) use session::cookie;
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
        .route("/order", get(order::show).post(order::place))
        .route("/customers/{id}", get(customer::show))
        .route("/customers/{id}/mailboxes", post(customer::mailboxes))
        .route("/customers/{id}/extend", post(customer::extend))
        .route("/discrepancies", get(discrepancies::list))
        .route("/vantages", get(vantages::show))
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
        .route("/sign-in", get(session::form).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/docs/api", get(api::index))
        .route("/docs/api/{part}", get(api::section))
        .route("/problems", get(api::problems))
        .route("/problems/{kind}", get(api::problem))
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
