//! A running service with one customer that is charged, and its commands.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fencepost::config::{Config, StoreConfig};
use serde_json::{Value, json};

use super::lab::pause;
use super::lab::signed_mail::Signer;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
pub const DOMAIN: &str = "customer.example";

pub struct Service {
    child: Child,
    pub url: String,
    pub token: String,
    pub lmtp: SocketAddr,
    pub signer: Signer,
    pub folder: tempfile::TempDir,
    customer: Value,
    client: reqwest::Client,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let signer = Signer::new("partner.example");
        let resolver = signer.publish().await;
        let (listen, lmtp) = (free(), free());
        let config = folder.path().join("fencepost.yaml");
        // JSON is YAML.
        std::fs::write(&config, settings(folder.path(), listen, lmtp, resolver)).unwrap();
        let made = Command::new(PROGRAM)
            .args(["token", "create", "--role", "desk", "--label", "test", "--config"])
            .arg(&config)
            .env_clear()
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&made.stdout).into_owned();
        let token = said.split_whitespace().find(|word| word.starts_with("fp_"));
        let token = token.unwrap_or_else(|| panic!("no token: {made:?}")).to_owned();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(PROGRAM)
            .args(["serve", "--log", "info", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let url = format!("http://{listen}");
        let mut service = Self { child, url, token, lmtp, signer, folder, customer: Value::Null, client };
        for address in [listen, lmtp] {
            service.wait_for(address);
        }
        service.take_over().await;
        service
    }

    fn wait_for(&mut self, address: SocketAddr) {
        for _ in 0..1_500 {
            if std::net::TcpStream::connect(address).is_ok() {
                return;
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the service has ended:\n{}", self.log());
            pause();
        }
        panic!("nothing listens at {address}:\n{}", self.log());
    }

    /// A customer of the partner, charged for 20 mailboxes.
    async fn take_over(&mut self) {
        let base = self.folder.path().join("base.csv");
        let table = format!(
            "partner,customer_name,partner_contacts,domains,servers,mailboxes,price,sales_rep,invoicing_group,charged_from\n\
             Northern IT,Customer Ltd,it@partner.example,{DOMAIN},mail.{DOMAIN},20,120.00 EUR,rep@partner.example,15,2026-01-05\n"
        );
        std::fs::write(&base, table).unwrap();
        let taken = self.run(&["import", "--connected", base.to_str().unwrap()]);
        assert_eq!(taken.status, Some(0), "{taken:?}");
        self.customer = self.get(&format!("v1/customers/{DOMAIN}/senders")).await;
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub fn subject_token(&self) -> String {
        self.customer["subject_token"].as_str().unwrap().to_owned()
    }

    pub fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("FENCEPOST_URL", &self.url).env("FENCEPOST_TOKEN", &self.token);
        command
    }

    pub fn run(&self, words: &[&str]) -> Ran {
        let ran = self.command().args(words).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { status: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
    }

    /// Hands a message over from a file.
    pub fn ingest(&self, message: &[u8]) -> Ran {
        let file: PathBuf = self.folder.path().join("message.eml");
        std::fs::write(&file, message).unwrap();
        self.run(&["ledger", "ingest", file.to_str().unwrap()])
    }

    pub async fn proposals(&self, state: &str) -> Vec<Value> {
        self.get(&format!("v1/proposals?state={state}")).await["items"].as_array().unwrap().clone()
    }

    pub async fn entries(&self) -> usize {
        self.get("v1/ledger/entries?limit=500").await["items"].as_array().unwrap().len()
    }

    async fn get(&self, path: &str) -> Value {
        let asked = self.client.get(format!("{}/{path}", self.url)).bearer_auth(&self.token).send().await.unwrap();
        let text = asked.text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub fn letter(&self, from: &str, body: &str) -> String {
        format!(
            "From: {from}\r\nTo: desk@provider.example\r\nSubject: Change {}\r\nDate: Mon, 7 Sep 2026 10:00:00 +0300\r\n\
             Message-ID: <{}.{}@partner.example>\r\n\r\n{body}\r\n",
            self.subject_token(),
            body.len(),
            from.len()
        )
    }
}

fn settings(folder: &Path, listen: SocketAddr, lmtp: SocketAddr, resolver: SocketAddr) -> String {
    let mut config = Config { store: StoreConfig::sqlite(folder.join("store.db")), ..Config::default() };
    config.http.listen = listen;
    // Nothing is asked of anybody outside.
    config.probe.resolvers = vec![free()];
    config.gateway.mx_hosts =
        serde_json::from_value(json!([{ "name": "mx1.gateway.example", "preference": 10 }])).unwrap();
    config.gateway.egress = serde_json::from_value(json!([{ "address": "127.0.0.1", "label": "here" }])).unwrap();
    config.notify.smarthost = format!("smtp://{}", free());
    config.intake.mail.lmtp = Some(lmtp.to_string().parse().unwrap());
    config.intake.mail.resolvers = vec![resolver];
    serde_json::to_string_pretty(&config).unwrap()
}

fn free() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
