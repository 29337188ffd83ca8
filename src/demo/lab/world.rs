//! The laboratory as a whole: starts everything, knows where it is, and writes the configuration
//! with which fencepost finds it. What changes during a run (zones, servers, policies) is changed
//! through here by the people of the demonstration.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fencepost_checks::DomainName;

use super::address::{
    GATEWAY_EGRESS, GATEWAY_MX, MAILBOX, NAME_SERVERS, OUTSIDER, POLICY_SERVER, Ports, RESOLVERS, ROOT_SERVER,
    customer_server,
};
use super::authority::NameServer;
use super::certificates::CertificateAuthority;
use super::error::{LabResult, While};
use super::gateway::{Gateway, MX_NAMES};
use super::gateway_api::GatewayApi;
use super::mail_server::MailServer;
use super::mailbox::Mailbox;
use super::outgoing::Delivery;
use super::policy_server::PolicyServer;
use super::resolver::Resolver;
use super::zones::{Zone, ZoneSet};
use crate::clock::SharedClock;
use crate::config::{AdapterConfig, Config, EgressAddress, GatewayConfig, MxHost, NotifyConfig, ProbeConfig};
use crate::demo::agenda::Agenda;

const NS_NAMES: [&str; 2] = ["ns1.hosting.example", "ns2.hosting.example"];
const DELEGATION_TTL: u32 = 3_600;
const ADDRESS_TTL: u32 = 3_600;
const NEGATIVE_TTL: u32 = 300;
/// The gateway's API takes nothing but this; it never leaves the machine.
const GATEWAY_TOKEN: &str = "demonstration-gateway-token";

/// A running laboratory; everything stops when it is dropped.
pub struct Lab {
    pub agenda: Agenda,
    pub ports: Ports,
    pub gateway: Gateway,
    pub mailbox: Mailbox,
    pub policies: PolicyServer,
    folder: PathBuf,
    gateway_url: String,
    ca: CertificateAuthority,
    providers: [NameServer; 2],
    root: NameServer,
    resolvers: [Resolver; 2],
    _gateway_api: GatewayApi,
}

/// Which copies of a zone are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copies {
    Both,
    First,
    Second,
}

impl Lab {
    /// Starts everything but the customers' mail servers. Certificates and tokens that fencepost
    /// reads go to `folder`; `sts` lists the domains that may have an MTA-STS policy.
    ///
    /// # Errors
    /// When an address cannot be bound or a file not be written.
    pub async fn start(agenda: Agenda, folder: &Path, sts: &[&str]) -> LabResult<Self> {
        let ports = Ports::free()?;
        let ca = CertificateAuthority::new()?;
        std::fs::write(ca_file(folder), ca.pem()).during("writing the laboratory's root certificate")?;
        std::fs::write(token_file(folder), GATEWAY_TOKEN).during("writing the gateway's token")?;

        let root_zones = Arc::new(ZoneSet::new(vec![root_zone()?, parent_zone()?]));
        let root = NameServer::start(IpAddr::V4(ROOT_SERVER), ports.dns, root_zones).await?;
        let [first, second] = NAME_SERVERS;
        let providers = [
            NameServer::start(IpAddr::V4(first), ports.dns, provider_zones()?).await?,
            NameServer::start(IpAddr::V4(second), ports.dns, provider_zones()?).await?,
        ];
        let clock: SharedClock = Arc::new(agenda.clone());
        let [r1, r2] = RESOLVERS.map(|address| SocketAddr::new(IpAddr::V4(address), ports.dns));
        let resolvers = [
            Resolver::start(r1, root.address, 0, Arc::clone(&clock)).await?,
            Resolver::start(r2, root.address, 1, clock).await?,
        ];
        let gateway = Gateway::start(ports.smtp, r1, &ca).await?;
        let gateway_api = GatewayApi::start(Arc::clone(&gateway.routes), GATEWAY_TOKEN).await?;
        let mailbox = Mailbox::start(SocketAddr::new(IpAddr::V4(MAILBOX), ports.smtp), agenda.clone()).await?;
        let policies = PolicyServer::start(ports.https, sts, &ca).await?;
        let gateway_url = gateway_api.url.clone();
        Ok(Self {
            agenda,
            ports,
            gateway,
            mailbox,
            policies,
            folder: folder.to_owned(),
            gateway_url,
            ca,
            providers,
            root,
            resolvers,
            _gateway_api: gateway_api,
        })
    }

