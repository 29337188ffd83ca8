//! The engine, two agents on gateways and two customers behind nftables, each in a network namespace of
//! its own on one wire that the test makes and removes. Onboarding passes with every probe sent by an
//! agent; when an agent's cable is pulled, what only it can see becomes inconclusive and nothing fails;
//! when it is back, so is the answer. A rule against one gateway address is still a failure.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod lab;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use lab::Daemon;
use lab::certificates::Authority;
use lab::exim::Exim;
use lab::netns::Netns;
use lab::nsd::Nsd;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fencepost");
const ENGINE: &str = "192.0.2.1";
const AGENTS: [(&str, &str); 2] = [("gw1", "192.0.2.10"), ("gw2", "192.0.2.11")];
/// An address of the first gateway's host that is no gateway address.
const OUTSIDER: &str = "192.0.2.99";
const CUSTOMERS: [(&str, &str); 2] = [("customer.example", "192.0.2.25"), ("moved.example", "192.0.2.26")];
const NAME_SERVER: &str = "127.0.0.1";
const TLS_PORT: u16 = 443;
const REFERENCE_PORT: u16 = 2525;
/// Everything takes a few seconds; a hang shows as this.
const BOUND: Duration = Duration::from_secs(60);

/// Where the proxy that ends TLS for the engine runs: this very binary, started inside the namespace.
const PROXY_MARK: &str = "FENCEPOST_TEST_TLS_PROXY";

#[test]
fn a_cut_cable_is_nobody_s_failure() {
    let test = "a_cut_cable_is_nobody_s_failure";
    if let Some(reason) = lab::netns::obstacle().or_else(lab::exim::obstacle).or_else(lab::nsd::obstacle) {
        return lab::left_out(test, &reason);
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path());
    onboarding_passes(&lab);
    one_cable_is_pulled(&lab);
    the_engine_is_cut_off(&lab);
    a_rule_against_one_address_is_a_failure(&lab);
}

fn onboarding_passes(lab: &Lab) {
    for (domain, server) in CUSTOMERS {
        lab.order(domain, server);
    }
    for (domain, _) in CUSTOMERS {
        let status = lab.until(domain, "the permit is issued", |status| status["mx_change_permitted"] == true);
        assert_eq!(status["phase"], "ready", "{status:#}");
    }
    let transport = fs::read_to_string(lab.folder.join("maps/transport")).unwrap();
    for (domain, server) in CUSTOMERS {
        assert!(transport.contains(&format!("{domain} relay:[{server}]:25")), "set by the agent: {transport}");
    }
    let vantages = lab.vantages();
    for (agent, address) in AGENTS {
        let vantage = find(&vantages["items"], &format!("egress-{address}"));
        assert_eq!((&vantage["state"], &vantage["agent"]), (&"ok".into(), &agent.into()), "{vantages:#}");
        assert_eq!(vantage["outside"], address, "proved at our reference server: {vantages:#}");
        assert_eq!((&vantage["good"], &vantage["bad"]), (&2.into(), &0.into()), "{vantages:#}");
    }
    assert_eq!(find(&vantages["items"], &format!("outsider-{OUTSIDER}"))["outside"], OUTSIDER);
}

/// gw2 loses its cable: its address cannot be seen from, the other's can.
fn one_cable_is_pulled(lab: &Lab) {
    lab.wire("gw2", false);
    lab.until_vantage("egress-192.0.2.11", "away");
    for (domain, _) in CUSTOMERS {
        lab.recheck(domain);
        let status = lab.until(domain, "the absence shows", |status| has(status, "VANTAGE_FAULT"));
        still_permitted(domain, &status);
    }
    lab.wire("gw2", true);
    lab.until_vantage("egress-192.0.2.11", "ok");
    for (domain, _) in CUSTOMERS {
        lab.recheck(domain);
        let status = lab.until(domain, "the fault is gone", |status| !has(status, "VANTAGE_FAULT"));
        still_permitted(domain, &status);
    }
}

