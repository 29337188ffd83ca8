//! `fencepost sweep --file` as it is typed, against a real NSD: what it writes, how it ends, and that a sweep
//! which is stopped or killed goes on without losing or repeating a domain.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod lab;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab::nsd::Nsd;
use serde_json::Value;

const OURS: &str = "IN MX 10 mx1.gateway.example.\n";
/// Names of the large base; every hundredth differs.
const MANY: usize = 20_000;
/// More than a packet without EDNS carries.
const LONG: usize = 40;

fn base() -> String {
    let mut zone = String::from("@ 300 IN NS ns.base.example.\nns 300 IN A 192.0.2.1\n");
    for n in 0..MANY {
        let records = if n % 100 == 0 { "IN MX 10 mail.elsewhere.example.\n" } else { OURS };
        write!(zone, "d{n} 300 {records}").unwrap();
    }
    zone.push_str("null 300 IN MX 0 .\nalias 300 IN CNAME d1\nnodata 300 IN A 192.0.2.7\n");
    for n in 0..LONG {
        writeln!(zone, "long 300 IN MX {n} a-rather-long-name-of-mail-server-{n}.elsewhere.example.").unwrap();
    }
    zone
}

struct Bench {
    folder: tempfile::TempDir,
    /// Of its own, because tests run side by side.
    address: String,
    _nsd: Nsd,
}

