//! How often one client and one token may ask, and who the client is behind a proxy.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Request, header};

use super::{Reply, TestApp};
use crate::config::RateConfig;
use crate::http::rate::Peer;
use crate::store::Role;

async fn ask(app: &TestApp, peer: &str, told: Option<&str>, accept: &str, token: &str) -> Reply {
    let path = if accept.contains("html") { "/" } else { "/v1/domains" };
    let mut request = Request::builder().uri(path).header(header::ACCEPT, accept);
    if let Some(told) = told {
        request = request.header("x-forwarded-for", told);
    }
    if !token.is_empty() {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    }
    let mut request = request.body(Body::empty()).unwrap();
    request.extensions_mut().insert(Peer(SocketAddr::new(peer.parse().unwrap(), 4711)));
    app.send(request).await
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let app = TestApp::with(|config| {
        config.http.rate = RateConfig { client_per_minute: 1, client_burst: 2, ..RateConfig::unbounded() };
        config.http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    });
    for _ in 0..2 {
        assert_eq!(ask(&app, "192.0.2.1", None, "*/*", "").await.status, 401);
    }
    let refused = ask(&app, "192.0.2.1", Some("198.51.100.1"), "*/*", "").await;
    assert_eq!((refused.status.as_u16(), refused.header(header::RETRY_AFTER)), (429, "60"));
    assert_eq!(refused.header(header::CONTENT_TYPE), "application/problem+json");
    assert_eq!(refused.json()["type"], "/problems/too-many-requests");
    let page = ask(&app, "192.0.2.1", None, "text/html,*/*", "").await;
    assert_eq!((page.status.as_u16(), page.header(header::RETRY_AFTER)), (429, "60"));
    assert!(page.text.contains("<h1>"), "{}", page.text);
    assert_eq!(ask(&app, "192.0.2.2", None, "*/*", "").await.status, 401, "another client is answered");
    assert_eq!(app.get("", "/healthz").await.status, 200, "whether it lives is always told");
    // Behind the proxy each client has its own allowance.
    for _ in 0..2 {
        assert_eq!(ask(&app, "10.0.0.1", Some("203.0.113.1"), "*/*", "").await.status, 401);
    }
    assert_eq!(ask(&app, "10.0.0.1", Some("198.51.100.9, 203.0.113.1"), "*/*", "").await.status, 429);
    assert_eq!(ask(&app, "10.0.0.1", Some("203.0.113.2"), "*/*", "").await.status, 401);
}

#[tokio::test]
async fn a_token_that_asks_too_often_holds_nobody_else_up() {
    let app = TestApp::with(|config| {
        config.http.rate = RateConfig { token_per_minute: 1, token_burst: 2, ..RateConfig::unbounded() };
    });
    let (one, two) = (app.token(Role::Desk, None).await, app.token(Role::Desk, None).await);
    for _ in 0..2 {
        assert_eq!(app.get(&one, "/v1/domains").await.status, 200);
    }
    assert_eq!(app.get(&one, "/v1/domains").await.status, 429);
    assert_eq!(app.page(&one, "/").await.status, 429, "the same in the browser");
    assert_eq!(app.get(&two, "/v1/domains").await.status, 200);
}
