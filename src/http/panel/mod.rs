//! The plain pages.

use axum::Router;

use super::HttpState;

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
}
