//! A small world on loopback for the real `fencepost check`: one root, two name servers, a resolver, a
//! gateway, and a domain for everything that can be wrong. Every address carries one port number, as in
//! the world outside, where they carry 25, 53 and 443.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::{SharedClock, SystemClock};
use fencepost::demo::lab::{
    CertificateAuthority, Firewall, MailServer, NameServer, PolicyServer, Resolver, Zone, ZoneSet, address,
};
use jiff::SignedDuration;

use super::lab::certificates::{Authority, Oddity};
use super::lab::hostile_smtp::Step::{Hang, Tls};
use super::lab::hostile_smtp::{HostileSmtp, Script, say};

const AREA: u8 = 66;
const ROOT: Ipv4Addr = at(53, 3);
const NAME_SERVERS: [Ipv4Addr; 2] = [at(53, 1), at(53, 2)];
/// Nothing listens there.
const NOBODY: Ipv4Addr = at(53, 9);
const RESOLVER: Ipv4Addr = at(53, 11);
const GATEWAY: [Ipv4Addr; 2] = [at(25, 1), at(25, 2)];
const EGRESS: [Ipv4Addr; 2] = [at(2, 1), at(2, 2)];
const OUTSIDER: Ipv4Addr = at(3, 1);
const MX: [(u16, &str); 2] = [(10, "mx1.gateway.example"), (20, "mx2.gateway.example")];
/// The number that snapshots show in place of the port; it has as many digits.
pub const PORT: &str = "10025";

const fn at(net: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, AREA, net, host)
}

/// What runs at a domain's own mail server.
enum Server {
    /// Accepts mail for its domain, over TLS.
    Sound,
    Behind(Firewall),
    Greylisting,
    /// Knows another domain only.
    Stranger,
    Down,
    Scripted(Box<dyn Fn(&Authority) -> Script>),
    /// The order names the gateway itself.
    Gateway,
}

