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
use crate::config::HttpConfig;

/// How long a request waits for its turn before it is sent away.
const TURN: Duration = Duration::from_secs(5);
/// How long a request may take, its body included. A stream of events counts until it begins.
const REQUEST: Duration = Duration::from_secs(30);

const CSP: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                   frame-ancestors 'none'";

/// What no page of ours needs.
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), \
                           midi=(), payment=(), publickey-credentials-get=(), usb=()";

/// The places of requests that are handled at the same time.
#[derive(Debug, Clone)]
pub struct Turns {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Turns {
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), patience: TURN }
    }
}

/// Runs one request within its bounds.
pub async fn bounds(State(turns): State<Turns>, request: Request, next: Next) -> Response {
    let Ok(Ok(_turn)) = tokio::time::timeout(turns.patience, turns.places.acquire()).await else {
        return Problem::new(Kind::Busy, "Try again in a moment.").into_response();
    };
    match tokio::time::timeout(REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(Kind::Timeout, "The request was given up after 30 seconds.").into_response(),
    }
}

/// Refuses an address that is no text: the routes below would answer it in their own words.
pub async fn readable(request: Request, next: Next) -> Response {
    if is_text(request.uri().path()) {
        return next.run(request).await;
    }
    Problem::new(Kind::BadRequest, "The address holds bytes that are no text (UTF-8) behind its percent signs.")
        .into_response()
}

/// Whether the path is UTF-8 once its percent signs are read (RFC 3986 §2.1).
fn is_text(path: &str) -> bool {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match digits.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// The headers that every answer has.
#[derive(Debug, Clone)]
pub struct Fixed(Arc<[(HeaderName, HeaderValue)]>);

impl Fixed {
    #[must_use]
    pub fn of(config: &HttpConfig) -> Self {
        let mut headers: Vec<(HeaderName, HeaderValue)> = [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, CSP),
            // Other sites learn nothing; our own forms still say where they were sent from.
            (header::REFERRER_POLICY, "same-origin"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (HeaderName::from_static("permissions-policy"), PERMISSIONS),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        ]
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect();
        if config.public_url.starts_with("https:") {
            headers.push((header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000")));
        }
        Self(headers.into())
    }
}

/// Sets them.
pub async fn headers(State(fixed): State<Fixed>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // What may be kept says so itself.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in fixed.0.iter() {
        headers.insert(name.clone(), value.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::routing::get;
    use axum::{Router, middleware};
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn an_address_is_text_or_not() {
        for (path, text) in
            [("/a", true), ("/%c3%a4", true), ("/%ff", false), ("/%c3", false), ("/%", true), ("/%zz", true)]
        {
            assert_eq!(is_text(path), text, "{path}");
        }
    }

    #[tokio::test]
    async fn too_many_requests_at_once_are_sent_away() {
        let turns = Turns { places: Arc::new(Semaphore::new(1)), patience: Duration::from_millis(5) };
        let router: Router = Router::new()
            .route("/", get(|| async { "ok" }))
            .layer(middleware::from_fn_with_state(turns.clone(), bounds));
        let held = turns.places.clone().acquire_owned().await.unwrap();
        let refused = router.clone().oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!((refused.status().as_u16(), refused.headers()[header::RETRY_AFTER].as_bytes()), (503, &b"2"[..]));
        drop(held);
        assert_eq!(router.oneshot(Request::new(Body::empty())).await.unwrap().status(), 200);
    }
}
