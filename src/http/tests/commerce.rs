//! A trial that goes on, mailboxes in operation, what differs from what is charged, and mail as evidence: who
//! may do and see what, over the API and the pages.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Reply, TestApp, request, without_ids};
use crate::engine::Mailroom;
use crate::engine::ports::{Envelope, MailSink};
use crate::intake::lab::{COVERED, Signer, TxtServer};
use crate::proposal::subject_token;
use crate::store::Role;

const HEADER: &str = "partner,customer_name,contacts,domains,servers,mailboxes,price,charged_from,trial_ends,sales_rep";
const CHARGED: &str = "acme,Charged Ltd,it@elsewhere.example,paid.example,mail.paid.example,20,120.00 EUR,2025-03-04,,rep@partner.example";
const ON_TRIAL: &str =
    "acme,Trial Ltd,it@elsewhere.example,trial.example,mail.trial.example,12,60.00 EUR,,2026-03-25,rep@partner.example";

impl TestApp {
    /// A customer that is charged for 20 mailboxes, and one on trial until 25 March.
    async fn with_base() -> Self {
        let app = Self::new();
        let desk = app.token(Role::Desk, None).await;
        let table = format!("{HEADER}\n{CHARGED}\n{ON_TRIAL}\n");
        let mut request = request(Method::POST, &desk, "/v1/imports/connected", Body::from(table));
        request.headers_mut().insert(header::CONTENT_TYPE, "text/csv".parse().unwrap());
        let reply = app.send(request).await;
        assert_eq!(reply.json()["accepted"], 2, "{}", reply.text);
        app
    }

