//! Orders: taken whole or refused whole.

use axum::http::header;
use serde_json::{Value, json};

use super::{TestApp, order, without_ids};
use crate::store::{Page, Role, Scope};

async fn stored(app: &TestApp) -> usize {
    app.store.customers(&Scope::All, &Page { after: None, limit: 100 }).await.unwrap().rows.len()
}

fn changed(change: impl FnOnce(&mut Value)) -> Value {
    let mut order = order("acme", "example.com");
    change(&mut order);
    order
}

#[tokio::test]
async fn an_order_is_stored_and_can_be_read() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let reply = app.post(&desk, "/v1/orders", &order("acme", "example.com")).await;
    insta::assert_snapshot!("placed", without_ids(&reply.pretty()));
    let customer = reply.header(header::LOCATION).to_owned();
    let reply = app.get(&desk, &customer).await;
    insta::assert_snapshot!("customer", without_ids(&reply.pretty()));
    let reply = app.get(&desk, "/v1/domains").await;
    insta::assert_snapshot!("domains", without_ids(&reply.pretty()));
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field_and_nothing_is_stored() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let cases = [
        ("trial_without_price", changed(|o| o["price"] = Value::Null)),
        ("trial_without_sales_rep", changed(|o| o["sales_rep"] = Value::Null)),
        ("malformed_domain", changed(|o| o["domains"] = json!(["exa mple..com", "-bad.example"]))),
        ("loopback_server", changed(|o| o["servers"] = json!([{ "host": "127.0.0.5" }]))),
        ("loopback_in_disguise", changed(|o| o["servers"] = json!([{ "host": "::ffff:127.0.0.1" }]))),
        ("gateway_as_own_server", changed(|o| o["servers"] = json!([{ "host": "MX1.gateway.example" }]))),
        ("unknown_field", changed(|o| o["colour"] = json!("blue"))),
        ("empty", json!({})),
    ];
    for (name, body) in cases {
        let reply = app.post(&desk, "/v1/orders", &body).await;
        assert_eq!(reply.status, 422, "{name}: {}", reply.text);
        assert_eq!(reply.header(header::CONTENT_TYPE), "application/problem+json");
        insta::assert_snapshot!(format!("refused_{name}"), reply.pretty());
    }
    assert_eq!(stored(&app).await, 0);
}

#[tokio::test]
async fn a_permitted_network_may_hold_the_own_server() {
    let app = TestApp::with(|config| config.probe.allow_targets = vec!["127.0.0.0/8".to_owned()]);
    let desk = app.token(Role::Desk, None).await;
    let reply = app.post(&desk, "/v1/orders", &changed(|o| o["servers"] = json!([{ "host": "127.0.0.5" }]))).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
}

#[tokio::test]
async fn a_partner_orders_for_itself_only() {
    let app = TestApp::new();
    let acme = app.token(Role::Partner, Some("acme")).await;
    let reply = app.post(&acme, "/v1/orders", &order("other", "example.com")).await;
    assert_eq!(reply.status, 422);
    assert_eq!(reply.json()["errors"][0]["field"], "partner");
    assert_eq!(stored(&app).await, 0);
    let without = changed(|o| drop(o.as_object_mut().unwrap().remove("partner")));
    let reply = app.post(&acme, "/v1/orders", &without).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let seen = app.store.customers(&Scope::Partner("acme".to_owned()), &Page { after: None, limit: 9 }).await.unwrap();
    assert_eq!(seen.rows.len(), 1);
}

#[tokio::test]
async fn a_repeated_request_is_answered_as_the_first_time() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let first = app.post_with_key(&desk, "k-1", "/v1/orders", &order("acme", "example.com")).await;
    let again = app.post_with_key(&desk, "k-1", "/v1/orders", &order("acme", "example.com")).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{} {}", first.text, again.text);
    assert_eq!(first.text, again.text);
    assert_eq!(stored(&app).await, 1);
    let other = app.post_with_key(&desk, "k-1", "/v1/orders", &order("acme", "example.net")).await;
    assert_eq!(other.status, 409);
    assert_eq!(other.json()["type"], "/problems/idempotency-key-reused");
    assert_eq!(stored(&app).await, 1);
    // The key of one token says nothing about that of another.
    let second = app.token(Role::Desk, None).await;
    let theirs = app.post_with_key(&second, "k-1", "/v1/orders", &order("acme", "example.net")).await;
    assert_eq!(theirs.status, 201, "{}", theirs.text);
}

#[tokio::test]
async fn a_refused_request_does_not_use_up_its_key() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let bad = changed(|o| o["price"] = Value::Null);
    assert_eq!(app.post_with_key(&desk, "k", "/v1/orders", &bad).await.status, 422);
    let good = app.post_with_key(&desk, "k", "/v1/orders", &order("acme", "example.com")).await;
    assert_eq!(good.status, 201, "{}", good.text);
}

#[tokio::test]
async fn registering_twice_changes_nothing_the_second_time() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let path = format!("/v1/customers/{customer}/register");
    let first = app.post(&desk, &path, &json!({})).await;
    assert_eq!((first.status.as_u16(), first.json()["changed"].as_bool()), (200, Some(true)), "{}", first.text);
    let second = app.post(&desk, &path, &json!({})).await;
    assert_eq!((second.status.as_u16(), second.json()["changed"].as_bool()), (200, Some(false)), "{}", second.text);
}

