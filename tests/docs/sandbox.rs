//! Where commands of the documentation are run: a folder of their own, the shipped program in front of the
//! path, and the demonstration's laboratory as the world. Names and addresses of the pages are exchanged for
//! those of the laboratory; what a reader would copy from an earlier answer is remembered.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::{Clock, SystemClock};
use fencepost::demo::Agenda;
use fencepost::demo::lab::{Copies, Lab, MX_NAMES, MailServer};
use serde_json::json;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::page::Block;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
/// A command may take so long.
const BOUND: Duration = Duration::from_secs(180);
/// Customers of the laboratory: whose domain each is on the pages, and here.
const DOMAINS: &[(&str, &str)] = &[
    ("example.com", "lindqvist.example"),
    ("example.net", "second.example"),
    ("bakery.example", "bakery.example"),
    ("kahvila.example", "kahvila.example"),
    ("puu.example", "puu.example"),
];

pub struct Sandbox {
    folder: tempfile::TempDir,
    lab: Lab,
    _servers: Vec<Arc<MailServer>>,
    listen: SocketAddr,
    /// What stands on the pages, and what is meant.
    known: BTreeMap<String, String>,
    token: Option<String>,
    /// The first that was made, of the service desk.
    desk: Option<String>,
    running: Vec<Child>,
}

impl Sandbox {
    /// `reader`: the role of whoever reads the page while the service runs, with customers that were taken over;
    /// without one, the page begins before that.
    pub async fn new(reader: Option<&str>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        // Nothing here waits for the laboratory's own clock.
        let lab = Lab::start(Agenda::starting_at(SystemClock.now()), folder.path(), &[]).await.unwrap();
        let servers: Vec<_> = (0..)
            .zip(DOMAINS)
            .map(|(number, (_, domain))| {
                let server = lab.add_customer(number, domain, 600).unwrap();
                server.start().unwrap();
                server
            })
            .collect();
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let mut sandbox = Self {
            folder,
            lab,
            _servers: servers,
            listen,
            known: BTreeMap::new(),
            token: None,
            desk: None,
            running: Vec::new(),
        };
        sandbox.furnish();
        if let Some(role) = reader {
            sandbox.serve_with_customers().await;
            sandbox.desk = sandbox.token.clone();
            // Its shell is not the reader's.
            std::fs::remove_file(sandbox.folder.path().join(".state")).unwrap();
            if role != "desk" {
                sandbox.token = None;
                let make = format!("fencepost token create --role {role} --label reader");
                sandbox.shell("the operator", &make, None).await;
                std::fs::remove_file(sandbox.folder.path().join(".state")).unwrap();
            }
        }
        sandbox
    }

