//! The order as a form in a browser: the same order as the API takes, with what is wrong at its field.

use axum::http::header;

use super::TestApp;
use crate::order::flat::ORDER_COLUMNS;
use crate::store::{Page, Role, Scope};

const GOOD: &[(&str, &str)] = &[
    ("partner", "acme"),
    ("customer_name", "Bakery <Lindqvist>"),
    ("business_id", "1234567-8"),
    ("bill_to", "customer"),
    ("vat_id", "FI12345678"),
    ("billing_street", "Market Square 1"),
    ("billing_postal_code", "00100"),
    ("billing_city", "Helsinki"),
    ("billing_country", "FI"),
    ("billing_address", ""),
    ("e_invoice_address", "0216:003712345678"),
    ("buyer_reference", "PO 4711"),
    ("domains", "lindqvist.example\r\nbakery.example\r\n"),
    ("servers", "mail.lindqvist.example\r\n(mail2.lindqvist.example:2525)"),
    ("hosted", "no"),
    ("test_mailbox", "postmaster"),
    ("contacts", "Anna <anna@elsewhere.example>"),
    ("partner_contacts", "orders@acme.example"),
    ("kind", "trial"),
    ("mailboxes", "25"),
    ("price", "120,00 EUR"),
    ("sales_rep", "rep@acme.example"),
    ("invoicing_group", ""),
    ("language", "fi"),
];

fn with(changes: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let changed = |name: &str| changes.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
    GOOD.iter().map(|(name, value)| (*name, changed(name).unwrap_or(value))).collect()
}

async fn stored(app: &TestApp) -> usize {
    app.store.customers(&Scope::All, &Page { after: None, limit: 100 }).await.unwrap().rows.len()
}

#[tokio::test]
async fn an_order_is_placed_from_the_page_and_shown() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let form = app.page(&desk, "/order").await.text;
    for column in ORDER_COLUMNS {
        assert!(form.contains(&format!("name=\"{column}\"")), "{column} is in the form");
    }
    let placed = app.submit(&desk, "/order", GOOD, "same-origin").await;
    assert_eq!(placed.status, 303, "{}", placed.text);
    let path = placed.header(header::LOCATION).to_owned();
    let shown = app.page(&desk, &path).await.text;
    for words in [
        "Bakery &#60;Lindqvist&#62;",
        "Market Square 1, 00100 Helsinki, FI",
        "0216:003712345678",
        "PO 4711",
        "FI12345678",
        "href=\"/domains/bakery.example\"",
        "anna@elsewhere.example",
    ] {
        assert!(shown.contains(words), "{words} in {shown}");
    }
    let customer = app.get(&desk, &format!("/v1{path}")).await.json();
    assert_eq!(customer["billing"]["e_invoice_address"]["scheme"], "0216");
    assert_eq!(customer["servers"][1]["standby"], true);
    // Sent once more, the domain is under way: nothing is ordered twice.
    let again = app.submit(&desk, "/order", GOOD, "same-origin").await;
    assert!(again.status == 422 && again.text.contains("under way already"), "{}", again.text);
    assert_eq!(stored(&app).await, 1);
}

#[tokio::test]
async fn what_is_wrong_is_said_at_its_field_and_what_was_typed_stays() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    for (changes, field, said) in [
        (&[("price", "")][..], "price", "a trial needs the monthly total price"),
        (&[("sales_rep", "")], "sales_rep", "a trial needs the sales rep"),
        (
            &[("contacts", "a@lindqvist.example"), ("partner_contacts", "")],
            "contacts",
            "every contact is in the domains",
        ),
        (&[("partner_contacts", "nobody")], "partner_contacts", "is no e-mail address"),
        (&[("servers", "127.0.0.1")], "servers", "loopback"),
        (&[("e_invoice_address", "37")], "e_invoice_address", "has no scheme"),
        (&[("billing_country", "")], "billing_country", "needs its country"),
        (&[("domains", "")], "domains", "name at least one domain"),
    ] {
        let reply = app.submit(&desk, "/order", &with(changes), "same-origin").await;
        assert_eq!(reply.status, 422, "{field}");
        let wrong = format!("id=\"{field}-wrong\">");
        let at = reply.text.find(&wrong).unwrap_or_else(|| panic!("{field}: {}", reply.text)) + wrong.len();
        assert!(reply.text[at..].split("</p>").next().unwrap().contains(said), "{field}: {}", reply.text);
        assert!(reply.text.contains("value=\"Bakery &#60;Lindqvist&#62;\""), "what was typed stays");
    }
    let strange = app.submit(&desk, "/order", &[("colour", "blue")], "same-origin").await;
    assert!(strange.status == 422 && strange.text.contains("not known here"), "{}", strange.text);
    assert_eq!(stored(&app).await, 0);
}

#[tokio::test]
async fn whoever_may_not_order_cannot_order_from_a_page_either() {
    let app = TestApp::with(|config| config.http.open_pages_on_loopback = true);
    let acme = app.token(Role::Partner, Some("acme")).await;
    for role in [Role::Accounting, Role::Viewer] {
        let token = app.token(role, None).await;
        assert_eq!(app.page(&token, "/order").await.status, 403);
        assert_eq!(app.submit(&token, "/order", GOOD, "same-origin").await.status, 403);
    }
    assert_eq!(app.submit(&acme, "/order", GOOD, "cross-site").await.status, 403);
    let form = app.page(&acme, "/order").await.text;
    assert!(!form.contains("name=\"partner\"") && !form.contains("name=\"trial_override\""), "{form}");
    let others = app.submit(&acme, "/order", &with(&[("partner", "other")]), "same-origin").await;
    assert!(others.status == 422 && others.text.contains("orders for the partner"), "{}", others.text);
    let mut own = with(&[]);
    own.retain(|(name, _)| *name != "partner");
    assert_eq!(app.submit(&acme, "/order", &own, "same-origin").await.status, 303);
    own.push(("trial_override", "because"));
    let refused = app.submit(&acme, "/order", &own, "same-origin").await;
    assert!(refused.text.contains("only the service desk can allow another trial"), "{}", refused.text);
    assert_eq!(stored(&app).await, 1);
}
