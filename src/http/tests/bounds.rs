//! What every request passes through.

use axum::body::Body;
use axum::http::{Method, header};
use serde_json::json;

use super::{TestApp, order, request};
use crate::store::Role;

#[tokio::test]
async fn a_body_has_a_bound() {
    let app = TestApp::with(|config| config.http.max_body_bytes = 2_000);
    let desk = app.token(Role::Desk, None).await;
    let mut long = order("acme", "example.com");
    long["customer_name"] = json!("x".repeat(3_000));
    let reply = app.post(&desk, "/v1/orders", &long).await;
    assert_eq!(reply.status, 413);
    insta::assert_snapshot!("too_large", reply.pretty());
}

#[tokio::test]
async fn a_body_must_be_json() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let broken = request(Method::POST, &desk, "/v1/orders", Body::from("{\"partner\":\n  acme}"));
    let reply = app.send(broken).await;
    assert_eq!(reply.status, 400);
    insta::assert_snapshot!("no_json", reply.pretty());
    let mut form = request(Method::POST, &desk, "/v1/orders", Body::from("partner=acme"));
    form.headers_mut().insert(header::CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap());
    assert_eq!(app.send(form).await.status, 415);
}

#[tokio::test]
async fn an_idempotency_key_is_bounded() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    for key in ["", "a b", &"k".repeat(129)] {
        let reply = app.post_with_key(&desk, key, "/v1/orders", &order("acme", "example.com")).await;
        assert_eq!(reply.status, 400, "{key:?}");
    }
}

#[tokio::test]
async fn every_answer_has_the_protective_headers() {
    let app = TestApp::new();
    for path in ["/healthz", "/readyz", "/v1/domains", "/sign-in", "/", "/style.css", "/nowhere", "/v1/orders"] {
        let reply = app.get("", path).await;
        assert_eq!(reply.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(reply.header(header::CACHE_CONTROL), "no-store", "{path}");
        assert!(reply.header(header::CONTENT_SECURITY_POLICY).starts_with("default-src 'none'"), "{path}");
    }
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let app = TestApp::new();
    assert_eq!(app.get("", "/v1/nothing").await.json()["type"], "/problems/not-found");
    for path in ["/v1/orders", "/v1/imports/connected", "/v1/agent/tasks"] {
        assert_eq!(app.get("", path).await.json()["type"], "/problems/method-not-allowed", "{path}");
    }
}
