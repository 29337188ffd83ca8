//! The adapter for a gateway with an API of routes. It says what shall be and asks what is; it
//! never merges, lists or guesses. What it expects of the API:
//!
//! | request | means | answers |
//! | --- | --- | --- |
//! | `PUT <url>/<domain>` `{"mode", "servers", "generation"}` | `defer`, `deliver` or `reject` | 2xx; 409 when it has a higher generation (`{"generation": n}`) |
//! | `DELETE <url>/<domain>?generation=<n>` | the domain is not served | 2xx, 404; 409 as above |
//! | `GET <url>/<domain>` | what is there now? | 200 `{"mode": …}`, 404 |
//!
//! Each request may arrive more than once: time-outs, 429 and 5xx are tried again, a few times.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use fencepost_checks::DomainName;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::{Deserialize, Serialize};
use url::Url;

use super::GatewaySetupError;
use crate::engine::ports::{Gateway, GatewayError, RouteDesire};
use crate::failpoint::{Step, around};
use crate::lifecycle::connection::RouteMode;
use crate::order::MailServer;

/// One request with its answer takes no longer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts within one call; the engine tries again later and less often.
const ATTEMPTS: u32 = 3;
/// Wait before the second attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// A longer `Retry-After` is left to the engine's own back-off.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// More of an answer is not read.
const MAX_BODY_BYTES: usize = 64 << 10;
const MAX_TOKEN_BYTES: usize = 4096;

/// Routes kept behind an HTTP API.
#[derive(Debug)]
pub struct HttpGateway {
    client: Client,
    base: Url,
}

impl HttpGateway {
    /// Routes are below `url`; the token is read once.
    ///
    /// # Errors
    /// [`GatewaySetupError`] for a URL that is none and a token file that cannot be used.
    pub fn new(url: &str, token_file: Option<&Path>) -> Result<Self, GatewaySetupError> {
        let setup = |key: &str, why: String| GatewaySetupError(format!("gateway.adapter.{key}: {why}"));
        let base = Url::parse(url).map_err(|error| setup("url", error.to_string()))?;
        if base.cannot_be_a_base() {
            return Err(setup("url", "must begin with https:// or http://".to_owned()));
        }
        Ok(Self { client: client(token_file, setup)?, base })
    }

    fn request(&self, method: Method, domain: &DomainName, generation: Option<u64>) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(domain.as_str());
        }
        if let Some(generation) = generation {
            url.query_pairs_mut().append_pair("generation", &generation.to_string());
        }
        self.client.request(method, url)
    }

    /// Sends until there is an answer that a repetition would not change.
    async fn send(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), GatewayError> {
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            let again = request.try_clone().ok_or_else(|| failed("the request cannot be repeated"))?;
            let (why, wait) = match around(Step::GatewayRequest, again.send()).await {
                Ok(response) if is_passing(response.status()) => {
                    (format!("answered {}", response.status()), retry_after(&response).unwrap_or(pause))
                }
                Ok(response) => {
                    let status = response.status();
                    return body(response).await.map(|bytes| (status, bytes));
                }
                Err(error) => (format!("cannot be asked: {}", chain(&error)), pause),
            };
            if attempt >= ATTEMPTS || wait > LONGEST_PAUSE {
                return Err(failed(format!("the gateway's API {why} ({attempt} attempts)")));
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
        Err(failed("no attempt was made"))
    }
}

/// A client that is bounded in time and carries the token. `setup` names the key of the configuration.
pub(super) fn client(
    token_file: Option<&Path>,
    setup: impl Fn(&str, String) -> GatewaySetupError,
) -> Result<Client, GatewaySetupError> {
    let mut headers = HeaderMap::new();
    if let Some(file) = token_file {
        headers.insert(AUTHORIZATION, bearer(file).map_err(|why| setup("token_file", why))?);
    }
    Client::builder()
        .timeout(REQUEST_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .default_headers(headers)
        // A redirect would carry the token to whoever is named in it.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("fencepost/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls().map_err(|error| setup("url", error.to_string()))?)
        .build()
        .map_err(|error| setup("url", chain(&error)))
}

#[async_trait]
impl Gateway for HttpGateway {
    async fn apply(&self, desire: &RouteDesire) -> Result<(), GatewayError> {
        let request = match desire.mode {
            RouteMode::Absent => self.request(Method::DELETE, &desire.domain, Some(desire.generation)),
            RouteMode::Defer | RouteMode::Deliver | RouteMode::Reject => self
                .request(Method::PUT, &desire.domain, None)
                .json(&PutRoute { mode: desire.mode, servers: &desire.servers, generation: desire.generation }),
        };
        match self.send(request).await? {
            (status, _) if status.is_success() => Ok(()),
            (StatusCode::NOT_FOUND, _) if desire.mode == RouteMode::Absent => Ok(()),
            (StatusCode::CONFLICT, bytes) => Err(conflict(desire, &bytes)),
            (status, bytes) => Err(refused(status, &bytes)),
        }
    }

    async fn observe(&self, domain: &DomainName) -> Result<Option<RouteMode>, GatewayError> {
        match self.send(self.request(Method::GET, domain, None)).await? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (StatusCode::OK, bytes) => {
                let route: GotRoute = serde_json::from_slice(&bytes).map_err(|error| {
                    failed(format!("the gateway's API answered with something that is no route: {error}"))
                })?;
                Ok(Some(route.mode).filter(|mode| *mode != RouteMode::Absent))
            }
            (status, bytes) => Err(refused(status, &bytes)),
        }
    }
}

#[derive(Serialize)]
struct PutRoute<'a> {
    mode: RouteMode,
    servers: &'a [MailServer],
    generation: u64,
}

#[derive(Deserialize)]
struct GotRoute {
    mode: RouteMode,
}

#[derive(Deserialize)]
struct Conflict {
    generation: u64,
}

/// 409 with a higher generation is a late desire; any other 409 is the gateway's trouble.
fn conflict(desire: &RouteDesire, bytes: &[u8]) -> GatewayError {
    match serde_json::from_slice(bytes) {
        Ok(Conflict { generation }) if generation > desire.generation => {
            GatewayError::Stale { domain: desire.domain.clone(), ours: desire.generation, seen: generation }
        }
        _ => refused(StatusCode::CONFLICT, bytes),
    }
}

pub(super) fn refused(status: StatusCode, bytes: &[u8]) -> GatewayError {
    let text: String =
        String::from_utf8_lossy(bytes).chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect();
    failed(format!("the gateway's API answered {status}: {text}"))
}

pub(super) fn failed(why: impl Into<String>) -> GatewayError {
    GatewayError::Failed(why.into())
}

/// Whether the same request may be answered otherwise in a moment.
fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

pub(super) async fn body(mut response: Response) -> Result<Vec<u8>, GatewayError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(chain(&error)))? {
        if bytes.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(failed(format!("the gateway's API answered with more than {MAX_BODY_BYTES} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The error with its causes, without the URL: it may one day hold more than a domain.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "no answer in time".to_owned() } else { "request failed".to_owned() };
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

fn bearer(file: &Path) -> Result<HeaderValue, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let token = text.trim();
    if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
        return Err(format!("{} must hold one token of 1 to {MAX_TOKEN_BYTES} characters", file.display()));
    }
    let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
        .map_err(|_| format!("{} holds characters that no token can have", file.display()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The system's roots with the ring provider, so that nothing depends on a process-wide default.
fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
