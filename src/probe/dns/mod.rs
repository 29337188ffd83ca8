//! MX as it is published (every address of every authoritative server, asked directly) and as it is
//! seen (the configured resolvers). Collects only; `fencepost_checks::mx` judges.

mod allowance;
mod ask;
mod classify;
mod delegation;
mod iterate;
mod name;
mod parents;
#[cfg(test)]
#[path = "../../../fuzz/properties/dns_answer.rs"]
mod properties;
mod resolve;
mod signed;
#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use fencepost_checks::DomainName;
use fencepost_checks::observation::dns::ExchangeAddresses;
use fencepost_checks::observation::{DnsAnswer, DnsRound, MxRecord, ResolverAnswer, ServerAnswer};
use futures_util::StreamExt;
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout};

use self::allowance::Allowances;
use self::ask::{Patience, Silence, ask};
use self::classify::Role;
use self::delegation::{Delegation, Server};
use self::iterate::Iteration;
pub(crate) use self::resolve::Resolvers;
use super::millis_since;
use super::target::TargetGuard;
use crate::clock::SharedClock;
use crate::config::ProbeConfig;
use crate::engine::ports::Politeness;

/// What a resolver's message says of the MX of the name that it repeats. That it is the name asked for has been
/// seen to.
pub(super) fn mx_of_resolver(message: Message) -> DnsAnswer {
    let name = message.queries.first().map_or_else(Name::root, |query| query.name().clone());
    classify::mx(&Ok(message), &name, Role::Resolver)
}

/// The root servers (IANA root hints), for a host without any resolver.
const ROOTS: [Ipv4Addr; 13] = [
    Ipv4Addr::new(198, 41, 0, 4),
    Ipv4Addr::new(170, 247, 170, 2),
    Ipv4Addr::new(192, 33, 4, 12),
    Ipv4Addr::new(199, 7, 91, 13),
    Ipv4Addr::new(192, 203, 230, 10),
    Ipv4Addr::new(192, 5, 5, 241),
    Ipv4Addr::new(192, 112, 36, 4),
    Ipv4Addr::new(198, 97, 190, 53),
    Ipv4Addr::new(192, 36, 148, 17),
    Ipv4Addr::new(192, 58, 128, 30),
    Ipv4Addr::new(193, 0, 14, 129),
    Ipv4Addr::new(199, 7, 83, 42),
    Ipv4Addr::new(202, 12, 27, 33),
];
/// Exchanges whose addresses are looked up in one round.
const MAX_EXCHANGES: usize = 24;
/// Questions one after the other that finding a delegation may take.
const DELEGATION_STEPS: u32 = 24;

/// Everything that asks DNS questions.
#[derive(Debug)]
pub(crate) struct Dns {
    pub(crate) resolvers: Resolvers,
    roots: Vec<SocketAddr>,
    port: u16,
    patience: Patience,
    concurrency: usize,
    guard: TargetGuard,
    clock: SharedClock,
    /// Without it, every question may be asked.
    allowances: Option<Arc<Allowances>>,
}

impl Dns {
    pub(crate) fn new(config: &ProbeConfig, guard: TargetGuard, clock: SharedClock) -> Self {
        let patience =
            Patience { timeout: Duration::from_millis(config.dns_timeout_ms.max(1)), attempts: config.dns_attempts };
        // Configured roots without resolvers are a world of their own: the system's resolvers know another.
        let servers = match (config.resolvers.is_empty(), config.roots.is_empty()) {
            (false, _) => config.resolvers.clone(),
            (true, false) => Vec::new(),
            (true, true) => system_resolvers(),
        };
        let mut roots = config.roots.clone();
        if servers.is_empty() && roots.is_empty() {
            roots = ROOTS.iter().map(|root| SocketAddr::from((*root, 53))).collect();
        }
        let resolvers = if servers.is_empty() {
            let iteration = Iteration::new(roots.clone(), config.dns_port, guard.clone(), patience);
            Resolvers::without(iteration, patience)
        } else {
            Resolvers::new(servers, patience)
        };
        Self {
            resolvers,
            roots,
            port: config.dns_port,
            patience,
            concurrency: config.dns_concurrency.clamp(1, 256),
            guard,
            clock,
            allowances: None,
        }
    }

    /// Draws questions to name servers from what the whole installation may ask.
    pub(crate) fn with(self, installation: Arc<dyn Politeness>) -> Self {
        Self { allowances: Some(Arc::new(Allowances::new(installation))), ..self }
    }

    /// The MX as this server of the zone gives it, or without one the first resolver that answers; `None`
    /// where that is no plain set.
    pub(crate) async fn glance(&self, domain: &DomainName, server: Option<SocketAddr>) -> Option<Vec<MxRecord>> {
        let name = name::wire(domain)?;
        let answer = match server {
            Some(server) => {
                self.guard.check(server.ip()).ok()?;
                let reply = self.ask_direct(server, &name, RecordType::MX, self.patience).await;
                classify::mx(&reply, &name, Role::Authoritative)
            }
            None => {
                let reply = self.resolvers.look_up(&name, RecordType::MX).await.ok()?;
                classify::mx(&Ok(reply), &name, Role::Resolver)
            }
        };
        match answer {
            DnsAnswer::Mx { records, .. } => Some(records),
            _ => None,
        }
    }

    /// The MX as this resolver gives it.
    pub(crate) async fn seen_by(&self, resolver: SocketAddr, domain: &DomainName) -> DnsAnswer {
        match name::wire(domain) {
            Some(name) => self.resolvers.mx(resolver, &name).await,
            None => DnsAnswer::Malformed { detail: "not a legal name".to_owned() },
        }
    }