impl Bench {
    fn start(last: u8) -> Option<Self> {
        if let Some(reason) = lab::nsd::obstacle() {
            lab::left_out("the sweep against NSD", &reason);
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let address = format!("127.0.84.{last}");
        let nsd = Nsd::start(&folder.path().join("nsd"), address.parse().unwrap(), &[("base.example.", &base())]);
        Some(Self { folder, address, _nsd: nsd })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, domains: &str, further: &[&str]) -> Command {
        let list = self.path("domains.txt");
        fs::write(&list, domains).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fencepost"));
        command.current_dir(self.folder.path());
        command.args([
            "sweep",
            "--file",
            "domains.txt",
            "--upstream",
            &self.address,
            "--expect",
            "mx1.gateway.example",
        ]);
        command.args(further).stdin(Stdio::null());
        command
    }

    fn sweep(&self, domains: &str, further: &[&str]) -> Output {
        self.command(domains, further).output().unwrap()
    }
}

fn lines(bytes: &[u8]) -> BTreeMap<u64, Value> {
    let mut lines = BTreeMap::new();
    for line in std::str::from_utf8(bytes).unwrap().lines() {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let number = value["line"].as_u64().unwrap();
        assert!(lines.insert(number, value).is_none(), "line {number} was written twice");
    }
    lines
}

fn names() -> String {
    (0..MANY).map(|n| format!("d{n}.base.example\n")).collect()
}

#[test]
fn it_says_what_every_domain_publishes() {
    let Some(bench) = Bench::start(1) else { return };
    let domains = "D1.Base.Example.\nd100.base.example\n\n# ours\nnull.base.example\nalias.base.example\nnodata.base.example\n\
                   nosuch.base.example\nlong.base.example\nnot a name\nelsewhere.example\n";
    let done = bench.sweep(domains, &[]);
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = lines(&done.stdout);
    let said = |line: u64| {
        let value = &lines[&line];
        let word = |name: &str| value[name].as_str().unwrap_or("-").to_owned();
        (word("domain"), word("verdict"), word("why"))
    };
    let told = |domain: &str, verdict: &str, why: &str| (domain.to_owned(), verdict.to_owned(), why.to_owned());
    assert_eq!(said(1), told("d1.base.example", "ours_only", "-"));
    assert_eq!(said(2), told("d100.base.example", "foreign_only", "-"));
    assert_eq!(said(5), told("null.base.example", "null_mx", "-"));
    assert_eq!(said(6), told("alias.base.example", "ours_only", "-"));
    assert_eq!(said(7), told("nodata.base.example", "none", "no_data"));
    assert_eq!(said(8), told("nosuch.base.example", "none", "nxdomain"));
    assert_eq!(said(9), told("long.base.example", "foreign_only", "-"));
    assert_eq!(said(10).1, "not_a_domain");
    assert_eq!(said(11), told("elsewhere.example", "lookup_error", "refused"));
    assert_eq!(lines.len(), 9);
    assert_eq!(lines[&9]["mx"].as_array().unwrap().len(), LONG);
    assert_eq!((&lines[&9]["tcp"], &lines[&6]["cname"]), (&Value::Bool(true), &Value::from("d1.base.example")));
    assert_eq!(lines[&1]["ttl"], Value::from(300));
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(told.contains("line 10: ") && told.contains("8 domains: 2 as wanted, 5 differ, 1 not known."), "{told}");
}

#[test]
fn the_status_says_how_it_stands() {
    let Some(bench) = Bench::start(2) else { return };
    let status = |domains: &str, further: &[&str]| bench.sweep(domains, further).status.code();
    assert_eq!(status("d1.base.example\n", &[]), Some(0));
    assert_eq!(status("d1.base.example\nd0.base.example\n", &[]), Some(1));
    assert_eq!(status("d1.base.example\nelsewhere.example\n", &[]), Some(3));
    assert_eq!(status("", &[]), Some(0));
    assert_eq!(status("d1.base.example\n", &["--rate", "0"]), Some(2));
    assert_eq!(status("d1.base.example\n", &["--expect", "a..b"]), Some(2));
    let missing = Command::new(env!("CARGO_BIN_EXE_fencepost"))
        .current_dir(bench.folder.path())
        .args(["sweep", "--file", "nowhere.txt", "--upstream", &bench.address, "--expect", "mx1.gateway.example"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("nowhere.txt cannot be read"));
}

#[test]
fn every_name_of_a_large_base_is_answered_once() {
    let Some(bench) = Bench::start(3) else { return };
    let done = bench.sweep(&names(), &["--only-differing"]);
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = lines(&done.stdout);
    let differing: Vec<u64> = (0..MANY as u64).filter(|n| n % 100 == 0).map(|n| n + 1).collect();
    assert_eq!(lines.keys().copied().collect::<Vec<_>>(), differing);
    assert!(lines.values().all(|line| line["verdict"] == "foreign_only"));
}

#[test]
fn a_sweep_that_is_stopped_or_killed_goes_on_where_it_was() {
    let Some(bench) = Bench::start(4) else { return };
    for signal in ["INT", "KILL"] {
        let out = bench.path(signal);
        let output = out.to_str().unwrap();
        // Slow enough to be stopped on the way.
        let slow = ["--output-file", output, "--rate", "4000"];
        let mut child = bench.command(&names(), &slow).stderr(Stdio::piped()).spawn().unwrap();
        wait_for_bytes(&out, 300_000);
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
        child.wait().unwrap();
        let before = whole_lines(&out);
        assert!(before > 1_000 && before < MANY, "{before} lines before it was stopped");

        let again = bench.sweep(&names(), &["--output-file", output]);
        assert_eq!(again.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&again.stderr).contains("--resume"), "an unfinished output is not overwritten");

        let resumed = bench.sweep(&names(), &["--output-file", output, "--resume"]);
        let told = String::from_utf8_lossy(&resumed.stderr).into_owned();
        assert_eq!(resumed.status.code(), Some(1), "{told}");
        assert_eq!(lines(&fs::read(&out).unwrap()).len(), MANY);
        assert!(told.contains("20,000 domains: 19,800 as wanted, 200 differ, 0 not known."), "{signal}: {told}");
    }
}

fn wait_for_bytes(path: &Path, bytes: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::metadata(path).map_or(0, |data| data.len()) < bytes {
        assert!(Instant::now() < deadline, "nothing is written");
        lab::pause();
    }
}

fn whole_lines(path: &Path) -> usize {
    fs::read(path).unwrap().iter().filter(|byte| **byte == b'\n').count()
}
