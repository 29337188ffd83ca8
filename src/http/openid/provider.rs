//! The provider's side of the wire: its metadata (OpenID Connect Discovery 1.0 §4), its keys (RFC 7517), and the
//! exchange of a code for a token (RFC 6749 §4.1.3). Every answer is bounded, and nothing is followed elsewhere.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Host, Url};

use super::OpenIdError;
use super::token::Keys;

const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST: usize = 256 << 10;
/// For how long what the provider says of itself is kept.
const KEPT: Duration = Duration::from_secs(600);
/// A key that is not known is looked for again, but not by everybody who makes one up.
const AGAIN: Duration = Duration::from_secs(30);

/// What was asked for last, and when.
type Asked<T> = Arc<Mutex<Option<(Instant, Arc<T>)>>>;

#[derive(Clone)]
pub(super) struct Provider {
    issuer: String,
    /// `None` where no client can be made, which its first use says.
    client: Option<Client>,
    metadata: Asked<Metadata>,
    keys: Asked<Keys>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    token_endpoint: Url,
    jwks_uri: Url,
    /// Left out, it is `client_secret_basic`.
    #[serde(default)]
    token_endpoint_auth_methods_supported: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    id_token: String,
}

impl Provider {
    pub(super) fn new(issuer: &str) -> Self {
        let client = Client::builder().timeout(PATIENCE).redirect(Policy::none()).no_proxy().build();
        Self { issuer: issuer.to_owned(), client: client.ok(), metadata: Arc::default(), keys: Arc::default() }
    }

    pub(super) async fn metadata(&self) -> Result<Arc<Metadata>, OpenIdError> {
        let mut kept = self.metadata.lock().await;
        if let Some((_, metadata)) = kept.as_ref().filter(|(at, _)| at.elapsed() < KEPT) {
            return Ok(metadata.clone());
        }
        let address = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let address = Url::parse(&address).map_err(|error| wrong(&format!("its address: {error}")))?;
        let metadata: Metadata = self.get(&address).await?;
        if metadata.issuer != self.issuer {
            return Err(wrong(&format!("names itself `{}`, not `{}`", metadata.issuer, self.issuer)));
        }
        for url in [&metadata.authorization_endpoint, &metadata.token_endpoint, &metadata.jwks_uri] {
            safe(url)?;
        }
        let metadata = Arc::new(metadata);
        *kept = Some((Instant::now(), metadata.clone()));
        Ok(metadata)
    }

    /// The keys, looked up anew where none has that id.
    pub(super) async fn keys(&self, wanted: Option<&str>) -> Result<Arc<Keys>, OpenIdError> {
        let metadata = self.metadata().await?;
        let mut kept = self.keys.lock().await;
        if let Some((at, keys)) = kept.as_ref() {
            let known = wanted.is_none_or(|id| keys.has(id));
            if at.elapsed() < if known { KEPT } else { AGAIN } {
                return Ok(keys.clone());
            }
        }
        let keys: Arc<Keys> = Arc::new(self.get(&metadata.jwks_uri).await?);
        *kept = Some((Instant::now(), keys.clone()));
        Ok(keys)
    }

    /// The ID token that a code is worth.
    pub(super) async fn exchange(
        &self,
        client_id: &str,
        secret: &str,
        form: &[(&str, &str)],
    ) -> Result<String, OpenIdError> {
        let metadata = self.metadata().await?;
        let methods = &metadata.token_endpoint_auth_methods_supported;
        let basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        let mut request = self.client()?.post(metadata.token_endpoint.clone());
        let mut fields = form.to_vec();
        if basic {
            // RFC 6749 §2.3.1: both are encoded like a form first.
            let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            request = request.basic_auth(encoded(client_id), Some(encoded(secret)));
        } else {
            fields.extend([("client_id", client_id), ("client_secret", secret)]);
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer: Answer = read(request).await?;
        Ok(answer.id_token)
    }

    fn client(&self) -> Result<&Client, OpenIdError> {
        self.client.as_ref().ok_or_else(|| wrong("no HTTP client can be made on this machine"))
    }

    async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<T, OpenIdError> {
        safe(url)?;
        read(self.client()?.get(url.clone())).await
    }
}

/// Secrets and people go over TLS alone; to this very machine also without.
fn safe(url: &Url) -> Result<(), OpenIdError> {
    let here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() == "https" || (url.scheme() == "http" && here) {
        return Ok(());
    }
    Err(wrong(&format!("{url} is not reached by TLS")))
}

async fn read<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, OpenIdError> {
    let answer = request.header("accept", "application/json").send().await;
    let answer = answer.map_err(|error| wrong(&error.without_url().to_string()))?;
    let status = answer.status();
    let mut bytes = Vec::new();
    let mut stream = answer.bytes_stream();
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.map_err(|error| wrong(&error.without_url().to_string()))?);
        if bytes.len() > LONGEST {
            return Err(wrong("its answer is too long"));
        }
    }
    if !status.is_success() {
        return Err(wrong(&format!("it answers {status}")));
    }
    serde_json::from_slice(&bytes).map_err(|error| wrong(&format!("its answer: {error}")))
}

fn wrong(why: &str) -> OpenIdError {
    OpenIdError::Provider(why.to_owned())
}
