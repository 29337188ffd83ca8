//! The API and the plain pages. Handlers authenticate, ask the store or the engine's desk use
//! cases, and render; they never contain SQL, never send a probe and never decide.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::clock::SharedClock;
use crate::config::Config;
use crate::store::Store;

/// What every handler may use.
#[derive(Clone)]
pub struct HttpState {
    pub store: Arc<dyn Store>,
    pub clock: SharedClock,
    pub config: Arc<Config>,
}

/// Everything under one router, ready to be served.
pub fn router(state: HttpState) -> Router {
    Router::new().route("/healthz", get(|| async { "ok\n" })).with_state(state)
}
