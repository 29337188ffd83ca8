//! The adapter against an API that fails in the ways APIs fail.

use std::collections::VecDeque;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::*;

/// An API that answers as it is told, in turn, and remembers what it was asked.
#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<(u16, &'static str)>>,
    asked: Mutex<Vec<String>>,
}

async fn handle(
    State(script): State<Arc<Script>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("-");
    script.asked.lock().unwrap().push(format!("{method} {uri} [{token}] {}", String::from_utf8_lossy(&body)));
    let (status, text) = script.answers.lock().unwrap().pop_front().unwrap_or((500, "nothing left to say"));
    (StatusCode::from_u16(status).unwrap(), text).into_response()
}

async fn serve(answers: &[(u16, &'static str)]) -> (Arc<Script>, String) {
    let script = Arc::new(Script { answers: Mutex::new(answers.iter().copied().collect()), ..Script::default() });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(handle).with_state(Arc::clone(&script));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (script, format!("http://{address}/api/routes/"))
}

fn desire(mode: RouteMode, generation: u64) -> RouteDesire {
    RouteDesire {
        domain: "example.com".parse().unwrap(),
        mode,
        servers: vec![MailServer { host: "mail.example.com".into(), port: 25, standby: false }],
        generation,
    }
}

fn asked(script: &Script) -> Vec<String> {
    script.asked.lock().unwrap().clone()
}

#[tokio::test]
async fn what_is_asked_of_the_api() {
    let (script, url) =
        serve(&[(204, ""), (200, ""), (404, ""), (200, r#"{"mode":"deliver","more":1}"#), (404, "")]).await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret\n").unwrap();
    let gateway = HttpGateway::new(&url, Some(&token)).unwrap();
    gateway.apply(&desire(RouteMode::Deliver, 3)).await.unwrap();
    gateway.apply(&desire(RouteMode::Absent, 4)).await.unwrap();
    gateway.apply(&desire(RouteMode::Absent, 4)).await.unwrap();
    let domain = "example.com".parse().unwrap();
    assert_eq!(gateway.observe(&domain).await.unwrap(), Some(RouteMode::Deliver));
    assert_eq!(gateway.observe(&domain).await.unwrap(), None);
    insta::assert_snapshot!(asked(&script).join("\n"), @r#"
    PUT /api/routes/example.com [Bearer s3cret] {"mode":"deliver","servers":[{"host":"mail.example.com","port":25,"standby":false}],"generation":3}
    DELETE /api/routes/example.com?generation=4 [Bearer s3cret] 
    DELETE /api/routes/example.com?generation=4 [Bearer s3cret] 
    GET /api/routes/example.com [Bearer s3cret] 
    GET /api/routes/example.com [Bearer s3cret] 
    "#);
}

#[tokio::test]
async fn passing_trouble_is_tried_again_and_no_more_than_bounded() {
    let (script, url) = serve(&[(503, ""), (429, ""), (200, "")]).await;
    HttpGateway::new(&url, None).unwrap().apply(&desire(RouteMode::Defer, 1)).await.unwrap();
    assert_eq!(asked(&script).len(), 3);

    let (script, url) = serve(&[(500, ""); 10]).await;
    let error = HttpGateway::new(&url, None).unwrap().apply(&desire(RouteMode::Defer, 1)).await.unwrap_err();
    assert_eq!(asked(&script).len(), 3);
    assert!(error.to_string().contains("500"), "{error}");
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_and_says_why() {
    let (script, url) = serve(&[(422, "no such\r\nserver")]).await;
    let error = HttpGateway::new(&url, None).unwrap().apply(&desire(RouteMode::Deliver, 1)).await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway's API answered 422 Unprocessable Entity: no such  server");
    assert_eq!(asked(&script).len(), 1);
}

#[tokio::test]
async fn a_late_generation_is_stale_and_another_conflict_is_not() {
    let (_, url) = serve(&[(409, r#"{"generation":9}"#), (409, "busy"), (409, r#"{"generation":2}"#)]).await;
    let gateway = HttpGateway::new(&url, None).unwrap();
    let late = gateway.apply(&desire(RouteMode::Deliver, 7)).await.unwrap_err();
    assert!(matches!(late, GatewayError::Stale { ours: 7, seen: 9, .. }), "{late}");
    for _ in 0..2 {
        let other = gateway.apply(&desire(RouteMode::Deliver, 7)).await.unwrap_err();
        assert!(matches!(other, GatewayError::Failed(_)), "{other}");
    }
}

#[tokio::test]
async fn nobody_there_and_nonsense_are_errors_without_the_token() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let domain = "example.com".parse().unwrap();
    let error = HttpGateway::new(&url, None).unwrap().observe(&domain).await.unwrap_err();
    assert!(error.to_string().contains("cannot be asked"), "{error}");

    let long: &'static str = Box::leak("x".repeat(MAX_BODY_BYTES + 1).into_boxed_str());
    let (_, url) = serve(&[(200, "<html>"), (200, r#"{"mode":"sideways"}"#), (200, long), (302, "")]).await;
    let gateway = HttpGateway::new(&url, None).unwrap();
    for expected in ["no route", "no route", "more than", "302"] {
        let error = gateway.observe(&domain).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn what_cannot_work_is_told_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    for (url, content) in [
        ("nonsense", Some("x")),
        ("mailto:a@b", Some("x")),
        ("https://a.example", None),
        ("https://a.example", Some(" ")),
        ("https://a.example", Some("a\nb")),
    ] {
        let _ = std::fs::remove_file(&token);
        if let Some(content) = content {
            std::fs::write(&token, content).unwrap();
        }
        let error = HttpGateway::new(url, Some(&token)).unwrap_err();
        assert!(error.to_string().starts_with("gateway.adapter."), "{error}");
    }
}
