//! The way to the engine: one request at a time, over TLS that is always verified, with the agent's
//! token, bounded in time and size. Redirects are not followed and no proxy is used, so that the token
//! goes to the engine and nowhere else.

use std::path::Path;
use std::time::Duration;

use fencepost_checks::escape::clean;
use reqwest::{StatusCode, header};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::{Host, Url};

use crate::engine::ports::wire::MAX_MESSAGE;

const CONNECT: Duration = Duration::from_secs(10);
/// For an answer beyond the wait that was asked for.
const ANSWER: Duration = Duration::from_secs(20);
/// Bytes of an answer: tasks are small, and there are few.
const MAX_ANSWER: usize = 8 * MAX_MESSAGE;

/// A way to one engine.
#[derive(Debug)]
pub struct Link {
    http: reqwest::Client,
    base: Url,
    token: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("`{0}` is no address of an engine; write one like https://onboarding.example")]
    Address(String),
    #[error("{0} would carry the token unencrypted; write an https URL (plain http is for loopback alone)")]
    Plain(Url),
    #[error(
        "no token: set FENCEPOST_TOKEN, or give --token-file, with a token made by `fencepost token create --role agent --label NAME`"
    )]
    NoToken,
    #[error("the authority in {file} cannot be used: {why}")]
    Authority { file: String, why: String },
    #[error("the engine at {url} cannot be reached: {why}")]
    Unreachable { url: Url, why: String },
    #[error("{detail}")]
    Refused { status: StatusCode, detail: String },
    #[error("the answer of the engine cannot be read: {0}")]
    Unreadable(String),
}

impl LinkError {
    /// Whether another process took over, or the session is otherwise over.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::CONFLICT)
    }

    /// Whether the same request may succeed later.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unreadable(_) => true,
            Self::Refused { status, .. } => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
            Self::Address(_) | Self::Plain(_) | Self::NoToken | Self::Authority { .. } => false,
        }
    }

    pub(super) fn is_too_large(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::PAYLOAD_TOO_LARGE)
    }
}

impl Link {
    /// `authority`: a file of roots (PEM) that are trusted instead of the public ones.
    ///
    /// # Errors
    /// [`LinkError`] names what is wrong with address, token or authority.
    pub fn new(engine: &str, token: &str, authority: Option<&Path>) -> Result<Self, LinkError> {
        let address = || LinkError::Address(clean(engine, 200));
        let base: Url = engine.parse().map_err(|_| address())?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() || base.cannot_be_a_base() {
            return Err(address());
        }
        if base.scheme() == "http" && !is_loopback(&base) {
            return Err(LinkError::Plain(base));
        }
        let token = token.trim();
        if token.is_empty() {
            return Err(LinkError::NoToken);
        }
        let tls = tls(authority)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("fencepost-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| LinkError::Unreachable { url: base.clone(), why: chain(&error) })?;
        Ok(Self { http, base, token: token.to_owned() })
    }

    /// Where the engine is.
    #[must_use]
    pub fn engine(&self) -> &Url {
        &self.base
    }

    /// Sends a request; `wait` is how long the engine may hold it.
    ///
    /// # Errors
    /// [`LinkError`].
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
        wait: Duration,
    ) -> Result<T, LinkError> {
        let mut url = self.base.clone();
        let no_base = || LinkError::Address(self.base.to_string());
        url.path_segments_mut().map_err(|()| no_base())?.pop_if_empty().extend(path);
        let body = serde_json::to_vec(body).map_err(|error| LinkError::Unreadable(error.to_string()))?;
        let exchange = async {
            let response = self
                .http
                .post(url)
                .bearer_auth(&self.token)
                .header(header::CONTENT_TYPE, "application/json")
                .body(body)
                .send()
                .await
                .map_err(|error| self.unreachable(&error.without_url()))?;
            self.read(response).await
        };
        match tokio::time::timeout(wait + ANSWER, exchange).await {
            Ok(answer) => answer,
            Err(_) => {
                let why = format!("no answer within {} s", (wait + ANSWER).as_secs());
                Err(LinkError::Unreachable { url: self.base.clone(), why })
            }
        }
    }

    async fn read<T: DeserializeOwned>(&self, mut response: reqwest::Response) -> Result<T, LinkError> {
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| self.unreachable(&error.without_url()))? {
            if bytes.len() + piece.len() > MAX_ANSWER {
                return Err(LinkError::Unreadable(format!("it has more than {MAX_ANSWER} bytes")));
            }
            bytes.extend_from_slice(&piece);
        }
        if status.is_success() {
            let text: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
            return serde_json::from_slice(text).map_err(|error| LinkError::Unreadable(clean(&error.to_string(), 300)));
        }
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let detail = value.get("detail").and_then(Value::as_str).map(|detail| clean(detail, 500));
        let detail = detail.unwrap_or_else(|| format!("the engine answered {status}"));
        Err(LinkError::Refused { status, detail })
    }

    fn unreachable(&self, error: &reqwest::Error) -> LinkError {
        LinkError::Unreachable { url: self.base.clone(), why: chain(error) }
    }
}

/// Public roots, or those of the file alone.
fn tls(authority: Option<&Path>) -> Result<ClientConfig, LinkError> {
    let mut roots = RootCertStore::empty();
    match authority {
        None => {
            roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        }
        Some(file) => {
            let refused = |why: String| LinkError::Authority { file: file.display().to_string(), why };
            let certificates = CertificateDer::pem_file_iter(file).map_err(|error| refused(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| refused(error.to_string()))?;
                roots.add(certificate).map_err(|error| refused(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(refused("it holds no certificate".to_owned()));
            }
        }
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| LinkError::Unreadable(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    clean(&text, 500)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(engine: &str) -> String {
        Link::new(engine, "fp_x", None).unwrap_err().to_string()
    }

    #[test]
    fn a_token_is_never_sent_in_the_open() {
        for engine in ["http://engine.example", "http://192.0.2.1:8080", "http://127.0.0.1.example/"] {
            assert!(refusal(engine).contains("unencrypted"), "{engine}");
        }
        for engine in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost", "https://engine.example/x"] {
            Link::new(engine, "fp_x", None).unwrap();
        }
        for engine in ["", "engine.example", "ftp://engine.example", "mailto:x@example.com"] {
            assert!(refusal(engine).contains("no address of an engine"), "{engine}");
        }
        assert!(matches!(Link::new("https://engine.example", " \n", None), Err(LinkError::NoToken)));
    }

    #[test]
    fn an_authority_that_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let refused = |file: &Path| Link::new("https://engine.example", "fp_x", Some(file)).unwrap_err().to_string();
        assert!(refused(&file).contains("ca.pem"));
        std::fs::write(&file, "no certificate\n").unwrap();
        assert!(refused(&file).contains("holds no certificate"), "{}", refused(&file));
    }
}
