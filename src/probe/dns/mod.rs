//! MX as it is published (every address of every authoritative server, asked directly) and as it is
//! seen (the configured resolvers). Collects only; `fencepost_checks::mx` judges.

mod ask;
mod classify;
mod delegation;
mod name;
mod resolve;
mod signed;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use fencepost_checks::DomainName;
use fencepost_checks::observation::dns::ExchangeAddresses;
use fencepost_checks::observation::{DnsAnswer, DnsRound, ResolverAnswer, ServerAnswer};
use futures_util::StreamExt;
use hickory_proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout};

use self::ask::{Patience, ask};
use self::classify::Role;
use self::delegation::{Delegation, Server};
pub(crate) use self::resolve::Resolvers;
use super::target::TargetGuard;
use super::{ProbeSetupError, millis_since};
use crate::clock::SharedClock;
use crate::config::ProbeConfig;

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
}

impl Dns {
    pub(crate) fn new(config: &ProbeConfig, guard: TargetGuard, clock: SharedClock) -> Result<Self, ProbeSetupError> {
        let patience =
            Patience { timeout: Duration::from_millis(config.dns_timeout_ms.max(1)), attempts: config.dns_attempts };
        let servers = if config.resolvers.is_empty() { of_the_system()? } else { config.resolvers.clone() };
        Ok(Self {
            resolvers: Resolvers::new(servers, patience),
            roots: config.roots.clone(),
            port: config.dns_port,
            patience,
            concurrency: config.dns_concurrency.clamp(1, 256),
            guard,
            clock,
        })
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
        let (zone, servers_without_address, ns_ttl, delegation_error) = match delegation {
            Ok(found) => {
                (DomainName::parse(&name::render(&found.zone)).ok(), found.without_address, found.ns_ttl, None)
            }
            Err(error) => (None, Vec::new(), None, Some(error)),
        };
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
                let reply = ask(server.address, name, RecordType::MX, false, self.patience).await;
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

fn of_the_system() -> Result<Vec<SocketAddr>, ProbeSetupError> {
    let fault = |why: &str| ProbeSetupError::Resolvers(format!("none is configured, and {why}; name at least one"));
    let (config, _) = hickory_resolver::system_conf::read_system_conf()
        .map_err(|error| fault(&format!("the system's could not be read ({error})")))?;
    let servers: Vec<SocketAddr> = config.name_servers().iter().map(|s| SocketAddr::new(s.ip, 53)).collect();
    if servers.is_empty() { Err(fault("the system has none")) } else { Ok(servers) }
}
