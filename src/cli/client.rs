//! The API as the commands use it: one bounded request at a time, with the token from the
//! environment, and errors in the words of the server. Redirects are not followed, so that a token
//! never travels to another address.

use std::time::Duration;

use clap::Args;
use fencepost_checks::escape::clean;
use reqwest::{Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::{Exit, Output};
use crate::order::FieldError;

const TIMEOUT: Duration = Duration::from_secs(40);
/// Longest answer that is read: a run of two hundred thousand lines.
const MAX_ANSWER: usize = 128 << 20;
/// Attempts when the service cannot be reached; a repeated request carries the same key.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(400);
const SHOWN: usize = 500;
const CSV: &str = "text/csv";
const JSON: &str = "application/json";
const MESSAGE: &str = "message/rfc822";

/// How the service is reached, and how answers are printed.
#[derive(Debug, Clone, Args)]
pub struct ApiArgs {
    /// Address of the service
    #[arg(long, env = "FENCEPOST_URL", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    pub url: Url,
    /// Access token, made by `fencepost token create`; better in the environment than on the command line
    #[arg(long, env = "FENCEPOST_TOKEN", hide_env_values = true, default_value = "", value_name = "TOKEN")]
    pub token: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("no token: set FENCEPOST_TOKEN to one made by `fencepost token create`")]
    NoToken,
    #[error("`{0}` is no address of a service; write one like http://127.0.0.1:8080")]
    Address(Url),
    #[error("the service at {url} cannot be reached")]
    Unreachable { url: Url, source: reqwest::Error },
    #[error("{}", refusal(detail, errors))]
    Refused { status: StatusCode, detail: String, errors: Vec<FieldError> },
    #[error("the answer of the service cannot be read: {0}")]
    Unreadable(String),
}

impl ApiError {
    /// The exit status: what the caller can mend is 2, a no is 1, what could not be found out is 3.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::NoToken | Self::Address(_) => Exit::Usage,
            Self::Unreachable { .. } | Self::Unreadable(_) => Exit::Inconclusive,
            Self::Refused { status, .. } => match *status {
                StatusCode::NOT_FOUND | StatusCode::CONFLICT => Exit::Fail,
                status if status.is_client_error() => Exit::Usage,
                _ => Exit::Inconclusive,
            },
        }
    }
}

fn refusal(detail: &str, errors: &[FieldError]) -> String {
    let mut text = clean(detail, SHOWN);
    for error in errors {
        text.push_str(&format!("\n  {}: {}", clean(&error.field, SHOWN), clean(&error.message, SHOWN)));
    }
    text
}

/// A client of one service.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
}

