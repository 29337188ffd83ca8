//! MTA-STS policy server (RFC 8461 §3.3): HTTPS at `mta-sts.<domain>` with a certificate from the
//! laboratory's authority. One listener serves the policies of all customers, by host name.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::address::POLICY_SERVER;
use super::certificates::CertificateAuthority;
use super::error::{LabResult, While};
use super::task::Task;

/// A handshake that takes longer is given up.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// A running policy server; it stops when dropped.
pub struct PolicyServer {
    policies: Arc<RwLock<BTreeMap<String, String>>>,
    _task: Task,
}

impl PolicyServer {
    /// Serves the policies of these domains; each may be set later.
    ///
    /// # Errors
    /// When the address cannot be bound or the certificate not be made.
    pub async fn start(port: u16, domains: &[&str], ca: &CertificateAuthority) -> LabResult<Self> {
        let at = SocketAddr::new(IpAddr::V4(POLICY_SERVER), port);
        let tcp = TcpListener::bind(at).await.during(&format!("binding the policy server on {at}"))?;
        let hosts: Vec<String> = domains.iter().map(|domain| host(domain)).collect();
        let names: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let listener = Https { tcp, tls: ca.acceptor(&names)? };
        let policies: Arc<RwLock<BTreeMap<String, String>>> = Arc::default();
        let router = Router::new().route("/.well-known/mta-sts.txt", get(policy)).with_state(Arc::clone(&policies));
        let task = Task::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "the policy server has stopped");
            }
        });
        Ok(Self { policies, _task: task })
    }

    /// Sets the policy of a domain: `enforce` with these exchanges.
    pub fn enforce(&self, domain: &str, exchanges: &[&str], max_age: u32) {
        let lines: String = exchanges.iter().map(|mx| format!("mx: {mx}\r\n")).collect();
        let text = format!("version: STSv1\r\nmode: enforce\r\n{lines}max_age: {max_age}\r\n");
        self.policies.write().unwrap_or_else(PoisonError::into_inner).insert(host(domain), text);
    }
}

fn host(domain: &str) -> String {
    format!("mta-sts.{domain}")
}

async fn policy(State(policies): State<Arc<RwLock<BTreeMap<String, String>>>>, headers: HeaderMap) -> Response {
    let asked = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let asked = asked.split(':').next().unwrap_or_default().to_ascii_lowercase();
    match policies.read().unwrap_or_else(PoisonError::into_inner).get(&asked) {
        Some(text) => ([(header::CONTENT_TYPE, "text/plain")], text.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

struct Https {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for Https {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            let Ok((stream, peer)) = self.tcp.accept().await else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            match tokio::time::timeout(HANDSHAKE, self.tls.accept(stream)).await {
                Ok(Ok(stream)) => return (stream, peer),
                Ok(Err(error)) => tracing::debug!(%peer, %error, "the handshake failed"),
                Err(_) => tracing::debug!(%peer, "the handshake took too long"),
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
