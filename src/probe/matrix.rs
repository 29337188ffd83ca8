//! Which vantage talks to which server, how far, and in which order. Servers are resolved once and
//! pinned; different addresses are visited side by side, one address never twice at a time.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fencepost_checks::DomainName;
use fencepost_checks::observation::lint::SenderTest;
use fencepost_checks::observation::smtp::StageOutcome;
use fencepost_checks::observation::{ConnectOutcome, SmtpDialogue, Stage, StageRecord, Vantage};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use super::Prober;
use super::millis_since;
use super::smtp::{Depth, Mailbox, Plan, Source, Times, talk};
use super::vantage::{From, Place};
use crate::config::{HostState, ProbeConfig};
use crate::engine::ports::ServerTask;
use crate::order::MailServer;

/// Servers of one task, and addresses of one server, that are visited.
const MAX_SERVERS: usize = 16;
const MAX_PEERS: usize = 6;
/// Addresses visited at the same time for one task.
const SIDE_BY_SIDE: usize = 8;

/// How long all the visits of one task may take, and until when that is.
#[derive(Debug, Clone, Copy)]
struct Patience {
    all: Duration,
    until: Instant,
}

/// A server with the addresses that may be visited, or the reason why there is none.
pub(super) struct Resolved {
    pub(super) server: MailServer,
    pub(super) peers: Result<Vec<SocketAddr>, ConnectOutcome>,
    /// Addresses of the same host that the destination guard refuses, with its reason.
    pub(super) refused: Vec<(IpAddr, String)>,
    /// Looking the name up, as the first stage of every dialogue with it; `None` for an address.
    pub(super) stage: Option<StageRecord>,
}

/// One conversation: from where, how far, and in whose name.
pub(super) struct Visit {
    place: Place,
    depth: Depth,
    sender: Option<Mailbox>,
}

impl Visit {
    fn with_sender(self, sender: &Mailbox) -> Self {
        Self { sender: Some(sender.clone()), ..self }
    }
}

impl Prober {
    /// Egress – outsider – egress, so that a server that goes down in between is not taken for a
    /// firewall: half of the gateway's addresses, the outsiders, the other half; a single gateway
    /// address goes first and last. Without outsiders each address of the gateway knocks once.
    pub(super) async fn firewall_matrix(&self, task: &ServerTask, with_outsiders: bool) -> Vec<SmtpDialogue> {
        let recipients = self.recipients(&task.domain, &task.test_mailbox, false);
        let asked = with_outsiders && self.places.has_outsiders;
        let outsiders: &[Place] = if asked { &self.places.outsiders } else { &[] };
        // Announced addresses come last: they are compared with what the others met just before.
        let egress: Vec<Place> = self.places.egress.iter().chain(&self.places.announced).cloned().collect();
        let (before, after) = match egress.len() {
            _ if !with_outsiders => (&egress[..], &egress[..0]),
            1 => (&egress[..], &egress[..]),
            n => egress.split_at(n.div_ceil(2)),
        };
        self.visit_all(&task.servers, |peer| {
            let knock = |places: &[Place]| visits(places, peer, &Depth::Banner);
            let outside = visits(outsiders, peer, &Depth::Recipients(recipients.clone()));
            knock(before).into_iter().chain(outside).chain(knock(after)).collect()
        })
        .await
    }

    /// A whole dialogue with every address of every own server, from one gateway address.
    pub(super) async fn own_servers(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        let recipients = self.recipients(&task.domain, &task.test_mailbox, false);
        let egress = self.one_egress().await;
        self.visit_all(&task.servers, |peer| {
            let place = first_fitting(&egress, peer);
            visits(place.as_slice(), peer, &Depth::Recipients(recipients.clone()))
        })
        .await
    }

    /// From where a single gateway address speaks for all; without any configured, an outsider.
    async fn one_egress(&self) -> Vec<Place> {
        self.usable(if self.places.egress.is_empty() { &self.places.outsiders } else { &self.places.egress }).await
    }

    /// Every gateway MX host from outside, with a foreign recipient that it must refuse.
    pub(super) async fn gateway_hosts(&self, domain: &DomainName, test_mailbox: &str) -> Vec<SmtpDialogue> {
        let servers: Vec<MailServer> =
            self.gateway.hosts(HostState::Current).map(|h| self.exchange(h.name.as_str())).collect();
        self.outside_view(&servers, self.recipients(domain, test_mailbox, true)).await
    }