    pub(super) async fn page(&self, token: &str, path: &str) -> Reply {
        let request = Request::builder().uri(path).header(header::COOKIE, format!("fencepost_token={token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form of a page as a browser does.
    pub(super) async fn submit(&self, token: &str, path: &str, fields: &[(&str, &str)], site: &str) -> Reply {
        let token = if token.is_empty() { "a-browser-of-nobody" } else { token };
        let form = hex::encode(Sha256::digest(format!("fencepost form {token}")));
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("form", &form);
        body.extend_pairs(fields);
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::COOKIE, format!("fencepost_token={token}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", site)
            .body(Body::from(body.finish()))
            .unwrap();
        self.send(request).await
    }
}

#[tokio::test]
async fn the_desk_extends_a_trial_with_evidence_and_its_dates_move() {
    let app = TestApp::with_base().await;
    let desk = app.token(Role::Desk, None).await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let path = "/v1/customers/trial.example/extend";
    let body = json!({ "until": "2026-04-10", "evidence": { "text": "They ask for two more weeks.", "name": "mail" } });
    assert_eq!(app.post(&acme, path, &body).await.status, 403);
    let without = app.post(&desk, path, &json!({ "until": "2026-04-10", "evidence": {} })).await;
    assert_eq!((without.status.as_u16(), &without.json()["errors"][0]["field"]), (422, &json!("evidence")));
    let extended = app.post_with_key(&desk, "k1", path, &body).await;
    insta::assert_snapshot!("extended", without_ids(&extended.pretty()));
    assert_eq!(app.post_with_key(&desk, "k1", path, &body).await.json(), extended.json(), "the first answer again");
    let customer = app.get(&desk, "/v1/customers/trial.example").await.json();
    assert_eq!((&customer["trial_ends"], &customer["negotiation_ends"]), (&json!("2026-04-10"), &json!("2026-05-10")));
    assert_eq!(customer["connected_on"], "2026-02-23", "the day of the connection stays");
    for (until, said) in [("2026-04-10", "already"), ("2026-03-01", "already"), ("2029-01-01", "right?")] {
        let body = json!({ "until": until, "evidence": { "text": "more" } });
        let refused = app.post(&desk, path, &body).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["errors"][0]["field"]), (422, &json!("until")), "{until}");
        assert!(refused.text.contains(said), "{}", refused.text);
    }
    let charged = json!({ "until": "2026-04-10", "evidence": { "text": "more" } });
    let refused = app.post(&desk, "/v1/customers/paid.example/extend", &charged).await;
    assert!(refused.status == 422 && refused.text.contains("no trial to extend"), "{}", refused.text);
    // The ledger has the new end with what it rests on.
    let entries = app.get(&desk, "/v1/ledger/entries?limit=100").await.json();
    let last = entries["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["kind"]["ends"], &last["evidence"]["name"]), (&json!("2026-04-10"), &json!("mail")), "{last}");
}

#[tokio::test]
async fn a_trial_is_extended_from_its_page() {
    let app = TestApp::with_base().await;
    let (desk, acme) = (app.token(Role::Desk, None).await, app.token(Role::Partner, Some("acme")).await);
    let id = app.get(&desk, "/v1/customers/trial.example").await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/customers/{id}");
    assert!(app.page(&desk, &path).await.text.contains("Extend the trial"));
    assert!(!app.page(&acme, &path).await.text.contains("Extend the trial"), "a partner has no such form");
    let fields = [("until", "2026-04-10"), ("reason", "Anna asked on the telephone.")];
    let form = format!("{path}/extend");
    assert_eq!(app.submit(&acme, &form, &fields, "same-origin").await.status, 403);
    assert_eq!(app.submit(&desk, &form, &fields, "cross-site").await.status, 403);
    let empty = app.submit(&desk, &form, &[("until", "2026-04-10"), ("reason", " ")], "same-origin").await;
    assert_eq!(empty.status, 422);
    let sent = app.submit(&desk, &form, &fields, "same-origin").await;
    assert_eq!((sent.status.as_u16(), sent.header(header::LOCATION)), (303, path.as_str()), "{}", sent.text);
    let text = app.page(&desk, &path).await.text;
    assert!(text.contains("Thu 9 Apr 2026") && text.contains("Trial extended by"), "{text}");
}

#[tokio::test]
async fn mailboxes_in_operation_open_a_discrepancy_for_whom_it_concerns() {
    let app = TestApp::with_base().await;
    let desk = app.token(Role::Desk, None).await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let other = app.token(Role::Partner, Some("other")).await;
    let accounting = app.token(Role::Accounting, None).await;
    let viewer = app.token(Role::Viewer, None).await;
    let entries = app.get(&desk, "/v1/ledger/entries?limit=100").await.text;
    let path = "/v1/customers/paid.example/mailboxes";
    let count = |count: u32| json!({ "count": count });
    assert_eq!(app.post(&other, path, &count(25)).await.status, 404);
    assert_eq!(app.post(&accounting, path, &count(25)).await.status, 403);
    assert_eq!(app.post(&acme, path, &count(0)).await.json()["errors"][0]["field"], "count");
    insta::assert_snapshot!("mailboxes_set", without_ids(&app.post(&acme, path, &count(25)).await.pretty()));
    let same = app.post(&desk, path, &count(25)).await.json();
    assert_eq!(same["changed"], false);
    insta::assert_snapshot!("discrepancies", masked(&app.get(&desk, "/v1/discrepancies").await));
    for (token, rows, status) in
        [(&desk, 1, 200), (&acme, 1, 200), (&accounting, 1, 200), (&other, 0, 200), (&viewer, 0, 403)]
    {
        let reply = app.get(token, "/v1/discrepancies").await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.json()["items"].as_array().map_or(0, Vec::len), rows, "{}", reply.text);
        let page = app.page(token, "/discrepancies").await;
        assert_eq!(
            (page.status.as_u16(), page.text.contains("mailto:desk@gateway.example?subject=")),
            (status, rows == 1)
        );
    }
    let id = app.get(&desk, "/v1/customers/paid.example").await.json()["id"].as_str().unwrap().to_owned();
    let shown = app.page(&acme, &format!("/customers/{id}")).await.text;
    assert!(shown.contains("20 mailboxes are charged, 25 are in operation"), "{shown}");
    // The old number again hides nothing, and nothing of all this is in the ledger.
    app.submit(&acme, &format!("/customers/{id}/mailboxes"), &[("count", "20")], "same-origin").await;
    let open = app.get(&desk, "/v1/discrepancies").await.json();
    assert!(open["items"][0]["what"].as_str().unwrap().contains("another number was set in between"), "{open}");
    assert_eq!(app.get(&desk, "/v1/ledger/entries?limit=100").await.text, entries);
}

/// Without ids and without the token that is made of one.
fn masked(reply: &Reply) -> String {
    let mut value = reply.json();
    let id = value["items"][0]["customer_id"].as_str().unwrap().to_owned();
    let token = subject_token(&id).unwrap();
    value["items"][0]["set_by"] = json!("somebody");
    let text = serde_json::to_string_pretty(&value).unwrap().replace(&token, "[FP-…]");
    let encoded: String = url::form_urlencoded::byte_serialize(token.as_bytes()).collect();
    value = serde_json::from_str(&text.replace(&encoded, "%5BFP-…%5D")).unwrap();
    without_ids(&serde_json::to_string_pretty(&value).unwrap())
}

/// A mail that asks for 25 mailboxes, taken in.
async fn proposed(app: &TestApp, signed: bool) -> Value {
    let signer = Signer::new("partner.example");
    let (name, key) = signer.record();
    let dns = TxtServer::start(&[(name.as_str(), key.as_str())]).await;
    let room = Mailroom::new(app.store.clone(), app.clock.clone(), &app.config, Arc::new(dns.reader()));
    let desk = app.token(Role::Desk, None).await;
    let id = app.get(&desk, "/v1/customers/paid.example").await.json()["id"].as_str().unwrap().to_owned();
    let letter = format!(
        "From: rep@partner.example\r\nTo: desk@provider.example\r\nSubject: <b>Change</b> {}\r\n\
         Date: Tue, 10 Mar 2026 09:00:00 +0200\r\nMessage-ID: <1@partner.example>\r\n\r\n\
         We have 25 mailboxes.\r\nThe price is 180,50 EUR a month.\r\n\r\n<script>alert(1)</script>\r\n",
        subject_token(&id).unwrap()
    );
    let raw = if signed { signer.sign(&letter, COVERED) } else { letter.into_bytes() };
    let receipt = room.take(raw, Envelope::default(), "lmtp").await.unwrap();
    json!({ "id": receipt.id, "state": receipt.state })
}

#[tokio::test]
async fn the_desk_approves_accounting_reads_and_nobody_else_sees_mail() {
    let app = TestApp::with_base().await;
    let mail = proposed(&app, true).await;
    assert_eq!(mail["state"], "open");
    let id = mail["id"].as_str().unwrap();
    let (desk, accounting) = (app.token(Role::Desk, None).await, app.token(Role::Accounting, None).await);
    let acme = app.token(Role::Partner, Some("acme")).await;
    let (viewer, agent) = (app.token(Role::Viewer, None).await, app.token(Role::Agent, None).await);
    for path in ["/v1/proposals".to_owned(), format!("/v1/proposals/{id}"), format!("/v1/proposals/{id}/message")] {
        for (token, status) in [(&desk, 200), (&accounting, 200), (&acme, 403), (&viewer, 403), (&agent, 403)] {
            assert_eq!(app.get(token, &path).await.status, status, "{path}");
        }
        assert_eq!(app.get("", &path).await.status, 401, "{path}");
    }
    for (token, status) in [(&accounting, 403), (&acme, 403), (&viewer, 403), (&agent, 403)] {
        for (verb, body) in [("approve", json!({})), ("reject", json!({ "reason": "no" })), ("again", json!({}))] {
            assert_eq!(app.post(token, &format!("/v1/proposals/{id}/{verb}"), &body).await.status, status, "{verb}");
        }
        let senders = json!({ "address": "x@partner.example", "allowed": true });
        assert_eq!(app.post(token, "/v1/customers/paid.example/senders", &senders).await.status, status);
    }
    for (token, status) in [(&accounting, 403), (&acme, 403), (&viewer, 403)] {
        assert_eq!(
            app.post(token, "/v1/ledger/ingest", &json!({})).await.status,
            status,
            "only our mail servers and the desk"
        );
    }
    // On the page accounting reads, the desk acts.
    let page = format!("/proposals/{id}");
    let read = app.page(&accounting, &page).await;
    assert!(read.status == 200 && !read.text.contains(">Approve<"), "{}", read.text);
    assert_eq!(app.page(&acme, &page).await.status, 403);
    assert_eq!(app.page(&acme, "/proposals").await.status, 403);
    let acts = app.page(&desk, &page).await.text;
    assert!(acts.contains(">Approve<") && acts.contains("25 mailboxes from 2026-03-10"), "{acts}");
    for text in [&acts, &app.page(&desk, "/proposals").await.text] {
        assert!(!text.contains("<script>alert") && !text.contains("<b>Change"), "what a mail says cannot act: {text}");
    }
    assert_eq!(app.submit(&accounting, &format!("{page}/approve"), &[], "same-origin").await.status, 403);
    assert_eq!(app.submit(&desk, &format!("{page}/approve"), &[], "cross-site").await.status, 403);
    let approved = app.submit(&desk, &format!("{page}/approve"), &[], "same-origin").await;
    assert_eq!(approved.status, 303, "{}", approved.text);
    let shown = app.get(&accounting, &format!("/v1/proposals/{id}")).await.json();
    assert_eq!(shown["state"], "approved");
    assert_eq!(app.post(&desk, &format!("/v1/proposals/{id}/approve"), &json!({})).await.status, 409, "once");
}

#[tokio::test]
async fn an_approved_mail_ends_a_discrepancy_and_a_quarantined_one_does_not() {
    let app = TestApp::with_base().await;
    let desk = app.token(Role::Desk, None).await;
    app.post(&desk, "/v1/customers/paid.example/mailboxes", &json!({ "count": 25 })).await;
    let forged = proposed(&app, false).await;
    assert_eq!(forged["state"], "quarantined");
    let refused =
        app.post(&desk, &format!("/v1/proposals/{}/approve", forged["id"].as_str().unwrap()), &json!({})).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(app.get(&desk, "/v1/discrepancies").await.json()["items"].as_array().unwrap().len(), 1);
    let mail = proposed(&app, true).await;
    let approved =
        app.post(&desk, &format!("/v1/proposals/{}/approve", mail["id"].as_str().unwrap()), &json!({})).await;
    assert_eq!(approved.status, 200, "{}", approved.text);
    assert_eq!(app.get(&desk, "/v1/discrepancies").await.json()["items"].as_array().unwrap().len(), 0);
}
