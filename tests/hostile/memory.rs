//! How much memory a flood can make the prober take, counted by the allocator: one misbehaviour after
//! the other, in a process in which nothing else runs. Each server would send 64 MiB.

use std::process::Command;
use std::time::Duration;

use fencepost_checks::Verdict::{Fail, Inconclusive, Pass};
use peak_alloc::PeakAlloc;

use super::lab::certificates::{Authority, Oddity};
use super::lab::hostile_smtp::Step::{Flood, Request, Swallow, Tls};
use super::lab::hostile_smtp::say;
use super::policy::POLICY_HOST;
use super::{SERVER, policy, smtp};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// For the servers, the prober with the public roots, and the dialogue.
const MIB: usize = 1 << 20;
const LIMIT: usize = 4 * MIB;

#[test]
fn no_flood_is_kept() {
    let done = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "memory::alone", "--ignored", "--nocapture"])
        .output()
        .unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

#[tokio::test]
#[ignore = "no_flood_is_kept runs it in a process of its own"]
async fn alone() {
    let mut wrong = measured("the measure itself", async { vec![keep_everything()] }).await;
    assert_eq!(wrong.len(), 2, "what is kept is counted: {wrong:?}");
    wrong.clear();

    let server = Authority::new(SERVER);
    let session = || Tls(server.acceptor(Oddity::None));
    let rows = vec![
        smtp::row("lines at the greeting", smtp::greets([Flood(b"220-a\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
        smtp::row("digits at the greeting", smtp::greets([Flood(b"22")]), "SMTP_PROTOCOL_ERROR", Fail),
        smtp::row("bytes at the greeting", smtp::greets([Flood(b"\xff\x1b[2J")]), "SMTP_WRONG_PROTOCOL", Fail),
        smtp::row("lines at EHLO", smtp::on("EHLO", [Flood(b"250-SIZE 1\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
        smtp::row("replies at MAIL", smtp::on("MAIL", [Flood(b"250 ok\r\n")]), "SMTP_PROTOCOL_ERROR", Fail),
        smtp::row("TLS records", smtp::starttls([Swallow, Flood(RECORDS)]), "SMTP_OK TLS_BROKEN", Pass),
        smtp::row(
            "a TLS record of 64 KiB",
            smtp::starttls([Swallow, say(BIG), Flood(b"\x02")]),
            "SMTP_OK TLS_BROKEN",
            Pass,
        ),
        smtp::row(
            "lines inside TLS",
            smtp::starttls([session()]).on("EHLO+", [Flood(b"250-x\r\n")]),
            "SMTP_PROTOCOL_ERROR",
            Fail,
        ),
    ];
    for (mut row, number) in rows.into_iter().zip(220..) {
        row.trusted = Some(server.roots());
        wrong.extend(measured(row.what, smtp::misbehave(row, number)).await);
    }

    let authority = Authority::new(POLICY_HOST);
    let head = "HTTP/1.1 200 OK\r\n";
    let floods: [(&str, String, &[u8]); 6] = [
        ("a status line", "HTTP/1.1 200 ".to_owned(), b"x"),
        ("headers", head.to_owned(), b"X-Header: yes\r\n"),
        ("a header", format!("{head}X: "), b"yes"),
        ("a body", format!("{head}\r\n"), b"mx: a.example\n"),
        ("a body of 8 GiB", format!("{head}Content-Length: 8589934592\r\n\r\n"), b"mx: a.example\n"),
        ("chunks", format!("{head}Transfer-Encoding: chunked\r\n\r\n"), b"6\r\nmx: a\n\r\n"),
    ];
    for ((what, begin, flood), number) in floods.into_iter().zip(220..) {
        let steps = [Tls(authority.acceptor(Oddity::None)), Request, say(begin), Flood(flood)];
        let mut row = policy::row(what, steps, "STS_UNKNOWN", Inconclusive);
        row.patience = Duration::from_secs(10);
        wrong.extend(measured(what, policy::misbehave(row, number, &authority)).await);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const RECORDS: &[u8] = b"\x16\x03\x03\x00\x04\x02\x00\xff\xff";
const BIG: &[u8] = b"\x16\x03\x03\xff\xff";

/// Complaints, and one more where too much memory was taken meanwhile.
async fn measured(what: &str, work: impl Future<Output = Vec<String>>) -> Vec<String> {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let mut wrong = work.await;
    let taken = MEMORY.peak_usage().saturating_sub(before);
    println!("{:>6} KiB: {what}", taken / 1024);
    if taken > LIMIT {
        wrong.push(format!("{what}: {} MiB at its peak", taken / MIB));
    }
    wrong
}

fn keep_everything() -> String {
    let kept = vec![1_u8; 64 * MIB];
    format!("{} bytes", std::hint::black_box(kept).len())
}