    /// The own servers from one gateway address, with the configured sender whose domain lets nobody
    /// send; `None` where none is configured.
    pub(super) async fn sender_test(&self, task: &ServerTask) -> Option<SenderTest> {
        let text = self.config.spf_test_sender.clone()?;
        let sender = Mailbox::parse(&text)?;
        if task.servers.is_empty() {
            return None;
        }
        let recipients = self.recipients(&task.domain, &task.test_mailbox, false);
        let egress = self.one_egress().await;
        let dialogues = self
            .visit_all(&task.servers, |peer| {
                let place = first_fitting(&egress, peer);
                let depth = Depth::Recipients(recipients.clone());
                visits(place.as_slice(), peer, &depth).into_iter().map(|visit| visit.with_sender(&sender)).collect()
            })
            .await;
        Some(SenderTest { sender: text, dialogues })
    }

    /// Where mail will go after the release: the exchanges that are not the gateway's, else the own
    /// servers.
    pub(super) async fn destinations(&self, task: &ServerTask) -> Vec<SmtpDialogue> {
        let exchanges = self.dns.resolvers.exchanges(&task.domain).await.unwrap_or_default();
        let mut next: Vec<MailServer> =
            exchanges.iter().filter(|e| !self.is_gateway(e) && *e != ".").map(|e| self.exchange(e)).collect();
        for server in &mut next {
            // An own server may listen on a port that MX cannot say.
            if let Some(own) = task.servers.iter().find(|own| own.host.eq_ignore_ascii_case(&server.host)) {
                server.port = own.port;
            }
        }
        let servers = if next.is_empty() { &task.servers } else { &next };
        self.outside_view(servers, self.recipients(&task.domain, &task.test_mailbox, false)).await
    }

    /// A whole dialogue with one address of a server, at once: no turn is taken at the address, so the
    /// caller answers for how often and how many at a time. The destination guard stands as always.
    pub async fn dialogue(&self, task: &ServerTask, server: &MailServer, peer: SocketAddr) -> SmtpDialogue {
        if let Err(reason) = self.guard.check(peer.ip()) {
            let blocked = ConnectOutcome::BlockedTarget { detail: reason.to_string() };
            return self.not_visited(server, Some(peer), None, blocked);
        }
        let places = if self.places.egress.is_empty() { &self.places.outsiders } else { &self.places.egress };
        let here = |place: &Place| match place.from {
            From::Here(source) if source.fits(peer.ip()) => Some((place.vantage.clone(), source)),
            From::Here(_) | From::Agent(_) | From::Nowhere => None,
        };
        let Some((vantage, source)) = places.iter().find_map(here) else {
            let detail = format!("no vantage of this host can reach {}", peer.ip());
            return self.not_visited(server, Some(peer), None, ConnectOutcome::VantageFault { detail });
        };
        let depth = Depth::Recipients(self.recipients(&task.domain, &task.test_mailbox, false));
        talk(&self.plan(vantage, source, server, peer, depth), &self.trust, &self.clock).await
    }

    pub(super) fn plan(
        &self,
        vantage: Vantage,
        source: Source,
        server: &MailServer,
        peer: SocketAddr,
        depth: Depth,
    ) -> Plan {
        Plan {
            source,
            host: server.host.clone(),
            peer,
            standby: server.standby,
            ehlo_name: self.gateway.ehlo_name_of(vantage.address).clone(),
            vantage,
            // TLSA records of the gateway's hosts are compared with what these show.
            digests: self.is_gateway(&server.host),
            depth,
            sender: None,
            times: self.times,
        }
    }

    async fn outside_view(&self, servers: &[MailServer], recipients: Vec<(Stage, Mailbox)>) -> Vec<SmtpDialogue> {
        let outsiders = self.usable(&self.places.outsiders).await;
        self.visit_all(servers, |peer| {
            let place = first_fitting(&outsiders, peer);
            visits(place.as_slice(), peer, &Depth::Recipients(recipients.clone()))
        })
        .await
    }

    pub(super) fn is_gateway(&self, host: &str) -> bool {
        DomainName::parse(host).is_ok_and(|name| self.expected.is_ours(&name) || self.expected.is_retired(&name))
    }

    pub(super) fn exchange(&self, host: &str) -> MailServer {
        MailServer { host: host.to_owned(), port: self.gateway.smtp_port, standby: false }
    }

