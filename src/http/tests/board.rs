//! The desk's board: who has to act first, what is overdue, search and filters in the address, several at once, and
//! that a partner sees nothing but its own.

use axum::http::header;
use jiff::SignedDuration;
use serde_json::json;

use super::{TestApp, order, said};
use crate::store::Role;

/// Three runs: two of acme, of which one is permitted, and one of another partner.
async fn at_work(app: &TestApp) {
    for (partner, domain, name) in [
        ("acme", "bakery.example", "Bakery Berg"),
        ("acme", "ready.example", "Ready Oy"),
        ("zeta", "zeta.example", "Zeta Ab"),
    ] {
        let mut body = order(partner, domain);
        body["customer_name"] = json!(name);
        let desk = app.token(Role::Desk, None).await;
        assert_eq!(app.post(&desk, "/v1/orders", &body).await.status, 201);
    }
    app.made_ready("ready.example").await;
}

/// The text of a page between two words.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let at = text.find(from).unwrap_or_else(|| panic!("no {from} in {text}"));
    text[at..].split(to).next().unwrap()
}

#[tokio::test]
async fn what_waits_for_the_reader_stands_first() {
    let app = TestApp::new();
    at_work(&app).await;
    let desk = app.token(Role::Desk, None).await;
    let text = app.page(&desk, "/").await.text;
    let mine = between(&text, "Waiting for you", "</section>");
    assert!(mine.contains("bakery.example") && mine.contains("zeta.example"), "{mine}");
    assert!(mine.contains("register the customer") && !mine.contains("ready.example"), "{mine}");
    assert!(text.find("Waiting for you").unwrap() < text.find("Waiting for: partner").unwrap());
    assert!(text.contains("<b>2</b> wait for you"), "{text}");

    let partner = app.token(Role::Partner, Some("acme")).await;
    let text = app.page(&partner, "/").await.text;
    let mine = between(&text, "Waiting for you", "</section>");
    assert!(mine.contains("ready.example") && mine.contains("relay the MX change"), "{mine}");
    assert!(!text.contains("zeta") && !text.contains("type=\"checkbox\""), "{text}");
    assert!(app.page(&partner, "/?q=zeta").await.text.contains("Nothing here is like that"));
    assert!(app.page(&partner, "/?partner=zeta").await.text.contains("Nothing here is like that"));
}

#[tokio::test]
async fn what_is_overdue_says_how_long_over_which_limit() {
    let app = TestApp::new();
    at_work(&app).await;
    let desk = app.token(Role::Desk, None).await;
    assert!(!app.page(&desk, "/").await.text.contains("class=\"late\""));
    app.advance(SignedDuration::from_hours(5));
    let text = app.page(&desk, "/").await.text;
    assert!(text.contains("2 overdue") && text.contains("1 h over 4 h"), "{text}");
    let late = app.page(&desk, "/?overdue=1").await.text;
    assert!(late.contains("bakery.example") && !late.contains("ready.example"), "{late}");
}

#[tokio::test]
async fn search_and_filters_stand_in_the_address() {
    let app = TestApp::new();
    at_work(&app).await;
    let desk = app.token(Role::Desk, None).await;
    let shows = |path: &'static str| {
        let (app, desk) = (&app, &desk);
        async move {
            let text = app.page(desk, path).await.text;
            ["bakery.example", "ready.example", "zeta.example"].map(|name| text.contains(&format!("/domains/{name}")))
        }
    };
    assert_eq!(shows("/?q=BAK").await, [true, false, false]);
    assert_eq!(shows("/?q=zeta+ab").await, [false, false, true]);
    assert_eq!(shows("/?phase=ready").await, [false, true, false]);
    assert_eq!(shows("/?who=partner").await, [false, true, false]);
    assert_eq!(shows("/?partner=zeta").await, [false, false, true]);
    assert_eq!(shows("/?by=phase").await, [true, true, true]);
    assert_eq!(shows("/?phase=connected").await, [false, false, false]);
    for wrong in ["/?phase=nowhere", "/?who=me", "/?after=%00", "/?unknown=1"] {
        let reply = app.page(&desk, wrong).await;
        assert!(reply.status.is_client_error(), "{wrong}: {}", reply.status);
    }
    let hostile = app.page(&desk, "/?q=%22%3E%3Cscript%3Ealert(1)").await.text;
    assert!(!hostile.contains("<script>alert"), "{hostile}");
}

