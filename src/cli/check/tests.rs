//! Whole checks against a laboratory, and what people and programs read of them.

use std::net::Ipv4Addr;

use fencepost_checks::{Code, Severity, Verdict};

use super::*;
use crate::demo::lab;

#[test]
fn servers_and_resolvers_are_read_strictly() {
    let ok = |text: &str| server(text).map(|s| (s.host, s.port));
    assert_eq!(ok("Mail.Example.com"), Ok(("mail.example.com".to_owned(), 25)));
    assert_eq!(ok("mail.example.com:2525"), Ok(("mail.example.com".to_owned(), 2525)));
    assert_eq!(ok("2001:db8::1"), Ok(("2001:db8::1".to_owned(), 25)));
    assert_eq!(ok("[2001:db8::1]:26"), Ok(("2001:db8::1".to_owned(), 26)));
    for bad in ["", ":25", "a:0", "a:65536", "a:+1", "a:x", "[::1", "[::1]25", "a b", "a\u{1b}", "a..b:25"] {
        assert!(server(bad).is_err(), "{bad:?}");
    }
    assert_eq!(resolver("9.9.9.9"), Ok("9.9.9.9:53".parse().unwrap()));
    assert_eq!(resolver("[::1]:5353"), Ok("[::1]:5353".parse().unwrap()));
    assert!(resolver("dns.example").is_err());
}

const DNS: Ipv4Addr = Ipv4Addr::new(127, 0, 62, 3);
const RESOLVER: Ipv4Addr = Ipv4Addr::new(127, 0, 62, 11);
const MAIL: Ipv4Addr = Ipv4Addr::new(127, 0, 62, 25);
/// The gateway's MX host, at which outsiders are proven.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(127, 0, 62, 24);
const EGRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 62, 1);
const OUTSIDER: Ipv4Addr = Ipv4Addr::new(127, 0, 62, 2);

/// One name server for everything, one resolver, one mail server.
struct Lab {
    config: Config,
    port: u16,
    mail: lab::MailServer,
    gateway: lab::MailServer,
    _running: (lab::NameServer, lab::Resolver),
}

impl Lab {
    async fn start(exchange: &str) -> Self {
        let mut root = lab::Zone::new(".", &["ns.example."], 3600, 60).unwrap();
        root.delegate("example.", 3600, &[("ns.example.", DNS)]).unwrap();
        let mut tld = lab::Zone::new("example.", &["ns.example."], 3600, 60).unwrap();
        tld.set_a("ns.example.", 3600, &[DNS]).unwrap();
        tld.set_a("mx1.gateway.example.", 3600, &[GATEWAY]).unwrap();
        tld.delegate("customer.example.", 3600, &[("ns.example.", DNS)]).unwrap();
        let mut zone = lab::Zone::new("customer.example.", &["ns.example."], 3600, 60).unwrap();
        zone.set_mx("customer.example.", 300, &[(10, exchange)]).unwrap();
        zone.set_a("mail.customer.example.", 300, &[MAIL]).unwrap();
        let clock: SharedClock = Arc::new(SystemClock);
        // The same port everywhere, as in the world; another test may take one in between.
        for _ in 0..50 {
            let port = std::net::TcpListener::bind((DNS, 0)).unwrap().local_addr().unwrap().port();
            let zones = Arc::new(lab::ZoneSet::new(vec![root.clone(), tld.clone(), zone.clone()]));
            let dns = lab::NameServer::start(DNS.into(), port, zones).await;
            let resolver = lab::Resolver::start((RESOLVER, port).into(), (DNS, port).into(), 0, clock.clone()).await;
            let mail_server = |name: &str, at: Ipv4Addr, domain: &str| {
                lab::MailServer::new(name, (at, port).into(), domain, None, clock.clone())
            };
            let mail = mail_server("mail.customer.example", MAIL, "customer.example");
            let gateway = mail_server("mx1.gateway.example", GATEWAY, "gateway.example");
            if let (Ok(dns), Ok(resolver), Ok(()), Ok(())) = (dns, resolver, mail.start(), gateway.start()) {
                return Self { config: config(port), port, mail, gateway, _running: (dns, resolver) };
            }
        }
        panic!("no free port");
    }

    async fn check(&self) -> Report {
        let prober = Prober::new(&self.config.probe, &self.config.gateway, Arc::new(SystemClock)).unwrap();
        let servers = [server(&format!("mail.customer.example:{}", self.port)).unwrap()];
        check(&"customer.example".parse().unwrap(), &servers, &self.config, &prober, &SystemClock).await
    }
}

fn config(port: u16) -> Config {
    let mut config = Config::default();
    config.gateway.mx_hosts = vec![config::MxHost::current("mx1.gateway.example".parse().unwrap(), 10)];
    config.gateway.egress = vec![config::EgressAddress::here(EGRESS.into())];
    config.gateway.smtp_port = port;
    config.probe.resolvers = vec![(RESOLVER, port).into()];
    config.probe.roots = vec![(DNS, port).into()];
    config.probe.dns_port = port;
    config.probe.outsiders = vec![OUTSIDER.into()];
    config.probe.pause_ms = 0;
    config.probe.connect_timeout_ms = 300;
    config.probe.allow_targets = vec!["127.0.62.0/24".to_owned()];
    config
}