/// The engine's own cable, in the middle of a look: nothing at all can be seen.
fn the_engine_is_cut_off(lab: &Lab) {
    for (domain, _) in CUSTOMERS {
        lab.recheck(domain);
    }
    lab.wire("engine", false);
    for (agent, _) in AGENTS {
        lab.until_log(agent, "tries again");
    }
    lab.until_vantage("egress-192.0.2.10", "away");
    for (domain, _) in CUSTOMERS {
        lab.recheck(domain);
        let status = lab.until(domain, "the absence shows", |status| has(status, "VANTAGE_FAULT"));
        assert_ne!(status["answer"], "stop", "{domain}: {status:#}");
        assert_eq!(status["phase"], "ready", "{domain}: {status:#}");
    }
    lab.wire("engine", true);
    for (_, address) in AGENTS {
        lab.until_vantage(&format!("egress-{address}"), "ok");
    }
    for (domain, _) in CUSTOMERS {
        lab.recheck(domain);
        let status = lab.until(domain, "the fault is gone", |status| {
            !has(status, "VANTAGE_FAULT") && status["mx_change_permitted"] == true
        });
        still_permitted(domain, &status);
    }
}

/// The one thing that is the customer's to mend is still told as such, with the address.
fn a_rule_against_one_address_is_a_failure(lab: &Lab) {
    let (domain, _) = CUSTOMERS[1];
    lab.customers[1].filter("ip saddr 192.0.2.11 drop").unwrap();
    lab.recheck(domain);
    let status = lab.until(domain, "the rule shows", |status| has(status, "FW_PARTIAL"));
    assert_eq!((&status["phase"], &status["mx_change_permitted"]), (&"allowlisting".into(), &false.into()));
    let finding = status["findings"].as_array().unwrap().iter().find(|f| f["code"] == "FW_PARTIAL").unwrap();
    assert!(finding["remedy"].as_str().unwrap().contains("192.0.2.11"), "{finding:#}");
    still_permitted(CUSTOMERS[0].0, &lab.status(CUSTOMERS[0].0));
    lab.customers[1].filter("").unwrap();
    lab.recheck(domain);
    lab.until(domain, "the permit is back", |status| status["mx_change_permitted"] == true);
    let kinds = |domain: &str| -> Vec<String> {
        let events = lab.run(&["events", domain, "--output", "json"]);
        events.as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
    };
    let revoked = |domain: &str| kinds(domain).iter().filter(|kind| *kind == "permit_revoked").count();
    assert_eq!(revoked(CUSTOMERS[0].0), 0, "{:?}", kinds(CUSTOMERS[0].0));
    assert_eq!(revoked(domain), 1, "by the rule alone: {:?}", kinds(domain));
}

#[track_caller]
fn still_permitted(domain: &str, status: &Value) {
    assert_eq!(
        (&status["phase"], &status["mx_change_permitted"]),
        (&"ready".into(), &true.into()),
        "{domain}: {status:#}"
    );
}

fn has(status: &Value, code: &str) -> bool {
    status["findings"].as_array().unwrap().iter().any(|finding| finding["code"] == code)
}

fn find<'a>(items: &'a Value, id: &str) -> &'a Value {
    items.as_array().unwrap().iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("no {id} in {items:#}"))
}

/// Daemons go before the namespaces that they run in.
struct Lab {
    _agents: Vec<Daemon>,
    _engine: Daemon,
    _proxy: Daemon,
    _servers: Vec<Exim>,
    _names: Nsd,
    engine: Netns,
    customers: [Netns; 2],
    _gateways: [Netns; 2],
    hub: Netns,
    desk: String,
    folder: PathBuf,
}

