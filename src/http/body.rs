//! Request bodies: JSON with a bound, errors with line and column. The bytes are hashed on the way,
//! so that a repetition under the same `Idempotency-Key` is recognised.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::HttpState;
use super::auth::Identity;
use super::problem::{Kind, Problem};
use crate::engine::{Caller, Idempotency};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_KEY: usize = 128;

/// A parsed body and what is needed to recognise its repetition.
#[derive(Debug)]
pub struct JsonBody<T> {
    pub value: T,
    /// How long the body was.
    pub bytes: usize,
    key: Option<String>,
    request_hash: String,
}

impl<T> JsonBody<T> {
    /// The caller as the engine knows it. Keys of different tokens never meet.
    #[must_use]
    pub fn caller(&self, identity: &Identity) -> Caller {
        let idempotency = self.key.as_ref().map(|key| Idempotency {
            key: format!("{}:{key}", identity.token_id),
            request_hash: self.request_hash.clone(),
        });
        Caller { who: identity.who(), scope: identity.scope(), idempotency }
    }
}

impl<T: DeserializeOwned> FromRequest<HttpState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &HttpState) -> Result<Self, Problem> {
        let key = idempotency_key(request.headers())?;
        let json = is_json(request.headers());
        let mut hash = Sha256::new();
        hash.update(format!("{} {}\n", request.method(), request.uri().path()));
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| refused(&rejection))?;
        // A request without a body is an empty object: every field of it may be optional.
        if !bytes.is_empty() && !json {
            return Err(Problem::new(Kind::MediaType, "Send the body with `Content-Type: application/json`."));
        }
        hash.update(&bytes);
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let value = serde_json::from_slice(text).map_err(|error| unreadable(&error))?;
        Ok(Self { value, bytes: bytes.len(), key, request_hash: hex::encode(hash.finalize()) })
    }
}

/// A key is one to 128 visible ASCII characters.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() || text.len() > MAX_KEY || !text.bytes().all(|b| b.is_ascii_graphic()) {
        let detail = "`Idempotency-Key` must be 1 to 128 visible ASCII characters, for example a UUID.";
        return Err(Problem::new(Kind::BadRequest, detail));
    }
    Ok(Some(text.to_owned()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

fn refused(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::TooLarge, "The body is longer than this service takes."),
        _ => Problem::new(Kind::BadRequest, "The body could not be received."),
    }
}

/// The parser's text names the key and the place. It may quote input, so it is bounded and without
/// control characters.
fn unreadable(error: &serde_json::Error) -> Problem {
    let text: String =
        error.to_string().chars().take(300).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    match error.classify() {
        serde_json::error::Category::Data => Problem::new(Kind::Invalid, text),
        _ => Problem::new(Kind::BadRequest, format!("The body is no JSON: {text}")),
    }
}
