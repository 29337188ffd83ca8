//! The firewall table against real packet filters: a mail server (Exim) in a network namespace behind
//! nftables, and `fencepost check` in another whose addresses are the gateway's and the outsider's.
//! Every row is told by its code, its verdict and the addresses that it names.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod lab;

use std::fs;
use std::path::{Path, PathBuf};

use lab::exim::Exim;
use lab::netns::Netns;
use lab::nsd::Nsd;
use serde_json::Value;

const EGRESS: [&str; 5] = ["192.0.2.10", "192.0.2.11", "192.0.2.12", "2001:db8::10", "2001:db8::11"];
const OUTSIDERS: [&str; 2] = ["192.0.2.99", "2001:db8::99"];
const NAME_SERVER: &str = "127.0.0.1";

/// Ports of the customer's server: an ordinary service, one that refuses the gateway with 554, one that
/// holds back its greeting, one that takes mail from the gateway only, and one where nothing listens.
const OPEN: u16 = 25;
const REFUSES_GATEWAY: u16 = 2551;
const SILENT: u16 = 2552;
const GATEWAY_ONLY: u16 = 2553;
const NOTHING: u16 = 2554;

const LISTS: &str = "\
connect:
  deny condition = ${if eq{$received_port}{2551}}
       hosts = 192.0.2.10 : 192.0.2.11 : 192.0.2.12
       message = no mail from you
  accept condition = ${if eq{$received_port}{2552}}
         delay = 1m
  accept
rcpt:
  deny condition = ${if eq{$received_port}{2553}}
       hosts = 192.0.2.99 : 2001:db8::99
       message = 5.7.51 TenantInboundAttribution; only the filter may deliver
  accept domains = +served
  deny message = relay not permitted
";

/// The gateway's side and the customer's side. Daemons go before the namespaces that they run in.
struct Lab {
    _server: Exim,
    /// The gateway's own MX, which an outsider must reach to count.
    _reference: Exim,
    _names: Nsd,
    gateway: Netns,
    customer: Netns,
    config: PathBuf,
}

impl Lab {
    fn start(folder: &Path) -> Self {
        let (gateway, customer) = (Netns::new("gw").unwrap(), Netns::new("own").unwrap());
        let prefixed =
            |address: &&str| if address.contains(':') { format!("{address}/64") } else { format!("{address}/24") };
        let ours: Vec<String> = EGRESS.iter().chain(&OUTSIDERS).map(prefixed).collect();
        let ours: Vec<&str> = ours.iter().map(String::as_str).collect();
        gateway.wire(&ours, &customer, &["192.0.2.25/24", "2001:db8::25/64"]).unwrap();
        let zone = |exchange: &str| format!("@ 60 IN NS ns.invalid.\n@ 60 IN MX 10 {exchange}\n");
        let names = Nsd::start_in(
            &gateway,
            &folder.join("nsd"),
            NAME_SERVER.parse().unwrap(),
            &[
                (
                    ".",
                    &format!(
                        "@ 60 IN NS ns.invalid.\nns.invalid. 60 IN A {NAME_SERVER}\nmail.own.example. 60 IN A 192.0.2.25\n\
                         both.own.example. 60 IN A 192.0.2.25\nboth.own.example. 60 IN AAAA 2001:db8::25\n\
                         six.own.example. 60 IN AAAA 2001:db8::25\nmx1.gateway.example. 60 IN A 192.0.2.10\n\
                         mx1.gateway.example. 60 IN AAAA 2001:db8::10\n"
                    ),
                ),
                ("customer.example.", &zone("mail.own.example.")),
                ("moved.example.", &zone("mx1.gateway.example.")),
            ],
        );
        let ports = [OPEN, REFUSES_GATEWAY, SILENT, GATEWAY_ONLY];
        let settings =
            "acl_smtp_connect = connect\nacl_smtp_rcpt = rcpt\nsmtp_enforce_sync = false\ntls_advertise_hosts =\n";
        let server = Exim::start_in(&customer, &folder.join("exim"), &ports, settings, LISTS);
        let reference = Exim::start_in(
            &gateway,
            &folder.join("reference"),
            &[25],
            "acl_smtp_rcpt = rcpt\ntls_advertise_hosts =\n",
            lab::exim::TAKES_ALL,
        );
        let config = folder.join("fencepost.yaml");
        fs::write(&config, configuration()).unwrap();
        Self { _server: server, _reference: reference, _names: names, gateway, customer, config }
    }