    /// The folder as somebody has it who unpacked the program: its configuration, and some mails and tables.
    fn furnish(&self) {
        let at = |name: &str| self.folder.path().join(name);
        for folder in ["bin", "config", "data", "backup", "etc"] {
            std::fs::create_dir(at(folder)).unwrap();
        }
        for name in ["fencepost.yaml", "order.example.yaml", "postgres-rights.sql"] {
            std::fs::copy(Path::new("config").join(name), at("config").join(name)).unwrap();
        }
        symlink(PROGRAM, at("bin/fencepost")).unwrap();
        // JSON is YAML.
        std::fs::write(at("lab.yaml"), serde_json::to_string_pretty(&self.config()).unwrap()).unwrap();
        // What a reader does in an editor.
        let port = self.lab.ports.smtp;
        let editor = format!(
            "#!/bin/sh\ncase \"$1\" in\n*fencepost.yaml|*new.yaml) cp lab.yaml \"$1\" ;;\n\
             *order.yaml) sed -i 's/port: 25$/port: {port}/' \"$1\" ;;\n*) echo \"what is $1?\" >&2; exit 1 ;;\nesac\n"
        );
        std::fs::write(at("bin/editor"), editor).unwrap();
        std::fs::set_permissions(at("bin/editor"), std::fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["new.yaml", "etc/fencepost.yaml"] {
            std::fs::copy(at("lab.yaml"), at(name)).unwrap();
        }
        for (name, words) in [
            ("mail.eml", "We become a customer."),
            ("notice.eml", "We give notice."),
            ("notice2.eml", "We give notice."),
            ("stay.eml", "We stay after all."),
            ("change.eml", "From today we have 25 mailboxes."),
        ] {
            let mail = format!(
                "From: Anna <anna@elsewhere.example>\r\nTo: desk@gateway.example\r\nSubject: {name}\r\n\
                 Date: Mon, 7 Sep 2026 10:00:00 +0300\r\nMessage-ID: <{name}@elsewhere.example>\r\n\r\n{words}\r\n"
            );
            std::fs::write(at(name), mail).unwrap();
        }
        let base = |name: &str, domain: &str, from: &str, price: &str| {
            format!(
                "Northern IT,{name},it@partner.example,{domain},mail.{domain}:{port},20,{price},rep@partner.example,15,\
                 {from},2026-11-01,FI,0216:003712345678\n"
            )
        };
        let header = "partner,customer_name,partner_contacts,domains,servers,mailboxes,price,sales_rep,invoicing_group,\
                      charged_from,invoiced_until,billing_country,e_invoice_address\n";
        let customers = [
            base("Bakery", "bakery.example", "2026-02-01", "120.00 EUR"),
            base("Kahvila", "kahvila.example", "2025-09-01", "60.00 EUR"),
            base("Puu ja Pelti", "puu.example", "2026-06-01", "30.00 EUR"),
        ];
        std::fs::write(at("base.csv"), format!("{header}{}", customers.concat())).unwrap();
        std::fs::write(at("domains.txt"), "bakery.example\nkahvila.example\n").unwrap();
        let orders = format!(
            "partner;customer_name;contacts;domains;servers;mailboxes;kind;price;sales_rep\n\
             Northern IT;Second;Ann <ann@elsewhere.example>;second.example;mail.second.example:{port};25;trial;\
             120,00 EUR;sales@northern-it.example\n"
        );
        std::fs::write(at("orders.csv"), orders).unwrap();
    }

    fn config(&self) -> fencepost::config::Config {
        let mut config = self.lab.config().unwrap();
        config.store.path = PathBuf::from("data/fencepost.db");
        config.http.listen = self.listen;
        config.http.public_url = self.url();
        config.engine.poll_ms = 50;
        config.engine.lease_seconds = 30;
        config.commerce.seller = serde_json::from_value(json!({
            "name": "Mail Gateway Oy", "street": "Postikatu 1", "postal_code": "00100", "city": "Helsinki",
            "country": "FI", "vat_id": "FI12345671", "business_id": "1234567-1",
            "e_invoice_address": "0216:003712345671", "iban": "FI2112345600000785", "payment_days": 14,
            "vat": { "category": "standard", "rate": "25.5" },
        }))
        .unwrap();
        config
    }

    fn url(&self) -> String {
        format!("http://{}", self.listen)
    }

    /// What the operator has done before the page begins.
    async fn serve_with_customers(&mut self) {
        let lab = self.folder.path().join("lab.yaml");
        std::fs::copy(lab, self.folder.path().join("config/fencepost.yaml")).unwrap();
        self.shell("the operator", "fencepost token create --role desk --label operator", None).await;
        self.serve("the operator", "fencepost serve").await;
        self.shell("the operator", "fencepost import --connected base.csv", None).await;
        let order = "cp config/order.example.yaml order.yaml && $EDITOR order.yaml && fencepost order -f order.yaml";
        self.shell("the operator", order, None).await;
        self.shell("the operator", "rm order.yaml && fencepost register example.com", None).await;
    }

    /// Runs a block, and holds its statuses.
    pub async fn run(&mut self, page: &Path, block: &Block) {
        for command in &block.commands {
            let place = format!("{}:{} `{}`", page.display(), block.line, command.text);
            let stays = ["fencepost serve", "fencepost agent"].iter().any(|word| command.text.starts_with(word))
                || command.text.starts_with("fencepost demo") && !command.text.contains("--once");
            if stays {
                self.serve(&place, &command.text).await;
            } else {
                self.shell(&place, &command.text, command.may).await;
            }
        }
    }

    /// What somebody else does: `mx DOMAIN` sets its MX to the gateway; `as desk` and `as reader` say who types.
    pub fn deed(&self, page: &Path, line: usize, deed: &str) {
        match deed.split_once(' ') {
            Some(("mx", domain)) => {
                let [first, second] = MX_NAMES;
                self.lab.set_mx(Copies::Both, &self.meant(domain), 300, &[(10, first), (20, second)]).unwrap();
            }
            Some(("as", who)) => {
                let token = if who == "desk" { &self.desk } else { &self.token };
                let state = self.folder.path().join(".state");
                let mut file = std::fs::File::options().append(true).create(true).open(state).unwrap();
                writeln!(file, "export FENCEPOST_TOKEN={}", token.as_deref().unwrap()).unwrap();
            }
            _ => panic!("{}:{line}: `{deed}` is not known", page.display()),
        }
    }

    /// A line of the page with what is meant by its names.
    fn meant(&self, text: &str) -> String {
        let url = self.url();
        let folder = self.folder.path().display();
        let port = self.lab.ports.smtp;
        let mut text = text.to_owned();
        for (page, here) in DOMAINS {
            text = text.replace(&format!("--server mail.{page}"), &format!("--server mail.{here}:{port}"));
            text = text.replace(page, here);
        }
        for (page, here) in [
            ("https://onboarding.gateway.example", url.clone()),
            ("http://127.0.0.1:8080", url),
            ("127.0.0.1:8080", self.listen.to_string()),
            ("/etc/fencepost/", format!("{folder}/etc/")),
            ("/var/backups/", format!("{folder}/backup/")),
            ("--upstream 127.0.0.1 ", format!("--upstream {} ", self.config().probe.resolvers[0])),
            ("203.0.113.40", self.lab.egress()[0].to_string()),
            ("/srv/backup/", format!("{folder}/backup/")),
        ] {
            text = text.replace(page, &here);
        }
        for (page, here) in &self.known {
            text = replaced_word(&text, page, here);
        }
        text
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("bash");
        let bin = self.folder.path().join("bin");
        command
            .args(["-c", script])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", bin.display()))
            .env("HOME", self.folder.path())
            .env("EDITOR", "editor")
            .env("LANG", "C.UTF-8")
            .env("FENCEPOST_URL", self.url())
            .kill_on_drop(true)
            .stdin(Stdio::null());
        if let Some(token) = &self.token {
            command.env("FENCEPOST_TOKEN", token);
        }
        command
    }

    async fn shell(&mut self, place: &str, text: &str, may: Option<u8>) {
        let text = self.meant(text);
        // Variables and options outlive the block, as they do in a reader's shell.
        let script = format!("set -eu\n[ ! -e .state ] || . ./.state\n{text}\nexport -p >.state\n");
        let ran = timeout(BOUND, self.command(&script).output());
        let ran = ran.await.unwrap_or_else(|_| panic!("{place} takes too long\n{text}")).unwrap();
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        let status = ran.status.code();
        let fine = status == Some(0) || may.is_some() && status == may.map(i32::from);
        let log = std::fs::read_to_string(self.folder.path().join("serve.log")).unwrap_or_default();
        assert!(fine, "{place}\nran as: {text}\nstatus {status:?}\n{out}\n{err}\nthe service said:\n{log}");
        self.remember(&out);
    }

    /// What a reader copies from an answer.
    fn remember(&mut self, out: &str) {
        if let Some(token) = out.split_whitespace().find(|word| word.starts_with("fp_")) {
            self.token.get_or_insert_with(|| token.to_owned());
            self.known.insert("fp_…".to_owned(), token.to_owned());
        }
        for line in out.lines() {
            if let Some(id) = line.strip_prefix("customer ") {
                self.known.insert("CUSTOMER".to_owned(), id.trim().to_owned());
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["proposal", id, ..] | [id, "is", "in", "quarantine:", ..] => {
                    self.known.insert("ID".to_owned(), (*id).to_owned());
                }
                _ => {}
            }
            if let Some((_, head)) = line.split_once("; head ") {
                self.known.insert("HEAD".to_owned(), head.trim().to_owned());
            }
        }
    }

    /// Starts what stays until it is ended, and waits until it answers.
    async fn serve(&mut self, place: &str, text: &str) {
        let mut text = self.meant(text);
        if text.starts_with("fencepost demo") {
            text.push_str(&format!(" --listen {}", self.listen));
        }
        let log = self.folder.path().join("serve.log");
        let file = std::fs::File::options().create(true).append(true).open(&log).unwrap();
        let script = format!("[ ! -e .state ] || . ./.state\nexec {text}");
        let mut child = self.command(&script).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let health = format!("{}/healthz", self.url());
        let up = async {
            while client.get(&health).send().await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        tokio::select! {
            ended = child.wait() => panic!("{place} has ended: {ended:?}\n{}", said()),
            up = timeout(BOUND, up) => up.unwrap_or_else(|_| panic!("{place} does not answer\n{}", said())),
        }
        self.running.push(child);
    }

    /// Ends what was started, in good order.
    pub async fn end(mut self) {
        for mut child in self.running.drain(..) {
            let id = child.id().unwrap().to_string();
            let asked = Command::new("kill").args(["-TERM", &id]).status().await.unwrap();
            assert!(asked.success());
            let ended = timeout(BOUND, child.wait()).await.expect("it does not end on SIGTERM").unwrap();
            assert!(matches!(ended.code(), Some(0 | 1)), "{ended:?}");
        }
    }
}

/// Exchanges a word that stands alone: `ID`, not the `ID` in `PAID`.
fn replaced_word(text: &str, word: &str, with: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, after) = (&rest[..at], &rest[at + word.len()..]);
        let joins = |c: char| c.is_alphanumeric() || c == '_';
        let alone = !before.ends_with(joins) && !after.starts_with(joins);
        out.push_str(before);
        out.push_str(if alone { with } else { word });
        rest = after;
    }
    out.push_str(rest);
    out
}