    fn recipients(&self, domain: &DomainName, test_mailbox: &str, foreign: bool) -> Vec<(Stage, Mailbox)> {
        let whole =
            if test_mailbox.contains('@') { test_mailbox.to_owned() } else { format!("{test_mailbox}@{domain}") };
        let stranger = foreign.then(|| Mailbox::postmaster(&self.gateway.foreign_domain)).flatten();
        let (test, postmaster) = (Mailbox::parse(&whole), Mailbox::postmaster(domain));
        [
            // One recipient is not asked for twice.
            (Stage::RcptTest, test.filter(|test| Some(test) != postmaster.as_ref())),
            (Stage::RcptPostmaster, postmaster),
            (Stage::RcptForeign, stranger),
        ]
        .into_iter()
        .filter_map(|(stage, mailbox)| Some((stage, mailbox?)))
        .collect()
    }

    /// Visits every address of every server, in the order that `visits` gives for an address.
    async fn visit_all<F>(&self, servers: &[MailServer], visits: F) -> Vec<SmtpDialogue>
    where
        F: Fn(SocketAddr) -> Vec<Visit>,
    {
        self.visit_all_within(self.patience, servers, visits).await
    }

    pub(super) async fn visit_all_within<F>(
        &self,
        patience: Duration,
        servers: &[MailServer],
        visits: F,
    ) -> Vec<SmtpDialogue>
    where
        F: Fn(SocketAddr) -> Vec<Visit>,
    {
        let patience = Patience { all: patience, until: Instant::now() + patience };
        let wanted: Vec<MailServer> = servers.iter().take(MAX_SERVERS).cloned().collect();
        let resolved: Vec<Resolved> = futures_util::stream::iter(wanted)
            .map(|server| self.resolve(server))
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await;
        self.visit_resolved(resolved, patience, visits).await
    }

    async fn visit_resolved<F>(&self, resolved: Vec<Resolved>, patience: Patience, visits: F) -> Vec<SmtpDialogue>
    where
        F: Fn(SocketAddr) -> Vec<Visit>,
    {
        let mut peers = Vec::new();
        let mut done = Vec::new();
        let mut stages: Vec<(MailServer, StageRecord)> = Vec::new();
        for Resolved { server, peers: found, refused, stage } in resolved {
            stages.extend(stage.map(|stage| (server.clone(), stage)));
            for (address, detail) in refused {
                let peer = SocketAddr::new(address, server.port);
                done.push(self.not_visited(&server, Some(peer), None, ConnectOutcome::BlockedTarget { detail }));
            }
            match found {
                Ok(found) => peers.extend(found.into_iter().map(|peer| (server.clone(), peer, visits(peer)))),
                Err(outcome) => done.push(self.not_visited(&server, None, None, outcome)),
            }
        }
        // A server that nobody here can visit, for want of an address of its family, is told all the same.
        let idle = |server: &MailServer| peers.iter().filter(|(s, _, _)| s == server).all(|(_, _, v)| v.is_empty());
        for (server, peer, visits) in &peers {
            if visits.is_empty() && idle(server) {
                let family = if peer.is_ipv4() { "IPv4" } else { "IPv6" };
                let detail = format!("no {family} address to send from");
                done.push(self.not_visited(server, Some(*peer), None, ConnectOutcome::VantageFault { detail }));
            }
        }
        let visited: Vec<Vec<SmtpDialogue>> = futures_util::stream::iter(peers)
            .map(|(server, peer, visits)| self.visit_peer(server, peer, visits, patience))
            .buffered(SIDE_BY_SIDE)
            .collect()
            .await;
        done.extend(visited.into_iter().flatten());
        for dialogue in &mut done {
            let of_this = |(server, _): &&(MailServer, StageRecord)| {
                server.host == dialogue.host && server.port == dialogue.port && server.standby == dialogue.standby
            };
            if let Some((_, stage)) = stages.iter().find(of_this) {
                dialogue.stages.insert(0, stage.clone());
            }
        }
        done
    }

