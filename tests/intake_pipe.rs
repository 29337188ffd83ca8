//! `fencepost intake` as a mail server's pipe calls it: the message on standard input, and a status that tells
//! the mail server whether to keep the message. The service is a stand-in that answers as it is told.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;

const TOKEN: &str = "fp_test";
const MESSAGE: &[u8] = b"From: <>\r\nTo: <canary@intake.gateway.example>\r\nSubject: caf\xe9\r\n\r\nDelivered.\r\n";
/// sysexits.h: the mail server keeps the message and comes back.
const TEMPFAIL: i32 = 75;

/// What the service was given: token and message.
type Given = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A service that answers every message so.
async fn service(status: u16, answer: &'static str) -> (String, Given) {
    let given: Given = Arc::default();
    let kept = given.clone();
    let take = move |headers: HeaderMap, body: Bytes| {
        let token = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        kept.lock().unwrap().push((token.unwrap_or_default(), body.to_vec()));
        async move { (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "application/json")], answer) }
    };
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Bodies are bounded here as there.
    let routes = Router::new().route("/v1/intake", post(take)).layer(axum::extract::DefaultBodyLimit::max(1 << 20));
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (url, given)
}

async fn intake(url: &str, words: &[&str], message: &[u8]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fencepost"));
    command.arg("intake").args(words).env_clear().env("FENCEPOST_URL", url).env("FENCEPOST_TOKEN", TOKEN);
    let message = message.to_vec();
    let run = move || -> Output {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Whoever reads no more closes the pipe.
        let _ = child.stdin.take().unwrap().write_all(&message);
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_handed_over_as_it_came() {
    let (url, given) = service(200, r#"{"taken":true,"domain":"customer.example"}"#).await;
    let (status, told, said) = intake(&url, &["--pipe", "-"], MESSAGE).await;
    assert_eq!(status, Some(0), "{said}");
    assert_eq!(told, "a delivery notice about customer.example was taken in\n");
    let given = given.lock().unwrap().clone();
    assert_eq!(given, [(format!("Bearer {TOKEN}"), MESSAGE.to_vec())], "byte for byte, under the token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_says_nothing_of_use_is_no_failure_of_the_pipe() {
    let answer = r#"{"taken":false,"reason":"it is no\u001b[2J delivery notice"}"#;
    let (url, _given) = service(200, answer).await;
    let (status, told, _) = intake(&url, &["--pipe", "-"], b"hello").await;
    assert_eq!(status, Some(0), "a mail server would send the message back: {told}");
    assert!(told.starts_with("nothing was taken in: it is no") && !told.contains('\u{1b}'), "{told:?}");
    assert_eq!(intake(&url, &["-"], b"hello").await.0, Some(1), "a person is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_pass_is_tried_again_later() {
    let away = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let away = format!("http://{away}");
    let problem = r#"{"type":"about:blank","title":"no","status":503}"#;
    let (busy, _busy) = service(503, problem).await;
    let (closed, _closed) = service(401, r#"{"type":"about:blank","title":"no","status":401}"#).await;
    for (what, url) in [("away", &away), ("busy", &busy), ("a token that ran out", &closed)] {
        let (status, told, said) = intake(url, &["--pipe", "-"], MESSAGE).await;
        assert_eq!((status, told.as_str()), (Some(TEMPFAIL), ""), "{what}: {said}");
        assert!(!said.is_empty(), "{what}");
        assert_ne!(intake(url, &["-"], MESSAGE).await.0, Some(TEMPFAIL), "{what}: by hand the usual status");
    }
    let (status, _, said) = intake(&busy, &["--pipe", "/does/not/exist"], b"").await;
    assert_eq!(status, Some(TEMPFAIL), "{said}");
    assert!(said.contains("/does/not/exist"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_message_without_end_only_the_beginning_is_read() {
    let (url, given) = service(200, r#"{"taken":false,"reason":"it is no delivery notice"}"#).await;
    let (status, ..) = intake(&url, &["--pipe", "-"], &vec![b'x'; 4 << 20]).await;
    assert_eq!(status, Some(0));
    assert_eq!(given.lock().unwrap()[0].1.len(), 256 << 10);
}
