//! The API and the plain pages. Handlers authenticate, ask the store or the engine's desk use
//! cases, and render; they never contain SQL, never send a probe and never decide.

mod api;
pub mod auth;
mod body;
mod guard;
mod panel;
pub mod problem;
pub mod token;
mod view;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use tokio::sync::Semaphore;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::engine::{Accounts, Desk};
use crate::store::Store;

/// Streams of events that may be open at the same time.
const MAX_STREAMS: usize = 64;

/// What the router is made of.
pub struct HttpParts {
    pub store: Arc<dyn Store>,
    pub desk: Desk,
    pub clock: SharedClock,
    pub config: Arc<Config>,
}

/// What every handler may use.
#[derive(Clone)]
pub struct HttpState {
    store: Arc<dyn Store>,
    desk: Desk,
    accounts: Accounts,
    clock: SharedClock,
    config: Arc<Config>,
    streams: Arc<Semaphore>,
}

/// Everything under one router, ready to be served.
pub fn router(parts: HttpParts) -> Router {
    let HttpParts { store, desk, clock, config } = parts;
    let turns = guard::Turns::new(config.http.max_concurrent.max(1));
    let body_limit = DefaultBodyLimit::max(config.http.max_body_bytes);
    let accounts = Accounts::new(store.clone(), clock.clone(), config.clone());
    let state = HttpState { store, desk, accounts, clock, config, streams: Arc::new(Semaphore::new(MAX_STREAMS)) };
    let bounded = Router::new()
        .merge(api::routes())
        .merge(panel::routes())
        .fallback(api::no_such_address)
        .method_not_allowed_fallback(api::no_such_method)
        .layer(body_limit)
        .layer(middleware::from_fn_with_state(turns, guard::bounds));
    // Whether the process lives must be answered even when it is busy.
    bounded.merge(api::health_routes()).layer(middleware::from_fn(guard::headers)).with_state(state)
}

#[cfg(test)]
mod tests;
