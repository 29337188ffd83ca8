//! The API as strangers try it: `fencepost serve` on loopback, and schemathesis against its own document, from one
//! seed and within bounds. Any answer that the document does not describe fails, and so does every 5xx.
//!
//! schemathesis comes from PyPI into `target/`, see `tests/install-schemathesis.sh`. Set `FENCEPOST_FUZZ_EXAMPLES` and
//! `FENCEPOST_FUZZ_SEED` to look longer or elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fencepost::config::Config;
use serde_json::{Value, json};

const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
/// Everything here takes minutes at most, on any machine.
const BOUND: Duration = Duration::from_secs(900);
/// What is checked of each answer.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,ignored_auth,missing_required_header,\
                      negative_data_rejection";

struct Serve {
    child: Child,
    url: String,
    config: PathBuf,
    folder: tempfile::TempDir,
}

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each role with the part of the API that it may use; the rest refuses it, which is tried once.
const VISITORS: [(&str, &str, &str); 4] = [
    ("desk", "", "^/(v1/(?!agent)|metrics|healthz|readyz|openapi)"),
    ("accounting", "", "^/v1/(ledger|invoicing|proposals|discrepancies|webhooks)"),
    ("partner", "acme", "^/v1/(orders|customers|domains|imports|discrepancies)"),
    ("agent", "", "^/v1/(agent|intake|ledger/ingest)"),
];

#[test]
fn no_answer_is_other_than_described() {
    let schemathesis = schemathesis();
    let serve = Serve::start();
    let examples = std::env::var("FENCEPOST_FUZZ_EXAMPLES").unwrap_or_else(|_| "12".to_owned());
    let seed = std::env::var("FENCEPOST_FUZZ_SEED").unwrap_or_else(|_| "1".to_owned());
    for (role, partner, part) in VISITORS {
        let token = serve.token(role, partner);
        let log = serve.folder.path().join(format!("{role}.txt"));
        let mut run = Command::new(&schemathesis);
        run.current_dir(serve.folder.path())
            .args(["run", &format!("{}/openapi.json", serve.url), "--no-color", "--workers", "1"])
            .args(["--phases", "examples,coverage,fuzzing", "--generation-database", "none", "--request-timeout", "60"])
            .args(["--checks", CHECKS, "--max-examples", &examples, "--seed", &seed, "--continue-on-failure"])
            .args(["--suppress-health-check", "all", "--warnings", "off", "--include-path-regex", part])
            .args(["-H", &format!("Authorization: Bearer {token}")])
            .env("NO_PROXY", "127.0.0.1")
            .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SCHEMATHESIS_HOOKS", "schemathesis_hooks")
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(&log).unwrap())
            .stderr(Stdio::null());
        let good = bounded(run.spawn().unwrap());
        let said = std::fs::read_to_string(&log).unwrap();
        assert!(good, "as {role}:\n{said}");
        assert!(said.contains("passed") || said.contains("No issues found"), "as {role}, nothing was tried:\n{said}");
    }
    let log = serve.log();
    assert!(!log.contains("panicked"), "{log}");
}

/// Whether the process ends well in time.
fn bounded(mut child: Child) -> bool {
    let until = Instant::now() + BOUND;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.success();
        }
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The program, installed where it is not there.
fn schemathesis() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let made = Command::new(root.join("tests/install-schemathesis.sh")).output().unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "schemathesis could not be installed (it needs python3-venv and PyPI): {said}");
    PathBuf::from(String::from_utf8_lossy(&made.stdout).trim())
}

impl Serve {
    /// With an order that the examples of the document speak about.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listen = free();
        let config = write_config(folder.path(), listen);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(PROGRAM)
            .args(["serve", "--log", "warn", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let serve = Self { child, url: format!("http://{listen}"), config, folder };
        let until = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(listen).is_err() {
            assert!(Instant::now() < until, "it does not listen:\n{}", serve.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        serve.order();
        serve
    }

    fn token(&self, role: &str, partner: &str) -> String {
        let mut make = Command::new(PROGRAM);
        make.args(["token", "create", "--role", role, "--label", "gw1"]);
        if !partner.is_empty() {
            make.args(["--partner", partner]);
        }
        let made = make.arg("--config").arg(&self.config).output().unwrap();
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        said.split_whitespace().find(|word| word.starts_with("fp_")).unwrap_or_else(|| panic!("{made:?}")).to_owned()
    }

    fn order(&self) {
        let order = json!({
            "partner": "acme", "customer_name": "Example Oy", "domains": ["example.com"], "mailboxes": 5,
            "kind": "trial", "contacts": [{ "name": "Postmaster", "email": "it@elsewhere.example" }],
            "servers": [{ "host": "mail.customer.example" }], "price": "60.00 EUR", "sales_rep": "rep@partner.example",
        });
        let file = self.folder.path().join("order.json");
        std::fs::write(&file, order.to_string()).unwrap();
        let placed = Command::new(PROGRAM)
            .args(["order", "-f"])
            .arg(&file)
            .env("FENCEPOST_URL", &self.url)
            .env("FENCEPOST_TOKEN", self.token("desk", ""))
            .output()
            .unwrap();
        assert!(placed.status.success(), "{placed:?}");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

/// Nobody outside is asked anything: no resolver and no mail server answers there.
fn write_config(folder: &Path, listen: SocketAddr) -> PathBuf {
    let mut config = Config::default();
    config.store = fencepost::config::StoreConfig::sqlite(folder.join("fencepost.db"));
    config.http.listen = listen;
    // Thousands of requests of one client are what this is.
    config.http.rate = fencepost::config::RateConfig::unbounded();
    config.engine.agent_away_seconds = 3;
    config.probe.resolvers = vec![free()];
    config.gateway.mx_hosts =
        serde_json::from_value(json!([{ "name": "mx1.gateway.example", "preference": 10 }])).unwrap();
    config.gateway.egress =
        serde_json::from_value(json!([{ "address": "192.0.2.10", "label": "there", "agent": "gw1" }])).unwrap();
    config.notify.smarthost = format!("smtp://{}", free());
    let path = folder.join("fencepost.yaml");
    let value: Value = serde_json::to_value(&config).unwrap();
    // JSON is YAML.
    std::fs::write(&path, value.to_string()).unwrap();
    path
}

/// A port that nobody listens on just now.
fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
