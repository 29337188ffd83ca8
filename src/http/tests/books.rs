//! The pages of accounting: the ledger as of a day and an entry, runs with their reasons, closing, files, and that
//! nobody else sees them; customers by name; the look before an order.

use axum::http::header;
use jiff::SignedDuration;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{TestApp, order, said};
use crate::ledger::{EntryDraft, EntryKind, Evidence, Money, PriceMode};
use crate::store::Role;

const MAIL: &[u8] =
    b"From: Anna <anna@customer.example>\r\nSubject: We stay <b>\r\n\r\nFrom April for 20 mailboxes.\r\n";

/// A charged customer whose mailboxes were raised later, by a mail.
async fn charged(app: &TestApp) -> String {
    let customer = app.ordered("acme", "example.com").await;
    let sha256 = hex::encode(Sha256::digest(MAIL));
    app.store.keep_evidence(&sha256, MAIL, app.now()).await.unwrap();
    let rule = Evidence::Rule { rule: "test".to_owned(), version: 1, facts: String::new() };
    let mail = Evidence::Mail { sha256, message_id: None, received: app.now(), authentication: None };
    let draft = |kind, day: &str, evidence: &Evidence| EntryDraft {
        customer_id: customer.clone(),
        kind,
        valid_from: day.parse().unwrap(),
        evidence: evidence.clone(),
        recorded_by: "test".to_owned(),
        approved_by: None,
        supersedes: None,
    };
    let price: Money = "10.00 EUR".parse().unwrap();
    let first = vec![
        draft(EntryKind::PartnerSet { partner: "acme".to_owned() }, "2026-03-01", &rule),
        draft(EntryKind::BillingPartySet { party: "customer".to_owned() }, "2026-03-01", &rule),
        draft(EntryKind::MailboxBasisSet { mailboxes: 12 }, "2026-03-01", &rule),
        draft(EntryKind::PriceSet { mode: PriceMode::PerMailbox, amount: price }, "2026-03-01", &rule),
        draft(EntryKind::GroupSet { group: 15 }, "2026-03-01", &rule),
        draft(EntryKind::Activated, "2026-03-05", &rule),
    ];
    app.store.append_entries(first, app.now()).await.unwrap();
    app.advance(SignedDuration::from_hours(24));
    let later = vec![draft(EntryKind::MailboxBasisSet { mailboxes: 20 }, "2026-04-01", &mail)];
    app.store.append_entries(later, app.now()).await.unwrap();
    customer
}

#[tokio::test]
async fn the_ledger_is_shown_as_of_a_day_and_as_it_was_known() {
    let app = TestApp::new();
    let customer = charged(&app).await;
    let token = app.token(Role::Accounting, None).await;
    let list = app.page(&token, "/ledger?q=customer").await.text;
    assert!(list.contains(&format!("/ledger/{customer}")), "{list}");
    assert!(app.page(&token, "/ledger?q=example.com").await.text.contains(&format!("/ledger/{customer}")));
    let count = app.store.entries(Some(&customer), 0, 100).await.unwrap().len();
    let path = format!("/ledger/{customer}");
    let april = app.page(&token, &format!("{path}?on=2026-04-10")).await.text;
    assert!(april.contains("200.00 EUR") && april.contains(&format!("all {count} entries known")), "{april}");
    // The mail stands beside its entry, and cannot act.
    assert!(april.contains("From April for 20 mailboxes.") && april.contains("We stay &#60;b&#62;"), "{april}");
    let before = app.page(&token, &format!("{path}?on=2026-04-10&known={}", count - 1)).await.text;
    assert!(before.contains("120.00 EUR") && before.contains("not known then"), "{before}");
    let nothing = app.page(&token, &format!("{path}?known=0")).await;
    assert_eq!(nothing.status, 200, "{}", nothing.text);
    for wrong in ["?on=yesterday", "?known=many", "?known=-1", "?who=me"] {
        assert!(app.page(&token, &format!("{path}{wrong}")).await.status.is_client_error(), "{wrong}");
    }
    assert_eq!(app.page(&token, "/ledger/nobody").await.status, 404);

    let sha256 = hex::encode(Sha256::digest(MAIL));
    let shown = app.page(&token, &format!("/ledger/evidence/{sha256}")).await.text;
    assert!(shown.contains("We stay &#60;b&#62;"), "{shown}");
    let file = app.page(&token, &format!("/ledger/evidence/{sha256}/file")).await;
    assert!(file.header(header::CONTENT_DISPOSITION).starts_with("attachment"));
    assert_eq!(app.page(&token, "/ledger/evidence/nothing").await.status, 404);
}

