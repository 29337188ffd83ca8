//! The maps of a Postfix, written by a process that is stopped at each point each time it comes by:
//! before and after every file that is put in place, and before and after the reload. The wishes come
//! again, and Postfix has in the end what was wished last.

use std::path::Path;
use std::time::Duration;

use fencepost::config::{AdapterConfig, GatewayConfig};
use fencepost::engine::ports::{GatewayError, RouteDesire};
use fencepost::failpoint::{Point, Step};
use fencepost::gateway;
use fencepost::lifecycle::connection::RouteMode;
use fencepost::order::MailServer;
use fencepost_checks::DomainName;

use super::role::{self, Blow};

pub const STEPS: [Step; 2] = [Step::PostfixFile, Step::PostfixReload];
/// Domain, route and generation, in the order of the wishes.
const WISHES: [(&str, RouteMode, u64); 4] = [
    ("a.example", RouteMode::Defer, 1),
    ("b.example", RouteMode::Deliver, 1),
    ("a.example", RouteMode::Deliver, 2),
    ("b.example", RouteMode::Absent, 2),
];

#[test]
fn stopped_at_every_point_each_time_postfix_gets_what_was_wished_last() {
    let calm = tempfile::tempdir().unwrap();
    assert!(once(calm.path(), None), "undisturbed");
    let calm = loaded(calm.path());
    assert!(calm.contains("a.example"), "{calm}");
    let mut stops = 0;
    for point in Point::all().filter(|point| STEPS.contains(&point.step)) {
        for nth in 1.. {
            let folder = tempfile::tempdir().unwrap();
            if once(folder.path(), Some((point, nth))) {
                break;
            }
            stops += 1;
            assert!(once(folder.path(), None), "{point} ({nth}): it does not come through afterwards");
            assert_eq!(loaded(folder.path()), calm, "stopped {point} ({nth})");
        }
    }
    // Two maps and our record before and after the reload, for each of the wishes.
    assert!(stops >= 2 * (3 + 1) * WISHES.len(), "only {stops} stops");
}

fn once(folder: &Path, at: Option<(Point, u32)>) -> bool {
    let log = folder.join("log");
    let at = at.map(|(point, nth)| (point, nth, Blow::Abort));
    let mut process = role::start("postfix", folder, at, &log);
    let status = process.ended(Duration::from_secs(30)).expect("it hangs");
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(status.success() || log.contains("stopped at"), "{status}\n{log}");
    status.success()
}

/// The role. A wish that is overtaken is refused, and that is well.
pub fn play(folder: &Path) {
    let (domains, transport) = (folder.join("domains"), folder.join("transport"));
    let load = format!("cat {} {} > {}", domains.display(), transport.display(), folder.join("loaded").display());
    let adapter = AdapterConfig::Postfix {
        relay_domains: domains,
        transport,
        reload: ["sh", "-c", load.as_str()].map(str::to_owned).into(),
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let gateway = gateway::build(&GatewayConfig { adapter, ..GatewayConfig::default() }).unwrap();
        for (domain, mode, generation) in WISHES {
            let server = MailServer { host: "mail.example.com".to_owned(), port: 25, standby: false };
            let domain = DomainName::parse(domain).unwrap();
            let desire = RouteDesire { domain: domain.clone(), mode, servers: vec![server], generation };
            match gateway.apply(&desire).await {
                Ok(()) => assert_eq!(gateway.observe(&domain).await.unwrap().unwrap_or(RouteMode::Absent), mode),
                Err(GatewayError::Stale { .. }) => {}
                Err(error) => panic!("{domain}: {error}"),
            }
        }
    });
}

fn loaded(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("loaded")).unwrap()
}
