//! An existing base that is taken over, further domains, and another partner, over the API.

use axum::body::Body;
use axum::http::{Method, header};
use serde_json::json;

use super::{Reply, TestApp, request, without_ids};
use crate::store::{Page, Role, Scope};

const HEADER: &str = "partner,customer_name,contacts,domains,servers,mailboxes,price,charged_from,trial_ends,sales_rep";

fn line(partner: &str, domain: &str, price: &str) -> String {
    format!("{partner},Customer of {domain},it@elsewhere.example,{domain},mail.{domain},12,{price},2025-03-04,,")
}

fn table(lines: &[String]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

impl TestApp {
    async fn import(&self, token: &str, query: &str, table: String) -> Reply {
        let path = format!("/v1/imports/connected?name=base.csv{query}");
        let mut request = request(Method::POST, token, &path, Body::from(table));
        request.headers_mut().insert(header::CONTENT_TYPE, "text/csv; charset=utf-8".parse().unwrap());
        self.send(request).await
    }

    async fn customers(&self) -> usize {
        self.store.customers(&Scope::All, &Page { after: None, limit: 500 }).await.unwrap().rows.len()
    }
}

#[tokio::test]
async fn every_line_has_its_report() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    app.ordered("acme", "held.example").await;
    let lines = [
        line("acme", "one.example", "120.00 EUR"),
        line("acme", "two.example", "dear"),
        line("other", "held.example", "120.00 EUR"),
        line("acme", "one.example", "120.00 EUR"),
    ];
    let reply = app.import(&desk, "", table(&lines)).await;
    insta::assert_snapshot!("imported", without_ids(&reply.pretty()));
    assert_eq!(app.customers().await, 2);
    let again = app.import(&desk, "", table(&lines[..1])).await;
    insta::assert_snapshot!("imported_again", without_ids(&again.pretty()));
    assert_eq!(app.customers().await, 2);
}

#[tokio::test]
async fn a_check_and_all_or_nothing_store_nothing_when_a_line_cannot_be() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let bad = table(&[line("acme", "one.example", "120.00 EUR"), line("acme", "two.example", "dear")]);
    for query in ["&check=true", "&all_or_nothing=true"] {
        let reply = app.import(&desk, query, bad.clone()).await.json();
        assert_eq!((&reply["stored"], &reply["accepted"], &reply["refused"]), (&json!(false), &json!(1), &json!(1)));
        assert_eq!(app.customers().await, 0);
    }
    let good = table(&(0..50).map(|n| line("acme", &format!("d{n}.example"), "120.00 EUR")).collect::<Vec<_>>());
    let reply = app.import(&desk, "&all_or_nothing=true", good.clone()).await.json();
    assert_eq!((&reply["stored"], &reply["accepted"]), (&json!(true), &json!(50)));
    assert_eq!(app.customers().await, 50);
    let reply = app.import(&desk, "&all_or_nothing=true", good).await.json();
    assert_eq!((&reply["accepted"], &reply["already_there"]), (&json!(0), &json!(50)));
}

#[tokio::test]
async fn a_base_is_taken_over_by_the_desk_alone_and_within_bounds() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let partner = app.token(Role::Partner, Some("acme")).await;
    let one = table(&[line("acme", "one.example", "120.00 EUR")]);
    assert_eq!(app.import(&partner, "", one.clone()).await.status, 403);
    assert_eq!(app.import("", "", one.clone()).await.status, 401);
    assert_eq!(app.post(&desk, "/v1/imports/connected", &json!({})).await.status, 415);
    let long = format!("{one}{}", " ".repeat(9 << 20));
    assert_eq!(app.import(&desk, "", long).await.status, 413);
    let reply = app.import(&desk, "", "partner,colour\n".to_owned()).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["errors"][0]["field"]), (422, &json!("file")));
    let many = table(&(0..2_001).map(|n| line("acme", &format!("d{n}.example"), "1.00 EUR")).collect::<Vec<_>>());
    assert_eq!(app.import(&desk, "&all_or_nothing=true", many).await.status, 422);
    assert_eq!(app.customers().await, 0);
}

#[tokio::test]
async fn a_partner_adds_a_domain_to_a_customer_of_its_own() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "one.example").await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let other = app.token(Role::Partner, Some("other")).await;
    let path = format!("/v1/customers/{customer}/domains");
    let body = json!({ "domains": ["two.example"], "servers": [{ "host": "mx.two.example", "port": 2525 }] });
    assert_eq!(app.post(&other, &path, &body).await.status, 404);
    let reply = app.post_with_key(&acme, "k1", &path, &body).await;
    insta::assert_snapshot!("further_domain", without_ids(&reply.pretty()));
    let repeated = app.post_with_key(&acme, "k1", &path, &body).await;
    assert_eq!((repeated.status, repeated.json()), (reply.status, reply.json()), "the first answer again");
    assert_eq!(app.get(&acme, "/v1/domains/two.example/status").await.status, 200);
    assert_eq!(app.post(&acme, &path, &body).await.status, 409);
    assert_eq!(app.post(&acme, &path, &json!({ "domains": [] })).await.status, 422);
}

#[tokio::test]
async fn the_old_partner_of_a_transferred_customer_sees_as_much_as_a_stranger() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "one.example").await;
    let desk = app.token(Role::Desk, None).await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let other = app.token(Role::Partner, Some("other")).await;
    let path = format!("/v1/customers/{customer}/transfer");
    let body = json!({
        "partner": "other", "contacts": [{ "name": "O", "email": "orders@other.example" }],
        "sales_rep": "rep@other.example", "reason": "acme has closed",
    });
    assert_eq!(app.post(&acme, &path, &body).await.status, 403);
    for without in ["reason", "contacts", "partner"] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().remove(without);
        let reply = app.post(&desk, &path, &body).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["errors"][0]["field"]), (422, &json!(without)));
    }
    let reply = app.post_with_key(&desk, "k1", &path, &body).await;
    insta::assert_snapshot!("transferred", without_ids(&reply.pretty()));
    assert_eq!(app.post_with_key(&desk, "k1", &path, &body).await.json(), reply.json(), "the first answer again");
    assert_eq!(app.post(&desk, &path, &body).await.status, 409);
    for path in [
        format!("/v1/customers/{customer}"),
        "/v1/domains/one.example/status".to_owned(),
        "/v1/domains/one.example/events".to_owned(),
        "/v1/domains/one.example/mx-change".to_owned(),
    ] {
        let unknown = path.replace("one.example", "nobody.example").replace(&customer, "nobody");
        let (gone, stranger) = (app.get(&acme, &path).await, app.get(&acme, &unknown).await);
        assert_eq!((gone.status.as_u16(), gone.json()), (404, stranger.json()), "{path}");
        assert_ne!(app.get(&other, &path).await.status, 404, "{path}");
    }
}
