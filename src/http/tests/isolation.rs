//! A partner learns nothing of another's domains and customers: whatever is asked, by whatever route, is answered
//! as it is for what does not exist, after the same questions to the store.

use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};

use super::routes::{Route, filled, of};
use super::{Reply, TestApp};
use crate::http::panel::word_of;
use crate::store::Role;

const NOBODY: &str = "01890000-0000-7000-8000-000000000000";

/// A body that gets as far as it can, by the end of the address.
fn body(path: &str) -> Value {
    let evidence = json!({ "text": "They said so.", "name": "mail" });
    match path.rsplit('/').next().unwrap_or_default() {
        "decide" => json!({ "decision": "customer", "evidence": evidence }),
        "notice" => json!({ "evidence": evidence }),
        "domains" => json!({ "domains": ["new.example"] }),
        "transfer" => json!({ "partner": "other", "evidence": evidence }),
        "extend" => json!({ "until": "2026-05-01", "evidence": evidence }),
        "mailboxes" => json!({ "mailboxes": 5 }),
        "accept-mx" => json!({ "names": ["a.example"], "reason": "r" }),
        "cancel" | "suspend" | "resume" | "quarantine" => json!({ "reason": "r" }),
        "release" => json!({ "cause": "terminated" }),
        "servers" => json!({ "servers": [{ "host": "mail.new.example" }] }),
        _ => json!({}),
    }
}

/// Sends it as a program or as a browser does, and notes what the store was asked.
async fn ask(app: &TestApp, token: &str, method: &Method, path: &str, page: bool) -> (Reply, Vec<&'static str>) {
    let mut request = Request::builder().method(method.clone()).uri(path).header(header::HOST, "h");
    let mut sent = String::new();
    if page {
        request = request.header(header::COOKIE, format!("fencepost_token={token}"));
        if method == Method::POST {
            sent = format!("form={}&reason=x&mailboxes=5&until=2026-05-01", word_of(token));
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
    } else {
        request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        if method == Method::POST {
            sent = body(path).to_string();
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
    }
    app.asked();
    let reply = app.send(request.body(Body::from(sent)).unwrap()).await;
    (reply, app.asked())
}

/// What an answer says, without the echo of what was asked for.
fn told(reply: &Reply, echo: &str) -> (u16, Vec<(String, String)>, String) {
    let mut headers: Vec<(String, String)> = reply
        .headers
        .iter()
        .filter(|(name, _)| *name != "x-request-id")
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().replace(echo, "<asked>")))
        // A browser that is new here gets a name by chance.
        .map(|(name, value)| match value.split_once('=') {
            Some((cookie, _)) if name == "set-cookie" => (name, cookie.to_owned()),
            _ => (name, value),
        })
        .collect();
    headers.sort();
    (reply.status.as_u16(), headers, reply.text.replace(echo, "<asked>"))
}

#[tokio::test]
async fn what_is_anothers_is_answered_like_what_is_not_there() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    app.ordered("other", "own.example").await;
    let other = app.token(Role::Partner, Some("other")).await;
    // Signed in, and what is kept of its own, so that both questions below find the same things warm.
    app.page(&other, "/domains/own.example").await;
    assert_eq!(customer.len(), NOBODY.len());

    let mut seen = 0;
    let routes = of("api").into_iter().map(|route| (route, false));
    let routes: Vec<(Route, bool)> = routes.chain(of("panel").into_iter().map(|route| (route, true))).collect();
    for (route, page) in routes.iter().filter(|(route, _)| route.path.contains('{')) {
        let address = |domain: &str, id: &str| {
            filled(&route.path, |name| match name {
                "domain" => domain.to_owned(),
                "id" | "customer" => id.to_owned(),
                "sha256" => "0".repeat(64),
                "date" => "2026-03-15".to_owned(),
                "month" => "2026-03".to_owned(),
                "number" => "1".to_owned(),
                other => format!("no-{other}"),
            })
        };
        let methods = [(route.get, Method::GET), (route.post, Method::POST)];
        for (_, method) in methods.into_iter().filter(|(takes, _)| *takes) {
            let (theirs, nobodys) = (address("example.com", &customer), address("nowhere.com", NOBODY));
            let (one, one_asked) = ask(&app, &other, &method, &theirs, *page).await;
            let (two, two_asked) = ask(&app, &other, &method, &nobodys, *page).await;
            let echo = |path: &str| if path.contains("example.com") { "example.com" } else { "nowhere.com" }.to_owned();
            let id = |path: &str| if path.contains(&customer) { customer.clone() } else { NOBODY.to_owned() };
            let what = format!("{method} {}", route.path);
            let clean = |reply: &Reply, path: &str| {
                let (status, headers, text) = told(reply, &echo(path));
                (status, headers, text.replace(&id(path), "<asked>"))
            };
            assert_eq!(clean(&one, &theirs), clean(&two, &nobodys), "{what}");
            assert_eq!(one_asked, two_asked, "{what}");
            assert!(one.status.is_client_error() || one.status.is_redirection(), "{what}: {} {}", one.status, one.text);
            seen += 1;
        }
    }
    assert!(seen > 40, "only {seen} questions were asked");
}

#[tokio::test]
async fn an_order_for_anothers_domain_is_taken_like_any_other() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let other = app.token(Role::Partner, Some("other")).await;
    let place = async |domain: &str| app.post(&other, "/v1/orders", &super::order("other", domain)).await;
    let (theirs, nobodys) = (place("example.com").await, place("nowhere.com").await);
    assert_eq!((theirs.status, nobodys.status), (nobodys.status, theirs.status));
    assert_eq!(theirs.status, 201, "{}", theirs.text);
    let of = async |domain: &str| {
        let text = app.get(&other, &format!("/v1/domains/{domain}/status")).await.text.replace(domain, "<asked>");
        serde_json::from_str::<Value>(&super::without_ids(&text)).unwrap()
    };
    assert_eq!(of("example.com").await, of("nowhere.com").await);
}

#[tokio::test]
async fn lists_and_totals_hold_nothing_of_others() {
    let app = TestApp::new();
    let other = app.token(Role::Partner, Some("other")).await;
    let routes =
        of("api").into_iter().map(|route| (route, false)).chain(of("panel").into_iter().map(|route| (route, true)));
    let routes: Vec<(Route, bool)> = routes.filter(|(route, _)| route.get && !route.path.contains('{')).collect();
    let before: Vec<Reply> = all(&app, &other, &routes).await;
    let customer = app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let after = all(&app, &other, &routes).await;
    for (((route, _), before), after) in routes.iter().zip(&before).zip(&after) {
        assert_eq!(told(before, "\u{0}"), told(after, "\u{0}"), "{}", route.path);
        for secret in ["example.com", customer.as_str(), "acme", "Customer of tests"] {
            // Addresses of examples stand in forms and in the document.
            let silent = ["/order", "/openapi.json"].contains(&route.path.as_str()) || !after.text.contains(secret);
            assert!(silent, "{} says {secret}: {}", route.path, after.text);
        }
    }
    assert!(routes.len() > 15);
}

async fn all(app: &TestApp, token: &str, routes: &[(Route, bool)]) -> Vec<Reply> {
    let mut replies = Vec::new();
    for (route, page) in routes {
        // Pages for signing in name the browser anew each time.
        if route.path.starts_with("/sign-in") || route.path == "/metrics" {
            replies.push(app.get("", "/nowhere").await);
        } else {
            replies.push(ask(app, token, &Method::GET, &route.path, *page).await.0);
        }
    }
    replies
}
