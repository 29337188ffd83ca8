//! The pages: who may read them, and that nothing in them can act.

use axum::body::Body;
use axum::http::{Request, header};
use fencepost_checks::firewall::Allow;
use fencepost_checks::{Actor, Code, Finding, Severity};
use serde_json::json;

use super::{Reply, TestApp, findings, observation, order, round};
use crate::store::Role;

const HOSTILE: &str = "<script>alert(1)</script>\"'&";

async fn page(app: &TestApp, path: &str, cookie: &str, host: &str) -> Reply {
    let mut request = Request::builder().uri(path).header(header::HOST, host);
    if !cookie.is_empty() {
        request = request.header(header::COOKIE, format!("a=b; fencepost_token={cookie}"));
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn hostile_text_is_shown_and_never_acts() {
    let app = TestApp::new();
    let desk = app.token(Role::Desk, None).await;
    let mut body = order("acme", "example.com");
    body["customer_name"] = json!(HOSTILE);
    assert_eq!(app.post(&desk, "/v1/orders", &body).await.status, 201);
    let now = app.now();
    let finding = Finding {
        code: Code::SmtpNoBanner,
        severity: Severity::Blocking,
        subject: HOSTILE.to_owned(),
        detail: HOSTILE.to_owned(),
        remedy: HOSTILE.to_owned(),
        who: Actor::Customer,
        allow: None,
        vantages: vec![HOSTILE.to_owned()],
        observed_at: now,
    };
    let mx = observation("mx", &round("example.com", HOSTILE, now), now);
    app.facts("example.com", &[], vec![findings(&[finding], now), mx]).await;
    for path in ["/", "/domains/example.com"] {
        let reply = page(&app, path, &desk, "fencepost.example").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        let own = "<script src=\"/page.js\" defer></script>";
        assert!(!reply.text.replacen(own, "", 1).contains("<script"), "{path}");
        assert!(reply.text.contains("&#60;script&#62;"), "{path}: {}", reply.text);
    }
}

/// The text between a quotation mark and the next.
fn quoted<'a>(text: &'a str, begin: &str) -> &'a str {
    let at = text.find(begin).unwrap_or_else(|| panic!("no {begin} in {text}"));
    text[at..].split('"').next().unwrap()
}

#[tokio::test]
async fn rules_to_paste_and_the_message_to_forward_cannot_act_either() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let now = app.now();
    let allow = Allow {
        sources: vec!["192.0.2.10".parse().unwrap()],
        servers: vec!["198.51.100.5".parse().unwrap()],
        port: 25,
    };
    let rules: Vec<String> = allow.rules().into_iter().map(|rule| rule.text).collect();
    assert!(rules.iter().any(|text| text.contains('"')), "some product wants quotation marks: {rules:?}");
    let finding = Finding::new(Code::FwPartial, Severity::Blocking, "mail.example.com:25", now)
        .detail("seen")
        .remedy(Actor::Customer, "allow")
        .allow(Some(allow));
    let hostile = "x.\"><script>alert(1)</script>&body=evil\r\nBcc: everybody";
    let mx = observation("mx", &round("example.com", hostile, now), now);
    app.facts("example.com", &[], vec![findings(&[finding], now), mx]).await;
    let text = page(&app, "/domains/example.com", &desk, "h").await.text;
    let own = "<script src=\"/page.js\" defer></script>";
    assert!(!text.replacen(own, "", 1).contains("<script"), "{text}");
    // Every rule is there, and not one mark of it as it stands.
    for rule in rules {
        let shown: String = rule
            .chars()
            .map(|c| match c {
                '"' => "&#34;".to_owned(),
                '\'' => "&#39;".to_owned(),
                '<' => "&#60;".to_owned(),
                '>' => "&#62;".to_owned(),
                '&' => "&#38;".to_owned(),
                other => other.to_string(),
            })
            .collect();
        assert!(text.contains(&shown), "{shown}\nin\n{text}");
    }
    let link = quoted(&text, "mailto:?");
    assert_eq!(link.matches("subject=").count(), 1, "{link}");
    assert_eq!(link.matches("&#38;body=").count(), 1, "one body, and it is ours: {link}");
    assert!(link.contains("%3Cscript%3E") && !link.contains(['<', '>', '\'', ' ', '\n']), "{link}");
    assert!(link.contains("%26body%3Devil"), "what the zone says stays inside the body: {link}");
}

#[tokio::test]
async fn nobody_reads_pages_without_a_token() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    for path in ["/", "/domains/example.com", "/domains/nowhere.example"] {
        let reply = page(&app, path, "", "127.0.0.1:8080").await;
        assert_eq!(reply.status, 303, "{path}");
        assert!(reply.header(header::LOCATION).starts_with("/sign-in?next=%2F"), "{path}");
    }
}

#[tokio::test]
async fn a_partner_reads_its_own_pages_only() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    let other = app.token(Role::Partner, Some("other")).await;
    let theirs = page(&app, "/domains/example.com", &other, "h").await;
    let nobodys = page(&app, "/domains/nowhere.example", &other, "h").await;
    assert_eq!((theirs.status.as_u16(), &theirs.text), (404, &nobodys.text));
    assert!(!page(&app, "/", &other, "h").await.text.contains("example.com"));
}

#[tokio::test]
async fn open_pages_are_for_loopback_names_only() {
    let app = TestApp::with(|config| config.http.open_pages_on_loopback = true);
    app.ordered("acme", "example.com").await;
    for host in ["127.0.0.1:8080", "localhost:8080", "localhost", "[::1]:8080"] {
        assert_eq!(page(&app, "/", "", host).await.status, 200, "{host}");
    }
    // A page elsewhere whose name was pointed at this machine still sends its own name.
    for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", ""] {
        assert_eq!(page(&app, "/", "", host).await.status, 303, "{host}");
    }
    let elsewhere = TestApp::with(|config| {
        config.http.open_pages_on_loopback = true;
        config.http.listen = "0.0.0.0:8080".parse().unwrap();
    });
    assert_eq!(page(&elsewhere, "/", "", "127.0.0.1:8080").await.status, 303);
    // Open pages read; the API still wants its token.
    assert_eq!(app.get("", "/v1/domains").await.status, 401);
}

#[tokio::test]
async fn the_status_page_says_what_to_do() {
    let app = TestApp::new();
    app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let text = page(&app, "/domains/example.com", &desk, "h").await.text;
    for words in ["Change the MX now.", "mx1.gateway.example.", "mail.old.example.", "Permit 1 issued", "answer go"] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let list = page(&app, "/", &desk, "h").await.text;
    assert!(list.contains("change now") && list.contains("/domains/example.com"), "{list}");
}
