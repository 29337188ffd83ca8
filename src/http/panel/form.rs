//! Forms are taken from pages of this site alone. Every request that changes something passes here before its
//! handler: what the browser says of where it was sent from, and a word that only our pages know.
//!
//! The word is a hash of what the browser keeps in a cookie that neither scripts nor other sites can read.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::cookies;
use super::page::PageError;
use crate::http::HttpState;
use crate::http::problem::{Kind, Problem};

/// The name of the field that carries the word.
pub(super) const FIELD: &str = "form";

/// What forms carry that are sent with this cookie.
pub(in crate::http) fn word_of(secret: &str) -> String {
    hex::encode(Sha256::digest(format!("fencepost form {secret}")))
}

/// Whether it is the word that goes with this cookie.
pub(super) fn is_word(secret: &str, word: &str) -> bool {
    word_of(secret).as_bytes().ct_eq(word.as_bytes()).into()
}

/// Refuses what was not sent from a page of this site.
pub(in crate::http) async fn guard(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    match checked(&state, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => PageError::from(problem).into_response(),
    }
}

async fn checked(state: &HttpState, request: Request) -> Result<Request, Problem> {
    from_here(request.headers(), &state.config.http.public_url)?;
    let secure = cookies::secure(&state.config.http);
    let secrets = [cookies::session(request.headers(), secure), cookies::browser(request.headers(), secure)];
    let secrets: Vec<String> = secrets.into_iter().flatten().map(str::to_owned).collect();
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, state.config.http.max_body_bytes)
        .await
        .map_err(|_| Problem::new(Kind::BadRequest, "The body could not be received."))?;
    let word = word_in(&parts.headers, &bytes).ok_or_else(outdated)?;
    if !secrets.iter().any(|secret| is_word(secret, &word)) {
        return Err(outdated());
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

fn outdated() -> Problem {
    Problem::new(Kind::NotAllowed, "This page is out of date. Load it again, and send it then.")
}

/// The word of a form in either of the two ways in which browsers send one.
fn word_in(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    if kind.starts_with("application/x-www-form-urlencoded") {
        return url::form_urlencoded::parse(body).find(|(name, _)| name == FIELD).map(|(_, value)| value.into_owned());
    }
    if !kind.starts_with("multipart/form-data") {
        return None;
    }
    // Its own handler reads such a form part by part. Here only the short text after the head of one part
    // counts: a word of ours cannot be written by somebody who does not know it, wherever it stands.
    let head = format!("name=\"{FIELD}\"\r\n\r\n");
    let at = body.windows(head.len()).position(|window| window == head.as_bytes())? + head.len();
    let word = body.get(at..at + 64)?;
    std::str::from_utf8(word).ok().map(str::to_owned)
}

/// Browsers say where a form was sent from; another site's form does nothing here.
pub(super) fn from_here(headers: &HeaderMap, public_url: &str) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site");
    let ours = match (site, text("origin")) {
        (Some("same-origin"), None | Some("null")) => true,
        (Some("same-origin" | "none") | None, Some(origin)) => is_ours(origin, public_url, text("host")),
        (Some("none") | None, None) => true,
        (Some(_), _) => false,
    };
    if ours { Ok(()) } else { Err(Problem::new(Kind::NotAllowed, "The form was sent from another site.")) }
}

/// Whether an origin is the address under which this service is known, or the one that was asked.
fn is_ours(origin: &str, public_url: &str, host: Option<&str>) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    let known = Url::parse(public_url).is_ok_and(|url| url.origin() == origin.origin());
    let asked = host
        .and_then(|host| Url::parse(&format!("{}://{host}", origin.scheme())).ok())
        .is_some_and(|url| url.origin() == origin.origin());
    origin.origin().is_tuple() && (known || asked)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    fn sent(fields: &[(&'static str, &str)]) -> bool {
        let fields =
            fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        from_here(&fields.collect(), "https://fencepost.example").is_ok()
    }

    #[test]
    fn a_form_of_another_site_is_none() {
        let here = ("origin", "https://fencepost.example");
        let evil = ("origin", "https://evil.example");
        assert!(sent(&[("sec-fetch-site", "same-origin"), here]));
        assert!(sent(&[("sec-fetch-site", "same-origin")]));
        assert!(sent(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(sent(&[here]) && sent(&[]), "an older browser; the word is asked for anyway");
        assert!(sent(&[("origin", "http://127.0.0.1:8080"), ("host", "127.0.0.1:8080")]), "asked under another name");
        for site in ["cross-site", "same-site", "odd"] {
            assert!(!sent(&[("sec-fetch-site", site)]) && !sent(&[("sec-fetch-site", site), here]), "{site}");
        }
        for origin in ["https://evil.example", "null", "http://fencepost.example", "https://fencepost.example:444", "x"]
        {
            assert!(!sent(&[("origin", origin)]), "{origin}");
        }
        assert!(!sent(&[evil, ("host", "fencepost.example")]) && !sent(&[("sec-fetch-site", "same-origin"), evil]));
    }

    #[test]
    fn the_word_is_found_in_both_kinds_of_forms() {
        let of = |kind: &str, body: &str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_str(kind).unwrap())]);
            word_in(&headers, body.as_bytes())
        };
        let word = word_of("secret");
        assert_eq!(of("application/x-www-form-urlencoded", &format!("a=b&form={word}")), Some(word.clone()));
        let parts = format!("--x\r\nContent-Disposition: form-data; name=\"form\"\r\n\r\n{word}\r\n--x--\r\n");
        assert_eq!(of("multipart/form-data; boundary=x", &parts), Some(word.clone()));
        assert_eq!(of("multipart/form-data; boundary=x", "--x\r\nname=\"form\"\r\n\r\nshort"), None);
        assert_eq!(of("text/plain", &format!("form={word}")), None);
        assert!(is_word("secret", &word) && !is_word("another", &word) && !is_word("secret", ""));
    }
}
