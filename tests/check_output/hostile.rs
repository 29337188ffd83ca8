//! Hostile servers behind a real check: whatever they say, nothing that acts on a terminal comes out,
//! neither as text nor as JSON, neither into a pipe nor onto a terminal, nor into the log.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Output;
use std::time::Duration;

use fencepost_checks::escape::is_harmful;

use super::lab::hostile_dns::Act::Send;
use super::lab::hostile_dns::{A, HostileDns, MX, NS, QR_AA, QR_RA, Record, Reply, Rule, TXT, wire_labels};
use super::lab::hostile_smtp::{HostileSmtp, Script, say};
use super::on_terminal;

pub const DOMAIN: &str = "customer.example";
pub const SERVER: &str = "mail.customer.example";
/// Clears the screen, links, retitles the window, C1, and turns the reading direction.
const VENOM: &str = "\u{1b}[2J\u{1b}]8;;http://evil.example/\u{7}here\u{1b}]8;;\u{7}\u{1b}]0;title\u{7}\u{9b}31m\u{202e}txt\u{2066}\u{200b}\u{8}\u{7f}";

pub const fn at(case: u8, host: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 67, case, host))
}

/// One world of hostile servers; it ends when dropped.
pub struct Hostile {
    config: tempfile::TempDir,
    port: u16,
    _dns: Vec<HostileDns>,
    pub smtp: HostileSmtp,
}

impl Hostile {
    async fn start(case: u8, script: &Script) -> Self {
        let rules = answers(case);
        Self::with(case, script, &rules).await
    }

    /// With these rules in front of a polite zone and its resolver.
    pub async fn with(case: u8, script: &Script, rules: &dyn Fn(u16) -> Vec<Rule>) -> Self {
        for _ in 0..50 {
            let port = std::net::TcpListener::bind((at(case, 1), 0)).unwrap().local_addr().unwrap().port();
            let smtp = HostileSmtp::start(SocketAddr::new(at(case, 25), port), script.clone()).await;
            let root = vec![Rule::any([Send(Reply::referral(DOMAIN, &[("ns1.customer.example", Some(at(case, 2)))]))])];
            let mut dns = Vec::new();
            for (host, rules) in [(1, root), (2, rules(QR_AA)), (3, rules(QR_RA))] {
                dns.extend(HostileDns::start(SocketAddr::new(at(case, host), port), true, rules).await.ok());
            }
            if let (Ok(smtp), 3) = (smtp, dns.len()) {
                let config = tempfile::tempdir().unwrap();
                std::fs::write(config.path().join("fencepost.yaml"), configuration(case, port)).unwrap();
                return Self { config, port, _dns: dns, smtp };
            }
        }
        panic!("no free port");
    }

