//! Links to a domain's page: who makes them, what they show, what they must not show, and that a link that leads
//! nowhere any more looks like what never led anywhere.

use axum::body::Body;
use axum::http::{Method, Request, header};
use fencepost_checks::observation::smtp::{ConnectOutcome, StageOutcome, StageRecord};
use fencepost_checks::observation::{SmtpDialogue, SmtpReply, Stage, Vantage, VantageRole};
use fencepost_checks::{Actor, Code, Finding, Severity};
use futures_util::StreamExt;
use jiff::SignedDuration;
use serde_json::json;
use tower::ServiceExt;

use super::{Reply, TestApp, findings, observation, request};
use crate::engine::Transfer;
use crate::order::{Contact, ContactRole, OtherPartner, Payer};
use crate::store::{Role, Scope};

const GREETING: &str = "mail.customer.example ESMTP the-greeting";

async fn shared(app: &TestApp, path: &str) -> Reply {
    app.send(Request::builder().uri(path).body(Body::empty()).unwrap()).await
}

async fn form(app: &TestApp, path: &str, cookie: &str, body: String) -> Reply {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, format!("fencepost_token={cookie}"))
        .header("sec-fetch-site", "same-origin")
        .body(Body::from(body))
        .unwrap();
    app.send(request).await
}

async fn page(app: &TestApp, path: &str, cookie: &str) -> Reply {
    let request = Request::builder().uri(path).header(header::COOKIE, format!("fencepost_token={cookie}"));
    app.send(request.body(Body::empty()).unwrap()).await
}

/// The path of a link that was made over the API, and its id.
async fn made(app: &TestApp, token: &str, body: serde_json::Value) -> (String, String) {
    let reply = app.post(token, "/v1/domains/example.com/links", &body).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let made = reply.json();
    let url = made["url"].as_str().unwrap();
    let path = url.strip_prefix(app.config.http.public_url.as_str()).unwrap().to_owned();
    assert!(path.len() >= "/s/".len() + 32, "{path}");
    (path, made["id"].as_str().unwrap().to_owned())
}

fn dialogue(role: VantageRole, id: &str, at: jiff::Timestamp) -> SmtpDialogue {
    let reply = SmtpReply { code: 220, enhanced: None, lines: vec![GREETING.to_owned()] };
    SmtpDialogue {
        vantage: Vantage { id: id.to_owned(), role, address: Some("192.0.2.10".parse().unwrap()) },
        host: "mail.customer.example".to_owned(),
        peer: Some("198.51.100.5:25".parse().unwrap()),
        port: 25,
        standby: false,
        started_at: at,
        connect: ConnectOutcome::Connected { elapsed_ms: 5 },
        stages: vec![StageRecord { stage: Stage::Banner, elapsed_ms: 5, outcome: StageOutcome::Reply { reply } }],
        capabilities: Vec::new(),
        tls: None,
        proof: None,
        transcript: vec![format!("S: 220 {GREETING}")],
    }
}

#[tokio::test]
async fn whoever_has_a_link_sees_the_status_and_nothing_else() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let now = app.now();
    let open = Finding::new(Code::FwOpenWorld, Severity::Info, "mail.customer.example:25", now)
        .detail("everybody gets in")
        .remedy(Actor::Customer, "close it later");
    let partial = Finding::new(Code::SpfMx, Severity::Warning, "example.com", now)
        .detail("the SPF record uses mx")
        .remedy(Actor::Customer, "write it out");
    let dialogues =
        [dialogue(VantageRole::Egress, "egress-a", now), dialogue(VantageRole::Outsider, "outsider-helsinki", now)];
    let kept = vec![findings(&[open, partial], now), observation("firewall", &dialogues, now)];
    app.facts("example.com", &[], kept).await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let (path, id) = made(&app, &acme, json!({ "label": "Jane at the DNS provider" })).await;

    let reply = shared(&app, &path).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    for words in ["Change the MX now.", "mx1.gateway.example.", "the SPF record uses mx", "gets through"] {
        assert!(reply.text.contains(words), "{words} in {}", reply.text);
    }
    let secrets = [
        "FW_OPEN_WORLD",
        "everybody gets in",
        "outsider-helsinki",
        GREETING,
        "Customer of tests",
        "acme",
        "somebody",
        "/domains/",
        "/customers/",
        "Jane",
        id.as_str(),
        "<form",
        "href=\"/\"",
    ];
    for secret in secrets {
        assert!(!reply.text.contains(secret), "{secret} in {}", reply.text);
    }
    assert!(reply.headers["x-robots-tag"].to_str().unwrap().contains("noindex"));
    assert_eq!(reply.header(header::REFERRER_POLICY), "same-origin");
    assert_eq!(reply.header(header::CACHE_CONTROL), "no-store");
    assert!(reply.text.contains("<meta name=\"robots\" content=\"noindex"));
    // Whoever is signed in sees what the link leaves out.
    let inside = page(&app, "/domains/example.com", &acme).await.text;
    assert!(inside.contains("FW_OPEN_WORLD") && inside.contains("somebody else"), "{inside}");
    assert!(inside.contains("Jane at the DNS provider"), "{inside}");
}

