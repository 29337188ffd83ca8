//! The invoices of a closed run as accounting fetches them.

use axum::http::header;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{TestApp, order};
use crate::ledger::{EntryDraft, EntryKind, Evidence, Money, PriceMode};
use crate::store::Role;

const SELLER: &str = r#"{ "name": "Mail Gateway Oy", "street": "Postikatu 1", "postal_code": "00100", "city": "Helsinki",
    "country": "FI", "vat_id": "FI12345671", "business_id": "1234567-1", "e_invoice_address": "0216:003712345671",
    "iban": "FI2112345600000785", "vat": { "category": "standard", "rate": "25.5" } }"#;

/// A customer with an order and a charge from the 5th of March.
async fn charged(app: &TestApp, domain: &str, more: &Value) -> String {
    let desk = app.token(Role::Desk, None).await;
    let mut order = order("acme", domain);
    order.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let placed = app.post(&desk, "/v1/orders", &order).await;
    assert_eq!(placed.status, 201, "{}", placed.text);
    let customer = placed.json()["customer_id"].as_str().unwrap().to_owned();
    let draft = |kind| EntryDraft {
        customer_id: customer.clone(),
        kind,
        valid_from: "2026-03-05".parse().unwrap(),
        evidence: Evidence::Rule { rule: "test".to_owned(), version: 1, facts: String::new() },
        recorded_by: "test".to_owned(),
        approved_by: None,
        supersedes: None,
    };
    let price: Money = "120.00 EUR".parse().unwrap();
    let kinds = [
        EntryKind::BillingPartySet { party: "Customer of tests".to_owned() },
        EntryKind::MailboxBasisSet { mailboxes: 12 },
        EntryKind::PriceSet { mode: PriceMode::Total, amount: price },
        EntryKind::GroupSet { group: 15 },
        EntryKind::Activated,
    ];
    app.store.append_entries(kinds.map(draft).to_vec(), app.now()).await.unwrap();
    customer
}

fn whole() -> Value {
    json!({
        "vat_id": "FI76543212", "billing_street": "Road 2", "billing_postal_code": "20100", "billing_city": "Turku",
        "billing_country": "FI", "e_invoice_address": "0216:003776543212", "buyer_reference": "PO 4711",
    })
}

#[tokio::test]
async fn each_invoice_is_a_file_and_what_is_missing_is_said() {
    let app = TestApp::with(|config| config.commerce.seller = Some(serde_json::from_str(SELLER).unwrap()));
    let good = charged(&app, "a.example", &whole()).await;
    // Invoices are in the order of customers' ids, which tell the millisecond in which they came.
    app.advance(SignedDuration::from_secs(1));
    let bare = charged(&app, "b.example", &json!({})).await;
    app.advance(SignedDuration::from_hours(24 * 6));
    let token = app.token(Role::Accounting, None).await;
    let invoices = "/v1/invoicing/2026-03-15/invoices";
    assert_eq!(app.get(&token, invoices).await.status, 404, "not closed yet");
    assert_eq!(app.post(&token, "/v1/invoicing/2026-03-15/close", &json!({})).await.status, 200);

    let listed = app.get(&token, invoices).await.json();
    let (one, other) = (&listed["items"][0], &listed["items"][1]);
    assert_eq!((&one["customer_id"], &one["file"]), (&json!(good), &json!("20260315-0001.xml")));
    assert_eq!(
        (&one["net"], &one["tax"], &one["payable"], &one["due"]),
        (&json!("120.00 EUR"), &json!("30.60 EUR"), &json!("150.60 EUR"), &json!("2026-03-29"))
    );
    assert_eq!((&other["customer_id"], &other["kind"]), (&json!(bare), &Value::Null));
    let fields: Vec<&str> =
        other["missing"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["billing_country", "e_invoice_address"]);
    let paged = app.get(&token, &format!("{invoices}?limit=1&xml=true")).await.json();
    assert_eq!((paged["items"].as_array().unwrap().len(), &paged["next"]), (1, &json!("1")));
    let rest = app.get(&token, &format!("{invoices}?limit=1&after=1")).await.json();
    assert_eq!(rest["items"][0]["customer_id"], json!(bare));

    let export = "/v1/invoicing/2026-03-15/export?format=ubl";
    let file = app.get(&token, &format!("{export}&customer={good}")).await;
    assert_eq!((file.status.as_u16(), file.header(header::CONTENT_TYPE)), (200, "application/xml"));
    assert!(file.header(header::CONTENT_DISPOSITION).contains("20260315-0001.xml"));
    assert!(file.text.contains("<cbc:PayableAmount currencyID=\"EUR\">150.60</cbc:PayableAmount>"), "{}", file.text);
    assert_eq!(json!(file.text), paged["items"][0]["xml"]);
    assert_eq!(app.get(&token, &format!("{export}&invoice=20260315-0001")).await.text, file.text);
    let refused = app.get(&token, &format!("{export}&customer={bare}")).await;
    assert!(refused.status == 422 && refused.text.contains("PEPPOL-EN16931-R010"), "{}", refused.text);
    let which = app.get(&token, export).await;
    assert!(which.status == 409 && which.text.contains("20260315-0002"), "{}", which.text);
    assert_eq!(app.get(&token, &format!("{export}&customer=nobody")).await.status, 404);
    let csv = app.get(&token, "/v1/invoicing/2026-03-15/export?format=csv&customer=x").await;
    assert_eq!(csv.status, 400, "{}", csv.text);
    let partner = app.token(Role::Partner, Some("acme")).await;
    for path in [invoices, export, "/v1/invoicing/2026-03-15/deliveries"] {
        assert_eq!(app.get(&partner, path).await.status, 403, "{path}");
    }
    let send = app.post(&token, "/v1/invoicing/2026-03-15/send", &json!({})).await;
    assert!(send.status == 409 && send.text.contains("commerce.webhook"), "{}", send.text);
    assert_eq!(app.get(&token, "/v1/invoicing/2026-03-15/deliveries").await.json(), json!([]));

    let app = app.reconfigured(|config| config.commerce.seller = None);
    let nobody = app.get(&token, invoices).await;
    assert!(nobody.status == 409 && nobody.text.contains("commerce.seller"), "{}", nobody.text);
}
