//! The cookies of the pages: who is signed in, which browser it is that is about to, and what it remembers of its
//! way to a provider. Scripts cannot read
//! them, and other sites cannot have them sent with a form.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::config::HttpConfig;

const SESSION: &str = "fencepost_session";
const BROWSER: &str = "fencepost_browser";
/// An attempt to sign in through a provider.
const ATTEMPT: &str = "fencepost_attempt";
const ATTEMPT_SECONDS: u32 = 600;
/// For how long a browser is known that only looked at the page for signing in.
const BROWSER_SECONDS: u32 = 3_600;

/// Whether browsers reach this service by TLS: cookies are bound to it then, and to this very host (RFC 6265bis,
/// `__Host-`).
pub(in crate::http) fn secure(config: &HttpConfig) -> bool {
    config.public_url.starts_with("https:")
}

/// What a browser that is signed in holds.
pub(in crate::http) fn session(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, SESSION, secure)
}

/// What a browser was given with the page for signing in.
pub(super) fn browser(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, BROWSER, secure)
}

/// Gives the browser its session, for so many seconds; an empty one takes it away.
pub(super) fn set_session(response: &mut Response, value: &str, seconds: u32, secure: bool) {
    set(response, SESSION, value, seconds, secure);
}

/// Names a browser.
pub(super) fn set_browser(response: &mut Response, value: &str, secure: bool) {
    set(response, BROWSER, value, BROWSER_SECONDS, secure);
}

/// What a browser remembers of its way to the provider.
pub(super) fn attempt(headers: &HeaderMap, secure: bool) -> Option<&str> {
    value(headers, ATTEMPT, secure)
}

pub(super) fn set_attempt(response: &mut Response, value: &str, secure: bool) {
    set(response, ATTEMPT, value, ATTEMPT_SECONDS, secure);
}

pub(super) fn end_attempt(response: &mut Response, secure: bool) {
    set(response, ATTEMPT, "", 0, secure);
}

/// The names differ, so that a cookie of one kind is never taken for the other.
fn value<'a>(headers: &'a HeaderMap, name: &str, secure: bool) -> Option<&'a str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, value)| {
            let plain = if secure { found.strip_prefix("__Host-") } else { Some(*found) };
            plain == Some(name) && !value.is_empty()
        })
        .map(|(_, value)| value)
}

fn set(response: &mut Response, name: &str, value: &str, seconds: u32, secure: bool) {
    let (prefix, suffix) = if secure { ("__Host-", "; Secure") } else { ("", "") };
    let cookie = format!("{prefix}{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{suffix}");
    // Values are ours: digits and letters.
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_bound_to_the_host_where_there_is_tls() {
        let of = |cookies: &str, secure| {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookies).unwrap())]);
            session(&headers, secure).map(str::to_owned)
        };
        assert_eq!(of("a=b; fencepost_session=x", false).as_deref(), Some("x"));
        assert_eq!(of("a=b; __Host-fencepost_session=x", true).as_deref(), Some("x"));
        assert_eq!(of("fencepost_session=x", true), None, "anybody on the way could have set it");
        assert_eq!(of("fencepost_session=", false), None);
        let mut response = Response::new(axum::body::Body::empty());
        set_session(&mut response, "x", 60, true);
        set_browser(&mut response, "y", false);
        let set: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(set[0], "__Host-fencepost_session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(set[1], "fencepost_browser=y; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax");
    }
}