    /// A customer's domain with its zone on both name servers, and its own mail server, which is
    /// still down. The MX names that server with a TTL of `ttl` seconds.
    ///
    /// # Errors
    /// When the domain is no domain name.
    pub fn add_customer(&self, number: u8, domain: &str, ttl: u32) -> LabResult<Arc<MailServer>> {
        let servers = [(NS_NAMES[0], NAME_SERVERS[0]), (NS_NAMES[1], NAME_SERVERS[1])];
        self.root.zones.edit("example", |parent| parent.delegate(domain, DELEGATION_TTL, &servers))?;
        let host = format!("mail.{domain}");
        let address = customer_server(number);
        for server in &self.providers {
            let mut zone = Zone::new(domain, &NS_NAMES, DELEGATION_TTL, NEGATIVE_TTL)?;
            zone.set_mx(domain, ttl, &[(10, &host)])?;
            zone.set_a(&host, ADDRESS_TTL, &[address])?;
            zone.set_a(&format!("mta-sts.{domain}"), ADDRESS_TTL, &[POLICY_SERVER])?;
            zone.set_txt(domain, ADDRESS_TTL, &[&format!("v=spf1 a:{host} -all")])?;
            server.zones.add(zone);
        }
        let at = SocketAddr::new(IpAddr::V4(address), self.ports.smtp);
        let tls = Some(self.ca.acceptor(&[&host])?);
        Ok(Arc::new(MailServer::new(&host, at, domain, tls, Arc::new(self.agenda.clone()))))
    }

    /// Replaces a domain's MX set.
    ///
    /// # Errors
    /// When a name is no domain name.
    pub fn set_mx(&self, copies: Copies, domain: &str, ttl: u32, exchanges: &[(u16, &str)]) -> LabResult<()> {
        self.edit(copies, domain, |zone| zone.set_mx(domain, ttl, exchanges))
    }

    /// Replaces the TXT set of a name in a customer's zone.
    ///
    /// # Errors
    /// When a name is no domain name.
    pub fn set_txt(&self, domain: &str, owner: &str, ttl: u32, texts: &[&str]) -> LabResult<()> {
        self.edit(Copies::Both, domain, |zone| zone.set_txt(owner, ttl, texts))
    }

    fn edit(&self, copies: Copies, domain: &str, change: impl Fn(&mut Zone) -> LabResult<()>) -> LabResult<()> {
        let [first, second] = &self.providers;
        if copies != Copies::Second {
            first.zones.edit(domain, &change)?;
        }
        if copies != Copies::First {
            second.zones.edit(domain, &change)?;
        }
        Ok(())
    }

    /// Sends a message from the world; `turn` chooses the resolver.
    pub async fn send(&self, turn: usize, message_id: &str, recipient: &str) -> Delivery {
        let [first, second] = &self.resolvers;
        let resolver = if turn.is_multiple_of(2) { first } else { second };
        super::sender::send(resolver.address, self.ports.smtp, message_id, recipient).await
    }

    /// The gateway's addresses that a customer's firewall must let in.
    #[must_use]
    pub fn egress(&self) -> [Ipv4Addr; 2] {
        GATEWAY_EGRESS
    }

    /// The configuration that makes fencepost see this laboratory as its world. Everything that is
    /// not about reaching it keeps its default.
    ///
    /// # Errors
    /// When a name of the laboratory is no domain name.
    pub fn config(&self) -> LabResult<Config> {
        let domain = |text: &str| DomainName::parse(text).during("naming the laboratory");
        let [mx1, mx2] = MX_NAMES;
        let mut config = Config::default();
        config.store.path = self.folder.join("fencepost.db");
        config.engine.poll_ms = 5;
        config.gateway = GatewayConfig {
            mx_hosts: vec![MxHost::current(domain(mx1)?, 10), MxHost::current(domain(mx2)?, 20)],
            egress: GATEWAY_EGRESS.iter().zip(["helsinki-1", "helsinki-2"]).map(egress).collect(),
            smtp_port: self.ports.smtp,
            adapter: AdapterConfig::Http { url: self.gateway_url.clone(), token_file: Some(token_file(&self.folder)) },
            ..GatewayConfig::default()
        };
        config.probe = ProbeConfig {
            resolvers: self.resolvers.iter().map(|r| r.address).collect(),
            roots: vec![self.root.address],
            dns_port: self.ports.dns,
            dns_timeout_ms: 500,
            outsiders: vec![IpAddr::V4(OUTSIDER)],
            // Loopback answers at once or not at all.
            connect_timeout_ms: 120,
            banner_timeout_ms: 2_000,
            stage_timeout_ms: 2_000,
            total_timeout_ms: 10_000,
            pause_ms: 0,
            allow_targets: vec!["127.0.0.0/8".to_owned()],
            https_port: self.ports.https,
            extra_roots: Some(ca_file(&self.folder)),
            ..ProbeConfig::default()
        };
        config.notify =
            NotifyConfig { smarthost: format!("smtp://{}", self.mailbox.address), ..NotifyConfig::default() };
        Ok(config)
    }
}

