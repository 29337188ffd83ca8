//! The API and the plain pages. Handlers authenticate, ask the store or the engine's desk use
//! cases, and render; they never contain SQL, never send a probe and never decide.

mod answers;
mod api;
pub mod auth;
mod body;
mod guard;
mod kept;
mod metrics;
mod openapi;
mod openid;
mod panel;
pub mod problem;
mod rate;
mod ready;
mod receive;
mod seats;
pub mod server;
mod stall;
pub mod token;
mod trail;
mod view;

pub use guard::{Fixed, headers};
pub use panel::{Frame, event_in_words};

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};

use self::answers::Answers;
use self::rate::Rates;
use self::ready::Readiness;
use self::seats::Seats;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::engine::ports::wire::MAX_MESSAGE;
use crate::engine::{Accounts, Agents, Desk, Links, Proposals};
use crate::order::sheet::MAX_BYTES;
use crate::store::Store;

pub use metrics::metrics_router;

/// Requests of agents that are handled, or wait for work, at the same time.
const AGENTS: usize = 512;

/// Looks at domains before an order at the same time, and of one token.
const CHECKS: (usize, usize) = (4, 1);

/// Tables that are taken in at the same time.
const TABLES: usize = 2;

/// What the router is made of.
pub struct HttpParts {
    pub store: Arc<dyn Store>,
    pub desk: Desk,
    pub agents: Agents,
    pub clock: SharedClock,
    pub config: Arc<Config>,
}

/// What every handler may use.
#[derive(Clone)]
pub struct HttpState {
    store: Arc<dyn Store>,
    desk: Desk,
    agents: Agents,
    accounts: Accounts,
    proposals: Proposals,
    links: Links,
    clock: SharedClock,
    config: Arc<Config>,
    /// Open streams of events, by token.
    streams: Seats<String>,
    /// Looks at domains before they are ordered, by token.
    checks: Seats<String>,
    rates: Rates,
    openid: Option<openid::OpenId>,
    readiness: Readiness,
    answers: Answers,
}

/// For a node without pages and API: only whether it lives and can work.
pub fn health_router(parts: HttpParts) -> Router {
    let state = state(parts);
    let fixed = guard::Fixed::of(&state.config.http);
    api::health_routes().into_router().layer(middleware::from_fn_with_state(fixed, guard::headers)).with_state(state)
}

/// Everything under one router, ready to be served.
pub fn router(parts: HttpParts) -> Router {
    let state = state(parts);
    let turns = guard::Turns::new(state.config.http.max_concurrent.max(1));
    let body_limit = DefaultBodyLimit::max(state.config.http.max_body_bytes);
    let bounded = Router::new()
        .merge(api::routes().into_router())
        .merge(panel::routes().layer(middleware::from_fn_with_state(state.clone(), panel::guard)))
        .route_layer(middleware::from_fn_with_state(state.clone(), trail::record))
        .fallback(api::no_such_address)
        .method_not_allowed_fallback(api::no_such_method)
        .layer(body_limit)
        .layer(middleware::from_fn_with_state(turns, guard::bounds))
        // Outside of the bound on requests: a body that comes slowly waits in nobody's way.
        .layer(middleware::from_fn_with_state(state.clone(), receive::body));
    // Agents wait for work: they have places of their own and take none of people's.
    let agents = api::agent_routes()
        .into_router()
        .method_not_allowed_fallback(api::no_such_method)
        .layer(DefaultBodyLimit::max(MAX_MESSAGE))
        .layer(middleware::from_fn_with_state(guard::Turns::new(AGENTS), guard::bounds))
        .layer(middleware::from_fn_with_state(state.clone(), receive::body));
    // Tables of customers are long and rare.
    let tables = api::table_routes()
        .into_router()
        .route_layer(middleware::from_fn_with_state(state.clone(), trail::record))
        .method_not_allowed_fallback(api::no_such_method)
        .layer(DefaultBodyLimit::max(MAX_BYTES))
        .layer(middleware::from_fn_with_state(guard::Turns::new(TABLES), guard::bounds))
        .layer(middleware::from_fn_with_state(state.clone(), receive::table));
    let bounded = bounded.merge(agents).merge(tables);
    let bounded = bounded.layer(middleware::from_fn_with_state(state.clone(), rate::bound));
    // Whether the process lives must be answered even when it is busy.
    bounded
        .merge(api::health_routes().into_router().method_not_allowed_fallback(api::no_such_method))
        .layer(middleware::from_fn(guard::readable))
        .layer(middleware::from_fn_with_state(guard::Fixed::of(&state.config.http), guard::headers))
        .layer(middleware::from_fn(metrics::count))
        .with_state(state)
}

fn state(parts: HttpParts) -> HttpState {
    let HttpParts { store, desk, agents, clock, config } = parts;
    let accounts = Accounts::new(store.clone(), clock.clone(), config.clone());
    let proposals = Proposals::new(store.clone(), clock.clone(), config.clone(), desk.clone());
    let links = Links::new(store.clone(), clock.clone());
    let streams = Seats::new(config.http.max_streams, config.http.max_streams_per_token);
    let checks = Seats::new(CHECKS.0, CHECKS.1);
    let rates = Rates::new(&config.http);
    let openid = openid::OpenId::new(&config.http);
    let readiness = Readiness::new(store.clone(), desk.clone(), clock.clone());
    HttpState {
        store,
        desk,
        agents,
        accounts,
        proposals,
        links,
        clock,
        config,
        streams,
        checks,
        rates,
        openid,
        readiness,
        answers: Answers::new(),
    }
}

#[cfg(test)]
mod tests;
