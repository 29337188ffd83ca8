//! Who reads the pages: somebody whose browser holds a session that is in force. On loopback, and only there, the
//! pages may be open to everybody (demonstration).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::cookies;
use super::form::{from_here, is_word, word_of};
use super::page::PageError;
use crate::http::HttpState;
use crate::http::auth::{Identity, Signed, by_session};
use crate::http::problem::{Kind, Problem};
use crate::http::trail::Trail;
use crate::store::Role;

/// Somebody who may read pages.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub identity: Identity,
    /// Signed in by cookie, so there is something to sign out of.
    pub signed_in: bool,
    /// The session itself; nobody has one on open pages.
    pub session: Option<Signed>,
    /// What the browser holds.
    secret: Option<String>,
    public_url: String,
}

impl Reader {
    /// What forms on a page for the desk carry; `None` for everybody else.
    pub(super) fn desk_form(&self) -> Option<String> {
        self.form_for(&[Role::Desk])
    }

    /// What forms on a page for those roles carry; `None` for everybody else.
    pub(super) fn form_for(&self, roles: &[Role]) -> Option<String> {
        self.form().filter(|_| roles.contains(&self.identity.role))
    }

    /// What forms of this reader carry; another site cannot know it.
    pub(super) fn form(&self) -> Option<String> {
        self.secret.as_deref().map(word_of)
    }

    /// Whether a form was sent by the desk, from a page of this site.
    pub(super) fn sent(&self, headers: &HeaderMap, form: &str) -> Result<(), Problem> {
        self.sent_by(&[Role::Desk], headers, form)
    }

    /// Whether a form was sent by somebody with one of those roles, from a page of this site.
    pub(super) fn sent_by(&self, roles: &[Role], headers: &HeaderMap, form: &str) -> Result<(), Problem> {
        self.identity.require(roles)?;
        from_here(headers, &self.public_url)?;
        if !self.secret.as_deref().is_some_and(|secret| is_word(secret, form)) {
            return Err(Problem::new(Kind::NotAllowed, "This page is out of date. Load it again, and send it then."));
        }
        Ok(())
    }
}

impl FromRequestParts<HttpState> for Reader {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, PageError> {
        let public_url = state.config.http.public_url.clone();
        if let Some(secret) = cookies::session(&parts.headers, cookies::secure(&state.config.http))
            && let Some((identity, session)) = by_session(state, secret).await?
        {
            if let Some(trail) = parts.extensions.get::<Trail>() {
                trail.by(&identity);
            }
            state.rates.token(&identity.token_id)?;
            let secret = Some(secret.to_owned());
            return Ok(Self { identity, signed_in: true, session: Some(session), secret, public_url });
        }
        if is_open(state, &parts.headers) {
            return Ok(Self { identity: anybody(), signed_in: false, session: None, secret: None, public_url });
        }
        Err(PageError::SignIn { next: parts.uri.path().to_owned() })
    }
}

/// Open pages need a loopback listener and a request that names it: a page elsewhere that rebinds
/// its name to 127.0.0.1 sends its own name as `Host`.
fn is_open(state: &HttpState, headers: &HeaderMap) -> bool {
    let http = &state.config.http;
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or_else(|| host.rsplit_once(':').map_or(host, |(name, _)| name), |(inside, _)| inside);
    let local = name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    http.open_pages_on_loopback && http.listen.ip().is_loopback() && local
}

fn anybody() -> Identity {
    Identity {
        token_id: "open".to_owned(),
        label: "open pages".to_owned(),
        role: Role::Viewer,
        partner: None,
        hash: None,
    }
}

pub(super) fn to_sign_in(next: &str) -> Response {
    let encoded: String = url::form_urlencoded::byte_serialize(own_path(next).as_bytes()).collect();
    Redirect::to(&format!("/sign-in?next={encoded}")).into_response()
}

/// Only a path of ours: no scheme, no host, no way to another site.
pub(super) fn own_path(next: &str) -> &str {
    let plain = next.len() <= 500 && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if next.starts_with('/') && !next.starts_with("//") && plain { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_gone_to() {
        assert_eq!(own_path("/domains/example.com"), "/domains/example.com");
        for hostile in ["https://evil.example/", "//evil.example", "/\\evil.example", "", "/a\r\nSet-Cookie: x", "a"] {
            assert_eq!(own_path(hostile), "/", "{hostile}");
        }
    }
}