    /// Asks a name server of a zone, as far as the allowance goes.
    async fn ask_direct(
        &self,
        server: SocketAddr,
        name: &Name,
        rtype: RecordType,
        patience: Patience,
    ) -> Result<Message, Silence> {
        if let Some(allowances) = &self.allowances
            && !allowances.take(server.ip()).await
        {
            let detail =
                format!("{} has been asked as often as good manners allow (probe.questions_a_minute)", server.ip());
            return Err(Silence::Vantage(detail));
        }
        ask(server, name, rtype, false, patience).await
    }

    /// One whole round. Takes at most the time of some thirty questions, one after the other.
    pub(crate) async fn round(&self, domain: &DomainName) -> DnsRound {
        let started_at = self.clock.now();
        let limit = self.patience.timeout * self.patience.attempts.clamp(1, 5) * DELEGATION_STEPS;
        let find = async {
            let late = |_| Err("finding the name servers took too long".to_owned());
            timeout(limit, self.delegation(domain)).await.unwrap_or_else(late)
        };
        let ((delegation, servers), (resolvers, early)) = tokio::join!(
            async {
                let delegation = find.await;
                let servers = match (&delegation, name::wire(domain)) {
                    (Ok(found), Some(name)) => self.ask_all(found, &name).await,
                    _ => Vec::new(),
                };
                (delegation, servers)
            },
            async {
                let resolvers = self.ask_resolvers(domain).await;
                let exchanges = self.exchanges(exchange_names(&[], &resolvers)).await;
                (resolvers, exchanges)
            }
        );
        // Most exchanges are known by then from what the resolvers answered.
        let mut missing = exchange_names(&servers, &resolvers);
        let mut exchanges: Vec<ExchangeAddresses> =
            early.into_iter().filter(|known| missing.contains(&known.exchange)).collect();
        missing.retain(|name| exchanges.iter().all(|known| known.exchange != *name));
        exchanges.extend(self.exchanges(missing).await);
        exchanges.sort_by(|a, b| a.exchange.cmp(&b.exchange));
        let (found, delegation_error) = match delegation {
            Ok(found) => (Some(found), None),
            Err(error) => (None, Some(error)),
        };
        let zone = found.as_ref().and_then(|found| DomainName::parse(&name::render(&found.zone)).ok());
        let ns_ttl = found.as_ref().and_then(|found| found.ns_ttl);
        let (servers_without_address, parents) =
            found.map(|found| (found.without_address, found.parents)).unwrap_or_default();
        DnsRound {
            domain: domain.clone(),
            started_at,
            finished_at: self.clock.now(),
            zone,
            servers,
            servers_without_address,
            resolvers,
            exchanges,
            ns_ttl,
            parents,
            delegation_error,
        }
    }

    async fn ask_all(&self, delegation: &Delegation, name: &Name) -> Vec<ServerAnswer> {
        // `buffered` keeps the order, so that equal rounds compare equal.
        futures_util::stream::iter(delegation.servers.clone())
            .map(|server| self.ask_server(server, name))
            .buffered(self.concurrency)
            .collect()
            .await
    }

    async fn ask_server(&self, server: Server, name: &Name) -> ServerAnswer {
        let begun = Instant::now();
        let answer = match &server.refused {
            Some(reason) => DnsAnswer::Unreachable { detail: reason.clone() },
            None => {
                let reply = self.ask_direct(server.address, name, RecordType::MX, self.patience).await;
                classify::mx(&reply, name, Role::Authoritative)
            }
        };
        ServerAnswer {
            name: server.name,
            address: server.address,
            in_parent: server.in_parent,
            in_child: server.in_child,
            answer,
            elapsed_ms: millis_since(begun),
            observed_at: self.clock.now(),
        }
    }

    async fn ask_resolvers(&self, domain: &DomainName) -> Vec<ResolverAnswer> {
        let Some(name) = &name::wire(domain) else { return Vec::new() };
        futures_util::stream::iter(self.resolvers.servers().to_vec())
            .map(|address| async move {
                let begun = Instant::now();
                let answer = self.resolvers.mx(address, name).await;
                let vantage = format!("resolver-{}", address.ip());
                let observed_at = self.clock.now();
                ResolverAnswer { vantage, address, answer, elapsed_ms: millis_since(begun), observed_at }
            })
            .buffered(self.concurrency)
            .collect()
            .await
    }

    async fn exchanges(&self, names: Vec<String>) -> Vec<ExchangeAddresses> {
        futures_util::stream::iter(names)
            .map(|exchange| self.resolvers.exchange(exchange))
            .buffered(self.concurrency)
            .collect()
            .await
    }
}

/// Every exchange that any answer names, in order.
fn exchange_names(servers: &[ServerAnswer], resolvers: &[ResolverAnswer]) -> Vec<String> {
    let answers = servers.iter().map(|s| &s.answer).chain(resolvers.iter().map(|r| &r.answer));
    let mut names: Vec<String> = answers
        .filter_map(|answer| match answer {
            DnsAnswer::Mx { records, .. } | DnsAnswer::Cname { records, .. } => Some(records),
            _ => None,
        })
        .flatten()
        .map(|record| record.exchange.clone())
        .filter(|exchange| exchange != ".")
        .collect();
    names.sort();
    names.dedup();
    names.truncate(MAX_EXCHANGES);
    names
}

/// The resolvers that this host is configured to ask. Empty where it has none, as in a container without a
/// network of its own.
#[must_use]
pub fn system_resolvers() -> Vec<SocketAddr> {
    match hickory_resolver::system_conf::read_system_conf() {
        Ok((config, _)) => config.name_servers().iter().map(|s| SocketAddr::new(s.ip, 53)).collect(),
        Err(error) => {
            tracing::warn!(%error, "the system's resolvers could not be read: names are looked up from the roots");
            Vec::new()
        }
    }
}
