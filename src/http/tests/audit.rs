//! Who did what: over API and page, what was refused, who may read it, and that no secret is in it.

use axum::http::header;
use serde_json::json;

use super::{TestApp, order};
use crate::store::Role;

const ORDERED: &str = "servers: mail.customer.example; partner: acme; mailboxes: 12; domains: example.com";

/// One thing after the other: of one instant nobody knows which was first.
fn later(app: &TestApp) {
    app.advance(jiff::SignedDuration::from_secs(1));
}

/// Action, subject, detail, outcome of every row, the newest first.
async fn told(app: &TestApp, token: &str, query: &str) -> Vec<[String; 4]> {
    let reply = app.get(token, &format!("/v1/audit?limit=100{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let rows = reply.json()["items"].as_array().unwrap().clone();
    let cell = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.iter().map(|row| ["action", "subject", "detail", "outcome"].map(|name| cell(row, name))).collect()
}

fn row(action: &str, subject: &str, detail: &str, outcome: &str) -> [String; 4] {
    [action, subject, detail, outcome].map(str::to_owned)
}

#[tokio::test]
async fn every_change_is_written_down_with_who_and_why() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    let desk = app.token(Role::Desk, None).await;
    later(&app);
    let suspended = app.post(&desk, "/v1/domains/EXAMPLE.com/suspend", &json!({"reason": "a holiday"})).await;
    assert_eq!(suspended.status, 200, "{}", suspended.text);
    let request_id = suspended.headers["x-request-id"].to_str().unwrap().to_owned();
    later(&app);
    let count = app.submit(&desk, &format!("/customers/{customer}/mailboxes"), &[("count", "30")], "same-origin").await;
    assert_eq!(count.status, 303, "{}", count.text);
    // Nothing was done by these.
    app.get(&desk, "/v1/domains/example.com/status").await;
    assert_eq!(app.post(&desk, "/v1/domains/example.com/suspend", &json!({"reason": ""})).await.status, 422);
    assert_eq!(app.post(&desk, "/v1/domains/nowhere.example/recheck", &json!({})).await.status, 404);
    assert_eq!(
        told(&app, &desk, "").await,
        [
            row("mailboxes", &customer, "count: 30", "done"),
            row("suspend", "example.com", "a holiday", "done"),
            row("order", &customer, ORDERED, "done"),
        ]
    );
    let rows = app.get(&desk, "/v1/audit?subject=example.com").await.json();
    assert_eq!((&rows["items"][0]["who"], &rows["items"][0]["role"]), (&json!("somebody"), &json!("desk")));
    assert_eq!(rows["items"][0]["request_id"], json!(request_id));
}

#[tokio::test]
async fn what_was_refused_is_kept_and_nobody_without_a_name_fills_it() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    let partner = app.token(Role::Partner, Some("acme")).await;
    let desk = app.token(Role::Desk, None).await;
    let secret = app.token(Role::Desk, None).await;
    app.store.revoke_token(secret.split('_').nth(1).unwrap(), app.now()).await.unwrap();
    later(&app);
    assert_eq!(app.post(&partner, "/v1/domains/example.com/cancel", &json!({"reason": "x"})).await.status, 403);
    assert_eq!(app.post("", "/v1/domains/example.com/cancel", &json!({"reason": "x"})).await.status, 401);
    assert_eq!(app.post(&secret, "/v1/domains/example.com/cancel", &json!({"reason": "x"})).await.status, 401);
    later(&app);
    let form = [("token", secret.as_str()), ("next", "/")];
    assert_eq!(app.submit("", "/sign-in/token", &form, "same-origin").await.status, 401);
    later(&app);
    let form = [("token", partner.as_str()), ("next", "/")];
    let signed_in = app.submit("", "/sign-in/token", &form, "same-origin").await;
    assert_eq!((signed_in.status.as_u16(), signed_in.header(header::LOCATION)), (303, "/"));
    assert_eq!(
        told(&app, &desk, "").await,
        [
            row("sign-in", "", "with a token", "done"),
            row("sign-in", "", "", "refused"),
            row("cancel", "example.com", "x", "refused"),
            row("order", &customer, ORDERED, "done"),
        ]
    );
    let all = app.get(&desk, "/v1/audit").await.text;
    for token in [&secret, &partner, &desk] {
        let secret = token.rsplit('_').next().unwrap();
        assert!(!all.contains(secret), "{all}");
    }
}