impl Lab {
    fn start(folder: &Path) -> Self {
        let hub = Netns::new("hub").unwrap();
        hub.ip(&["link", "add", "bridge", "type", "bridge"]).unwrap();
        hub.ip(&["link", "set", "bridge", "up"]).unwrap();
        let engine = joined(&hub, "engine", &[ENGINE]);
        let gateways = [joined(&hub, "gw1", &[AGENTS[0].1, OUTSIDER]), joined(&hub, "gw2", &[AGENTS[1].1])];
        let customers = [joined(&hub, "c1", &[CUSTOMERS[0].1]), joined(&hub, "c2", &[CUSTOMERS[1].1])];
        let zone = |server: &str| format!("@ 60 IN NS ns.invalid.\n@ 60 IN MX 10 mail\nmail 60 IN A {server}\n");
        let zones = CUSTOMERS.map(|(domain, server)| (format!("{domain}."), zone(server)));
        let names = Nsd::start_in(
            &engine,
            &folder.join("nsd"),
            NAME_SERVER.parse().unwrap(),
            &[
                (
                    ".",
                    &format!(
                        "@ 60 IN NS ns.invalid.\nns.invalid. 60 IN A {NAME_SERVER}\n\
                         mx1.gateway.example. 60 IN A {}\nprobe.gateway.example. 60 IN A {}\n",
                        AGENTS[0].1, AGENTS[0].1
                    ),
                ),
                (&zones[0].0, &zones[0].1),
                (&zones[1].0, &zones[1].1),
            ],
        );
        let settings = "acl_smtp_rcpt = rcpt\ntls_advertise_hosts =\n";
        let exim = |namespace: &Netns, name: &str| {
            Exim::start_in(namespace, &folder.join(name), &[25], settings, lab::exim::TAKES_ALL)
        };
        let servers = vec![exim(&customers[0], "c1"), exim(&customers[1], "c2"), exim(&gateways[0], "gw1-mx")];

        let authority = Authority::new(ENGINE);
        let proxy = proxy(&engine, folder, &authority);
        let config = folder.join("engine.yaml");
        fs::write(&config, configuration(folder)).unwrap();
        fs::create_dir(folder.join("maps")).unwrap();
        let agent_config = folder.join("agent.yaml");
        fs::write(&agent_config, agent_configuration(folder)).unwrap();
        let desk = token(&config, "desk", "desk");
        let log = folder.join("engine.log");
        let daemon = Daemon::start("serve", engine.command(PROGRAM).args(["serve", "--config"]).arg(&config), &log);
        engine.wait_for_listener(8080, &log);
        let agents = AGENTS.iter().zip(&gateways).map(|((name, _), namespace)| {
            let mut command = namespace.command(PROGRAM);
            command.args(["agent", "--engine", &format!("https://{ENGINE}"), "--config"]).arg(&agent_config);
            command.arg("--ca").arg(authority.roots()).env("FENCEPOST_TOKEN", token(&config, "agent", name));
            Daemon::start(name, &mut command, &folder.join(format!("{name}.log")))
        });
        let agents = agents.collect();
        // The file must be there as long as an agent may read it, which is at its start.
        let lab = Self {
            _agents: agents,
            _engine: daemon,
            _proxy: proxy,
            _servers: servers,
            _names: names,
            engine,
            customers,
            _gateways: gateways,
            hub,
            desk,
            folder: folder.to_owned(),
        };
        for (agent, _) in AGENTS {
            lab.until_log(agent, "works for");
        }
        lab
    }

    /// Pulls a cable, or puts it back.
    fn wire(&self, label: &str, up: bool) {
        self.hub.ip(&["link", "set", label, if up { "up" } else { "down" }]).unwrap();
    }

    fn order(&self, domain: &str, server: &str) {
        let order = format!(
            "partner: acme\ncustomer_name: Customer of {domain}\ncontacts:\n  - {{ name: T, email: tech@elsewhere.example }}\n  \
             - {{ name: P, email: orders@partner.example, role: partner }}\ndomains: [{domain}]\nservers:\n  - host: {server}\n\
             mailboxes: 10\nkind: trial\nprice: 120.00 EUR\nsales_rep: rep@partner.example\n"
        );
        let file = self.folder.join(format!("{domain}.yaml"));
        fs::write(&file, order).unwrap();
        self.run(&["order", "-f", file.to_str().unwrap(), "--output", "json"]);
    }

    fn recheck(&self, domain: &str) {
        self.run(&["recheck", domain, "--output", "json"]);
    }

    fn status(&self, domain: &str) -> Value {
        self.run(&["status", domain, "--output", "json"])
    }

    fn vantages(&self) -> Value {
        self.run(&["vantages", "--output", "json"])
    }

    /// A command of the service desk, inside the engine's namespace.
    fn run(&self, args: &[&str]) -> Value {
        let mut command = self.engine.command(PROGRAM);
        let done = command.args(args).env("FENCEPOST_URL", "http://127.0.0.1:8080").env("FENCEPOST_TOKEN", &self.desk);
        let done = done.output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        serde_json::from_str(&said).unwrap_or_else(|error| {
            panic!("{args:?}: {error}: {said}\n{}\n{}", String::from_utf8_lossy(&done.stderr), self.log("engine"))
        })
    }

    fn log(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default()
    }

