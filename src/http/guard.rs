//! What every request passes through: a bound on requests at the same time, a bound on time, and
//! the headers that keep answers out of caches and foreign content out of pages.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::problem::{Kind, Problem};

/// How long a request waits for its turn before it is sent away.
const TURN: Duration = Duration::from_secs(5);
/// How long a request may take, its body included. A stream of events counts until it begins.
const REQUEST: Duration = Duration::from_secs(30);

const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                   frame-ancestors 'none'";

/// Runs one request within its bounds.
pub async fn bounds(State(turns): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    let Ok(Ok(_turn)) = tokio::time::timeout(TURN, turns.acquire()).await else {
        return Problem::new(Kind::Busy, "Try again in a moment.").into_response();
    };
    match tokio::time::timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Kind::Timeout, "The request was given up after 30 seconds.").into_response(),
    }
}

/// Sets the headers that every answer has.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
