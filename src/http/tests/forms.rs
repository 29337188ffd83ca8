//! Every form of every page: none is taken from another site, without its word, or with another one's.

use axum::body::Body;
use axum::http::{Method, Request, header};

use super::routes::{Route, filled, of};
use super::{Reply, TestApp};
use crate::http::panel::word_of;
use crate::store::Role;

struct Sent<'a> {
    what: &'a str,
    cookie: Option<&'a str>,
    word: Option<&'a str>,
    headers: &'a [(&'static str, &'static str)],
}

async fn send(app: &TestApp, path: &str, multipart: bool, sent: &Sent<'_>) -> Reply {
    let mut request = Request::builder().method(Method::POST).uri(path).header(header::HOST, "fencepost.example");
    if let Some(cookie) = sent.cookie {
        request = request.header(header::COOKIE, format!("fencepost_token={cookie}"));
    }
    for (name, value) in sent.headers {
        request = request.header(*name, *value);
    }
    let (kind, body) = match (multipart, sent.word) {
        (_, None) => ("application/x-www-form-urlencoded", "reason=x".to_owned()),
        (false, Some(word)) => ("application/x-www-form-urlencoded", format!("form={word}&reason=x")),
        (true, Some(word)) => (
            "multipart/form-data; boundary=xx",
            format!("--xx\r\nContent-Disposition: form-data; name=\"form\"\r\n\r\n{word}\r\n--xx--\r\n"),
        ),
    };
    app.send(request.header(header::CONTENT_TYPE, kind).body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn no_form_is_taken_from_elsewhere() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    let (desk, other) = (app.token(Role::Desk, None).await, app.token(Role::Desk, None).await);
    let (word, others) = (word_of(&desk), word_of(&other));
    let here = [("sec-fetch-site", "same-origin"), ("origin", "http://fencepost.example")];
    let foreign = [
        Sent { what: "no word", cookie: Some(&desk), word: None, headers: &here },
        Sent { what: "an empty word", cookie: Some(&desk), word: Some(""), headers: &here },
        Sent { what: "another's word", cookie: Some(&desk), word: Some(&others), headers: &here },
        Sent { what: "no session", cookie: None, word: Some(&word), headers: &here },
        Sent {
            what: "another site",
            cookie: Some(&desk),
            word: Some(&word),
            headers: &[("sec-fetch-site", "cross-site")],
        },
        Sent {
            what: "a neighbour",
            cookie: Some(&desk),
            word: Some(&word),
            headers: &[("sec-fetch-site", "same-site")],
        },
        Sent {
            what: "another origin",
            cookie: Some(&desk),
            word: Some(&word),
            headers: &[("origin", "https://evil.example")],
        },
        Sent { what: "no origin", cookie: Some(&desk), word: Some(&word), headers: &[("origin", "null")] },
        Sent {
            what: "two answers",
            cookie: Some(&desk),
            word: Some(&word),
            headers: &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
        },
    ];
    let forms: Vec<Route> = of("panel").into_iter().filter(|route| route.post).collect();
    assert!(forms.len() >= 12, "{forms:?}");
    let value = |name: &str| match name {
        "domain" => "example.com".to_owned(),
        "id" | "customer" => customer.clone(),
        other => format!("no-{other}"),
    };
    for route in &forms {
        let path = filled(&route.path, value);
        for multipart in [false, true] {
            for sent in &foreign {
                let reply = send(&app, &path, multipart, sent).await;
                assert_eq!(reply.status, 403, "{path}: {}: {}", sent.what, reply.text);
                assert_eq!(reply.header(header::SET_COOKIE), "", "{path}: {}", sent.what);
            }
        }
    }
    // And one that is: refused for another reason, or taken.
    for route in forms.iter().filter(|route| !route.path.starts_with("/sign-") && !route.path.starts_with("/account")) {
        let path = filled(&route.path, value);
        let sent = Sent { what: "ours", cookie: Some(&desk), word: Some(&word), headers: &here };
        let reply = send(&app, &path, false, &sent).await;
        assert!(!reply.text.contains("out of date") && !reply.text.contains("another site"), "{path}: {}", reply.text);
    }
}
