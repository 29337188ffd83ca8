//! Who may do what, and what nobody may find out.

use axum::body::Body;
use axum::http::{Method, header};
use jiff::SignedDuration;
use serde_json::json;

use super::{TestApp, order, request};
use crate::http::token::Token;
use crate::store::Role;

#[tokio::test]
async fn every_way_of_having_no_token_gets_the_same_answer() {
    let app = TestApp::new();
    let expired = app.token_until(Role::Desk, None, Some(app.now() + SignedDuration::from_hours(1))).await;
    let revoked = app.token(Role::Desk, None).await;
    assert!(app.store.revoke_token(Token::parse(&revoked).unwrap().id(), app.now()).await.unwrap());
    assert_eq!(app.get(&expired, "/v1/domains").await.status, 200);
    app.advance(SignedDuration::from_hours(1));
    // The id of a token in force with the secret of another.
    let good = app.token(Role::Desk, None).await;
    let forged = format!("{}{}", &good[..16], &revoked[16..]);
    let unscoped = app.token(Role::Partner, None).await;
    let mut bodies = Vec::new();
    for token in ["", "x", &expired, &revoked, &forged, &unscoped, Token::generate().reveal()] {
        let reply = app.get(token, "/v1/domains").await;
        assert_eq!(reply.status, 401, "{token}");
        assert_eq!(reply.header(header::WWW_AUTHENTICATE), "Bearer");
        bodies.push(reply.pretty());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    insta::assert_snapshot!("no_token", bodies[0]);
    assert_eq!(app.get(&good, "/v1/domains").await.status, 200);
}

#[tokio::test]
async fn a_partner_cannot_tell_anothers_domain_from_none() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let other = app.token(Role::Partner, Some("other")).await;
    for path in ["status", "mx-change", "events"] {
        assert_ne!(app.get(&acme, &format!("/v1/domains/example.com/{path}")).await.status, 404, "{path}");
        let theirs = app.get(&other, &format!("/v1/domains/example.com/{path}")).await;
        let nobodys = app.get(&other, &format!("/v1/domains/nowhere.example/{path}")).await;
        assert_eq!(theirs.status, 404, "{path}");
        assert_eq!(theirs.text, nobodys.text, "{path}");
    }
    let theirs = app.post(&other, "/v1/domains/example.com/recheck", &json!({})).await;
    let nobodys = app.post(&other, "/v1/domains/nowhere.example/recheck", &json!({})).await;
    assert_eq!((theirs.status.as_u16(), &theirs.text), (404, &nobodys.text));
    let theirs = app.get(&other, &format!("/v1/customers/{customer}")).await;
    let nobodys = app.get(&other, "/v1/customers/nobody").await;
    assert_eq!((theirs.status.as_u16(), &theirs.text), (404, &nobodys.text));
    for list in ["/v1/domains", "/v1/customers"] {
        assert_eq!(app.get(&other, list).await.json()["items"], json!([]), "{list}");
    }
    assert_eq!(app.get(&acme, "/v1/domains").await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn roles_may_do_what_they_are_for() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    let desk_only = [
        format!("/v1/customers/{customer}/register"),
        "/v1/domains/example.com/cancel".to_owned(),
        "/v1/domains/example.com/release".to_owned(),
        "/v1/domains/example.com/accept-mx".to_owned(),
    ];
    let bodies = [
        json!({}),
        json!({ "reason": "r" }),
        json!({ "cause": "terminated" }),
        json!({ "names": ["a.example"], "reason": "r" }),
    ];
    for (role, partner) in
        [(Role::Partner, Some("acme")), (Role::Viewer, None), (Role::Accounting, None), (Role::Agent, None)]
    {
        let token = app.token(role, partner).await;
        for (path, body) in desk_only.iter().zip(&bodies) {
            assert_eq!(app.post(&token, path, body).await.status, 403, "{role:?} {path}");
        }
    }
    let viewer = app.token(Role::Viewer, None).await;
    assert_eq!(app.get(&viewer, "/v1/domains/example.com/status").await.status, 200);
    for path in ["/v1/ledger/entries", "/v1/invoicing", "/v1/parked"] {
        assert_eq!(app.get(&viewer, path).await.status, 403, "{path}");
    }
    assert_eq!(app.post(&viewer, "/v1/domains/example.com/recheck", &json!({})).await.status, 403);
    let agent = app.token(Role::Agent, None).await;
    assert_eq!(app.get(&agent, "/v1/domains").await.status, 403);
    insta::assert_snapshot!("not_allowed", app.get(&viewer, "/v1/parked").await.pretty());
}

#[tokio::test]
async fn a_token_in_the_cookie_of_the_pages_is_none_for_the_api() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let mut request = request(Method::GET, "", "/v1/domains", Body::empty());
    request.headers_mut().insert(header::COOKIE, format!("fencepost_token={desk}").parse().unwrap());
    assert_eq!(app.send(request).await.status, 401);
}

#[tokio::test]
async fn histories_say_who_did_it() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    app.post(&desk, "/v1/orders", &order("acme", "example.com")).await;
    let events = app.get(&desk, "/v1/domains/example.com/events").await.json();
    let id = Token::parse(&desk).unwrap().id().to_owned();
    let causes: Vec<&str> = events["items"].as_array().unwrap().iter().map(|e| e["cause"].as_str().unwrap()).collect();
    assert!(causes.iter().any(|cause| cause.contains(&id)), "{causes:?}");
    assert!(!events.to_string().contains(&desk[16..]), "no secret in the history");
}