#[tokio::test]
async fn a_decision_needs_evidence() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let path = format!("/v1/customers/{customer}/decide");
    let cases = [
        (json!({ "decision": "customer", "evidence": {} }), "evidence"),
        (json!({ "decision": "customer", "evidence": { "text": "  " } }), "evidence"),
        (json!({ "decision": "customer", "evidence": { "base64": "%%%" } }), "evidence.base64"),
        (json!({ "decision": "customer", "group": 16, "evidence": { "text": "yes" } }), "group"),
        (json!({ "decision": "no-customer", "group": 15, "evidence": { "text": "no" } }), "group"),
        (
            json!({ "decision": "customer", "evidence": { "text": "yes" }, "received": "2027-01-01T00:00:00Z" }),
            "received",
        ),
        (json!({ "decision": "customer", "evidence": { "text": "yes", "name": "a\nb" } }), "evidence.name"),
    ];
    for (body, field) in cases {
        let reply = app.post(&desk, &path, &body).await;
        assert_eq!(reply.status, 422, "{body}: {}", reply.text);
        assert_eq!(reply.json()["errors"][0]["field"], field, "{body}");
    }
}

#[tokio::test]
async fn a_second_trial_within_twelve_months_needs_a_reason_of_the_desk() {
    let app = TestApp::new();
    let (desk, acme) = (app.token(Role::Desk, None).await, app.token(Role::Partner, Some("acme")).await);
    let of = |id: &str, domain: &str| {
        let mut order = order("acme", domain);
        order["business_id"] = json!(id);
        order
    };
    assert_eq!(app.post(&acme, "/v1/orders", &of("1234567-8", "first.example")).await.status, 201);
    let refused = app.post(&acme, "/v1/orders", &of("12345678", "second.example")).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["field"]), (422, &json!("business_id")));
    assert_eq!(stored(&app).await, 1);

    let mut allowed = of("1234567-8", "second.example");
    allowed["trial_override"] = json!("The first trial never had mail.");
    let refused = app.post(&acme, "/v1/orders", &allowed).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["field"]), (422, &json!("trial_override")));
    let placed = app.post(&desk, "/v1/orders", &allowed).await;
    assert_eq!(placed.status, 201, "{}", placed.text);
    let customer = app.get(&desk, placed.header(header::LOCATION)).await.json();
    assert_eq!(customer["trial_override"], "The first trial never had mail.");

    let mut paid = of("1234567-8", "third.example");
    paid["kind"] = json!("paid");
    assert_eq!(app.post(&acme, "/v1/orders", &paid).await.status, 201, "a paid order is always welcome");
    app.advance(jiff::SignedDuration::from_hours(366 * 24));
    let token = app.token(Role::Desk, None).await;
    assert_eq!(app.post(&token, "/v1/orders", &of("1234567-8", "fourth.example")).await.status, 201, "a year later");
}

#[tokio::test]
async fn a_customer_is_named_by_its_id_its_order_or_a_domain() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let placed = app.post(&desk, "/v1/orders", &order("acme", "example.com")).await.json();
    let id = placed["customer_id"].as_str().unwrap();
    for name in [id, placed["order_id"].as_str().unwrap(), "example.com", "EXAMPLE.com."] {
        assert_eq!(app.get(&desk, &format!("/v1/customers/{name}")).await.json()["id"], id, "{name}");
    }
    let other = app.token(Role::Partner, Some("other")).await;
    assert_eq!(app.get(&other, "/v1/customers/example.com").await.status, 404);
    assert_eq!(app.get(&desk, "/v1/customers/xample.com").await.status, 404);
    // A second customer waits for the same domain: the name alone does not say which one is meant.
    let waiting = app.post(&desk, "/v1/orders", &order("other", "example.com")).await.json();
    let refused = app.post(&desk, "/v1/customers/example.com/register", &json!({})).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    for customer in [id, waiting["customer_id"].as_str().unwrap()] {
        assert!(refused.text.contains(customer), "{}", refused.text);
    }
    let registered = app.post(&desk, &format!("/v1/customers/{id}/register"), &json!({})).await;
    assert_eq!((registered.status.as_u16(), &registered.json()["changed"]), (200, &json!(true)));
}

#[tokio::test]
async fn the_opposite_of_what_stands_has_to_be_meant() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    app.ordered("acme", "example.com").await;
    let decide = async |word: &str, text: &str, replace: bool| {
        app.advance(jiff::SignedDuration::from_hours(24));
        let body = json!({ "decision": word, "evidence": { "text": text }, "replace": replace });
        app.post(&desk, "/v1/customers/example.com/decide", &body).await
    };
    let said = |reply: &super::Reply| reply.json()["consequences"].to_string();
    let yes = decide("customer", "we stay", false).await;
    assert_eq!(yes.status, 200, "{}", yes.text);
    assert!(said(&yes).contains("the trial begins when the first domain is connected"), "{}", yes.text);
    let known = decide("customer", "we stay", false).await;
    assert!(said(&known).contains("known already"), "{}", known.text);
    let no = decide("no-customer", "we do not stay", false).await;
    assert_eq!(no.status, 409);
    let detail = no.json()["detail"].as_str().unwrap().to_owned();
    insta::assert_snapshot!("opposite_decision", detail);
    // Nothing came of it.
    let after = app.get(&desk, "/v1/customers/example.com").await.json();
    assert_eq!(after["phase"], "requested");
    let no = decide("no-customer", "we do not stay", true).await;
    assert_eq!(no.status, 200, "{}", no.text);
    assert!(said(&no).contains("withdrawn") && said(&no).contains("This replaces `customer`"), "{}", no.text);
}