fn egress((address, label): (&Ipv4Addr, &str)) -> EgressAddress {
    EgressAddress { label: label.to_owned(), ..EgressAddress::here(IpAddr::V4(*address)) }
}

fn ca_file(folder: &Path) -> PathBuf {
    folder.join("laboratory-ca.pem")
}

fn token_file(folder: &Path) -> PathBuf {
    folder.join("gateway-token")
}

fn root_zone() -> LabResult<Zone> {
    let mut root = Zone::new(".", &["a.root.example"], DELEGATION_TTL, NEGATIVE_TTL)?;
    root.delegate("example", DELEGATION_TTL, &[("a.root.example", ROOT_SERVER)])?;
    Ok(root)
}

fn parent_zone() -> LabResult<Zone> {
    let servers = [(NS_NAMES[0], NAME_SERVERS[0]), (NS_NAMES[1], NAME_SERVERS[1])];
    let mut parent = Zone::new("example", &["a.root.example"], DELEGATION_TTL, NEGATIVE_TTL)?;
    parent.set_a("a.root.example", DELEGATION_TTL, &[ROOT_SERVER])?;
    parent.delegate("hosting.example", DELEGATION_TTL, &servers)?;
    parent.delegate("gateway.example", DELEGATION_TTL, &servers)?;
    Ok(parent)
}