impl Client {
    /// # Errors
    /// [`ApiError::NoToken`], [`ApiError::Address`].
    pub fn new(args: &ApiArgs) -> Result<Self, ApiError> {
        if args.token.is_empty() {
            return Err(ApiError::NoToken);
        }
        if !matches!(args.url.scheme(), "http" | "https") || args.url.cannot_be_a_base() {
            return Err(ApiError::Address(args.url.clone()));
        }
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| ApiError::Unreachable { url: args.url.clone(), source })?;
        Ok(Self { http, base: args.url.clone(), token: args.token.clone() })
    }

    /// # Errors
    /// [`ApiError`].
    pub async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T, ApiError> {
        let (_, value) = self.send(Method::GET, path, query, None).await?;
        read(value)
    }

    /// An answer that is no JSON, byte for byte.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn get_bytes(&self, path: &[&str], query: &[(&str, String)]) -> Result<Vec<u8>, ApiError> {
        let (status, bytes) = self.exchange(Method::GET, path, query, None).await?;
        if status.is_success() { Ok(bytes) } else { Err(refused(status, &bytes)) }
    }

    /// A request that changes something, under a key of its own.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn post<T: DeserializeOwned>(&self, path: &[&str], body: &impl serde::Serialize) -> Result<T, ApiError> {
        let body = serde_json::to_vec(body).map_err(|error| ApiError::Unreadable(error.to_string()))?;
        let (_, value) = self.send(Method::POST, path, &[], Some((JSON, body))).await?;
        read(value)
    }

    /// Takes something away. There is no answer but that it was done.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn delete(&self, path: &[&str]) -> Result<(), ApiError> {
        let (status, bytes) = self.exchange(Method::DELETE, path, &[], None).await?;
        if status.is_success() { Ok(()) } else { Err(refused(status, &bytes)) }
    }

    /// A table in CSV.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn post_table<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        table: Vec<u8>,
    ) -> Result<T, ApiError> {
        let (_, value) = self.send(Method::POST, path, query, Some((CSV, table))).await?;
        read(value)
    }

    /// A mail message as it is.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn post_message<T: DeserializeOwned>(&self, path: &[&str], message: Vec<u8>) -> Result<T, ApiError> {
        self.post_message_with(path, &[], message).await
    }

    /// A mail message with what is said of it in the query.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn post_message_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        message: Vec<u8>,
    ) -> Result<T, ApiError> {
        let (_, value) = self.send(Method::POST, path, query, Some((MESSAGE, message))).await?;
        read(value)
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<(StatusCode, Value), ApiError> {
        let (status, bytes) = self.exchange(method, path, query, body).await?;
        if !status.is_success() {
            return Err(refused(status, &bytes));
        }
        let value = serde_json::from_slice(&bytes).map_err(|error| ApiError::Unreadable(error.to_string()))?;
        Ok((status, value))
    }

    async fn exchange(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<(&str, Vec<u8>)>,
    ) -> Result<(StatusCode, Vec<u8>), ApiError> {
        let url = address(&self.base, path, query)?;
        let key = hex::encode(rand::random::<[u8; 16]>());
        let mut attempt = 1;
        let response = loop {
            let mut request = self.http.request(method.clone(), url.clone()).bearer_auth(&self.token);
            if let Some((kind, body)) = &body {
                request =
                    request.header(header::CONTENT_TYPE, *kind).header("idempotency-key", &key).body(body.clone());
            }
            match request.send().await {
                Ok(response) => break response,
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                Err(source) => {
                    return Err(ApiError::Unreachable { url: self.base.clone(), source: source.without_url() });
                }
            }
            tokio::time::sleep(PAUSE).await;
        };
        self.answer(response).await
    }

    async fn answer(&self, mut response: reqwest::Response) -> Result<(StatusCode, Vec<u8>), ApiError> {
        let status = response.status();
        let mut bytes = Vec::new();
        loop {
            let piece = response
                .chunk()
                .await
                .map_err(|source| ApiError::Unreachable { url: self.base.clone(), source: source.without_url() })?;
            let Some(piece) = piece else { break };
            if bytes.len() + piece.len() > MAX_ANSWER {
                return Err(ApiError::Unreadable(format!("it has more than {MAX_ANSWER} bytes")));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok((status, bytes))
    }
}

/// What the server said about a request that it did not carry out.
fn refused(status: StatusCode, answer: &[u8]) -> ApiError {
    let value: Value = serde_json::from_slice(answer).unwrap_or_default();
    let detail = value.get("detail").and_then(Value::as_str);
    let detail = detail.map_or_else(|| format!("the service answered {status}"), str::to_owned);
    let errors = value.get("errors").cloned().and_then(|errors| serde_json::from_value(errors).ok());
    ApiError::Refused { status, detail, errors: errors.unwrap_or_default() }
}

fn address(base: &Url, path: &[&str], query: &[(&str, String)]) -> Result<Url, ApiError> {
    let mut url = base.clone();
    url.path_segments_mut().map_err(|()| ApiError::Address(base.clone()))?.pop_if_empty().extend(path);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, ApiError> {
    serde_json::from_value(value).map_err(|error| ApiError::Unreadable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place_in_the_address() {
        let base = "http://127.0.0.1:8080/base/".parse().unwrap();
        let path = ["v1", "domains", "../../x?y#z", "status"];
        let url = address(&base, &path, &[("after", "a&b".to_owned())]).unwrap();
        assert_eq!(url.as_str(), "http://127.0.0.1:8080/base/v1/domains/..%2F..%2Fx%3Fy%23z/status?after=a%26b");
    }
}
