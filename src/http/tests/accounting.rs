//! The ledger and the invoicing runs, as accounting sees them.

use jiff::SignedDuration;
use serde_json::json;

use super::TestApp;
use crate::ledger::{EntryDraft, EntryKind, Evidence, Money, PriceMode};
use crate::store::Role;

async fn charged(app: &TestApp, customer: &str) {
    let draft = |kind, day: &str| EntryDraft {
        customer_id: customer.to_owned(),
        kind,
        valid_from: day.parse().unwrap(),
        evidence: Evidence::Rule { rule: "test".to_owned(), version: 1, facts: String::new() },
        recorded_by: "test".to_owned(),
        approved_by: None,
        supersedes: None,
    };
    let price: Money = "120.00 EUR".parse().unwrap();
    let entries = vec![
        draft(EntryKind::PartnerSet { partner: "acme".to_owned() }, "2026-03-01"),
        draft(EntryKind::BillingPartySet { party: "customer".to_owned() }, "2026-03-01"),
        draft(EntryKind::MailboxBasisSet { mailboxes: 12 }, "2026-03-01"),
        draft(EntryKind::PriceSet { mode: PriceMode::Total, amount: price }, "2026-03-01"),
        draft(EntryKind::GroupSet { group: 15 }, "2026-03-01"),
        draft(EntryKind::Activated, "2026-03-05"),
    ];
    app.store.append_entries(entries, app.now()).await.unwrap();
}

#[tokio::test]
async fn a_run_is_previewed_closed_once_and_stays_as_it_is() {
    let app = TestApp::new();
    charged(&app, "c-1").await;
    let token = app.token(Role::Accounting, None).await;
    let preview = app.get(&token, "/v1/invoicing/2026-03-15/preview").await;
    assert_eq!(preview.status, 200, "{}", preview.text);
    let early = app.post(&token, "/v1/invoicing/2026-03-15/close", &json!({})).await;
    assert_eq!(early.status, 409, "{}", early.text);
    assert_eq!(app.get(&token, "/v1/invoicing/2026-03-15").await.status, 404);

    app.advance(SignedDuration::from_hours(5 * 24));
    let closed = app.post(&token, "/v1/invoicing/2026-03-15/close", &json!({})).await.json();
    assert_eq!(closed["lines"], preview.json()["lines"]);
    assert_eq!(closed["totals"], json!(["120.00 EUR"]));
    charged(&app, "c-2").await;
    let again = app.post(&token, "/v1/invoicing/2026-03-15/close", &json!({})).await.json();
    assert_eq!(again, closed);
    assert_eq!(app.get(&token, "/v1/invoicing/2026-03-15").await.json(), closed);
    assert_eq!(app.get(&token, "/v1/invoicing").await.json()["items"][0]["lines"], 1);
}

#[tokio::test]
async fn an_earlier_run_cannot_be_closed_after_a_later_one() {
    let app = TestApp::new();
    charged(&app, "c-1").await;
    app.advance(SignedDuration::from_hours(60 * 24));
    let token = app.token(Role::Accounting, None).await;
    assert_eq!(app.post(&token, "/v1/invoicing/2026-04-15/close", &json!({})).await.status, 200);
    let late = app.post(&token, "/v1/invoicing/2026-03-15/close", &json!({})).await;
    assert_eq!(late.status, 409, "{}", late.text);
}

#[tokio::test]
async fn only_invoicing_days_have_runs() {
    let app = TestApp::new();
    let token = app.token(Role::Accounting, None).await;
    assert_eq!(app.get(&token, "/v1/invoicing/2026-03-16/preview").await.status, 422);
    assert_eq!(app.get(&token, "/v1/invoicing/soon/preview").await.status, 400);
}