#[tokio::test]
async fn accounting_sees_its_part_and_partners_nothing() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let accounting = app.token(Role::Accounting, None).await;
    let path = format!("/v1/customers/{customer}/mailboxes");
    assert_eq!(app.post(&desk, &path, &json!({"count": 3})).await.status, 200);
    assert_eq!(told(&app, &accounting, "").await, [row("mailboxes", &customer, "count: 3", "done")]);
    assert_eq!(told(&app, &accounting, "&part=accounting").await.len(), 1);
    assert_eq!(app.get(&accounting, "/v1/audit?part=desk").await.status, 422);
    let shown = app.page(&accounting, "/audit").await.text;
    assert!(shown.contains("set the mailboxes in operation") && !shown.contains("ordered"), "{shown}");
    for (role, partner) in [(Role::Partner, Some("acme")), (Role::Viewer, None), (Role::Viewer, Some("acme"))] {
        let token = app.token(role, partner).await;
        assert_eq!(app.get(&token, "/v1/audit").await.status, 403);
        assert_eq!(app.page(&token, "/audit").await.status, 403);
    }
}

#[tokio::test]
async fn the_log_is_filtered_by_its_address_and_read_in_pages() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let desk = app.token(Role::Desk, None).await;
    for n in 0..7 {
        app.advance(jiff::SignedDuration::from_hours(12));
        let body = json!({"reason": format!("reason {n} <b>")});
        assert_eq!(app.post(&desk, "/v1/domains/example.com/suspend", &body).await.status, 200);
        later(&app);
        assert_eq!(app.post(&desk, "/v1/domains/example.com/resume", &json!({})).await.status, 200);
    }
    let first = app.get(&desk, "/v1/audit?limit=5&action=suspend").await.json();
    let next = first["next"].as_str().unwrap();
    let second = app.get(&desk, &format!("/v1/audit?limit=5&action=suspend&after={next}")).await.json();
    assert_eq!((first["items"].as_array().unwrap().len(), second["items"].as_array().unwrap().len()), (5, 2));
    assert_eq!(second["next"], json!(null));
    let day = app.page(&desk, "/audit?from=2026-03-11&until=2026-03-11&action=suspend").await.text;
    assert!(day.contains("reason 1 &#60;b&#62;") && day.contains("reason 2"), "{day}");
    assert!(!day.contains("reason 0") && !day.contains("reason 3 "), "{day}");
    for wrong in ["/audit?from=yesterday", "/audit?outcome=perhaps", "/v1/audit?from=yesterday", "/v1/audit?part=mine"]
    {
        let status = if wrong.starts_with("/v1") { app.get(&desk, wrong).await } else { app.page(&desk, wrong).await };
        assert!(status.status.is_client_error(), "{wrong}: {}", status.text);
    }
    let long = "x".repeat(301);
    assert_eq!(app.get(&desk, &format!("/v1/audit?actor={long}")).await.status, 422);
}

#[tokio::test]
async fn an_order_from_the_page_names_its_customer() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let mut body = order("acme", "other.example");
    body["kind"] = json!("paid");
    let id = app.post(&desk, "/v1/orders", &body).await.json()["customer_id"].as_str().unwrap().to_owned();
    let shown = app.page(&desk, "/audit").await.text;
    assert!(shown.contains(&format!("href=\"/customers/{id}\"")), "{shown}");
}
