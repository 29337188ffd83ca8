//! Questions to real name servers: the same zones on Knot, NSD, BIND and PowerDNS below a root of the
//! laboratory, with Unbound and BIND as resolvers. What one of them says in its own way must not
//! become another judgement.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test says what went wrong by panicking"
)]

mod lab;
#[path = "dns/signed_zones.rs"]
mod signed_zones;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fencepost::clock::SystemClock;
use fencepost::config::{GatewayConfig, ProbeConfig};
use fencepost::engine::ports::Observer;
use fencepost::probe::Prober;
use fencepost_checks::mx::{self, Expected, MxJudgement, MxVerdict};
use fencepost_checks::observation::{DnsAnswer, DnsRound};
use fencepost_checks::{Code, DomainName, Finding};
use lab::bind::Bind;
use lab::knot::Knot;
use lab::nsd::Nsd;
use lab::powerdns::PowerDns;
use lab::unbound::Unbound;

const ROOT: &str = "127.0.80.1";
/// The authoritative servers; each is called after its program.
const SERVERS: [(&str, &str); 4] =
    [("knot", "127.0.80.11"), ("nsd", "127.0.80.12"), ("bind", "127.0.80.13"), ("powerdns", "127.0.80.14")];
const UNBOUND: &str = "127.0.80.21";
const BIND_RESOLVER: &str = "127.0.80.22";

const OURS: &str = "@ 300 IN MX 10 mx1.gateway.example.\n@ 300 IN MX 20 mx2.gateway.example.\n";
const OLD: &str = "@ 300 IN MX 10 mail.old.example.\n";
/// More than UDP carries, with or without EDNS. BIND loads no zone with more than 100 records of a type.
const MANY: usize = 90;

struct Lab {
    _root: Nsd,
    knot: Knot,
    _nsd: Nsd,
    _bind: Bind,
    _powerdns: PowerDns,
    _unbound: Unbound,
    _resolver: Bind,
    prober: Prober,
    runtime: tokio::runtime::Runtime,
}

impl Lab {
    fn start(folder: &Path) -> Self {
        let root = Nsd::start(&folder.join("root"), ip(ROOT), &[(".", &root_zone())]);
        let zones: Vec<Vec<(String, String)>> = SERVERS.iter().map(|(name, _)| zones_of(name)).collect();
        let [on_knot, on_nsd, on_bind, on_powerdns] = [0, 1, 2, 3].map(|i: usize| {
            zones[i].iter().map(|(apex, records)| (apex.as_str(), records.as_str())).collect::<Vec<_>>()
        });
        let at = |i: usize| ip(SERVERS[i].1);
        let knot = Knot::start(&folder.join("knot"), at(0), &on_knot);
        let nsd = Nsd::start(&folder.join("nsd"), at(1), &on_nsd);
        let bind = Bind::start(&folder.join("bind"), at(2), &on_bind);
        let powerdns = PowerDns::start(&folder.join("powerdns"), at(3), &on_powerdns);
        let unbound = Unbound::start(&folder.join("unbound"), ip(UNBOUND), ip(ROOT));
        let resolver = Bind::resolver(&folder.join("resolver"), ip(BIND_RESOLVER), ip(ROOT));
        let probe = ProbeConfig {
            resolvers: [UNBOUND, BIND_RESOLVER].map(|a| (ip(a), 53).into()).to_vec(),
            roots: vec![(ip(ROOT), 53).into()],
            dns_timeout_ms: 3_000,
            allow_targets: vec!["127.0.0.0/8".to_owned()],
            ..ProbeConfig::default()
        };
        let prober = Prober::new(&probe, &GatewayConfig::default(), Arc::new(SystemClock)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Self {
            _root: root,
            knot,
            _nsd: nsd,
            _bind: bind,
            _powerdns: powerdns,
            _unbound: unbound,
            _resolver: resolver,
            prober,
            runtime,
        }
    }

    fn look(&self, domain: &str) -> Seen {
        let round = self.runtime.block_on(self.prober.mx_round(&name(domain)));
        let gateway_hosts = vec![name("mx1.gateway.example"), name("mx2.gateway.example")];
        let judged = mx::judge(&round, &Expected { gateway_hosts, ..Expected::default() });
        Seen { round, judged }
    }
}

/// A round and what it means.
struct Seen {
    round: DnsRound,
    judged: MxJudgement,
}

impl Seen {
    /// What the server of this name answered.
    #[track_caller]
    fn of(&self, server: &str) -> &DnsAnswer {
        let host = format!("{server}.names.example");
        &self.round.servers.iter().find(|s| s.name == host).unwrap_or_else(|| panic!("{server}: {self}")).answer
    }

    /// The same of every server.
    #[track_caller]
    fn all(&self, answer: &DnsAnswer) {
        for (server, _) in SERVERS {
            assert_eq!(self.of(server), answer, "{server}: {self}");
        }
    }

    #[track_caller]
    fn finding(&self, code: Code) -> &Finding {
        self.judged.findings.iter().find(|f| f.code == code).unwrap_or_else(|| panic!("no {code}: {self}"))
    }