    /// Waits for a second SYN from here on. On a wire without latency the ICMPv6 answer to the first
    /// arrives while the kernel is still inside connect(), where it is not taken for an error.
    fn be_patient(&self) {
        let patient = configuration().replace("connect_timeout_ms: 600", "connect_timeout_ms: 2000");
        fs::write(&self.config, patient).unwrap();
    }

    /// What `fencepost check` says of `domain` and its server behind these rules.
    fn check(&self, rules: &str, domain: &str, server: &str) -> Report {
        self.customer.filter(rules).unwrap();
        self.check_again(rules, domain, server)
    }

    /// The same without touching the rules, which are `rules` for those who read a failure.
    fn check_again(&self, rules: &str, domain: &str, server: &str) -> Report {
        let done = self
            .gateway
            .command(env!("CARGO_BIN_EXE_fencepost"))
            .arg("--config")
            .arg(&self.config)
            .args(["check", domain, "--server", server, "--output", "json"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        let value = serde_json::from_str(&said)
            .unwrap_or_else(|e| panic!("{e}: {said}\n{}", String::from_utf8_lossy(&done.stderr)));
        Report { value, rules: rules.to_owned() }
    }
}

fn configuration() -> String {
    let egress: String = EGRESS.iter().map(|a| format!("    - address: \"{a}\"\n")).collect();
    let outsiders: Vec<String> = OUTSIDERS.iter().map(|a| format!("\"{a}\"")).collect();
    format!(
        "gateway:\n  mx_hosts:\n    - name: mx1.gateway.example\n      preference: 10\n  egress:\n{egress}probe:\n  \
         resolvers: [\"{NAME_SERVER}:53\"]\n  roots: [\"{NAME_SERVER}:53\"]\n  dns_timeout_ms: 1000\n  outsiders: [{}]\n  \
         connect_timeout_ms: 600\n  banner_timeout_ms: 1500\n  stage_timeout_ms: 3000\n  total_timeout_ms: 10000\n  pause_ms: 0\n  \
         allow_targets: [127.0.0.0/8, 192.0.2.0/24, \"2001:db8::/32\"]\n",
        outsiders.join(", ")
    )
}

struct Report {
    value: Value,
    rules: String,
}

impl Report {
    /// The verdict of the firewall part.
    fn verdict(&self) -> &str {
        let parts = self.value["parts"].as_array().unwrap();
        parts.iter().find(|p| p["part"] == "firewall").unwrap()["verdict"].as_str().unwrap()
    }

    /// The finding with this code about the server; fails with everything that was said instead.
    #[track_caller]
    fn finding(&self, code: &str) -> &Value {
        let all = self.value["findings"].as_array().unwrap();
        all.iter()
            .find(|f| f["code"] == code)
            .unwrap_or_else(|| panic!("no {code} with\n{}\n{:#}", self.rules, self.value))
    }

    #[track_caller]
    fn expect(&self, verdict: &str, code: &str) -> &Value {
        let found = self.finding(code);
        assert_eq!(self.verdict(), verdict, "{}\n{:#}", self.rules, self.value);
        found
    }

    #[track_caller]
    fn lacks(&self, code: &str) {
        let all = self.value["findings"].as_array().unwrap();
        assert!(all.iter().all(|f| f["code"] != code), "{code} with\n{}\n{:#}", self.rules, self.value);
    }
}

/// The addresses that a finding asks to allow: the same for machines, in words, and nothing more.
fn named(finding: &Value) -> Vec<&str> {
    let sources: Vec<&str> =
        finding["allow"]["sources"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    let remedy = finding["remedy"].as_str().unwrap();
    for address in EGRESS {
        assert_eq!(remedy.contains(address), sources.contains(&address), "{address}: {finding:#}");
    }
    sources
}

const DROP_OUTSIDER: &str = "ip saddr 192.0.2.99 drop\nip6 saddr 2001:db8::99 drop\n";
const GATEWAY_V4: &str = "ip saddr { 192.0.2.10, 192.0.2.11, 192.0.2.12 } tcp dport 1-65535";
const GATEWAY_V6: &str = "ip6 saddr { 2001:db8::10, 2001:db8::11 } tcp dport 1-65535";
const OUTSIDER_V4: &str = "ip saddr 192.0.2.99 tcp dport 1-65535";
const MAIL: &str = "mail.own.example";

/// A laboratory for one part of the table; the parts run side by side.
fn with_lab(test: &str, part: impl FnOnce(&Lab)) {
    if let Some(reason) = lab::netns::obstacle().or_else(lab::exim::obstacle).or_else(lab::nsd::obstacle) {
        return lab::left_out(test, &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    part(&Lab::start(folder.path()));
}

#[test]
fn the_gateway_gets_in() {
    with_lab("the_gateway_gets_in", |lab| {
        everybody_gets_in(lab);
        only_the_gateway_gets_in(lab);
        a_broken_outsider_proves_nothing(lab);
    });
}

#[test]
fn some_or_none_get_in() {
    with_lab("some_or_none_get_in", |lab| {
        some_addresses_are_missing(lab);
        the_port_is_open_and_the_service_is_not(lab);
        nobody_gets_in(lab);
    });
}

#[test]
fn the_gateway_is_shut_out() {
    with_lab("the_gateway_is_shut_out", |lab| {
        the_gateway_is_kept_out(lab);
        icmpv6_says_who_is_prohibited(lab);
    });
}

#[test]
fn rules_to_paste() {
    with_lab("rules_to_paste", the_rules_to_paste_open_the_door);
}

fn everybody_gets_in(lab: &Lab) {
    for server in [MAIL, "both.own.example", "six.own.example"] {
        let open = lab.check("", "customer.example", server);
        open.expect("pass", "FW_PASS");
        assert_eq!(open.finding("FW_OPEN_WORLD")["severity"], "info");
    }
    let both = lab.check("", "customer.example", "both.own.example");
    for address in EGRESS {
        assert!(both.finding("FW_PASS")["detail"].as_str().unwrap().contains(address), "{:#}", both.value);
    }
    let six = lab.check("", "customer.example", "six.own.example");
    assert_eq!(six.finding("FW_PASS")["vantages"].as_array().unwrap().len(), 2, "{:#}", six.value);
}

fn only_the_gateway_gets_in(lab: &Lab) {
    let shut = [
        DROP_OUTSIDER.to_owned(),
        format!("{OUTSIDER_V4} reject with tcp reset"),
        format!("{OUTSIDER_V4} reject with icmp type admin-prohibited"),
        format!("{OUTSIDER_V4} reject"),
        // As somebody writes who allows the gateway and nothing else.
        format!("{GATEWAY_V4} accept\n{GATEWAY_V6} accept\nip protocol tcp drop"),
    ];
    for rules in &shut {
        let moved = lab.check(rules, "moved.example", MAIL);
        moved.expect("pass", "FW_LOCKDOWN_VERIFIED");
        moved.finding("FW_PASS");
        moved.lacks("FW_CLOSED_TOO_EARLY");
        let early = lab.check(rules, "customer.example", MAIL);
        let finding = early.expect("fail", "FW_CLOSED_TOO_EARLY");
        assert_eq!(finding["severity"], "blocking");
        early.lacks("FW_LOCKDOWN_VERIFIED");
    }
    let six = lab.check(DROP_OUTSIDER, "moved.example", "six.own.example");
    assert!(six.expect("pass", "FW_LOCKDOWN_VERIFIED")["detail"].as_str().unwrap().contains("2001:db8::99"));
    let refused = lab.check("", "moved.example", &format!("{MAIL}:{GATEWAY_ONLY}"));
    let finding = refused.expect("pass", "FW_LOCKDOWN_APPLICATION");
    assert!(finding["detail"].as_str().unwrap().contains("5.7.51"), "{finding:#}");
}

/// An outsider that does not even reach the gateway's own MX is broken itself and proves nothing.
fn a_broken_outsider_proves_nothing(lab: &Lab) {
    lab.gateway.filter(DROP_OUTSIDER).unwrap();
    let report = lab.check(DROP_OUTSIDER, "moved.example", MAIL);
    report.expect("pass", "FW_PASS");
    report.lacks("FW_LOCKDOWN_VERIFIED");
    let inverted = lab.check(&format!("{GATEWAY_V4} drop"), "moved.example", MAIL);
    inverted.expect("inconclusive", "FW_INDETERMINATE");
    lab.gateway.filter("").unwrap();
}

fn some_addresses_are_missing(lab: &Lab) {
    let one = lab.check("ip saddr 192.0.2.11 drop", "customer.example", MAIL);
    assert_eq!(named(one.expect("fail", "FW_PARTIAL")), ["192.0.2.11"]);
    let two = "ip saddr { 192.0.2.10, 192.0.2.12 } tcp dport 25 reject with tcp reset";
    assert_eq!(
        named(lab.check(two, "customer.example", MAIL).expect("fail", "FW_PARTIAL")),
        ["192.0.2.10", "192.0.2.12"]
    );
    let prohibited = "ip saddr 192.0.2.12 reject with icmp type admin-prohibited";
    assert_eq!(named(lab.check(prohibited, "customer.example", MAIL).expect("fail", "FW_PARTIAL")), ["192.0.2.12"]);
    // Forgotten IPv6: the classic.
    let six = lab.check(&format!("{GATEWAY_V6} drop"), "customer.example", "both.own.example");
    assert_eq!(named(six.expect("fail", "FW_PARTIAL")), ["2001:db8::10", "2001:db8::11"]);
    let one_six = lab.check("ip6 saddr 2001:db8::11 tcp dport 25 drop", "customer.example", "six.own.example");
    assert_eq!(named(one_six.expect("fail", "FW_PARTIAL")), ["2001:db8::11"]);
    // The outsider kept out as well changes nothing about who is missing.
    let strict = lab.check(&format!("ip saddr 192.0.2.10 drop\n{DROP_OUTSIDER}"), "moved.example", MAIL);
    assert_eq!(named(strict.expect("fail", "FW_PARTIAL")), ["192.0.2.10"]);
}

fn the_gateway_is_kept_out(lab: &Lab) {
    let all = ["192.0.2.10", "192.0.2.11", "192.0.2.12"];
    let rows = [
        ("drop", "FW_INVERTED"),
        ("reject with tcp reset", "FW_REJECTED"),
        ("reject", "FW_REJECTED"),
        ("reject with icmp type admin-prohibited", "FW_PROHIBITED"),
        ("reject with icmp type host-prohibited", "FW_PROHIBITED"),
    ];
    for (verb, code) in rows {
        let report = lab.check(&format!("{GATEWAY_V4} {verb}"), "customer.example", MAIL);
        assert_eq!(named(report.expect("fail", code)), all, "{verb}");
    }
    let rows = [("drop", "FW_INVERTED"), ("reject with tcp reset", "FW_REJECTED")];
    for (verb, code) in rows {
        let report = lab.check(&format!("{GATEWAY_V6} {verb}"), "customer.example", "six.own.example");
        assert_eq!(named(report.expect("fail", code)), ["2001:db8::10", "2001:db8::11"], "{verb}");
    }
}

fn icmpv6_says_who_is_prohibited(lab: &Lab) {
    lab.be_patient();
    for (verb, code) in [
        ("reject with icmpv6 type admin-prohibited", "FW_PROHIBITED"),
        ("reject with icmpv6 type policy-fail", "FW_PROHIBITED"),
        ("reject", "FW_REJECTED"),
    ] {
        let report = lab.check(&format!("{GATEWAY_V6} {verb}"), "customer.example", "six.own.example");
        assert_eq!(named(report.expect("fail", code)), ["2001:db8::10", "2001:db8::11"], "{verb}");
    }
}

fn the_port_is_open_and_the_service_is_not(lab: &Lab) {
    let policy = lab.check("", "customer.example", &format!("{MAIL}:{REFUSES_GATEWAY}"));
    let finding = policy.expect("fail", "SMTP_POLICY_REJECT");
    assert!(finding["detail"].as_str().unwrap().contains("no mail from you"), "{finding:#}");
    policy.lacks("FW_PARTIAL");
    // Everybody waits for the greeting in vain: slow is not a fact about a firewall.
    let silent = lab.check("", "customer.example", &format!("{MAIL}:{SILENT}"));
    silent.expect("inconclusive", "SMTP_NO_BANNER");
    // Nothing listens: the gateway is refused by the host itself, others are dropped on the way.
    let nothing = format!("{MAIL}:{NOTHING}");
    let down = lab.check(DROP_OUTSIDER, "moved.example", &nothing);
    down.expect("fail", "FW_SERVICE_DOWN");
    let either = lab.check("", "customer.example", &nothing);
    either.expect("fail", "FW_REJECT_OR_DOWN");
    let rejected = lab.check("tcp dport 25 reject with tcp reset", "customer.example", MAIL);
    rejected.expect("fail", "FW_REJECT_OR_DOWN");
}

fn nobody_gets_in(lab: &Lab) {
    for server in [MAIL, "six.own.example"] {
        let report = lab.check("tcp dport 25 drop", "customer.example", server);
        let finding = report.expect("inconclusive", "FW_INDETERMINATE");
        // What to look for in the customer's log: from where, to where, when.
        let remedy = finding["remedy"].as_str().unwrap();
        let (from, to) =
            if server == MAIL { ("192.0.2.10", "192.0.2.25:25") } else { ("2001:db8::10", "[2001:db8::25]:25") };
        for part in [from, to, " UTC", "port 25"] {
            assert!(remedy.contains(part), "{part}: {remedy}");
        }
    }
}

/// What `fencepost check` prints for nftables is typed into the customer's own machine, as it stands.
fn the_rules_to_paste_open_the_door(lab: &Lab) {
    let shut = [
        ("ip saddr 192.0.2.11 drop", MAIL),
        ("ip6 saddr 2001:db8::/32 tcp dport 25 reject with tcp reset", "six.own.example"),
        ("tcp dport 25 drop", "both.own.example"),
        (
            "ip saddr 192.0.2.10 drop\nip6 saddr 2001:db8::11 reject with icmpv6 type admin-prohibited",
            "both.own.example",
        ),
    ];
    for (rules, server) in shut {
        let before = lab.check(rules, "moved.example", server);
        assert_ne!(before.verdict(), "pass", "{rules}\n{:#}", before.value);
        let snippets = before.value["firewall_rules"][0]["rules"].as_array().unwrap();
        let nftables = snippets.iter().find(|s| s["product"] == "nftables").unwrap()["text"].as_str().unwrap();
        let done = lab.customer.command("sh").args(["-e", "-c", nftables]).output().unwrap();
        assert!(done.status.success(), "{nftables}\n{}", String::from_utf8_lossy(&done.stderr));
        lab.check_again(&format!("{rules}\nthen {nftables}"), "moved.example", server).expect("pass", "FW_PASS");
    }
}