#[tokio::test]
async fn a_run_is_looked_at_closed_with_a_tick_and_explained() {
    let app = TestApp::new();
    charged(&app).await;
    let (token, desk) = (app.token(Role::Accounting, None).await, app.token(Role::Desk, None).await);
    let run = "/invoicing/2026-03-15";
    let early = app.page(&token, run).await.text;
    assert!(early.contains("120.00 EUR") && early.contains("A preview") && !early.contains("/close"), "{early}");
    app.advance(SignedDuration::from_hours(5 * 24));
    assert!(app.page(&token, "/invoicing").await.text.contains("may be closed"));
    assert!(app.page(&token, run).await.text.contains(&format!("{run}/close")));
    assert!(!app.page(&desk, run).await.text.contains(&format!("{run}/close")), "the desk closes nothing");
    let close = format!("{run}/close");
    assert_eq!(app.submit(&desk, &close, &[("sure", "yes")], "same-origin").await.status, 403);
    assert_eq!(app.submit(&token, &close, &[("sure", "yes")], "cross-site").await.status, 403);
    assert_eq!(app.submit(&token, &close, &[], "same-origin").await.status, 422);
    assert_eq!(app.get(&token, "/v1/invoicing/2026-03-15").await.status, 404, "nothing is closed yet");
    let closed = app.submit(&token, &close, &[("sure", "yes")], "same-origin").await;
    assert_eq!((closed.status.as_u16(), closed.header(header::LOCATION)), (303, run));
    let shown = app.page(&token, run).await.text;
    assert!(shown.contains("nothing of it changes any more") && shown.contains("export?format=csv"), "{shown}");
    let why = app.page(&token, &format!("{run}/lines/1")).await.text;
    assert!(why.contains("12 mailboxes at 10.00 EUR") && why.contains("Charged for 12 mailboxes"), "{why}");
    assert_eq!(app.page(&token, &format!("{run}/lines/9")).await.status, 404);
    let csv = app.page(&token, &format!("{run}/export?format=csv")).await;
    assert!(csv.header(header::CONTENT_TYPE).starts_with("text/csv") && csv.text.contains("120.00"), "{}", csv.text);
    assert_eq!(app.page(&token, &format!("{run}/export?format=json")).await.json().as_array().unwrap().len(), 1);
    let rows = app.get(&token, "/v1/audit?subject=2026-03-15").await.json();
    assert_eq!(rows["items"][0]["action"], "close-run");
    assert!(app.page(&token, "/invoicing/never").await.status.is_client_error());
    assert_eq!(app.page(&token, "/invoicing/2026-03-16").await.status, 422);
}

