//! Policies around the domain as a sender would read them: MTA-STS (RFC 8461), SPF, DMARC, TLS-RPT,
//! DNSSEC and DANE. Fetches
//! and hands on; what they mean for the cut-over is judged elsewhere.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use fencepost_checks::DomainName;
use fencepost_checks::observation::lint::{HeloLookup, PolicyFetch, TlsaLookup};
use fencepost_checks::observation::{LintObservation, MtaStsObservation, TextLookup};
use futures_util::{StreamExt, future::join_all};

use super::Prober;
use super::escape;
use crate::config::EgressState;
use crate::config::HostState;
use crate::engine::ports::ServerTask;

/// Hosts of one kind whose records are looked up.
const MAX_HOSTS: usize = 8;
/// Gateway addresses whose names are looked up.
const MAX_EGRESS: usize = 50;
/// RFC 8461 §3.3 asks for a limit such as this one.
const MAX_POLICY: usize = 64 * 1024;
/// RFC 8461 §3.3 suggests one minute.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

impl Prober {
    pub(super) async fn policies(&self, task: &ServerTask) -> LintObservation {
        let domain = &task.domain;
        let observed_at = self.clock.now();
        let gateway = || self.gateway.hosts(HostState::Current).take(MAX_HOSTS).map(|host| &host.name);
        let resolvers = &self.dns.resolvers;
        let texts = async {
            tokio::join!(
                resolvers.texts(domain, "v=spf1"),
                self.text_below("_dmarc", domain, "v=DMARC1"),
                self.text_below("_smtp._tls", domain, "v=TLSRPTv1"),
                self.text_below("_domainconnect", domain, "")
            )
        };
        let (
            mta_sts,
            (spf, dmarc, tls_rpt, domain_connect),
            own_servers,
            gateway_addresses,
            gateway_tlsa,
            exchange_tlsa,
            helo,
            dnssec,
            sender_test,
        ) = tokio::join!(
            self.mta_sts(domain),
            texts,
            join_all(task.servers.iter().map(|server| self.located(&server.host))),
            join_all(gateway().map(|host| self.located(host.as_str()))),
            join_all(gateway().map(|host| resolvers.tlsa(host))),
            self.left_behind(domain),
            self.helo(),
            resolvers.dnssec(domain),
            self.sender_test(task)
        );
        LintObservation {
            domain: domain.clone(),
            observed_at,
            mta_sts,
            spf,
            dmarc,
            own_servers,
            gateway_addresses,
            tls_rpt,
            domain_connect,
            dnssec,
            gateway_tlsa,
            exchange_tlsa,
            helo,
            sender_test,
        }
    }

    /// What receivers find of the gateway's EHLO names and addresses. A loopback address is seen by nobody else.
    async fn helo(&self) -> Vec<HeloLookup> {
        let in_use = self.gateway.egress.iter().filter(|egress| egress.state != EgressState::Retired);
        let egress = in_use.map(|egress| egress.address).filter(|address| !address.is_loopback());
        join_all(egress.take(MAX_EGRESS).map(|address| async move {
            let name = self.gateway.ehlo_name_of(Some(address));
            let resolvers = &self.dns.resolvers;
            let (host, reverse) = tokio::join!(resolvers.host(name), resolvers.reverse(address));
            HeloLookup { name: name.clone(), address, addresses: host.addresses, error: host.error, reverse }
        }))
        .await
    }

    async fn located(&self, host: &str) -> (String, Vec<IpAddr>) {
        (host.to_owned(), self.addresses(host).await.unwrap_or_default())
    }

    /// TLSA of the present exchanges that are not the gateway's.
    async fn left_behind(&self, domain: &DomainName) -> Vec<TlsaLookup> {
        let exchanges = self.dns.resolvers.exchanges(domain).await.unwrap_or_default();
        let foreign: Vec<DomainName> = exchanges
            .iter()
            .filter(|exchange| !self.is_gateway(exchange))
            .filter_map(|exchange| DomainName::parse(exchange).ok())
            .take(MAX_HOSTS)
            .collect();
        join_all(foreign.iter().map(|host| self.dns.resolvers.tlsa(host))).await
    }

    async fn mta_sts(&self, domain: &DomainName) -> MtaStsObservation {
        let record = self.text_below("_mta-sts", domain, "v=STSv1").await;
        let policy = match record {
            TextLookup::Absent | TextLookup::NotAsked => PolicyFetch::NotAsked,
            // A policy may be cached by senders although the record cannot be read now, so it is asked
            // for all the same.
            TextLookup::Found { .. } | TextLookup::Failed { .. } => match self.fetch_policy(domain).await {
                Ok(body) => PolicyFetch::Fetched { body },
                Err(detail) => PolicyFetch::Failed { detail: escape::text(&detail, 300) },
            },
        };
        MtaStsObservation { record, policy }
    }

    async fn text_below(&self, label: &str, domain: &DomainName, prefix: &str) -> TextLookup {
        match DomainName::parse(&format!("{label}.{domain}")) {
            Ok(name) => self.dns.resolvers.texts(&name, prefix).await,
            // The name does not fit into DNS, so there can be no such record.
            Err(_) => TextLookup::Absent,
        }
    }

    async fn fetch_policy(&self, domain: &DomainName) -> Result<String, String> {
        let host = DomainName::parse(&format!("mta-sts.{domain}")).map_err(|e| e.to_string())?;
        let found = self.dns.resolvers.host(&host).await;
        let (open, refused) = self.guard.sift(&found.addresses);
        if open.is_empty() {
            let reason = refused.first().map(ToString::to_string).or(found.error).unwrap_or_default();
            return Err(format!("{host} cannot be reached: {reason}"));
        }
        let pinned: Vec<SocketAddr> = open.into_iter().map(|a| SocketAddr::new(a, self.config.https_port)).collect();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.trust.strict().map_err(|e| e.to_string())?)
            .redirect(reqwest::redirect::Policy::none())
            .https_only(true)
            .no_proxy()
            .resolve_to_addrs(host.as_str(), &pinned)
            .connect_timeout(self.times.connect)
            .timeout(FETCH_TIMEOUT.min(self.times.total))
            .build()
            .map_err(chain)?;
        let url = match self.config.https_port {
            443 => format!("https://{host}/.well-known/mta-sts.txt"),
            port => format!("https://{host}:{port}/.well-known/mta-sts.txt"),
        };
        let response = client.get(url).send().await.map_err(chain)?;
        // Redirects must not be followed, and only 200 is a policy (RFC 8461 §3.3).
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("the policy server answered {}", response.status()));
        }
        // Nothing of the kind was asked for, and senders make of it what they will.
        if let Some(coding) = response.headers().get(reqwest::header::CONTENT_ENCODING)
            && coding != "identity"
        {
            return Err("the policy came compressed, unasked".to_owned());
        }
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk.map_err(chain)?);
            if body.len() > MAX_POLICY {
                return Err(format!("the policy is longer than {MAX_POLICY} bytes"));
            }
        }
        String::from_utf8(body).map_err(|_| "the policy is not text".to_owned())
    }
}

fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
