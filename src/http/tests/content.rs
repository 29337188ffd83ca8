//! What pages may contain: nothing that a strict policy would have to allow, and the headers that say so.

use axum::body::Body;
use axum::http::{Request, header};

use super::routes::{filled, of};
use super::{Reply, TestApp};
use crate::store::Role;

/// The tags of a page with their attributes, read as browsers do: quotation marks may hold anything.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(rest.len());
        let name = rest[..end].to_lowercase();
        rest = &rest[end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if rest.is_empty() || rest.starts_with('>') {
                break;
            }
            let end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '=').unwrap_or(rest.len());
            let attribute = rest[..end].to_lowercase();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(after) = rest.strip_prefix('=') {
                let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
                let (inside, remaining) = match quote {
                    Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
                    None => after.split_at(after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len())),
                };
                inside.clone_into(&mut value);
                rest = remaining;
            }
            attributes.push((attribute, value));
        }
        tags.push((name, attributes));
    }
    tags
}

/// What a policy without `unsafe-inline`, and for this site alone, would not let act.
fn offences(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (tag, attributes) in tags(html) {
        let value = |name: &str| attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        if tag == "style" || matches!(tag.as_str(), "iframe" | "object" | "embed" | "base") {
            found.push(format!("<{tag}>"));
        }
        if tag == "script" && value("src").is_none_or(|src| !src.starts_with('/')) {
            found.push("an inline script".to_owned());
        }
        for (name, value) in &attributes {
            let value = value.trim().to_lowercase();
            let elsewhere = value.starts_with("//") || value.starts_with("http:") || value.starts_with("https:");
            if name == "style" || name.starts_with("on") || value.starts_with("javascript:") {
                found.push(format!("<{tag} {name}={value:?}>"));
            }
            if elsewhere && (name == "src" || name == "action" || (name == "href" && tag == "link")) {
                found.push(format!("<{tag} {name}={value:?}> leads elsewhere"));
            }
        }
    }
    found
}

#[test]
fn what_a_policy_forbids_is_found() {
    for bad in [
        "<p style=\"a\">",
        "<a href='javascript:x'>",
        "<b title=\">\" onclick=x>",
        "<style>",
        "<script>",
        "<img src=\"//evil.example/\">",
        "<script src=\"https://evil.example/x.js\"></script>",
    ] {
        assert!(!offences(bad).is_empty(), "{bad}");
    }
    for good in ["<p title=\"style= onclick=\">", "a < b style=\"x\"", "<script src=\"/page.js\" defer></script>"] {
        assert!(offences(good).is_empty(), "{good}: {:?}", offences(good));
    }
}

fn guarded(reply: &Reply, what: &str) {
    let policy = reply.header(header::CONTENT_SECURITY_POLICY);
    for needed in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(needed), "{what}: {needed} in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(reply.headers.get(name).map(|found| found.to_str().unwrap()), Some(value), "{what}: {name}");
    }
    assert!(reply.headers["permissions-policy"].to_str().unwrap().contains("camera=()"), "{what}");
    assert!(!reply.headers.contains_key("server"), "{what}");
}

#[tokio::test]
async fn every_page_is_without_what_a_strict_policy_forbids() {
    let app = TestApp::new();
    let customer = app.ordered("acme", "example.com").await;
    app.made_ready("example.com").await;
    let desk = app.token(Role::Desk, None).await;
    let value = |name: &str| match name {
        "domain" => "example.com".to_owned(),
        "id" | "customer" => customer.clone(),
        "month" => "2026-03".to_owned(),
        "date" => "2026-03-15".to_owned(),
        other => format!("no-{other}"),
    };
    let mut shown = 0;
    // Streams have no end, and are no pages.
    for route in of("panel").into_iter().filter(|route| route.get && !route.path.ends_with("/live")) {
        let path = filled(&route.path, value);
        for cookie in [desk.as_str(), ""] {
            let mut request = Request::builder().uri(&path).header(header::HOST, "h");
            if !cookie.is_empty() {
                request = request.header(header::COOKIE, format!("fencepost_token={cookie}"));
            }
            let reply = app.send(request.body(Body::empty()).unwrap()).await;
            guarded(&reply, &path);
            assert!(!reply.status.is_server_error(), "{path}: {}", reply.text);
            if reply.header(header::CONTENT_TYPE).starts_with("text/html") {
                shown += u32::from(reply.status == 200);
                assert_eq!(offences(&reply.text), Vec::<String>::new(), "{path}");
            }
        }
    }
    assert!(shown >= 10, "only {shown} pages were shown");
    for path in ["/v1/domains", "/nowhere", "/healthz", "/v1/domains/%ff/status"] {
        guarded(&app.get(&desk, path).await, path);
    }
    let plain = app.get("", "/sign-in").await;
    assert!(!plain.headers.contains_key(header::STRICT_TRANSPORT_SECURITY), "it is not reached by TLS");
}