#[tokio::test]
async fn the_books_are_for_accounting_and_the_desk_alone() {
    let app = TestApp::new();
    let customer = charged(&app).await;
    let sha256 = hex::encode(Sha256::digest(MAIL));
    for (role, partner) in [(Role::Partner, Some("acme")), (Role::Viewer, None), (Role::Viewer, Some("acme"))] {
        let token = app.token(role, partner).await;
        for path in [
            "/ledger".to_owned(),
            format!("/ledger/{customer}"),
            format!("/ledger/evidence/{sha256}"),
            format!("/ledger/evidence/{sha256}/file"),
            "/invoicing".to_owned(),
            "/invoicing/2026-03-15".to_owned(),
            "/invoicing/2026-03-15/lines/1".to_owned(),
            "/invoicing/2026-03-15/export?format=csv".to_owned(),
        ] {
            let reply = app.page(&token, &path).await;
            assert_eq!(reply.status, 403, "{path}");
            assert!(!reply.text.contains("mailboxes"), "{path}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn customers_are_found_by_name_and_domain_each_in_its_scope() {
    let app = TestApp::new();
    for (partner, domain, name) in [
        ("acme", "bakery.example", "Bakery Berg"),
        ("acme", "carp.example", "Carpenter"),
        ("zeta", "zeta.example", "Bakery Zeta"),
    ] {
        let desk = app.token(Role::Desk, None).await;
        let mut body = order(partner, domain);
        body["customer_name"] = json!(name);
        assert_eq!(app.post(&desk, "/v1/orders", &body).await.status, 201);
    }
    let (desk, acme) = (app.token(Role::Desk, None).await, app.token(Role::Partner, Some("acme")).await);
    let names = |text: &str| ["Bakery Berg", "Carpenter", "Bakery Zeta"].map(|name| text.contains(name));
    assert_eq!(names(&app.page(&desk, "/customers").await.text), [true, true, true]);
    assert_eq!(names(&app.page(&desk, "/customers?q=bakery").await.text), [true, false, true]);
    assert_eq!(names(&app.page(&desk, "/customers?q=carp.example").await.text), [false, true, false]);
    assert_eq!(names(&app.page(&acme, "/customers").await.text), [true, true, false]);
    assert_eq!(names(&app.page(&acme, "/customers?q=zeta.example").await.text), [false, false, false]);
    assert_eq!(app.page(&desk, &format!("/customers?q={}", "x".repeat(300))).await.status, 422);
}

#[tokio::test]
async fn a_look_before_an_order_keeps_what_was_typed_and_says_why_there_is_none() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let fields = [("domains", "example.com"), ("customer_name", "Bakery <Berg>")];
    let looked = app.submit(&desk, "/order/check", &fields, "same-origin").await;
    assert_eq!(looked.status, 200, "{}", looked.text);
    assert!(looked.text.contains("Bakery &#60;Berg&#62;"), "what was typed stays: {}", looked.text);
    assert!(looked.text.contains("this process looks at nothing"), "{}", looked.text);
    let none = app.submit(&desk, "/order/check", &[("domains", "")], "same-origin").await;
    assert!(none.text.contains("name a domain"), "{}", none.text);
    assert_eq!(app.submit(&desk, "/order/check", &fields, "cross-site").await.status, 403);
    let viewer = app.token(Role::Viewer, None).await;
    assert_eq!(app.submit(&viewer, "/order/check", &fields, "same-origin").await.status, 403);
    let rows = app.get(&desk, "/v1/audit").await.json();
    assert!(
        rows["items"].as_array().unwrap().iter().all(|row| row["outcome"] == "refused"),
        "a look is no deed: {rows}"
    );
}

#[tokio::test]
async fn the_books_as_people_read_them() {
    let app = TestApp::new();
    let customer = charged(&app).await;
    app.advance(SignedDuration::from_hours(5 * 24));
    let token = app.token(Role::Accounting, None).await;
    let id = token.split('_').nth(1).unwrap();
    let read = |path: String| {
        let (app, token) = (&app, &token);
        async move { said(&app.page(token, &path).await.text).replace(id, "<token>") }
    };
    insta::assert_snapshot!("ledger_as_of", read(format!("/ledger/{customer}?on=2026-03-20&known=3")).await);
    insta::assert_snapshot!("invoicing", read("/invoicing".to_owned()).await);
    insta::assert_snapshot!("run_to_close", read("/invoicing/2026-03-15".to_owned()).await);
    app.submit(&token, "/invoicing/2026-03-15/close", &[("sure", "yes")], "same-origin").await;
    insta::assert_snapshot!("run_closed", read("/invoicing/2026-03-15".to_owned()).await);
    insta::assert_snapshot!("line_explained", read("/invoicing/2026-03-15/lines/1".to_owned()).await);
    insta::assert_snapshot!("customers", read("/customers".to_owned()).await);
}