#[tokio::test]
async fn the_ledger_is_read_and_verified() {
    let app = TestApp::new();
    charged(&app, "c-1").await;
    charged(&app, "c-2").await;
    let token = app.token(Role::Accounting, None).await;
    let verified = app.get(&token, "/v1/ledger/verify").await.json();
    assert_eq!((&verified["whole"], &verified["seq"]), (&json!(true), &json!(12)));
    let page = app.get(&token, "/v1/ledger/entries?customer=c-2&limit=4").await.json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next"]), (4, &json!("10")));
    assert_eq!(page["items"][0]["kind"], json!({ "kind": "partner_set", "partner": "acme" }));
    assert_eq!(page["items"][0]["hash"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn the_past_is_answered_line_by_line() {
    let app = TestApp::new();
    charged(&app, "c-1").await;
    let token = app.token(Role::Accounting, None).await;
    let before = app.now();
    app.advance(SignedDuration::from_hours(5 * 24));
    assert_eq!(app.post(&token, "/v1/invoicing/2026-03-15/close", &json!({})).await.status, 200);
    let change = EntryDraft {
        customer_id: "c-1".to_owned(),
        kind: EntryKind::PriceSet { mode: PriceMode::Total, amount: "90.00 EUR".parse().unwrap() },
        valid_from: "2026-03-01".parse().unwrap(),
        evidence: Evidence::Rule { rule: "test".to_owned(), version: 1, facts: String::new() },
        recorded_by: "test".to_owned(),
        approved_by: Some("boss".to_owned()),
        supersedes: None,
    };
    app.store.append_entries(vec![change], app.now()).await.unwrap();

    let path = "/v1/ledger/as-of?customer=c-1&on=2026-03-20";
    let now = app.get(&token, path).await.json();
    assert_eq!((now["charge"].as_str(), now["known_seq"].as_u64()), (Some("90.00 EUR"), Some(7)), "{now}");
    let then = app.get(&token, &format!("{path}&known_at={before}")).await.json();
    // Entries of one call are a microsecond apart, the first at the clock.
    assert_eq!(then["known_seq"], 1);
    let then = app.get(&token, &format!("{path}&known_seq=6")).await.json();
    assert_eq!(then["charge"], "120.00 EUR");
    assert!(then["answer"].as_str().unwrap().contains("2026-03-05 to 2026-04-04, which costs 120.00 EUR"), "{then}");
    assert_eq!(app.get(&token, "/v1/ledger/as-of?customer=nobody&on=2026-03-20").await.status, 404);
    assert_eq!(app.get(&token, &format!("{path}&known_seq=1&known_at={before}")).await.status, 400);

    let line = app.get(&token, "/v1/invoicing/2026-03-15/lines/1").await.json();
    assert_eq!(line["entries"].as_array().unwrap().len(), 5, "{line}");
    assert_eq!(line["recorded_later"], json!([7]));
    assert_eq!(line["why_this_amount"], "120.00 EUR for the period, as a total: 120.00 EUR.");
    assert_eq!(app.get(&token, "/v1/invoicing/2026-03-15/lines/0").await.status, 404);
    let beyond = app.get(&token, "/v1/invoicing/2026-03-15/lines/2").await;
    assert!(beyond.status == 404 && beyond.text.contains("has 1 lines, no line 2"), "{}", beyond.text);

    let csv = app.get(&token, "/v1/invoicing/2026-03-15/export?format=csv").await;
    assert_eq!(csv.text.lines().count(), 2, "{}", csv.text);
    assert!(
        csv.text
            .lines()
            .nth(1)
            .unwrap()
            .starts_with("1,2026-03-15,period,c-1,customer,acme,15,2026-03-05,2026-04-04,12,120.00,EUR,")
    );
    assert_eq!(app.get(&token, "/v1/invoicing/2026-03-15/export?format=xls").await.status, 400);
    for path in ["/v1/ledger/evidence/x", &format!("/v1/ledger/evidence/{}", "0".repeat(64))] {
        assert_eq!(app.get(&token, path).await.status, 404);
    }
    app.store
        .keep_evidence(&hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"yes")), b"yes", app.now())
        .await
        .unwrap();
    let kept = app
        .get(&token, &format!("/v1/ledger/evidence/{}", hex::encode(<sha2::Sha256 as sha2::Digest>::digest(b"yes"))))
        .await;
    assert!(kept.status == 200 && kept.text == "yes", "{}", kept.text);
    let partner = app.token(Role::Partner, Some("acme")).await;
    for path in [path, "/v1/invoicing/2026-03-15/lines/1", "/v1/invoicing/2026-03-15/export?format=csv"] {
        assert_eq!(app.get(&partner, path).await.status, 403, "{path}");
    }
}