/// What the DNS provider of everybody serves before the first customer comes.
fn provider_zones() -> LabResult<Arc<ZoneSet>> {
    let mut hosting = Zone::new("hosting.example", &NS_NAMES, DELEGATION_TTL, NEGATIVE_TTL)?;
    for (name, address) in NS_NAMES.into_iter().zip(NAME_SERVERS) {
        hosting.set_a(name, ADDRESS_TTL, &[address])?;
    }
    let mut gateway = Zone::new("gateway.example", &NS_NAMES, DELEGATION_TTL, NEGATIVE_TTL)?;
    for (name, address) in MX_NAMES.into_iter().zip(GATEWAY_MX) {
        gateway.set_a(name, ADDRESS_TTL, &[address])?;
    }
    gateway.set_a("probe.gateway.example", ADDRESS_TTL, &[GATEWAY_EGRESS[0]])?;
    Ok(Arc::new(ZoneSet::new(vec![hosting, gateway])))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::clock::Clock;
    use crate::demo::lab::gateway::Route;
    use crate::demo::lab::outgoing;
    use crate::lifecycle::connection::RouteMode;
    use crate::order::MailServer as Server;

    const DOMAIN: &str = "shop.example";
    const TO: &str = "info@shop.example";

    async fn lab() -> (Lab, Arc<MailServer>, tempfile::TempDir) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let agenda = Agenda::starting_at("2027-01-04T06:00:00Z".parse().unwrap());
        let lab = Lab::start(agenda, folder.path(), &[DOMAIN]).await.unwrap();
        let server = lab.add_customer(0, DOMAIN, 600).unwrap();
        server.start().unwrap();
        (lab, server, folder)
    }

    fn route(lab: &Lab, mode: RouteMode, generation: u64) -> Route {
        let host = format!("mail.{DOMAIN}");
        let server = Server { host, port: lab.ports.smtp, standby: false };
        Route { mode, servers: vec![server], generation }
    }

    #[tokio::test]
    async fn mail_takes_the_way_that_the_mx_shows_and_is_deferred_before_the_route_is_live() {
        let (lab, server, _folder) = lab().await;
        assert_eq!(lab.send(0, "<1@world.example>", TO).await, Delivery::Accepted);
        assert_eq!(server.received()[0].from, IpAddr::V4(super::super::address::WORLD));

        let both = [(10, MX_NAMES[0]), (20, MX_NAMES[1])];
        lab.set_mx(Copies::Both, DOMAIN, 300, &both).unwrap();
        lab.agenda.skip_to(lab.agenda.now() + SignedDuration::from_secs(601));
        assert!(matches!(lab.send(0, "<2@world.example>", TO).await, Delivery::Refused(_)), "not served");
        lab.gateway.routes.set(DOMAIN, route(&lab, RouteMode::Defer, 1)).unwrap();
        assert!(matches!(lab.send(0, "<2@world.example>", TO).await, Delivery::Deferred(_)));
        lab.gateway.routes.set(DOMAIN, route(&lab, RouteMode::Deliver, 2)).unwrap();
        assert_eq!(lab.send(1, "<2@world.example>", TO).await, Delivery::Accepted);
        let last = server.received().pop().unwrap();
        assert_eq!(last.message_id, "<2@world.example>");
        assert!(GATEWAY_EGRESS.map(IpAddr::V4).contains(&last.from) && last.encrypted);
        assert!(lab.gateway.routes.set(DOMAIN, route(&lab, RouteMode::Defer, 1)).is_err(), "an older desire");
    }

    #[tokio::test]
    async fn a_server_that_greylists_takes_the_second_try_and_one_that_is_down_refuses() {
        let (lab, server, _folder) = lab().await;
        server.set_greylisting(Some(SignedDuration::from_mins(5)));
        assert!(matches!(lab.send(0, "<1@world.example>", TO).await, Delivery::Deferred(_)));
        lab.agenda.skip_to(lab.agenda.now() + SignedDuration::from_mins(5));
        assert_eq!(lab.send(0, "<1@world.example>", TO).await, Delivery::Accepted);
        server.stop().await;
        let Delivery::Deferred(why) = lab.send(0, "<2@world.example>", TO).await else { panic!("it is down") };
        assert!(why.contains("refused"), "{why}");
        server.start().unwrap();
        server.set_greylisting(None);
        assert_eq!(lab.send(0, "<2@world.example>", TO).await, Delivery::Accepted);
    }

    #[tokio::test]
    async fn one_name_server_can_keep_the_old_mx() {
        let (lab, _server, _folder) = lab().await;
        lab.set_mx(Copies::First, DOMAIN, 300, &[(10, MX_NAMES[0])]).unwrap();
        let [first, second] = &lab.resolvers;
        assert_eq!(outgoing::exchanges(first.address, DOMAIN).await.unwrap(), [MX_NAMES[0]]);
        assert_eq!(outgoing::exchanges(second.address, DOMAIN).await.unwrap(), ["mail.shop.example"]);
    }

    #[tokio::test]
    async fn the_policy_and_the_gateway_api_answer_over_http() {
        let (lab, _server, _folder) = lab().await;
        lab.policies.enforce(DOMAIN, &["mail.shop.example"], 86_400);
        let root = reqwest::Certificate::from_pem(lab.ca.pem().as_bytes()).unwrap();
        let host = format!("mta-sts.{DOMAIN}");
        let client = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([root])
            .resolve(&host, SocketAddr::new(IpAddr::V4(POLICY_SERVER), lab.ports.https))
            .build()
            .unwrap();
        let url = format!("https://{host}:{}/.well-known/mta-sts.txt", lab.ports.https);
        let text = client.get(url).send().await.unwrap().text().await.unwrap();
        assert!(text.contains("mode: enforce") && text.contains("mx: mail.shop.example"), "{text}");

        let url = format!("{}/{DOMAIN}", lab.gateway_url);
        let body = |generation| route(&lab, RouteMode::Deliver, generation);
        let put = |generation| client.put(&url).bearer_auth(GATEWAY_TOKEN).json(&body(generation)).send();
        assert_eq!(client.put(&url).json(&body(1)).send().await.unwrap().status(), 401);
        assert_eq!(put(2).await.unwrap().status(), 503, "the first write of a domain fails once");
        assert_eq!(put(2).await.unwrap().status(), 204);
        assert_eq!(put(1).await.unwrap().status(), 409);
        let shown = client.get(&url).bearer_auth(GATEWAY_TOKEN).send().await.unwrap();
        assert_eq!(shown.json::<Route>().await.unwrap(), body(2));
        let delete = client.delete(format!("{url}?generation=3")).bearer_auth(GATEWAY_TOKEN).send();
        assert_eq!(delete.await.unwrap().status(), 204);
        assert_eq!(client.get(&url).bearer_auth(GATEWAY_TOKEN).send().await.unwrap().status(), 404);
    }
}