    /// Changes the configuration.
    pub fn configure(&self, from: &str, to: &str) {
        let file = self.config.path().join("fencepost.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(file, text.replacen(from, to, 1)).unwrap();
    }

    pub fn arguments(&self, more: &[&str]) -> Vec<String> {
        let config = self.config.path().join("fencepost.yaml").display().to_string();
        let server = format!("{SERVER}:{}", self.port);
        let first = ["--config", &config, "check", DOMAIN, "--server", &server];
        first.iter().chain(more).map(|word| (*word).to_owned()).collect()
    }

    pub async fn run(&self, more: &[&str]) -> Output {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fencepost"));
        command.args(self.arguments(more)).env_clear().kill_on_drop(true);
        tokio::time::timeout(Duration::from_secs(60), command.output()).await.expect("the check to end").unwrap()
    }
}

/// The zone, as its server or a resolver gives it.
fn answers(case: u8) -> impl Fn(u16) -> Vec<Rule> {
    move |flags| hostile_zone(case, flags)
}

fn hostile_zone(case: u8, flags: u16) -> Vec<Rule> {
    let of = |records: Vec<Record>| {
        let mut reply = Reply::of(records);
        reply.flags = flags;
        [Send(reply)]
    };
    let odd_name = wire_labels(&[VENOM.get(..40).unwrap().as_bytes(), b"\xff\xfe\r\n", b"\x1b[31m", b"example"]);
    let long = "x".repeat(3000);
    let text = |name: &str, prefix: &str| Record::text(name, format!("{prefix}{VENOM} {long}").as_bytes());
    let below = |label: &str| format!("{label}.{DOMAIN}");
    let txt = |name: String, prefix: &str| Rule::at(&name, TXT, of(vec![text(&name, prefix)]));
    vec![
        Rule::at(
            DOMAIN,
            MX,
            of(vec![
                Record::mx(DOMAIN, 10, SERVER),
                Record::mx_raw(DOMAIN, 20, &odd_name),
                Record::mx_raw(DOMAIN, 30, b"\x03\x1b[m\0"),
            ]),
        ),
        Rule::at(DOMAIN, NS, of(vec![Record::new(DOMAIN, NS, 60, odd_name.clone())])),
        Rule::at(SERVER, A, of(vec![Record::address(SERVER, at(case, 25))])),
        Rule::at("ns1.customer.example", A, of(vec![Record::address("ns1.customer.example", at(case, 2))])),
        txt(DOMAIN.to_owned(), "v=spf1 mx include:"),
        txt(below("_dmarc"), "v=DMARC1; p="),
        txt(below("_mta-sts"), "v=STSv1; id="),
        txt(below("_smtp._tls"), "v=TLSRPTv1; rua=mailto:"),
        Rule::any(of(Vec::new())),
    ]
}

fn configuration(case: u8, port: u16) -> String {
    let [root, resolver, egress, outsider] = [1, 3, 4, 5].map(|host| at(case, host));
    format!(
        "gateway:
  mx_hosts: [{{ name: mx1.gateway.example, preference: 10 }}]
  egress: [{{ address: {egress}, label: one, local: true }}]
  smtp_port: {port}
probe: {{ resolvers: ['{resolver}:{port}'], roots: ['{root}:{port}'], dns_port: {port}, outsiders: [{outsider}],
          connect_timeout_ms: 500, banner_timeout_ms: 2000, stage_timeout_ms: 2000, total_timeout_ms: 9000, pause_ms: 0,
          https_port: {port}, allow_targets: [127.0.0.0/8] }}
"
    )
}

fn scripts() -> Vec<Script> {
    let line = |code: &str| format!("{code} {VENOM}\r\n");
    let long = |code: &str| format!("{code} {VENOM}{}\r\n", "y".repeat(700));
    let ehlo = format!("250-{VENOM}\r\n250-SIZE {VENOM}\r\n250 {VENOM}\r\n");
    vec![
        Script::polite().greeting([say(line("220"))]).on("EHLO", [say(ehlo)]).on("RCPT", [say(long("550 5.1.1"))]),
        Script::polite().greeting([say(long("554"))]),
        Script::polite().greeting([say([VENOM.as_bytes(), b"\x90\x9d\xff\0\r\n"].concat())]),
        Script::polite().on("MAIL", [say(long("451 4.7.1"))]),
    ]
}

/// What acts on a terminal, our own colours and line ends aside.
fn poison(bytes: &[u8], own_colours: bool) -> Option<char> {
    let mut text = String::from_utf8(bytes.to_vec()).expect("valid UTF-8");
    if own_colours {
        for code in ["1;31", "1;32", "1;33", "1", "0"] {
            text = text.replace(&format!("\u{1b}[{code}m"), "");
        }
        text = text.replace("\r\n", "\n");
    }
    text.chars().find(|c| *c != '\n' && is_harmful(*c))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_a_server_says_acts_on_the_terminal() {
    for (case, script) in (0..).zip(scripts()) {
        let world = Hostile::start(case, &script).await;
        let table = world.run(&["--log", "debug"]).await;
        let json = world.run(&["--output", "json", "--log", "debug"]).await;
        for (what, bytes) in [
            ("the table", &table.stdout),
            ("its log", &table.stderr),
            ("the JSON", &json.stdout),
            ("the log of the JSON", &json.stderr),
        ] {
            assert_eq!(poison(bytes, false), None, "{what} of case {case}");
        }
        let text = String::from_utf8(table.stdout).unwrap();
        assert!(text.contains("\\x1b"), "the hostile text is shown, made harmless:\n{text}");
        assert!(text.lines().all(|line| line.chars().count() < 1000), "a very long line:\n{text}");
        let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
        assert_eq!(harmful_string(&value), None, "behind an escape of JSON, case {case}");
        let shown = on_terminal(&world.arguments(&[]), &["TERM=xterm-256color"], 80);
        assert!(shown.contains("\u{1b}[1"), "our own colours:\n{shown}");
        assert_eq!(poison(shown.as_bytes(), true), None, "the terminal of case {case}");
    }
}

fn harmful_string(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => text.chars().any(|c| c != '\n' && is_harmful(c)).then(|| text.clone()),
        serde_json::Value::Array(items) => items.iter().find_map(harmful_string),
        serde_json::Value::Object(members) => members.values().find_map(harmful_string),
        _ => None,
    }
}