/// One domain, and what is wrong with it.
struct Place {
    domain: &'static str,
    exchanges: Vec<(u16, String)>,
    /// Of the second name server, where it differs.
    second: Option<Vec<(u16, String)>>,
    server: Server,
    name_servers: [&'static str; 2],
    texts: Vec<(String, &'static str)>,
    delegation: Delegation,
}

#[derive(PartialEq)]
enum Delegation {
    Sound,
    /// To addresses at which nobody answers.
    Dead,
    /// The domain does not exist.
    None,
}

impl Place {
    fn new(domain: &'static str, server: Server) -> Self {
        Self {
            domain,
            exchanges: vec![(10, format!("mail.{domain}"))],
            second: None,
            server,
            name_servers: ["ns1.hosting.example", "ns2.hosting.example"],
            texts: vec![
                (domain.to_owned(), "v=spf1 ip4:198.51.100.5 -all"),
                (format!("_dmarc.{domain}"), "v=DMARC1; p=none"),
            ],
            delegation: Delegation::Sound,
        }
    }

    fn moved(self) -> Self {
        self.mx(&MX)
    }

    fn mx(mut self, exchanges: &[(u16, &str)]) -> Self {
        self.exchanges = exchanges.iter().map(|(preference, host)| (*preference, (*host).to_owned())).collect();
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// Every domain of the world. The healthy one first.
fn places() -> Vec<Place> {
    let script = |make: fn(&Authority) -> Script| Server::Scripted(Box::new(make));
    vec![
        Place::new("healthy.example", Server::Sound).moved(),
        Place::new("unmoved.example", Server::Sound)
            .with(|place| place.name_servers = ["anna.ns.cloudflare.com", "bob.ns.cloudflare.com"]),
        Place::new("one-blocked.example", Server::Behind(Firewall::Block(vec![EGRESS[1]]))),
        Place::new("all-blocked.example", Server::Behind(Firewall::Block(EGRESS.to_vec()))),
        Place::new("too-early.example", Server::Behind(Firewall::AllowOnly(EGRESS.to_vec()))),
        Place::new("down.example", Server::Down),
        Place::new("stranger.example", Server::Stranger),
        Place::new("greylisting.example", Server::Greylisting),
        Place::new("silent.example", script(|_| Script::polite().greeting([Hang]))),
        Place::new("expired.example", script(|names| Script::starttls([Tls(names.acceptor(Oddity::Expired))]))),
        Place::new(
            "refusing.example",
            script(|_| Script::polite().greeting([say("554 5.7.1 your address is on our list\r\n")])),
        ),
        Place::new("loop.example", Server::Gateway).moved(),
        Place::new("side-door.example", Server::Sound).mx(&[
            (10, "mx1.gateway.example"),
            (20, "mx2.gateway.example"),
            (90, "mail.side-door.example"),
        ]),
        Place::new("half-moved.example", Server::Sound)
            .moved()
            .with(|place| place.second = Some(vec![(10, "mail.half-moved.example".to_owned())])),
        Place::new("no-dot.example", Server::Sound)
            .mx(&[(10, "mx1.gateway.example.no-dot.example"), (20, "mx2.gateway.example.no-dot.example")]),
        Place::new("no-mx.example", Server::Sound).mx(&[]),
        Place::new("no-mail.example", Server::Sound).mx(&[(0, ".")]),
        Place::new("dead-dns.example", Server::Sound).with(|place| place.delegation = Delegation::Dead),
        Place::new("gone.example", Server::Sound).with(|place| place.delegation = Delegation::None),
        Place::new("policy.example", Server::Sound).with(|place| {
            place.texts.push(("_mta-sts.policy.example".to_owned(), "v=STSv1; id=20260101"));
        }),
        Place::new("spf.example", Server::Sound)
            .with(|place| place.texts[0] = ("spf.example".to_owned(), "v=spf1 mx -all")),
    ]
}

/// A running world; it ends when dropped.
pub struct World {
    pub port: u16,
    pub domains: Vec<&'static str>,
    folder: tempfile::TempDir,
    _dns: (Vec<NameServer>, Resolver),
    _mail: (Vec<MailServer>, Vec<HostileSmtp>, Vec<PolicyServer>),
}

impl World {
    pub async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Another test may take the number on one of the addresses in between.
        for _ in 0..50 {
            let port = std::net::TcpListener::bind((ROOT, 0)).unwrap().local_addr().unwrap().port();
            if port >= 10_000
                && let Some(world) = Self::at(port).await
            {
                return world;
            }
        }
        panic!("no port is free on all addresses of the world");
    }

    async fn at(port: u16) -> Option<Self> {
        let places = places();
        let folder = tempfile::tempdir().unwrap();
        let ca = CertificateAuthority::new().unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        let dns = name_servers(&places, port).await?;
        let resolver = Resolver::start((RESOLVER, port).into(), (ROOT, port).into(), 0, clock.clone()).await.ok()?;
        let mut mail = Vec::new();
        let mut scripted = Vec::new();
        for (address, name) in GATEWAY.into_iter().zip(["mx1.gateway.example", "mx2.gateway.example"]) {
            let tls = Some(ca.acceptor(&[name]).unwrap());
            let server = MailServer::new(name, (address, port).into(), "gateway.example", tls, clock.clone());
            server.start().ok()?;
            mail.push(server);
        }
        let odd = Authority::new("mail.expired.example");
        for (number, place) in places.iter().enumerate() {
            let to = SocketAddr::from((own(number), port));
            let host = format!("mail.{}", place.domain);
            let sound = |domain: &str| {
                let server = MailServer::new(&host, to, domain, Some(ca.acceptor(&[&host]).unwrap()), clock.clone());
                server.start().ok().map(|()| server)
            };
            match &place.server {
                Server::Sound => mail.push(sound(place.domain)?),
                Server::Behind(firewall) => {
                    let server = sound(place.domain)?;
                    server.set_firewall(firewall.clone()).unwrap();
                    mail.push(server);
                }
                Server::Greylisting => {
                    let server = sound(place.domain)?;
                    server.set_greylisting(Some(SignedDuration::from_mins(5)));
                    mail.push(server);
                }
                Server::Stranger => mail.push(sound("somebody-else.example")?),
                Server::Down | Server::Gateway => {}
                Server::Scripted(script) => scripted.push(HostileSmtp::start(to, script(&odd)).await.ok()?),
            }
        }
        let policies = PolicyServer::start(port, &["policy.example"], &ca).await.ok()?;
        policies.enforce("policy.example", &["mail.policy.example"], 604_800);
        std::fs::write(folder.path().join("roots.pem"), ca.pem()).unwrap();
        std::fs::write(folder.path().join("fencepost.yaml"), configuration(port, &folder)).unwrap();
        Some(Self {
            port,
            domains: places.iter().map(|place| place.domain).collect(),
            folder,
            _dns: (dns, resolver),
            _mail: (mail, scripted, vec![policies]),
        })
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("fencepost.yaml")
    }

    /// The arguments of a check of a domain and its own mail server.
    pub fn arguments(&self, domain: &str) -> Vec<String> {
        let host = if domain == "loop.example" { "mx1.gateway.example".to_owned() } else { format!("mail.{domain}") };
        let config = self.config().display().to_string();
        let words = ["--config", &config, "check", domain, "--server", &format!("{host}:{}", self.port)];
        words.into_iter().map(str::to_owned).collect()
    }

    /// Runs the real binary.
    pub async fn run(&self, domain: &str, more: &[&str]) -> std::process::Output {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_fencepost"));
        command.args(self.arguments(domain)).args(more).env_clear().kill_on_drop(true);
        tokio::time::timeout(Duration::from_secs(120), command.output()).await.expect("the check to end").unwrap()
    }

    /// What was printed, with the port and the time replaced by others that are always the same.
    pub fn settled(&self, text: &str) -> String {
        settled(&text.replace(&self.port.to_string(), PORT))
    }
}

/// Times to the minute, which are of one length, always say the same.
fn settled(text: &str) -> String {
    let mut out = text.to_owned();
    for (pattern, instead) in [
        ("9999-99-99 99:99 UTC", "2026-03-02 10:00 UTC"),
        ("9999-99-99T99:99:99", "2026-03-02T10:00:00"),
        ("id=99999999T999999", "id=20260302T100000"),
    ] {
        let length = pattern.len();
        let fits = |text: &str| {
            text.bytes().zip(pattern.bytes()).all(|(a, p)| if p == b'9' { a.is_ascii_digit() } else { a == p })
        };
        let mut from = 0;
        while from + length <= out.len() {
            if out.get(from..from + length).is_some_and(fits) {
                out.replace_range(from..from + length, instead);
            }
            from += 1;
        }
    }
    out
}

fn own(number: usize) -> Ipv4Addr {
    at(10, u8::try_from(number).unwrap() + 1)
}

async fn name_servers(places: &[Place], port: u16) -> Option<Vec<NameServer>> {
    let mut root = Zone::new(".", &["a.root.example"], 3600, 300).unwrap();
    root.delegate("example", 3600, &[("a.root.example", ROOT)]).unwrap();
    let mut parent = Zone::new("example", &["a.root.example"], 3600, 300).unwrap();
    parent.set_a("a.root.example", 3600, &[ROOT]).unwrap();
    let hosting = ["ns1.hosting.example", "ns2.hosting.example"];
    let delegate = |parent: &mut Zone, domain: &str, names: [&str; 2], addresses: [Ipv4Addr; 2]| {
        parent.delegate(domain, 3600, &[(names[0], addresses[0]), (names[1], addresses[1])]).unwrap();
    };
    delegate(&mut parent, "gateway.example", hosting, NAME_SERVERS);
    delegate(&mut parent, "hosting.example", hosting, NAME_SERVERS);
    let mut both: [Vec<Zone>; 2] = [Vec::new(), Vec::new()];
    for (index, zones) in both.iter_mut().enumerate() {
        let mut gateway = Zone::new("gateway.example", &hosting, 3600, 300).unwrap();
        for ((_, name), address) in MX.into_iter().zip(GATEWAY) {
            gateway.set_a(name, 3600, &[address]).unwrap();
        }
        let mut servers = Zone::new("hosting.example", &hosting, 3600, 300).unwrap();
        for (name, address) in hosting.into_iter().zip(NAME_SERVERS) {
            servers.set_a(name, 3600, &[address]).unwrap();
        }
        zones.extend([gateway, servers]);
        for (number, place) in places.iter().enumerate() {
            zones.push(zone(place, own(number), index));
        }
    }
    for place in places {
        match place.delegation {
            Delegation::Sound => delegate(&mut parent, place.domain, place.name_servers, NAME_SERVERS),
            Delegation::Dead => {
                let names = ["ns1.dead-dns.example", "ns2.dead-dns.example"];
                delegate(&mut parent, place.domain, names, [NOBODY, at(53, 10)]);
            }
            Delegation::None => {}
        }
    }
    let mut com = Zone::new("com", &["a.root.example"], 3600, 300).unwrap();
    for (name, address) in ["anna.ns.cloudflare.com", "bob.ns.cloudflare.com"].into_iter().zip(NAME_SERVERS) {
        com.set_a(name, 3600, &[address]).unwrap();
    }
    root.delegate("com", 3600, &[("a.root.example", ROOT)]).unwrap();
    let [first, second] = both;
    let mut servers = Vec::new();
    for (address, zones) in [(ROOT, vec![root, parent, com]), (NAME_SERVERS[0], first), (NAME_SERVERS[1], second)] {
        servers.push(NameServer::start(IpAddr::V4(address), port, Arc::new(ZoneSet::new(zones))).await.ok()?);
    }
    Some(servers)
}

fn zone(place: &Place, own: Ipv4Addr, server: usize) -> Zone {
    let mut zone = Zone::new(place.domain, &place.name_servers, 3600, 300).unwrap();
    let exchanges = place.second.as_ref().filter(|_| server == 1).unwrap_or(&place.exchanges);
    let exchanges: Vec<(u16, &str)> = exchanges.iter().map(|(preference, host)| (*preference, host.as_str())).collect();
    zone.set_mx(place.domain, 3600, &exchanges).unwrap();
    zone.set_a(&format!("mail.{}", place.domain), 3600, &[own]).unwrap();
    zone.set_a(&format!("mta-sts.{}", place.domain), 3600, &[address::POLICY_SERVER]).unwrap();
    for (owner, text) in &place.texts {
        zone.set_txt(owner, 3600, &[*text]).unwrap();
    }
    zone
}

fn configuration(port: u16, folder: &tempfile::TempDir) -> String {
    format!(
        "gateway:
  mx_hosts:
    - {{ name: mx1.gateway.example, preference: 10 }}
    - {{ name: mx2.gateway.example, preference: 20 }}
  egress:
    - {{ address: {}, label: helsinki-1, local: true }}
    - {{ address: {}, label: helsinki-2, local: true }}
  smtp_port: {port}
probe:
  resolvers: ['{RESOLVER}:{port}']
  roots: ['{ROOT}:{port}']
  dns_port: {port}
  dns_timeout_ms: 2000
  outsiders: [{OUTSIDER}]
  connect_timeout_ms: 500
  banner_timeout_ms: 1500
  stage_timeout_ms: 10000
  total_timeout_ms: 30000
  pause_ms: 0
  allow_targets: [127.0.0.0/8]
  https_port: {port}
  extra_roots: {}
",
        EGRESS[0],
        EGRESS[1],
        folder.path().join("roots.pem").display()
    )
}