    #[track_caller]
    fn lacks(&self, code: Code) {
        assert!(self.judged.findings.iter().all(|f| f.code != code), "{code}: {self}");
    }

    fn resolver(&self, address: &str) -> &DnsAnswer {
        &self.round.resolvers.iter().find(|r| r.address.ip() == ip(address)).unwrap().answer
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#?}\n{:#?}", self.judged, self.round)
    }
}

/// Which servers the root names for a zone.
fn delegated(zone: &str) -> &'static [&'static str] {
    match zone {
        "parent.example." => &["knot", "nsd"],
        "changing.example." => &["knot"],
        "nobody.example." => &["nsd", "powerdns"],
        _ => &["knot", "nsd", "bind", "powerdns"],
    }
}

fn ns(servers: &[&str]) -> String {
    servers.iter().map(|s| format!("@ 300 IN NS {s}.names.example.\n")).collect()
}

fn root_zone() -> String {
    let mut zone = format!(
        "@ 300 IN NS root.invalid.\nroot.invalid. 300 IN A {ROOT}\nmx1.gateway.example. 300 IN A 127.0.62.1\n\
         mx2.gateway.example. 300 IN A 127.0.62.2\nmail.old.example. 300 IN A 127.0.63.1\n"
    );
    for (server, address) in SERVERS {
        zone.push_str(&format!("{server}.names.example. 300 IN A {address}\n"));
    }
    for apex in ZONES.iter().chain(&["nobody.example."]) {
        zone.push_str(&ns(delegated(apex)).replace('@', apex));
    }
    zone
}

const ZONES: [&str; 8] = [
    "same.example.",
    "late.example.",
    "empty.example.",
    "wild.example.",
    "many.example.",
    "lame.example.",
    "parent.example.",
    "changing.example.",
];

/// The zones that this server has.
fn zones_of(server: &str) -> Vec<(String, String)> {
    let mut zones = Vec::new();
    for apex in ZONES {
        let records = match (apex, server) {
            // Three servers have lost the zone that they are named for.
            ("lame.example.", "nsd" | "bind" | "powerdns") => continue,
            ("lame.example.", _) => OURS.to_owned(),
            ("changing.example.", "knot") => OLD.to_owned(),
            ("changing.example.", _) => continue,
            ("late.example.", "powerdns") => OLD.to_owned(),
            ("empty.example.", _) => "www 300 IN A 127.0.63.9\n".to_owned(),
            ("wild.example.", _) => {
                "* 300 IN MX 10 mx1.gateway.example.\n* 300 IN MX 20 mx2.gateway.example.\n".to_owned()
            }
            ("many.example.", _) => (0..MANY).map(|i| format!("@ 300 IN MX {i} mx{i}.far-away.example.\n")).collect(),
            ("same.example.", _) => format!("{OURS}alias 120 IN CNAME same.example.\n"),
            _ => OURS.to_owned(),
        };
        // The zone itself names other servers than its parent.
        let names = if apex == "parent.example." { &["knot", "bind"] } else { delegated(apex) };
        zones.push((apex.to_owned(), ns(names) + &records));
    }
    zones
}

fn obstacle() -> Option<String> {
    let others = || lab::missing(&[Path::new("/usr/sbin/knotd"), Path::new("/usr/sbin/unbound")]);
    lab::netns::obstacle()
        .or_else(others)
        .or_else(lab::nsd::obstacle)
        .or_else(lab::bind::obstacle)
        .or_else(lab::powerdns::obstacle)
}

#[test]
fn four_name_servers_and_two_resolvers() {
    const TEST: &str = "four_name_servers_and_two_resolvers";
    if let Some(reason) = obstacle() {
        return lab::left_out(TEST, &reason);
    }
    if !lab::netns::inside(TEST) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path());
    all_agree(&lab);
    one_is_late(&lab);
    absence_has_its_ttl(&lab);
    more_than_udp_carries(&lab);
    lame_servers(&lab);
    parent_and_child_differ(&lab);
    nobody_serves_it(&lab);
    a_resolver_holds_the_old_copy(&lab);
}

fn all_agree(lab: &Lab) {
    let seen = lab.look("same.example");
    assert_eq!(seen.judged.verdict, MxVerdict::OursOnly, "{seen}");
    assert!(seen.judged.clean && seen.round.servers.iter().all(|s| s.in_parent && s.in_child), "{seen}");
    assert_eq!((seen.round.zone.clone(), seen.round.ns_ttl), (Some(name("same.example")), Some(300)));
    seen.lacks(Code::ResolverStale);
    seen.lacks(Code::NsDelegationMismatch);
    let wild = lab.look("anything.wild.example");
    assert_eq!((wild.judged.verdict, wild.judged.clean), (MxVerdict::OursOnly, true), "{wild}");
    let alias = lab.look("alias.same.example");
    for (server, _) in SERVERS {
        let DnsAnswer::Cname { target, records, ttl } = alias.of(server) else { panic!("{server}: {alias}") };
        assert_eq!((target.as_str(), records.len(), *ttl), ("same.example", 2, 120), "{server}");
    }
    alias.finding(Code::MxOwnerAlias);
}

