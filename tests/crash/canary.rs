//! A canary that is handed to a gateway by a process that is stopped before and after it. What was committed
//! beforehand (its token) is what it is sent under again: a second copy has the name of the first.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fencepost::clock::SystemClock;
use fencepost::config::{GatewayConfig, MxHost, ProbeConfig};
use fencepost::demo::lab::{NameServer, Zone, ZoneSet};
use fencepost::engine::ports::{CanaryLetter, Observer};
use fencepost::failpoint::{Point, Step};
use fencepost::probe::Prober;
use fencepost_checks::observation::Stage;

use super::hostile_smtp::Step::Message;
use super::hostile_smtp::{HostileSmtp, Script, say};
use super::role::{self, Blow};

pub const STEPS: [Step; 1] = [Step::CanarySending];
const DNS: [u8; 4] = [127, 0, 76, 53];
const GATEWAY: [u8; 4] = [127, 0, 76, 25];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_before_or_after_a_canary_its_copy_has_the_name_of_the_first() {
    for (point, copies) in Point::all().filter(|point| STEPS.contains(&point.step)).zip([1, 2]) {
        let folder = tempfile::tempdir().unwrap();
        let (_dns, gateway) = laboratory(folder.path()).await;
        assert!(!once(folder.path(), Some(point)).await, "{point} is reached");
        assert_eq!(names(&gateway).len(), copies - 1, "stopped {point}");
        assert!(once(folder.path(), None).await, "{point}: it does not come through afterwards");
        let names = names(&gateway);
        assert_eq!(names.len(), copies, "stopped {point}: {names:?}");
        assert!(names.iter().all(|name| name == "Message-ID: <canary.token1@intake.gateway.example>"), "{names:?}");
    }
}

/// A gateway that offers delivery notices, and the zone that names it.
async fn laboratory(folder: &Path) -> (NameServer, HostileSmtp) {
    let mut root = Zone::new(".", &["ns.example."], 3600, 60).unwrap();
    root.delegate("example.", 3600, &[("ns.example.", DNS.into())]).unwrap();
    let mut zone = Zone::new("example.", &["ns.example."], 3600, 60).unwrap();
    zone.set_a("mx1.gateway.example.", 3600, &[GATEWAY.into()]).unwrap();
    let script = Script::polite()
        .on("EHLO", [say("250-mx1.gateway.example\r\n250 DSN\r\n")])
        .on("DATA", [say("354 go on\r\n"), Message, say("250 2.0.0 taken\r\n")]);
    for _ in 0..50 {
        let port =
            std::net::TcpListener::bind((std::net::Ipv4Addr::from(DNS), 0)).unwrap().local_addr().unwrap().port();
        let zones = Arc::new(ZoneSet::new(vec![root.clone(), zone.clone()]));
        let dns = NameServer::start(DNS.into(), port, zones).await;
        let gateway = HostileSmtp::start((GATEWAY, port).into(), script.clone()).await;
        if let (Ok(dns), Ok(gateway)) = (dns, gateway) {
            std::fs::write(folder.join("port"), port.to_string()).unwrap();
            return (dns, gateway);
        }
    }
    panic!("no free port");
}

/// The names of the messages that were handed over whole.
fn names(gateway: &HostileSmtp) -> Vec<String> {
    let whole = |lines: &[(Vec<u8>, bool)]| lines.iter().any(|(line, _)| line == b".\r\n");
    let name = |lines: Vec<(Vec<u8>, bool)>| {
        let texts = lines.into_iter().map(|(line, _)| String::from_utf8(line).unwrap());
        texts.map(|line| line.trim_end().to_owned()).find(|line| line.starts_with("Message-ID:")).unwrap()
    };
    gateway.heard().into_iter().map(|heard| heard.lines).filter(|lines| whole(lines)).map(name).collect()
}

async fn once(folder: &Path, at: Option<Point>) -> bool {
    let log = folder.join("log");
    let place = folder.to_owned();
    let at = at.map(|point| (point, 1, Blow::Abort));
    let ended = tokio::task::spawn_blocking(move || {
        let mut process = role::start("canary", &place, at, &place.join("log"));
        process.ended(Duration::from_secs(30)).expect("it hangs")
    });
    let status = ended.await.unwrap();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(status.success() || log.contains("stopped at"), "{status}\n{log}");
    status.success()
}

/// The role: what the engine does once a canary is planned and its token committed.
pub fn play(folder: &Path) {
    let port: u16 = std::fs::read_to_string(folder.join("port")).unwrap().parse().unwrap();
    let probe = ProbeConfig {
        roots: vec![SocketAddr::from((DNS, port))],
        dns_port: port,
        allow_targets: vec!["127.0.0.0/8".to_owned()],
        pause_ms: 0,
        ..ProbeConfig::default()
    };
    let host = MxHost::current("mx1.gateway.example".parse().unwrap(), 10);
    let gateway = GatewayConfig { mx_hosts: vec![host], smtp_port: port, ..GatewayConfig::default() };
    let letter = CanaryLetter {
        token: "token1".to_owned(),
        sender: "canary@intake.gateway.example".to_owned(),
        mailbox: "test@customer.example".to_owned(),
        at: "2026-03-02T10:00:00Z".parse().unwrap(),
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let prober = Prober::new(&probe, &gateway, Arc::new(SystemClock)).unwrap();
        let seen = prober.canary(&letter).await;
        assert!(
            seen.stages.iter().any(|record| record.stage == Stage::Message),
            "{:?} {:?}",
            seen.connect,
            seen.transcript
        );
    });
}
