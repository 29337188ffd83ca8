//! Answers that their reader may keep: each has an `ETag` over its bytes, and a reader who has them already is told
//! so with 304 (RFC 9110 §13.1.2). Never for what holds for an instant only, such as the status of a domain.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::{Kind, Problem};

/// It may be kept by whoever asked, and is asked about before it is used again: a token that was revoked reads
/// nothing any more.
const KEEP: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Tags a good answer, or says that it is known.
pub(super) async fn tagged(request: Request, next: Next) -> Response {
    let known = (request.method() == Method::GET).then(|| request.headers().clone());
    let response = next.run(request).await;
    let Some(known) = known.filter(|_| response.status() == StatusCode::OK) else { return response };
    let (mut parts, body) = response.into_parts();
    // It lies in memory already, whole.
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Problem::new(Kind::Internal, "The answer was not made to its end.").into_response();
    };
    let tag = format!("\"{}\"", &hex::encode(Sha256::digest(&bytes))[..32]);
    let same = names(&known, &tag);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    parts.headers.insert(header::CACHE_CONTROL, KEEP);
    parts.headers.insert(header::VARY, HeaderValue::from_static("Authorization"));
    if !same {
        return Response::from_parts(parts, Body::from(bytes));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_DISPOSITION] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Body::empty())
}

/// Whether the condition names this tag; compared weakly, as it has to be for reading (RFC 9110 §13.1.2).
fn names(headers: &HeaderMap, tag: &str) -> bool {
    let all = headers.get_all(header::IF_NONE_MATCH);
    let mut each = all.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    each.any(|one| matches!(one.trim(), "*") || one.trim().trim_start_matches("W/") == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_names_a_tag_in_any_of_its_ways() {
        let said = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            }
            names(&headers, "\"a\"")
        };
        for values in [&["\"a\""][..], &["W/\"a\""], &["*"], &["\"b\", \"a\""], &["\"b\"", "\"a\""]] {
            assert!(said(values), "{values:?}");
        }
        for values in [&[][..], &["a"], &["\"b\""], &["\"ab\""], &[""]] {
            assert!(!said(values), "{values:?}");
        }
    }
}
