//! Good manners by the store, so that all nodes keep them together: what is allowed where, as the
//! configuration says. Rows are the store's; nothing here connects to anybody.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use jiff::SignedDuration;

use super::ports::{Admission, Politeness, Visit};
use crate::clock::SharedClock;
use crate::config::{GatewayConfig, ProbeConfig};
use crate::store::{Allowance, Manners, Store, TurnAnswer, TurnRequest};

/// Visits that begin so soon after a look's first one are part of it: a firewall is knocked at twice, and the
/// mail server behind it is talked to right afterwards.
const LOOK: SignedDuration = SignedDuration::from_mins(5);
/// Between two visits of one vantage, in pauses between vantages: 30 s to 5 s.
const SAME: i32 = 6;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
/// For clocks of nodes that differ a little.
const MARGIN: SignedDuration = SignedDuration::from_secs(5);
/// A store that does not answer is asked again after this.
const LATER: Duration = Duration::from_secs(2);

pub struct InstallationManners {
    store: Arc<dyn Store>,
    clock: SharedClock,
    config: ProbeConfig,
    /// MX hosts of the gateway, and names below which each host is one.
    ours: (Vec<DomainName>, Vec<DomainName>),
}

impl InstallationManners {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: SharedClock, config: &ProbeConfig, gateway: &GatewayConfig) -> Self {
        let hosts = gateway.mx_hosts.iter().map(|host| host.name.clone()).collect();
        Self { store, clock, config: config.clone(), ours: (hosts, gateway.mx_suffixes.clone()) }
    }

    fn manners(&self, host: &str) -> Manners {
        let pause = SignedDuration::from_millis(i64::try_from(self.config.pause_ms).unwrap_or(i64::MAX / 64));
        let named = DomainName::parse(host).ok();
        let below = |names: &[DomainName]| {
            named.as_ref().is_some_and(|name| names.iter().any(|other| name.is_at_or_below(other)))
        };
        let (hosts, suffixes) = &self.ours;
        if below(suffixes) || named.as_ref().is_some_and(|name| hosts.contains(name)) {
            // Every customer's gate leads through these, and nobody is bothered but ourselves.
            return Manners {
                same: SignedDuration::ZERO,
                other: SignedDuration::ZERO,
                looks: u32::MAX,
                look: SignedDuration::ZERO,
            };
        }
        if below(&self.config.platforms) {
            // Many customers' mail is behind one address, so its budget is one of its own.
            return Manners {
                same: pause,
                other: pause,
                looks: self.config.platform_looks_a_day,
                look: SignedDuration::ZERO,
            };
        }
        Manners { same: pause * SAME, other: pause, looks: self.config.looks_a_day, look: LOOK }
    }
}

/// Never at once again.
fn wait(pause: SignedDuration) -> Duration {
    Duration::try_from(pause).unwrap_or_default().max(Duration::from_millis(50))
}

impl std::fmt::Debug for InstallationManners {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstallationManners").finish_non_exhaustive()
    }
}

fn target(address: IpAddr) -> String {
    format!("smtp {}", address.to_canonical())
}

#[async_trait]
impl Politeness for InstallationManners {
    async fn ask(&self, visit: &Visit) -> Admission {
        let request = TurnRequest {
            target: target(visit.address),
            vantage: visit.vantage.clone(),
            holder: visit.holder.clone(),
            now: self.clock.now(),
            // Longer than any dialogue, so that nobody else comes while one is under way; and not much longer,
            // because nobody may come while the turn of a process that died lasts.
            lease: SignedDuration::from_millis(i64::try_from(self.config.total_timeout_ms).unwrap_or(600_000)) + MARGIN,
            manners: self.manners(&visit.host),
        };
        match self.store.take_turn(request).await {
            Ok(TurnAnswer::Yours) => Admission::Yours,
            Ok(TurnAnswer::Wait { pause }) => Admission::Wait(wait(pause)),
            Ok(TurnAnswer::Spent { until }) => Admission::Refused(format!(
                "{} has been looked at as often today as good manners allow (probe.looks_a_day); the next look from {} is \
                 after {}",
                visit.address,
                visit.vantage,
                until.strftime("%Y-%m-%d %H:%M UTC")
            )),
            Err(error) => {
                tracing::warn!(%error, "no turn could be asked for");
                Admission::Wait(LATER)
            }
        }
    }

