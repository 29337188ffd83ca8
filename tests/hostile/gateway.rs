//! A gateway host with an IPv4 and an IPv6 address is asked at both: one that is well does not speak for the
//! other.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use fencepost::clock::SystemClock;
use fencepost::engine::ports::Observer;
use fencepost::probe::Prober;
use fencepost_checks::gateway::{GatewayContext, judge};
use fencepost_checks::{Code, Verdict};
use jiff::Timestamp;

use super::lab::hostile_dns::Act::Send;
use super::lab::hostile_dns::{A, AAAA, HostileDns, QR_RA, Record, Reply, Rule};
use super::lab::hostile_smtp::{HostileSmtp, Script, say};
use super::{DOMAIN, at, gateway_config, probe_config};

const HOST: &str = "mx1.gateway.example";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_addresses_of_a_gateway_host_are_asked() {
    let (resolver, v4, v6) = (at(97, 1, 53), at(97, 1, 25), IpAddr::V6(Ipv6Addr::LOCALHOST));
    // The foreign recipient comes second.
    let well = Script::polite().on("RCPT2", [say("554 5.7.1 we do not relay\r\n")]);
    let refusing = well.clone().on("RCPT", [say("550 5.7.1 not served here\r\n")]);
    let mut started = None;
    for _ in 0..50 {
        let port = std::net::TcpListener::bind((v4, 0)).unwrap().local_addr().unwrap().port();
        let first = HostileSmtp::start(SocketAddr::new(v4, port), well.clone()).await;
        let second = HostileSmtp::start(SocketAddr::new(v6, port), refusing.clone()).await;
        if let (Ok(first), Ok(second)) = (first, second) {
            started = Some((port, first, second));
            break;
        }
    }
    let (port, first, second) = started.expect("a port that is free in both families");
    let of = |records: Vec<Record>| {
        let mut reply = Reply::of(records);
        reply.flags = QR_RA;
        [Send(reply)]
    };
    let rules = vec![
        Rule::at(HOST, A, of(vec![Record::address(HOST, v4)])),
        Rule::at(HOST, AAAA, of(vec![Record::address(HOST, v6)])),
        Rule::any(of(Vec::new())),
    ];
    let dns = HostileDns::start(SocketAddr::new(resolver, 0), true, rules).await.unwrap();
    let mut probe = probe_config();
    probe.allow_targets.push("::1/128".to_owned());
    probe.resolvers = vec![dns.address];
    let mut gateway = gateway_config();
    gateway.smtp_port = port;
    let prober = Prober::new(&probe, &gateway, Arc::new(SystemClock)).unwrap();
    let domain = DOMAIN.parse().unwrap();
    let seen = prober.gateway(&domain, &format!("postmaster@{DOMAIN}")).await;
    let peers: Vec<IpAddr> = seen.iter().map(|dialogue| dialogue.peer.unwrap().ip()).collect();
    assert!(peers.len() == 2 && peers.contains(&v4) && peers.contains(&v6), "{peers:?}");
    for (server, name) in [(&first, "IPv4"), (&second, "IPv6")] {
        let heard = server.heard();
        let asked = heard.iter().flat_map(|heard| &heard.lines).any(|(line, _)| line.starts_with(b"RCPT"));
        assert!(asked, "over {name}: {heard:?}");
    }
    let context = GatewayContext { domain, mx_hosts: vec![HOST.parse().unwrap()], now: Timestamp::now() };
    let judged = judge(&seen, &context);
    assert_eq!(judged.verdict, Verdict::Fail, "{:?}", judged.findings);
    let blocking: Vec<(Code, bool)> = judged.blocking().map(|f| (f.code, f.subject.contains("::1"))).collect();
    assert_eq!(blocking, [(Code::GwNotAccepting, true)], "{:?}", judged.findings);
}