#[tokio::test]
async fn a_link_that_leads_nowhere_tells_nothing() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let (revoked, id) = made(&app, &acme, json!({})).await;
    let (expired, _) = made(&app, &acme, json!({ "days": 1 })).await;
    let (transferred, _) = made(&app, &acme, json!({})).await;
    for path in [&revoked, &expired, &transferred] {
        assert_eq!(shared(&app, path).await.status, 200, "{path}");
    }
    let delete = request(Method::DELETE, &acme, &format!("/v1/domains/example.com/links/{id}"), Body::empty());
    assert_eq!(app.send(delete).await.status, 204);
    app.advance(SignedDuration::from_hours(24));
    assert_eq!(shared(&app, &transferred).await.status, 200);
    moved_to_another_partner(&app).await;
    let unknown = format!("/s/{}", "0".repeat(48));
    let mut bodies = Vec::new();
    for path in [revoked.as_str(), &expired, &transferred, &unknown, "/s/x", "/s/..%2f..%2fdomains"] {
        let reply = shared(&app, path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.headers.contains_key("x-robots-tag"), "{path}");
        bodies.push(reply.text);
        let live = shared(&app, &format!("{path}/live")).await;
        assert_eq!(live.status, 404, "{path}");
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
    insta::assert_snapshot!("link_that_leads_nowhere", bodies[0]);
}

async fn moved_to_another_partner(app: &TestApp) {
    let domain = "example.com".parse().unwrap();
    let customer = app.store.domain(&domain, &Scope::All).await.unwrap().unwrap().customer_id;
    let desk = crate::engine::Desk::new(app.store.clone(), app.clock.clone(), app.config.clone());
    let contact = Contact { name: "Q".to_owned(), email: "orders@q.example".to_owned(), role: ContactRole::Partner };
    let transfer = Transfer {
        to: OtherPartner {
            partner: "other".to_owned(),
            contacts: vec![contact],
            sales_rep: None,
            payer: Payer::default(),
        },
        from: None,
        reason: "they took it over".to_owned(),
        evidence: None,
    };
    let caller = crate::engine::Caller { who: "desk".to_owned(), scope: Scope::All, idempotency: None };
    desk.transfer(&customer, transfer, &caller).await.unwrap();
}

#[tokio::test]
async fn links_are_made_listed_and_revoked_by_the_desk_and_the_domains_partner_alone() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let desk = app.token(Role::Desk, None).await;
    let (path, id) = made(&app, &acme, json!({ "label": "DNS", "days": 30 })).await;
    made(&app, &desk, json!({})).await;
    assert_eq!(shared(&app, &path).await.status, 200);
    let list = app.get(&desk, "/v1/domains/example.com/links").await.json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    let used = items.iter().find(|item| item["id"] == json!(id)).unwrap();
    assert_eq!(used["last_used_at"], json!(app.now().to_string()));
    assert_eq!((&used["label"], &used["in_force"]), (&json!("DNS"), &json!(true)));
    assert!(used["made_by"].as_str().unwrap().starts_with("somebody"));
    let secret = path.trim_start_matches("/s/");
    assert!(!list.to_string().contains(secret), "the address is told once");

    let other = app.token(Role::Partner, Some("other")).await;
    let links = "/v1/domains/example.com/links";
    let one = format!("{links}/{id}");
    for (theirs, nobodys) in [
        (app.get(&other, links).await, app.get(&other, "/v1/domains/nowhere.example/links").await),
        (
            app.post(&other, links, &json!({})).await,
            app.post(&other, "/v1/domains/nowhere.example/links", &json!({})).await,
        ),
        (
            app.send(request(Method::DELETE, &other, &one, Body::empty())).await,
            app.send(request(Method::DELETE, &other, "/v1/domains/nowhere.example/links/x", Body::empty())).await,
        ),
    ] {
        assert_eq!((theirs.status.as_u16(), &theirs.text), (404, &nobodys.text));
    }
    for role in [Role::Viewer, Role::Accounting, Role::Agent] {
        let token = app.token(role, None).await;
        assert_eq!(app.get(&token, links).await.status, 403, "{role:?}");
        assert_eq!(app.post(&token, links, &json!({})).await.status, 403, "{role:?}");
        assert_eq!(app.send(request(Method::DELETE, &token, &one, Body::empty())).await.status, 403, "{role:?}");
    }
    for (body, field) in [(json!({ "days": 0 }), "days"), (json!({ "label": "a\nb" }), "label")] {
        let refused = app.post(&acme, links, &body).await;
        assert_eq!((refused.status.as_u16(), refused.json()["errors"][0]["field"].clone()), (422, json!(field)));
    }
    let again = app.send(request(Method::DELETE, &desk, &one, Body::empty())).await;
    assert_eq!(again.status, 204);
    let list = app.get(&acme, links).await.json();
    let revoked = list["items"].as_array().unwrap().iter().find(|item| item["id"] == json!(id)).unwrap().clone();
    assert_eq!(revoked["in_force"], json!(false));
    assert!(revoked["revoked_by"].as_str().unwrap().starts_with("somebody"));
}

