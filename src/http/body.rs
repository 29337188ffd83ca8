//! Request bodies: JSON with a bound, unknown fields refused where the type says so, errors with
//! line and column. The bytes are hashed on the way, for `Idempotency-Key`.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::HttpState;
use super::problem::{Kind, Problem};
use crate::http::auth::Caller;
use crate::store::InboxKey;

const MAX_KEY: usize = 128;

/// A parsed body and what is needed to recognise its repetition.
#[derive(Debug)]
pub struct JsonBody<T> {
    pub value: T,
    key: Option<String>,
    digest: [u8; 32],
}

impl<T> JsonBody<T> {
    /// The inbox key of this request, when the caller sent an `Idempotency-Key`. Keys of different
    /// tokens never meet.
    #[must_use]
    pub fn inbox(&self, caller: &Caller, response: &impl serde::Serialize) -> Option<InboxKey> {
        let key = self.key.as_ref()?;
        Some(InboxKey {
            key: format!("{}:{key}", caller.token_id),
            request_hash: hex::encode(self.digest),
            response: serde_json::to_string(response).unwrap_or_default(),
        })
    }
}

impl<T: DeserializeOwned> FromRequest<HttpState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &HttpState) -> Result<Self, Problem> {
        let header = |name| request.headers().get(name).map(|v: &axum::http::HeaderValue| v.as_bytes().to_vec());
        let key = header(header::HeaderName::from_static("idempotency-key")).map(idempotency_key).transpose()?;
        let json = header(header::CONTENT_TYPE).is_none_or(|kind| is_json(&kind));
        let mut hash = Sha256::new();
        hash.update(request.method().as_str());
        hash.update(b" ");
        hash.update(request.uri().path());
        hash.update(b"\n");
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| refused(&rejection))?;
        if !bytes.is_empty() && !json {
            return Err(Problem::new(Kind::MediaType, "Send the body as `Content-Type: application/json`."));
        }
        hash.update(&bytes);
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        let value = serde_json::from_slice(text).map_err(|error| unreadable(&error))?;
        Ok(Self { value, key, digest: hash.finalize().into() })
    }
}

/// A key is one to 128 visible ASCII characters.
fn idempotency_key(raw: Vec<u8>) -> Result<String, Problem> {
    let legal = !raw.is_empty() && raw.len() <= MAX_KEY && raw.iter().all(u8::is_ascii_graphic);
    legal.then(|| String::from_utf8(raw).ok()).flatten().ok_or_else(|| {
        Problem::new(Kind::BadRequest, "`Idempotency-Key` must be 1 to 128 visible ASCII characters, for example a UUID.")
    })
}

fn is_json(kind: &[u8]) -> bool {
    let kind = kind.split(|b| *b == b';').next().unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

fn refused(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Kind::TooLarge, "Send less in one request."),
        _ => Problem::new(Kind::BadRequest, "The body could not be received."),
    }
}

/// serde's own text names the key and the place; it may quote input, so it is bounded and escaped.
fn unreadable(error: &serde_json::Error) -> Problem {
    let text: String = error.to_string().chars().take(300).flat_map(char::escape_debug).collect();
    match error.classify() {
        serde_json::error::Category::Data => Problem::new(Kind::Invalid, text.replace("\\'", "'").replace("\\\"", "\"")),
        _ => Problem::new(Kind::BadRequest, format!("The body is no JSON: {text}")),
    }
}
