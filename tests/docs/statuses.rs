//! The statuses that the help promises, of the real program: 0, 1, 2 and 3; waiting; and nothing but text for
//! whoever is no terminal.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router};
use fencepost_checks::DomainName;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::sandbox::PROGRAM;

const BOUND: Duration = Duration::from_secs(60);

fn fencepost(words: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(words).env_clear().stdin(Stdio::null());
    command
}

fn told(ran: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (ran.status.code(), text(&ran.stdout), text(&ran.stderr))
}

#[test]
fn zero_one_two_and_three() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("fencepost.yaml");
    std::fs::write(&config, format!("store:\n  path: {}/db\n", folder.path().display())).unwrap();
    let config = config.to_str().unwrap();
    // Nobody listens there any more.
    let gone = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let gone = format!("http://{gone}");
    let away = ["--token", "fp_x", "--url", &gone];
    let cases: Vec<(i32, Vec<&str>)> = vec![
        (0, vec!["explain", "FW_PARTIAL"]),
        (0, vec!["--help"]),
        (0, vec!["help", "status"]),
        (0, vec!["--config", config, "config", "check"]),
        (0, vec!["--config", config, "migrate"]),
        (1, vec!["--config", config, "token", "revoke", "0123456789ab"]),
        (1, vec!["healthcheck", "--url", &gone]),
        (2, vec![]),
        (2, vec!["stauts"]),
        (2, vec!["explain", "FW_PARTAIL"]),
        (2, vec!["--config", "missing.yaml", "config", "check"]),
        (2, vec!["status", "example.com"]),
        (2, vec!["status", "example.com", "--wait", "reddy"]),
        (2, vec!["status", "example.com", "--timeout", "5"]),
        (3, [&["status", "example.com"], &away[..]].concat()),
        (3, [&["status", "example.com", "--wait", "ready", "--timeout", "1"], &away[..]].concat()),
        (3, [&["ledger", "verify"], &away[..]].concat()),
    ];
    for (status, words) in cases {
        let (code, out, err) = told(&fencepost(&words).output().unwrap());
        assert_eq!(code, Some(status), "{words:?}\n{out}\n{err}");
        assert!(status == 0 || !err.is_empty() || words.is_empty(), "{words:?} says nothing");
    }
}

#[test]
fn the_name_alone_shows_the_way() {
    let (code, out, err) = told(&fencepost(&[]).output().unwrap());
    assert_eq!((code, err.as_str()), (Some(2), ""));
    for word in ["fencepost demo", "fencepost serve", "docs/first-customer.md"] {
        assert!(out.contains(word), "{out}");
    }
}

#[test]
fn no_colours_where_nobody_wants_them() {
    for (name, value) in [("NO_COLOR", "1"), ("TERM", "xterm-256color")] {
        for words in [&["--help"][..], &["explain"], &["lifecycle"], &["help", "check"]] {
            let ran = fencepost(words).env(name, value).output().unwrap();
            assert!(!ran.stdout.contains(&0x1b) && ran.status.success(), "{words:?}");
        }
    }
}

#[test]
fn manual_pages_and_completions_for_packages() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    let (code, said, err) = told(&fencepost(&["man", "--out", out.to_str().unwrap()]).output().unwrap());
    assert_eq!(code, Some(0), "{err}");
    let pages = std::fs::read_dir(&out).unwrap().count();
    assert!(pages > 50 && said.contains(&pages.to_string()), "{pages}: {said}");
    let page = std::fs::read_to_string(out.join("fencepost-status.1")).unwrap();
    assert!(page.contains(".SH EXAMPLES") && page.contains(".SH \"EXIT STATUS\""), "{page}");
    for shell in ["bash", "zsh", "fish"] {
        let ran = fencepost(&["completions", shell]).output().unwrap();
        assert!(ran.status.success() && ran.stdout.len() > 1_000, "{shell}");
    }
}

/// A service whose one domain goes through these phases, a question each, and stays in the last.
async fn service(phases: &'static [(&'static str, &'static str)]) -> String {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let asked = std::sync::Arc::new(asked);
    let answer = move || {
        let at = asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst).min(phases.len() - 1);
        async move { Json(status(phases[at])) }
    };
    let routes = Router::new().route("/v1/domains/{domain}/status", get(answer));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

fn status((phase, answer): (&str, &str)) -> Value {
    json!({
        "domain": DomainName::parse("example.com").unwrap(), "connection_id": "k", "as_of": "2026-11-23T10:00:00Z",
        "phase": phase, "phase_since": "2026-11-23T09:00:00Z", "answer": answer, "reason": "Because.",
        "mx_change_permitted": answer == "change_now", "permit": null, "waiting_for": [], "next_check_at": null,
        "records_to_set": [], "records_to_remove": [], "current_mx": [], "previous_mx": [], "mx_verdict": null,
        "fastest_change_after": null, "all_senders_switched_by": null, "old_path_needed_until": null,
        "findings": [], "window": null,
    })
}

async fn wait(phases: &'static [(&'static str, &'static str)], seconds: &'static str) -> (Option<i32>, String, String) {
    let url = service(phases).await;
    let ran = tokio::task::spawn_blocking(move || {
        let words =
            ["status", "example.com", "--wait", "ready", "--timeout", seconds, "--url", &url, "--token", "fp_x"];
        fencepost(&words).output().unwrap()
    });
    told(&timeout(BOUND, ran).await.unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_well() {
    let (code, out, err) = wait(&[("probing", "wait"), ("probing", "wait"), ("ready", "change_now")], "50").await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("CHANGE NOW") && err.contains("probing") && err.contains("ready"), "{out}\n{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_when_the_time_is_up() {
    let (code, out, err) = wait(&[("probing", "wait")], "2").await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("after 2 s example.com is in the phase probing, not ready") && out.contains("WAIT"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_ends_when_it_goes_another_way() {
    let (code, _, err) = wait(&[("probing", "wait"), ("cancelled", "move_away")], "50").await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("cancelled"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ctrl_c_ends_the_waiting() {
    let url = service(&[("probing", "wait")]).await;
    let words = ["status", "example.com", "--wait", "ready", "--url", &url, "--token", "fp_x"];
    let child = tokio::process::Command::from({
        let mut command = fencepost(&words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    })
    .kill_on_drop(true)
    .spawn()
    .unwrap();
    let id = child.id().unwrap().to_string();
    let mut child = child;
    // It has told the first status: by then it listens for the signal.
    let mut err = tokio::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    timeout(BOUND, tokio::io::AsyncBufReadExt::read_line(&mut err, &mut line)).await.unwrap().unwrap();
    assert!(line.contains("probing"), "{line}");
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let ended = timeout(BOUND, child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(3));
    let mut rest = String::new();
    timeout(BOUND, tokio::io::AsyncReadExt::read_to_string(&mut err, &mut rest)).await.unwrap().unwrap();
    assert!(rest.contains("stopped"), "{rest}");
}