fn one_is_late(lab: &Lab) {
    let seen = lab.look("late.example");
    assert!(seen.judged.old_published && !seen.judged.clean, "{seen}");
    let finding = seen.finding(Code::NsInconsistent);
    assert!(finding.remedy.contains("powerdns.names.example (127.0.80.14)"), "{seen}");
    for other in ["knot", "nsd", "bind"] {
        assert!(!finding.remedy.contains(&format!("{other}.names")), "{other} is not late: {seen}");
        assert!(finding.detail.contains(&format!("{other}.names.example")), "{seen}");
    }
    assert!(seen.judged.broken_by.as_deref().unwrap().contains("powerdns.names.example"), "{seen}");
}

fn absence_has_its_ttl(lab: &Lab) {
    let empty = lab.look("empty.example");
    empty.all(&DnsAnswer::NoData { negative_ttl: Some(60) });
    assert_eq!((empty.judged.verdict, empty.judged.complete), (MxVerdict::None, true), "{empty}");
    empty.finding(Code::MxNone);
    let gone = lab.look("gone.empty.example");
    gone.all(&DnsAnswer::NxDomain { negative_ttl: Some(60) });
    assert_eq!(gone.round.zone, Some(name("empty.example")));
    assert_eq!(gone.judged.verdict, MxVerdict::None, "{gone}");
}

fn more_than_udp_carries(lab: &Lab) {
    let seen = lab.look("many.example");
    for (server, _) in SERVERS {
        let DnsAnswer::Mx { records, ttl: 300 } = seen.of(server) else { panic!("{server}: {:?}", seen.of(server)) };
        assert_eq!(records.len(), MANY, "{server}");
    }
    for resolver in [UNBOUND, BIND_RESOLVER] {
        let DnsAnswer::Mx { records, .. } = seen.resolver(resolver) else { panic!("{:?}", seen.resolver(resolver)) };
        assert_eq!(records.len(), MANY, "{resolver}");
    }
}

fn lame_servers(lab: &Lab) {
    let seen = lab.look("lame.example");
    assert!(matches!(seen.of("knot"), DnsAnswer::Mx { .. }), "{seen}");
    for server in ["nsd", "bind", "powerdns"] {
        assert!(matches!(seen.of(server), DnsAnswer::Lame | DnsAnswer::Refused), "{server}: {seen}");
        let told = seen.judged.findings.iter().any(|f| f.code == Code::NsLame && f.subject.starts_with(server));
        assert!(told, "{server}: {seen}");
    }
    assert!(!seen.judged.complete && !seen.judged.clean, "three servers may still say anything: {seen}");
    assert_eq!(seen.judged.verdict, MxVerdict::OursOnly, "{seen}");
}

fn parent_and_child_differ(lab: &Lab) {
    let seen = lab.look("parent.example");
    let finding = seen.finding(Code::NsDelegationMismatch);
    assert!(finding.detail.contains("only the registry names nsd.names.example"), "{seen}");
    assert!(finding.detail.contains("only the zone itself names bind.names.example"), "{seen}");
    // All three are asked, because all three are what some sender asks.
    assert_eq!(seen.round.servers.len(), 3, "{seen}");
    assert!(seen.judged.clean, "{seen}");
}

fn nobody_serves_it(lab: &Lab) {
    let seen = lab.look("nobody.example");
    assert_eq!(seen.judged.verdict, MxVerdict::LookupError, "{seen}");
    for resolver in [UNBOUND, BIND_RESOLVER] {
        assert_eq!(seen.resolver(resolver), &DnsAnswer::ServFail, "{resolver}: {seen}");
    }
    seen.finding(Code::MxLookupError);
    seen.lacks(Code::MxNone);
    assert!(!seen.judged.gone, "{seen}");
}

fn a_resolver_holds_the_old_copy(lab: &Lab) {
    let before = lab.look("changing.example");
    assert_eq!(before.judged.verdict, MxVerdict::ForeignOnly, "{before}");
    lab.knot.replace("changing.example.", &(ns(&["knot"]) + OURS), 2);
    // The other resolver keeps nothing for longer than a second.
    let deadline = Instant::now() + Duration::from_secs(20);
    let after = loop {
        let seen = lab.look("changing.example");
        let DnsAnswer::Mx { records, .. } = seen.resolver(UNBOUND) else { panic!("{seen}") };
        if records.len() == 2 {
            break seen;
        }
        assert!(Instant::now() < deadline, "{seen}");
        lab::pause();
    };
    assert_eq!((after.judged.verdict, after.judged.clean), (MxVerdict::OursOnly, true), "{after}");
    assert!(after.judged.resolvers_stale, "{after}");
    let finding = after.finding(Code::ResolverStale);
    assert!(finding.detail.contains(BIND_RESOLVER) && !finding.detail.contains(UNBOUND), "{after}");
}

fn name(text: &str) -> DomainName {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