    async fn visit_peer(
        &self,
        server: MailServer,
        peer: SocketAddr,
        visits: Vec<Visit>,
        patience: Patience,
    ) -> Vec<SmtpDialogue> {
        let mut seen = Vec::with_capacity(visits.len());
        for Visit { place, depth, sender } in visits {
            if place.from == From::Nowhere {
                let detail = "this gateway address is not on this host, and no agent covers it".to_owned();
                let fault = ConnectOutcome::VantageFault { detail };
                seen.push(self.not_visited(&server, Some(peer), Some(place.vantage), fault));
                continue;
            }
            if let Some(detail) = self.places.not_outside(&place, peer) {
                let fault = ConnectOutcome::VantageFault { detail };
                seen.push(self.not_visited(&server, Some(peer), Some(place.vantage), fault));
                continue;
            }
            let vantage = place.vantage;
            // Held for an agent's visit, too: that is what keeps the order, and one visitor at a time.
            let turn = self.turns.take(peer.ip(), &server.host, &vantage.id);
            let Ok(turn) = timeout_at(patience.until, turn).await else {
                let detail = format!(
                    "{} was busy with other checks of ours for {} s, so this look was not made",
                    peer.ip(),
                    patience.all.as_secs()
                );
                seen.push(self.not_visited(
                    &server,
                    Some(peer),
                    Some(vantage),
                    ConnectOutcome::VantageFault { detail },
                ));
                continue;
            };
            let _turn = match turn {
                Ok(turn) => turn,
                Err(detail) => {
                    let fault = ConnectOutcome::VantageFault { detail };
                    seen.push(self.not_visited(&server, Some(peer), Some(vantage), fault));
                    continue;
                }
            };
            let visit = async {
                match &place.from {
                    From::Agent(agent) => {
                        let task = self.task(vantage.clone(), &server, peer, &depth, sender.as_ref());
                        let left = patience.until.saturating_duration_since(Instant::now());
                        self.ask(agent, task, left).await
                    }
                    From::Here(source) => {
                        let plan = self.plan(vantage.clone(), *source, &server, peer, depth);
                        self.converse(&Plan { sender, ..plan }, &self.config.reference).await
                    }
                    From::Nowhere => self.not_visited(&server, Some(peer), None, ConnectOutcome::Refused),
                }
            };
            let dialogue = timeout_at(patience.until, visit).await;
            seen.push(dialogue.unwrap_or_else(|_| {
                let detail =
                    format!("the looks at this server took longer than {} s altogether", patience.all.as_secs());
                self.not_visited(&server, Some(peer), Some(vantage), ConnectOutcome::VantageFault { detail })
            }));
        }
        seen
    }

    /// Once, and pinned: what is checked here is what is connected to.
    pub(super) async fn resolve(&self, server: MailServer) -> Resolved {
        let mut beside = Vec::new();
        let begun = Instant::now();
        let found = self.addresses(&server.host).await;
        let stage = named(&server.host).then(|| resolving(&found, millis_since(begun)));
        let peers = found.and_then(|addresses| {
            let (open, refused) = self.guard.sift(&addresses);
            match (open.is_empty(), refused.first()) {
                (true, Some(reason)) => Err(ConnectOutcome::BlockedTarget { detail: reason.to_string() }),
                (true, None) => Err(ConnectOutcome::Unresolvable { detail: "no address".to_owned() }),
                (false, _) => {
                    beside = refused.into_iter().take(MAX_PEERS).map(|r| (r.address, r.to_string())).collect();
                    Ok(open.into_iter().take(MAX_PEERS).map(|a| SocketAddr::new(a, server.port)).collect())
                }
            }
        });
        Resolved { server, peers, refused: beside, stage }
    }

    /// Addresses of a host name or an address in text form.
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, ConnectOutcome> {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(vec![address]);
        }
        let unresolvable = |detail: String| ConnectOutcome::Unresolvable { detail };
        let name = DomainName::parse(host).map_err(|e| unresolvable(e.to_string()))?;
        let host = self.dns.resolvers.host(&name).await;
        match host.error {
            None => Ok(host.addresses),
            // Servfail and time-outs stay recognisable: they do not mean that there is no address.
            Some(error) => Err(unresolvable(error)),
        }
    }

    pub(super) fn not_visited(
        &self,
        server: &MailServer,
        peer: Option<SocketAddr>,
        vantage: Option<Vantage>,
        connect: ConnectOutcome,
    ) -> SmtpDialogue {
        let first = || self.places.egress.first().or(self.places.outsiders.first()).map(|p| p.vantage.clone());
        SmtpDialogue {
            vantage: vantage.or_else(first).unwrap_or_else(unknown),
            host: server.host.clone(),
            peer,
            port: server.port,
            standby: server.standby,
            started_at: self.clock.now(),
            connect,
            stages: Vec::new(),
            capabilities: Vec::new(),
            tls: None,
            proof: None,
            transcript: Vec::new(),
        }
    }
}

/// Whether the host is given by a name.
fn named(host: &str) -> bool {
    host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().is_err()
}

fn resolving(found: &Result<Vec<IpAddr>, ConnectOutcome>, elapsed_ms: u32) -> StageRecord {
    let outcome = match found {
        Err(ConnectOutcome::Unresolvable { detail }) => StageOutcome::Failed { detail: detail.clone() },
        _ => StageOutcome::Done,
    };
    StageRecord { stage: Stage::Resolve, elapsed_ms, outcome }
}

