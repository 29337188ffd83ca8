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

const ORDERS: &str = "partner,customer_name,business_id,contacts,domains,servers,mailboxes,kind,price,sales_rep";

fn ordered(partner: &str, id: &str, domains: &str, kind: &str) -> String {
    format!(
        "{partner},Customer {id},{id},it@elsewhere.example,{domains},mail.x.example|(mail2.x.example:2525),12,{kind},120.00 EUR,rep@x.example"
    )
}

fn orders(lines: &[String]) -> String {
    format!("{ORDERS}\n{}\n", lines.join("\n"))
}

impl TestApp {
    async fn import_orders(&self, token: &str, query: &str, table: String) -> Reply {
        let path = format!("/v1/imports/orders?name=orders.csv{query}");
        let mut request = request(Method::POST, token, &path, Body::from(table));
        request.headers_mut().insert(header::CONTENT_TYPE, "text/csv".parse().unwrap());
        self.send(request).await
    }
}

#[tokio::test]
async fn many_orders_are_placed_with_a_report_a_line() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    app.ordered("acme", "held.example").await;
    let lines = [
        ordered("acme", "1", "one.example|two.example", "trial"),
        ordered("acme", "1", "three.example", "trial"),
        ordered("acme", "2", "two.example", "paid"),
        ordered("acme", "3", "held.example", "paid"),
        ordered("other", "4", "held.example", "paid"),
        ordered("acme", "5", "four.example", "loan"),
        ordered("acme", "1", "five.example", "paid"),
    ];
    let check = app.import_orders(&desk, "&check=true", orders(&lines)).await;
    insta::assert_snapshot!("orders_checked", without_ids(&check.pretty()));
    assert_eq!(app.customers().await, 1);
    let placed = app.import_orders(&desk, "", orders(&lines)).await.json();
    assert_eq!((&placed["accepted"], &placed["refused"]), (&json!(3), &json!(4)), "{placed}");
    assert_eq!(app.customers().await, 4);
    let customer = app.get(&desk, "/v1/customers/two.example").await.json();
    assert_eq!((&customer["servers"][1]["port"], customer["domains"].as_array().unwrap().len()), (&json!(2525), 2));
    let again = app.import_orders(&desk, "", orders(&lines)).await.json();
    assert_eq!((&again["accepted"], &again["already_there"]), (&json!(0), &json!(3)), "{again}");
    assert_eq!(app.customers().await, 4);
    // A trial too soon is found by the check already.
    let soon = orders(&[ordered("acme", "1", "six.example", "trial")]);
    let soon = app.import_orders(&desk, "&check=true", soon).await.json();
    assert_eq!(soon["lines"][0]["errors"][0]["field"], "business_id", "{soon}");
}

#[tokio::test]
async fn orders_of_a_table_are_all_placed_or_none() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let mut lines: Vec<String> =
        (0..40).map(|n| ordered("acme", &format!("id{n}"), &format!("d{n}.example"), "trial")).collect();
    lines.push(ordered("acme", "bad", "bad..example", "trial"));
    let reply = app.import_orders(&desk, "&all_or_nothing=true", orders(&lines)).await.json();
    assert_eq!((&reply["stored"], &reply["accepted"], &reply["refused"]), (&json!(false), &json!(40), &json!(1)));
    assert_eq!(app.customers().await, 0);
    lines.pop();
    let reply = app.import_orders(&desk, "&all_or_nothing=true", orders(&lines)).await.json();
    assert_eq!((&reply["stored"], &reply["accepted"]), (&json!(true), &json!(40)));
    assert_eq!(app.customers().await, 40);
    let many: Vec<String> =
        (0..2_001).map(|n| ordered("acme", &n.to_string(), &format!("m{n}.example"), "paid")).collect();
    assert_eq!(app.import_orders(&desk, "&all_or_nothing=true", orders(&many)).await.status, 422);
}

#[tokio::test]
async fn a_partner_places_many_orders_of_its_own() {
    let app = TestApp::new();
    let acme = app.token(Role::Partner, Some("acme")).await;
    let viewer = app.token(Role::Viewer, None).await;
    let lines = [ordered("", "1", "one.example", "trial"), ordered("other", "2", "two.example", "trial")];
    assert_eq!(app.import_orders(&viewer, "", orders(&lines)).await.status, 403);
    assert_eq!(app.import_orders("", "", orders(&lines)).await.status, 401);
    let reply = app.import_orders(&acme, "", orders(&lines)).await.json();
    assert_eq!(
        (&reply["accepted"], &reply["lines"][1]["errors"][0]["field"]),
        (&json!(1), &json!("partner")),
        "{reply}"
    );
    assert_eq!(app.get(&acme, "/v1/customers/one.example").await.json()["partner"], "acme");
    let table = format!("{ORDERS},trial_override\n{},because\n", ordered("acme", "3", "three.example", "trial"));
    let refused = app.import_orders(&acme, "", table).await.json();
    assert_eq!(refused["lines"][0]["errors"][0]["field"], "trial_override", "{refused}");
}

#[tokio::test]
async fn of_a_partner_that_paid_nothing_is_left_for_the_one_that_pays_now() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let mut order = super::order("acme", "one.example");
    order["bill_to"] = json!("partner");
    order["e_invoice_address"] = json!("0216:0037acme");
    order["vat_id"] = json!("FI1");
    assert_eq!(app.post(&desk, "/v1/orders", &order).await.status, 201);
    let body = json!({
        "partner": "other", "contacts": [{ "email": "orders@other.example" }], "reason": "acme has closed",
        "e_invoice_address": "0216:0037other", "billing_country": "FI",
    });
    let moved = app.post(&desk, "/v1/customers/one.example/transfer", &body).await;
    assert!(moved.status == 200 && moved.text.contains("Invoices go to other"), "{}", moved.text);
    let billing = app.get(&desk, "/v1/customers/one.example").await.json()["billing"].clone();
    let wanted = json!({
        "bill_to": "partner", "e_invoice_address": { "scheme": "0216", "id": "0037other" },
        "postal_address": { "street": null, "postal_code": null, "city": null, "country": "FI" },
    });
    assert_eq!(billing, wanted);
}
