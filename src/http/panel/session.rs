//! Who reads the pages: a token in a cookie that scripts cannot read and other sites cannot send.
//! On loopback, and only there, the pages may be open to everybody (demonstration).

use askama::Template;
use axum::extract::{Form, FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::frame::Frame;
use super::page::{Page, PageError, html};
use crate::http::HttpState;
use crate::http::auth::{Identity, authenticate};
use crate::http::problem::{Kind, Problem};
use crate::http::trail::Trail;
use crate::store::Role;

const COOKIE: &str = "fencepost_token";
/// Seconds that a browser keeps the cookie; the token itself may end sooner.
const COOKIE_SECONDS: u32 = 12 * 3600;

/// Somebody who may read pages.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pub identity: Identity,
    /// Signed in by cookie, so there is something to sign out of.
    pub signed_in: bool,
    /// For the forms of these pages; another site cannot know it. Nobody has one on open pages.
    form: Option<String>,
}

impl Reader {
    /// What forms on a page for the desk carry; `None` for everybody else.
    pub(super) fn desk_form(&self) -> Option<String> {
        self.form_for(&[Role::Desk])
    }

    /// What forms on a page for those roles carry; `None` for everybody else.
    pub(super) fn form_for(&self, roles: &[Role]) -> Option<String> {
        self.form.clone().filter(|_| roles.contains(&self.identity.role))
    }

    /// Whether a form was sent by the desk, from a page of this site.
    pub(super) fn sent(&self, headers: &HeaderMap, form: &str) -> Result<(), Problem> {
        self.sent_by(&[Role::Desk], headers, form)
    }

    /// Whether a form was sent by somebody with one of those roles, from a page of this site.
    pub(super) fn sent_by(&self, roles: &[Role], headers: &HeaderMap, form: &str) -> Result<(), Problem> {
        self.identity.require(roles)?;
        from_here(headers)?;
        let ours = self.form.as_deref().unwrap_or_default();
        if ours.is_empty() || !bool::from(ours.as_bytes().ct_eq(form.as_bytes())) {
            return Err(Problem::new(Kind::NotAllowed, "This page is out of date. Load it again, and send it then."));
        }
        Ok(())
    }
}

/// Another hash of the token than the one that is stored.
fn form_of(token: &str) -> String {
    hex::encode(Sha256::digest(format!("fencepost form {token}")))
}

impl FromRequestParts<HttpState> for Reader {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &HttpState) -> Result<Self, PageError> {
        if let Some(token) = cookie(&parts.headers)
            && let Some(identity) = authenticate(state, token).await?
            && identity.role != Role::Agent
        {
            if let Some(trail) = parts.extensions.get::<Trail>() {
                trail.by(&identity);
            }
            return Ok(Self { identity, signed_in: true, form: Some(form_of(token)) });
        }
        if is_open(state, &parts.headers) {
            return Ok(Self { identity: anybody(), signed_in: false, form: None });
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

pub(in crate::http) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|pairs| pairs.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage<'a> {
    next: &'a str,
    refused: bool,
    frame: Frame,
}

#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

pub(super) async fn form(Query(query): Query<Next>) -> Page {
    html(&SignInPage { next: own_path(&query.next), refused: false, frame: Frame::nobody() })
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn sign_in(
    State(state): State<HttpState>,
    trail: Trail,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Page {
    from_here(&headers)?;
    let next = own_path(&form.next);
    let token = form.token.trim();
    let known = authenticate(&state, token).await?.filter(|identity| identity.role != Role::Agent);
    let Some(identity) = known else {
        let page = SignInPage { next, refused: true, frame: Frame::nobody() };
        let text = page.render().map_err(|_| Problem::new(Kind::Internal, "The page could not be made."))?;
        return Ok((StatusCode::UNAUTHORIZED, Html(text)).into_response());
    };
    trail.by(&identity);
    trail.detail("with a token");
    with_cookie(&state, next, token, COOKIE_SECONDS)
}

pub(super) async fn sign_out(State(state): State<HttpState>, trail: Trail, headers: HeaderMap) -> Page {
    from_here(&headers)?;
    if let Some(identity) = authenticate(&state, cookie(&headers).unwrap_or_default()).await? {
        trail.by(&identity);
    }
    with_cookie(&state, "/sign-in", "", 0)
}

fn with_cookie(state: &HttpState, next: &str, value: &str, seconds: u32) -> Page {
    let secure = if state.config.http.public_url.starts_with("https:") { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let value = HeaderValue::from_str(&cookie).map_err(|_| Problem::new(Kind::BadRequest, "This is no token."))?;
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}

pub(super) fn to_sign_in(next: &str) -> Response {
    let encoded: String = url::form_urlencoded::byte_serialize(own_path(next).as_bytes()).collect();
    Redirect::to(&format!("/sign-in?next={encoded}")).into_response()
}

/// Only a path of ours: no scheme, no host, no way to another site.
fn own_path(next: &str) -> &str {
    let plain = next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if next.starts_with('/') && !next.starts_with("//") && plain { next } else { "/" }
}

/// Browsers say where a form was sent from; another site's form does nothing here.
fn from_here(headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok()).unwrap_or("same-origin");
    if matches!(site, "same-origin" | "none") {
        return Ok(());
    }
    Err(Problem::new(Kind::NotAllowed, "The form was sent from another site."))
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