    async fn leave(&self, address: IpAddr, holder: &str) {
        if let Err(error) = self.store.end_turn(&target(address), holder, self.clock.now()).await {
            tracing::warn!(%error, "a turn could not be given back; it ends with its lease");
        }
    }

    async fn questions(&self, server: IpAddr, wanted: u32) -> (u32, Duration) {
        let allowance = Allowance { count: self.config.questions_a_minute.max(1), per: MINUTE };
        match self.store.draw(&format!("dns {}", server.to_canonical()), wanted, allowance, self.clock.now()).await {
            Ok(drawn) => (drawn.granted, wait(drawn.lasts)),
            Err(error) => {
                tracing::warn!(%error, "no questions could be drawn");
                (0, LATER)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::config::{MxHost, StoreConfig};
    use crate::store::sqlite::SqliteStore;

    fn visit(host: &str, vantage: &str, holder: &str) -> Visit {
        let address = "192.0.2.25".parse().unwrap();
        Visit { address, host: host.to_owned(), vantage: vantage.to_owned(), holder: holder.to_owned() }
    }

    #[tokio::test]
    async fn two_nodes_keep_one_set_of_manners() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("fencepost.db");
        let node = || {
            let store =
                Arc::new(SqliteStore::open(&StoreConfig { path: path.clone(), ..StoreConfig::default() }).unwrap());
            let config = ProbeConfig { looks_a_day: 1, questions_a_minute: 10, pause_ms: 0, ..ProbeConfig::default() };
            InstallationManners::new(store, Arc::new(SystemClock), &config, &GatewayConfig::default())
        };
        let (one, two) = (node(), node());
        let address = "192.0.2.25".parse().unwrap();
        assert_eq!(one.ask(&visit("mail.example.com", "a", "one")).await, Admission::Yours);
        assert!(matches!(two.ask(&visit("mail.example.com", "b", "two")).await, Admission::Wait(_)), "one is there");
        one.leave(address, "one").await;
        assert_eq!(two.ask(&visit("mail.example.com", "b", "two")).await, Admission::Yours);
        two.leave(address, "two").await;
        let server = "192.0.2.53".parse().unwrap();
        assert_eq!(
            (one.questions(server, 6).await.0, two.questions(server, 6).await.0, one.questions(server, 6).await.0),
            (6, 4, 0)
        );
    }

    #[test]
    fn platforms_have_a_budget_of_their_own() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("fencepost.db");
        let store = Arc::new(SqliteStore::open(&StoreConfig { path, ..StoreConfig::default() }).unwrap());
        let gateway = GatewayConfig::default();
        let manners = InstallationManners::new(store, Arc::new(SystemClock), &ProbeConfig::default(), &gateway);
        let own = manners.manners("mail.example.com");
        assert_eq!((own.same, own.other, own.looks), (SignedDuration::from_secs(30), SignedDuration::from_secs(5), 20));
        let shared = manners.manners("example-com.mail.protection.outlook.com");
        assert!(shared.looks > 1000 && shared.same == shared.other, "{shared:?}");
        assert_eq!(manners.manners("outlook.com.evil.example"), own, "by label");
    }

    /// Each customer's way leads through the gateway: its hosts are looked at for all of them.
    #[tokio::test]
    async fn the_gateway_s_own_hosts_have_no_budget() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(&StoreConfig::sqlite(folder.path().join("fencepost.db"))).unwrap());
        let gateway = GatewayConfig {
            mx_hosts: vec![MxHost::current(DomainName::parse("mx1.gateway.example").unwrap(), 10)],
            mx_suffixes: vec![DomainName::parse("in.gateway.example").unwrap()],
            ..GatewayConfig::default()
        };
        let config = ProbeConfig { looks_a_day: 2, ..ProbeConfig::default() };
        let manners = InstallationManners::new(store, Arc::new(SystemClock), &config, &gateway);
        let address = "192.0.2.25".parse().unwrap();
        for n in 0..30 {
            let host = if n % 2 == 0 { "mx1.gateway.example" } else { "customer.in.gateway.example" };
            assert_eq!(manners.ask(&visit(host, "outsider", "one")).await, Admission::Yours, "look {n}");
            manners.leave(address, "one").await;
        }
        assert_eq!(manners.manners("other.gateway.example").looks, 2, "a name beside them is somebody else's");
    }
}