/// The word that forms of a page carry.
fn form_word(text: &str) -> &str {
    let at = text.find("name=\"form\" value=\"").unwrap_or_else(|| panic!("no form in {text}"));
    text[at + "name=\"form\" value=\"".len()..].split('"').next().unwrap()
}

#[tokio::test]
async fn links_are_made_and_revoked_on_the_page() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let text = page(&app, "/domains/example.com", &acme).await.text;
    let links = &text[text.find("id=\"links\"").unwrap()..];
    let word = form_word(links).to_owned();
    let path = "/domains/example.com/links";
    let made = form(&app, path, &acme, format!("form={word}&label=Jane&days=7")).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let at = made.text.find("/s/").unwrap();
    let link = made.text[at..].split('<').next().unwrap().to_owned();
    assert_eq!(shared(&app, &link).await.status, 200, "{link}");
    // Another site's form, and one without the word.
    assert_eq!(form(&app, path, &acme, "form=&label=x".to_owned()).await.status, 403);
    let viewer = app.token(Role::Viewer, None).await;
    assert!(!page(&app, "/domains/example.com", &viewer).await.text.contains("id=\"links\""));
    assert_eq!(form(&app, path, &viewer, format!("form={word}")).await.status, 403);
    let other = app.token(Role::Partner, Some("other")).await;
    assert!(matches!(form(&app, path, &other, format!("form={word}")).await.status.as_u16(), 403 | 404));

    let text = page(&app, "/domains/example.com", &acme).await.text;
    let at = text.find("/domains/example.com/links/").unwrap();
    let revoke = text[at..].split('"').next().unwrap().to_owned();
    let done = form(&app, &revoke, &acme, format!("form={word}")).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(shared(&app, &link).await.status, 404);
}

#[tokio::test]
async fn following_a_link_is_no_way_in() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let (path, _) = made(&app, &acme, json!({})).await;
    let secret = path.trim_start_matches("/s/");
    assert_eq!(app.get(secret, "/v1/domains/example.com/status").await.status, 401);
    assert_eq!(page(&app, "/domains/example.com", secret).await.status, 303);
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let reply = app.send(Request::builder().method(method).uri(&path).body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, 405);
    }
    let reply = shared(&app, &path).await;
    assert_eq!(reply.header(header::SET_COOKIE), "");
}

#[tokio::test]
async fn a_shared_page_hears_of_news_until_its_link_is_revoked() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let acme = app.token(Role::Partner, Some("acme")).await;
    let (path, id) = made(&app, &acme, json!({})).await;
    assert!(shared(&app, &path).await.text.contains(&format!("data-live=\"{path}/live\"")));
    let request = Request::builder().uri(format!("{path}/live")).body(Body::empty()).unwrap();
    let response = app.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut news = response.into_body().into_data_stream();
    let mut heard = String::new();
    let mut hear = async |until: &str| {
        while !heard.contains(until) {
            let piece = news.next().await?.unwrap();
            heard.push_str(std::str::from_utf8(&piece).unwrap());
        }
        Some(heard.clone())
    };
    hear("watching").await.unwrap();
    app.made_ready("example.com").await;
    let told = hear("event: changed").await.unwrap();
    assert!(
        !told.contains("example.com") && !told.contains("gateway"),
        "it says that there is news, not which: {told}"
    );
    let one = format!("/v1/domains/example.com/links/{id}");
    assert_eq!(app.send(super::request(Method::DELETE, &acme, &one, Body::empty())).await.status, 204);
    assert_eq!(hear("never said").await, None, "the stream has ended");
}

#[tokio::test]
async fn transcripts_are_for_the_desk_alone() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let now = app.now();
    let dialogues = [dialogue(VantageRole::Egress, "egress-a", now)];
    app.facts("example.com", &[], vec![observation("firewall", &dialogues, now)]).await;
    let desk = app.token(Role::Desk, None).await;
    let shown = page(&app, "/domains/example.com/transcripts", &desk).await;
    assert!(shown.text.contains(&format!("S: 220 {GREETING}")), "{}", shown.text);
    assert!(page(&app, "/domains/example.com", &desk).await.text.contains("/domains/example.com/transcripts"));
    let acme = app.token(Role::Partner, Some("acme")).await;
    assert_eq!(page(&app, "/domains/example.com/transcripts", &acme).await.status, 403);
    let inside = page(&app, "/domains/example.com", &acme).await.text;
    assert!(!inside.contains("transcripts\"") && !inside.contains(GREETING), "{inside}");
}