/// The places that can reach the peer's family, or are reported as not covered.
pub(super) fn visits(places: &[Place], peer: SocketAddr, depth: &Depth) -> Vec<Visit> {
    let fitting = places.iter().filter(|place| place.fits(peer.ip()));
    fitting.map(|place| Visit { place: place.clone(), depth: depth.clone(), sender: None }).collect()
}

/// The first place of the peer's family that somebody can probe from, if there is one.
pub(super) fn first_fitting(places: &[Place], peer: SocketAddr) -> Option<Place> {
    places.iter().find(|place| place.from != From::Nowhere && place.fits(peer.ip())).cloned()
}

fn unknown() -> Vantage {
    Vantage { id: "none".to_owned(), role: fencepost_checks::observation::VantageRole::Outsider, address: None }
}

pub(super) fn times(config: &ProbeConfig) -> Times {
    Times {
        connect: Duration::from_millis(config.connect_timeout_ms),
        banner: Duration::from_millis(config.banner_timeout_ms),
        stage: Duration::from_millis(config.stage_timeout_ms),
        total: Duration::from_millis(config.total_timeout_ms),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, SystemClock};
    use crate::config::GatewayConfig;

    fn prober() -> Prober {
        let config = ProbeConfig { allow_targets: vec!["127.0.63.0/24".to_owned()], ..ProbeConfig::default() };
        Prober::new(&config, &GatewayConfig::default(), Arc::new(SystemClock)).unwrap()
    }

    /// A name with a public and a private address: the one is visited, the other is told.
    #[tokio::test]
    async fn an_address_that_may_not_be_probed_is_told_beside_those_that_may() {
        let refused = vec![([10, 0, 0, 5].into(), "10.0.0.5 is a private address".to_owned())];
        let server = MailServer { host: "mail.customer.example".to_owned(), port: 1, standby: false };
        let open = SocketAddr::from(([127, 0, 63, 2], 1));
        let resolved = Resolved { server, peers: Ok(vec![open]), refused, stage: None };
        let patience = Patience { all: Duration::from_secs(9), until: Instant::now() + Duration::from_secs(9) };
        let prober = prober();
        let seen = prober
            .visit_resolved(vec![resolved], patience, |peer| {
                visits(first_fitting(&prober.places.outsiders, peer).as_slice(), peer, &Depth::Banner)
            })
            .await;
        let outcomes: Vec<_> = seen.iter().map(|d| (d.peer.unwrap().ip().to_string(), &d.connect)).collect();
        assert!(
            matches!(&outcomes[..], [(a, ConnectOutcome::BlockedTarget { detail }), (b, ConnectOutcome::Refused)]
                if a == "10.0.0.5" && detail.contains("private") && b == "127.0.63.2"),
            "{outcomes:?}"
        );
    }

    #[tokio::test]
    async fn a_literal_that_is_refused_is_not_visited() {
        let prober = prober();
        let server = |host: &str| MailServer { host: host.to_owned(), port: 25, standby: false };
        let private = prober.resolve(server("10.0.0.5")).await;
        assert!(matches!(private.peers, Err(ConnectOutcome::BlockedTarget { .. })));
        assert!(prober.resolve(server("127.0.63.2")).await.peers.is_ok());
    }

    /// The address is held by another check that does not end.
    #[tokio::test]
    async fn nobody_waits_for_ever_for_a_turn() {
        let config = ProbeConfig { allow_targets: vec!["127.0.0.0/8".to_owned()], ..ProbeConfig::default() };
        let prober = Prober::new(&config, &GatewayConfig::default(), Arc::new(SystemClock)).unwrap();
        let prober = prober.with_patience(Duration::from_millis(20));
        let _held = prober.turns.take([127, 0, 63, 1].into(), "mail", "somebody").await.unwrap();
        let task = ServerTask {
            domain: DomainName::parse("customer.example").unwrap(),
            servers: vec![MailServer { host: "127.0.63.1".to_owned(), port: 25, standby: false }],
            test_mailbox: "postmaster".to_owned(),
            hosted: false,
        };
        let seen = prober.own_servers(&task).await;
        let [SmtpDialogue { connect: ConnectOutcome::VantageFault { detail }, .. }] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert!(detail.contains("127.0.63.1 was busy with other checks"), "{detail}");
        let judged = fencepost_checks::smtp::judge(
            &seen,
            &fencepost_checks::smtp::SmtpContext { domain: task.domain, now: SystemClock.now() },
        );
        assert_eq!(judged.verdict, fencepost_checks::Verdict::Inconclusive, "{:?}", judged.findings);
    }
}