    fn until(&self, domain: &str, what: &str, done: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + BOUND;
        loop {
            let status = self.status(domain);
            if done(&status) {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{domain}: {what}: not yet\n{status:#}\n{:#}\nengine:\n{}\ngw1:\n{}\ngw2:\n{}",
                self.vantages(),
                self.log("engine"),
                self.log("gw1"),
                self.log("gw2")
            );
            lab::pause();
        }
    }

    fn until_vantage(&self, id: &str, state: &str) {
        let deadline = Instant::now() + BOUND;
        loop {
            let vantages = self.vantages();
            if find(&vantages["items"], id)["state"] == state {
                return;
            }
            assert!(Instant::now() < deadline, "{id} is not {state}: {vantages:#}\n{}", self.log("gw2"));
            lab::pause();
        }
    }

    fn until_log(&self, name: &str, word: &str) {
        let deadline = Instant::now() + BOUND;
        while !self.log(name).contains(word) {
            assert!(Instant::now() < deadline, "{name} does not say {word:?}:\n{}", self.log(name));
            lab::pause();
        }
    }
}

/// A namespace on the hub's bridge.
fn joined(hub: &Netns, label: &str, addresses: &[&str]) -> Netns {
    let made = Netns::new(label).unwrap();
    let prefixed: Vec<String> = addresses.iter().map(|address| format!("{address}/24")).collect();
    let prefixed: Vec<&str> = prefixed.iter().map(String::as_str).collect();
    made.wire(&prefixed, hub, &[]).unwrap();
    hub.ip(&["link", "set", "wire", "down"]).unwrap();
    hub.ip(&["link", "set", "wire", "name", label]).unwrap();
    hub.ip(&["link", "set", label, "master", "bridge", "up"]).unwrap();
    made
}

fn configuration(folder: &Path) -> String {
    let egress: String =
        AGENTS.iter().map(|(name, address)| format!("    - address: {address}\n      agent: {name}\n")).collect();
    format!(
        "store:\n  path: {db}\nengine:\n  auto_register: true\n  poll_ms: 50\n  agent_away_seconds: 3\nhttp:\n  \
         listen: 127.0.0.1:8080\ngateway:\n  mx_hosts:\n    - name: mx1.gateway.example\n      preference: 10\n  \
         adapter:\n    kind: agents\n    agents: [gw1]\n  egress:\n{egress}probe:\n  resolvers: [\"{NAME_SERVER}:53\"]\n  roots: [\"{NAME_SERVER}:53\"]\n  \
         dns_timeout_ms: 1000\n  remote_outsiders:\n    - agent: gw1\n      address: {OUTSIDER}\n  \
         reference: [\"{ENGINE}:{REFERENCE_PORT}\"]\n  reference_listen: {ENGINE}:{REFERENCE_PORT}\n  \
         connect_timeout_ms: 1000\n  banner_timeout_ms: 2000\n  stage_timeout_ms: 3000\n  total_timeout_ms: 10000\n  \
         pause_ms: 0\n  allow_targets: [127.0.0.0/8, 192.0.2.0/24]\n",
        db = folder.join("fencepost.db").display(),
    )
}

/// Of both agents, though only the first is asked to carry routes.
fn agent_configuration(folder: &Path) -> String {
    let maps = folder.join("maps");
    format!(
        "gateway:\n  adapter:\n    kind: postfix\n    relay_domains: {maps}/domains\n    transport: {maps}/transport\n    \
         reload: [\"true\"]\nprobe:\n  allow_targets: [192.0.2.0/24]\n  pause_ms: 0\n",
        maps = maps.display()
    )
}

fn token(config: &Path, role: &str, label: &str) -> String {
    let made = Command::new(PROGRAM)
        .args(["token", "create", "--role", role, "--label", label, "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().to_owned()
}

/// Starts the proxy as an operator would: beside the engine, with the certificate of the authority.
fn proxy(engine: &Netns, folder: &Path, authority: &Authority) -> Daemon {
    let (certificate, key) = authority.pem();
    let pem = folder.join("proxy.pem");
    fs::write(&pem, certificate + &key).unwrap();
    let binary = std::env::current_exe().unwrap();
    let log = folder.join("proxy.log");
    let mut command = engine.command(binary.to_str().unwrap());
    command.args(["--exact", "the_proxy_that_ends_tls", "--nocapture", "--ignored"]).env(PROXY_MARK, pem);
    let daemon = Daemon::start("proxy", &mut command, &log);
    engine.wait_for_listener(TLS_PORT, &log);
    daemon
}

/// No test: what [`proxy`] starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a helper process of the other test"]
async fn the_proxy_that_ends_tls() {
    let Some(pem) = std::env::var_os(PROXY_MARK) else { return };
    let acceptor = lab::certificates::acceptor_from(Path::new(&pem));
    let listener = tokio::net::TcpListener::bind((ENGINE, TLS_PORT)).await.unwrap();
    let engine = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let Ok(mut inside) = acceptor.accept(stream).await else { return };
            let Ok(mut outside) = tokio::net::TcpStream::connect(engine).await else { return };
            let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
        });
    }
}