#[tokio::test]
async fn several_are_confirmed_then_done_each_with_a_row() {
    let app = TestApp::new();
    at_work(&app).await;
    let desk = app.token(Role::Desk, None).await;
    let fields = [
        ("action", "suspend"),
        ("reason", "a holiday"),
        ("domain", "bakery.example"),
        ("domain", "zeta.example"),
        ("domain", "nowhere.example"),
    ];
    let asked = app.submit(&desk, "/bulk", &fields, "same-origin").await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    assert!(asked.text.contains("Nothing has been done yet") && asked.text.contains("2 of 3"), "{}", asked.text);
    assert_eq!(app.get(&desk, "/v1/domains/zeta.example/status").await.json()["suspension"], json!(null));
    let done = app.submit(&desk, "/bulk/confirmed", &fields, "same-origin").await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.text.contains("not done"), "{}", done.text);
    for domain in ["bakery.example", "zeta.example"] {
        let status = app.get(&desk, &format!("/v1/domains/{domain}/status")).await.json();
        assert_eq!(status["suspension"]["reason"], "a holiday", "{status}");
    }
    let rows = app.get(&desk, "/v1/audit?action=suspend").await.json();
    let rows = rows["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["request_id"], rows[1]["request_id"]);
    // A second time there is nothing to do, and nothing is written down.
    app.submit(&desk, "/bulk/confirmed", &fields, "same-origin").await;
    let again = app.get(&desk, "/v1/audit?action=suspend").await.json();
    assert_eq!(again["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn several_at_once_are_bounded_and_for_the_desk_alone() {
    let app = TestApp::new();
    at_work(&app).await;
    let desk = app.token(Role::Desk, None).await;
    let one = [("action", "suspend"), ("reason", "why"), ("domain", "bakery.example")];
    for (role, partner) in [(Role::Partner, Some("acme")), (Role::Accounting, None), (Role::Viewer, None)] {
        let token = app.token(role, partner).await;
        for path in ["/bulk", "/bulk/confirmed"] {
            assert_eq!(app.submit(&token, path, &one, "same-origin").await.status, 403, "{path}");
        }
    }
    for path in ["/bulk", "/bulk/confirmed"] {
        assert_eq!(app.submit(&desk, path, &one, "cross-site").await.status, 403);
        let none = [("action", "suspend"), ("reason", "why")];
        assert_eq!(app.submit(&desk, path, &none, "same-origin").await.status, 422);
        let mute = [("action", "suspend"), ("reason", " "), ("domain", "bakery.example")];
        assert_eq!(app.submit(&desk, path, &mute, "same-origin").await.status, 422);
        let odd = [("action", "explode"), ("domain", "bakery.example")];
        assert_eq!(app.submit(&desk, path, &odd, "same-origin").await.status, 422);
        let names: Vec<String> = (0..201).map(|n| format!("d{n}.example")).collect();
        let mut many = vec![("action", "recheck")];
        many.extend(names.iter().map(|name| ("domain", name.as_str())));
        assert_eq!(app.submit(&desk, path, &many, "same-origin").await.status, 422);
    }
    let status = app.get(&desk, "/v1/domains/bakery.example/status").await.json();
    assert_eq!(status["suspension"], json!(null));
}

#[tokio::test]
async fn the_desk_acts_from_the_page_of_a_domain_with_a_reason() {
    let app = TestApp::new();
    at_work(&app).await;
    let (desk, partner) = (app.token(Role::Desk, None).await, app.token(Role::Partner, Some("acme")).await);
    let page = app.page(&desk, "/domains/ready.example").await.text;
    assert!(page.contains("value=\"suspend\"") && page.contains("value=\"cancel\""), "{page}");
    assert!(!page.contains("value=\"resume\""), "only what would change something: {page}");
    assert!(!app.page(&partner, "/domains/ready.example").await.text.contains("/act\""));
    let act = "/domains/ready.example/act";
    let suspend = [("action", "suspend"), ("reason", "the office moves")];
    assert_eq!(app.submit(&partner, act, &suspend, "same-origin").await.status, 403);
    assert_eq!(app.submit(&desk, act, &suspend, "cross-site").await.status, 403);
    assert_eq!(app.submit(&desk, act, &[("action", "suspend")], "same-origin").await.status, 422);
    assert_eq!(app.submit(&desk, act, &[("action", "explode"), ("reason", "x")], "same-origin").await.status, 422);
    app.advance(SignedDuration::from_secs(1));
    let done = app.submit(&desk, act, &suspend, "same-origin").await;
    assert_eq!((done.status.as_u16(), done.header(header::LOCATION)), (303, "/domains/ready.example"));
    app.advance(SignedDuration::from_secs(1));
    let resume = [("action", "resume"), ("reason", "it has moved")];
    assert_eq!(app.submit(&desk, act, &resume, "same-origin").await.status, 303);
    assert_eq!(app.submit(&desk, act, &resume, "same-origin").await.status, 409, "there is nothing to resume");
    let history = app.get(&desk, "/v1/domains/ready.example/events?limit=500").await.text;
    assert!(history.contains("the office moves") && history.contains("it has moved"), "{history}");
    let rows = app.get(&desk, "/v1/audit?subject=ready.example").await.json();
    let told: Vec<_> = rows["items"].as_array().unwrap().iter().map(|row| (&row["action"], &row["detail"])).collect();
    assert_eq!(told[0], (&json!("resume"), &json!("it has moved")));
    assert_eq!(told[1], (&json!("suspend"), &json!("the office moves")));
}

#[tokio::test]
async fn evidence_is_shown_escaped_to_the_desk_alone() {
    let app = TestApp::new();
    at_work(&app).await;
    let hostile = json!([{
        "vantage": { "id": "egress-1", "role": "egress", "address": "192.0.2.10" }, "host": "<b>mail", "peer": "192.0.2.25:25", "port": 25,
        "started_at": app.now(), "connect": { "kind": "connected", "elapsed_ms": 3 }, "stages": [], "capabilities": [],
        "transcript": ["S: 220 <script>alert(1)</script>", "C: EHLO probe.gateway.example"],
    }]);
    let kept = super::observation("smtp", &hostile, app.now());
    app.facts("bakery.example", &[], vec![kept]).await;
    let desk = app.token(Role::Desk, None).await;
    let page = app.page(&desk, "/domains/bakery.example/evidence").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert!(
        page.text.contains("EHLO probe.gateway.example") && page.text.contains("class=\"theirs\""),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<script>alert") && !page.text.contains("<b>mail"), "{}", page.text);
    for (role, partner) in [(Role::Partner, Some("acme")), (Role::Accounting, None), (Role::Viewer, None)] {
        let token = app.token(role, partner).await;
        assert_eq!(app.page(&token, "/domains/bakery.example/evidence").await.status, 403);
    }
    assert_eq!(app.page(&desk, "/domains/nowhere.example/evidence").await.status, 404);
}

#[tokio::test]
async fn the_board_and_what_several_will_see_as_people_read_them() {
    let app = TestApp::new();
    at_work(&app).await;
    app.advance(SignedDuration::from_hours(7));
    let (desk, partner) = (app.token(Role::Desk, None).await, app.token(Role::Partner, Some("acme")).await);
    insta::assert_snapshot!("board_of_the_desk", said(&app.page(&desk, "/").await.text));
    insta::assert_snapshot!("board_of_a_partner", said(&app.page(&partner, "/").await.text));
    let fields = [
        ("action", "cancel"),
        ("reason", "ordered twice"),
        ("domain", "bakery.example"),
        ("domain", "nowhere.example"),
    ];
    insta::assert_snapshot!("bulk_confirm", said(&app.submit(&desk, "/bulk", &fields, "same-origin").await.text));
    insta::assert_snapshot!(
        "bulk_done",
        said(&app.submit(&desk, "/bulk/confirmed", &fields, "same-origin").await.text)
    );
    insta::assert_snapshot!("who_did_what", said(&app.page(&desk, "/audit?action=cancel").await.text));
}