fn parts(report: &Report) -> Vec<(Part, Verdict)> {
    report.parts.iter().map(|p| (p.part, p.verdict)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_domain_passes() {
    let lab = Lab::start("mx1.gateway.example.").await;
    let report = lab.check().await;
    let all = [Part::Mx, Part::Smtp, Part::Firewall, Part::Lint].map(|part| (part, Verdict::Pass));
    assert_eq!(parts(&report), all, "{:#?}", report.findings);
    assert_eq!(report.exit(), Exit::Pass);
    assert!(report.summary.contains("passes"), "{}", report.summary);
}

/// The way out of the outsider is blocked for everything: it cannot tell a firewall from a dead server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outsider_that_does_not_even_reach_our_own_server_proves_nothing() {
    let lab = Lab::start("mail.customer.example.").await;
    lab.mail.set_firewall(lab::Firewall::Block(vec![OUTSIDER])).unwrap();
    let firewall = |report: &Report| parts(report)[2];
    assert_eq!(firewall(&lab.check().await), (Part::Firewall, Verdict::Fail), "closed to the world too early");
    lab.gateway.set_firewall(lab::Firewall::Block(vec![OUTSIDER])).unwrap();
    assert_eq!(firewall(&lab.check().await), (Part::Firewall, Verdict::Pass), "nobody saw that it is closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_mx_elsewhere_and_a_closed_firewall_fail() {
    let lab = Lab::start("mail.customer.example.").await;
    lab.mail.set_firewall(lab::Firewall::Block(vec![EGRESS])).unwrap();
    let report = lab.check().await;
    assert_eq!(
        parts(&report),
        [
            (Part::Mx, Verdict::Fail),
            (Part::Smtp, Verdict::Inconclusive),
            (Part::Firewall, Verdict::Fail),
            (Part::Lint, Verdict::Pass)
        ]
    );
    assert_eq!((report.exit(), report.findings[0].finding.severity), (Exit::Fail, Severity::Blocking));
    assert!(report.findings.iter().any(|f| f.finding.code == Code::FwInverted), "{:#?}", report.findings);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((&json["verdict"], &json["mx_verdict"]), (&"fail".into(), &"foreign_only".into()));
    assert_eq!(json["mx"][0]["exchange"], "mail.customer.example");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_gateway_the_mx_is_judged_for_soundness() {
    let mut lab = Lab::start("mail.customer.example.").await;
    lab.config.gateway = config::GatewayConfig::default();
    let report = lab.check().await;
    assert_eq!(parts(&report), [(Part::Mx, Verdict::Pass), (Part::Smtp, Verdict::Pass)], "{:#?}", report.findings);
    assert!(!report.findings.iter().any(|f| f.finding.code == Code::MxForeignOnly));
    let text =
        |paint| text::render(&report, Layout { rules: text::Rules::Example, paint: print::Paint(paint), width: 100 });
    assert!(text(true).contains("\u{1b}["), "colours where they are asked for");
    assert!(!text(false).contains('\u{1b}'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_address_is_not_visited_without_permission() {
    let mut lab = Lab::start("mx1.gateway.example.").await;
    lab.config.probe.allow_targets = vec![format!("{DNS}/32")];
    let report = lab.check().await;
    assert!(report.findings.iter().any(|f| f.finding.code == Code::BlockedTarget), "{:#?}", report.findings);
    assert_ne!(report.exit(), Exit::Pass);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_enforced_policy_is_fetched_over_verified_https_only() {
    let mut lab = Lab::start("mx1.gateway.example.").await;
    let ca = lab::CertificateAuthority::new().unwrap();
    let policies = lab::PolicyServer::start(lab.port, &["customer.example"], &ca).await.unwrap();
    policies.enforce("customer.example", &["mail.customer.example"], 86_400);
    let address = lab::address::POLICY_SERVER;
    lab._running
        .0
        .zones
        .edit("customer.example.", |zone| {
            zone.set_txt("_mta-sts.customer.example.", 300, &["v=STSv1; id=1", "something else"])?;
            zone.set_a("mta-sts.customer.example.", 300, &[address])
        })
        .unwrap();
    lab.config.probe.https_port = lab.port;
    let domain: DomainName = "customer.example".parse().unwrap();
    let test_mailbox = format!("postmaster@{domain}");
    let task = ServerTask { domain, servers: Vec::new(), test_mailbox, hosted: false };
    let fetch = async |config: &Config| {
        let prober = Prober::new(&config.probe, &config.gateway, Arc::new(SystemClock)).unwrap();
        serde_json::to_value(prober.lint(&task).await.mta_sts).unwrap()
    };
    let guarded = fetch(&lab.config).await;
    assert_eq!(guarded["record"]["texts"], serde_json::json!(["v=STSv1; id=1"]));
    assert!(guarded["policy"]["detail"].as_str().unwrap().contains("loopback"), "{guarded}");
    lab.config.probe.allow_targets.push(format!("{address}/32"));
    let untrusted = fetch(&lab.config).await;
    assert!(untrusted["policy"]["detail"].as_str().unwrap().contains("certificate"), "{untrusted}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.pem");
    std::fs::write(&file, ca.pem()).unwrap();
    lab.config.probe.extra_roots = Some(file);
    let fetched = fetch(&lab.config).await;
    assert!(fetched["policy"]["body"].as_str().unwrap().contains("mx: mail.customer.example"), "{fetched}");
}
