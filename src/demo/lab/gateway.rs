//! The filtering gateway: two MX hosts that look a recipient's domain up in the route table, and
//! relay what they accept from the egress addresses to the customer's own server. A message is
//! accepted only once the own server has taken it, so that nothing is lost inside.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::address::{GATEWAY_EGRESS, GATEWAY_MX};
use super::certificates::CertificateAuthority;
use super::error::{LabResult, While};
use super::outgoing::{Delivery, Outgoing, addresses, deliver};
use super::smtp::{MailHost, Message, Reply, serve};
use super::task::Task;
use crate::lifecycle::connection::RouteMode;
use crate::order::MailServer as Server;

/// Names of the MX hosts, in the order of [`GATEWAY_MX`].
pub const MX_NAMES: [&str; 2] = ["mx1.gateway.example", "mx2.gateway.example"];

/// The route of one domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub mode: RouteMode,
    #[serde(default)]
    pub servers: Vec<Server>,
    pub generation: u64,
}

/// The route table, shared by both MX hosts and the API in front of them.
#[derive(Debug, Default)]
pub struct Routes(Mutex<BTreeMap<String, Route>>);

/// The route is older than what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stale {
    pub seen: u64,
}

impl Routes {
    #[must_use]
    pub fn get(&self, domain: &str) -> Option<Route> {
        self.table().get(&domain.to_ascii_lowercase()).cloned()
    }

    /// Sets a route; a removed one stays as [`RouteMode::Absent`] with its generation.
    ///
    /// # Errors
    /// [`Stale`] when a higher generation is known.
    pub fn set(&self, domain: &str, route: Route) -> Result<(), Stale> {
        let mut table = self.table();
        let domain = domain.to_ascii_lowercase();
        match table.get(&domain) {
            Some(known) if known.generation > route.generation => Err(Stale { seen: known.generation }),
            _ => {
                table.insert(domain, route);
                Ok(())
            }
        }
    }

    fn table(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Route>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The running gateway; it stops when dropped.
pub struct Gateway {
    pub routes: Arc<Routes>,
    _hosts: Vec<Task>,
}

impl Gateway {
    /// Starts both MX hosts on `port`. Own servers are found through `resolver`.
    ///
    /// # Errors
    /// When an address cannot be bound or a certificate not be made.
    pub async fn start(port: u16, resolver: SocketAddr, ca: &CertificateAuthority) -> LabResult<Self> {
        let routes = Arc::new(Routes::default());
        let mut hosts = Vec::new();
        for (address, name) in GATEWAY_MX.into_iter().zip(MX_NAMES) {
            let at = SocketAddr::new(IpAddr::V4(address), port);
            let listener = TcpListener::bind(at).await.during(&format!("binding the gateway {name} on {at}"))?;
            let host = MxHost { name, routes: Arc::clone(&routes), resolver, turn: AtomicUsize::new(0) };
            hosts.push(Task::spawn(serve(Arc::new(listener), Arc::new(host), Some(ca.acceptor(&[name])?))));
        }
        Ok(Self { routes, _hosts: hosts })
    }
}

struct MxHost {
    name: &'static str,
    routes: Arc<Routes>,
    resolver: SocketAddr,
    turn: AtomicUsize,
}

#[async_trait]
impl MailHost for MxHost {
    fn name(&self) -> &str {
        self.name
    }

    async fn recipient(&self, _peer: SocketAddr, _sender: &str, recipient: &str) -> Reply {
        let domain = recipient.rsplit_once('@').map_or("", |(_, domain)| domain);
        match self.routes.get(domain).map_or(RouteMode::Absent, |route| route.mode) {
            RouteMode::Deliver => Reply::new(250, "2.1.5 Recipient accepted"),
            RouteMode::Defer => Reply::new(451, "4.3.2 This domain is being set up, please try again later"),
            RouteMode::Reject => Reply::new(550, "5.7.1 The service for this domain has ended"),
            RouteMode::Absent => Reply::new(550, "5.7.1 We do not relay for this domain"),
        }
    }

    async fn message(&self, message: Message) -> Reply {
        let mail = Outgoing { sender: message.sender, recipients: message.recipients, content: message.content };
        let domain = mail.recipients.first().and_then(|r| r.rsplit_once('@')).map_or("", |(_, domain)| domain);
        let Some(route) = self.routes.get(domain) else {
            return Reply::new(451, "4.4.4 The route has gone meanwhile");
        };
        match self.relay(&route, &mail).await {
            Delivery::Accepted => Reply::new(250, "2.0.0 Delivered to the destination"),
            Delivery::Deferred(why) => Reply::new(451, format!("4.4.1 Not delivered yet: {}", one_line(&why))),
            Delivery::Refused(why) => Reply::new(554, format!("5.4.1 The destination refuses: {}", one_line(&why))),
        }
    }
}

impl MxHost {
    /// The first server that takes it; egress addresses take turns.
    async fn relay(&self, route: &Route, mail: &Outgoing) -> Delivery {
        let mut last = Delivery::Deferred("no own server is known".to_owned());
        for server in &route.servers {
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let Some(source) = GATEWAY_EGRESS.get(turn % GATEWAY_EGRESS.len()) else { continue };
            let found = addresses(self.resolver, &server.host).await.unwrap_or_default();
            for address in found {
                let to = SocketAddr::new(IpAddr::V4(address), server.port);
                last = deliver(*source, self.name, to, &server.host, mail).await;
                if last == Delivery::Accepted {
                    return last;
                }
            }
        }
        last
    }
}

/// A reply is one line of at most 512 octets (RFC 5321 §4.5.3.1.5).
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
