//! Signing in and out: a link by e-mail for people, a pasted token for those who have one. The answer to an address
//! is the same whether it has an account or not, and so is the work that it takes.
//!
//! A link shows a page with a button: mail scanners that open links press none, and use nothing up.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::cookies;
use super::form::word_of;
use super::frame::Frame;
use super::page::{Page, PageError, html};
use super::session::{Reader, own_path};
use crate::engine::{Begun, DeskError};
use crate::http::HttpState;
use crate::http::auth::{authenticate, role_name};
use crate::http::problem::{Kind, Problem};
use crate::http::trail::Trail;
use crate::store::{HolderId, Role, SignInWay};

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage<'a> {
    next: &'a str,
    form: String,
    /// Links can be mailed.
    link: bool,
    token: bool,
    /// What the button for the provider says.
    provider: Option<&'a str>,
    /// The page that is wanted, for an address.
    next_encoded: String,
    wrong_address: Option<String>,
    refused: bool,
    frame: Frame,
}

#[derive(Template)]
#[template(path = "pages/sign_in_sent.html")]
struct SentPage {
    minutes: u32,
    desk: String,
    frame: Frame,
}

#[derive(Template)]
#[template(path = "pages/sign_in_link.html")]
struct LinkPage<'a> {
    secret: &'a str,
    form: String,
    /// Whose link it is, while it can be used.
    who: Option<(&'a str, &'a str)>,
    minutes: u32,
    frame: Frame,
}

#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

impl Next {
    pub(super) fn next(&self) -> &str {
        &self.next
    }
}

pub(super) async fn form(State(state): State<HttpState>, headers: HeaderMap, Query(query): Query<Next>) -> Page {
    page(&state, &headers, own_path(&query.next), StatusCode::OK, |_| {})
}

/// The page for signing in, with what is to be said about an attempt.
fn page(
    state: &HttpState,
    headers: &HeaderMap,
    next: &str,
    status: StatusCode,
    change: impl FnOnce(&mut SignInPage<'_>),
) -> Page {
    let config = &state.config;
    let browser = Browser::of(state, headers);
    let mut page = SignInPage {
        next,
        form: browser.form(),
        link: config.http.sign_in.link && !config.notify.smarthost.is_empty(),
        token: config.http.sign_in.token,
        provider: state.openid.as_ref().map(crate::http::openid::OpenId::name),
        next_encoded: url::form_urlencoded::byte_serialize(next.as_bytes()).collect(),
        wrong_address: None,
        refused: false,
        frame: Frame::nobody(),
    };
    change(&mut page);
    let mut response = html(&page)?;
    *response.status_mut() = status;
    browser.remember(&mut response);
    Ok(response)
}

/// A browser before anybody is signed in: its forms carry a word, too.
struct Browser {
    secret: String,
    secure: bool,
}

impl Browser {
    fn of(state: &HttpState, headers: &HeaderMap) -> Self {
        let secure = cookies::secure(&state.config.http);
        let known = cookies::browser(headers, secure).filter(|known| is_secret(known));
        let secret = known.map_or_else(|| hex::encode(rand::random::<[u8; 32]>()), str::to_owned);
        Self { secret, secure }
    }

    fn form(&self) -> String {
        word_of(&self.secret)
    }

    fn remember(&self, response: &mut Response) {
        cookies::set_browser(response, &self.secret, self.secure);
    }
}

/// 256 bits, as this service writes them.
fn is_secret(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[derive(Deserialize)]
pub(super) struct Ask {
    email: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn ask(State(state): State<HttpState>, parts: Parts, Form(sent): Form<Ask>) -> Page {
    state.rates.attempt(&parts)?;
    if !state.config.http.sign_in.link || state.config.notify.smarthost.is_empty() {
        return Err(Problem::not_found().into());
    }
    match state.desk.ask_for_link(&sent.email, own_path(&sent.next)).await {
        Ok(()) => Ok(Redirect::to("/sign-in/sent").into_response()),
        Err(DeskError::Invalid(errors)) => {
            let why = errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ");
            let next = own_path(&sent.next);
            page(&state, &parts.headers, next, StatusCode::UNPROCESSABLE_ENTITY, |page| {
                page.wrong_address = Some(why);
            })
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn sent(State(state): State<HttpState>) -> Page {
    let minutes = state.config.http.sign_in.link_minutes;
    html(&SentPage { minutes, desk: state.config.notify.desk.clone(), frame: Frame::nobody() })
}

pub(super) async fn link(State(state): State<HttpState>, headers: HeaderMap, Path(secret): Path<String>) -> Page {
    let person = if is_secret(&secret) { state.desk.link(&secret).await? } else { None };
    let browser = Browser::of(&state, &headers);
    let who = person.as_ref().map(|person| (person.name.as_str(), person.email.as_str()));
    link_page(&state, &secret, &browser, who)
}

fn link_page(state: &HttpState, secret: &str, browser: &Browser, who: Option<(&str, &str)>) -> Page {
    let minutes = state.config.http.sign_in.link_minutes;
    let page = LinkPage { secret, form: browser.form(), who, minutes, frame: Frame::nobody() };
    let mut response = html(&page)?;
    if who.is_none() {
        *response.status_mut() = StatusCode::GONE;
    }
    browser.remember(&mut response);
    Ok(response)
}

pub(super) async fn use_link(
    State(state): State<HttpState>,
    Path(secret): Path<String>,
    trail: Trail,
    parts: Parts,
) -> Page {
    state.rates.attempt(&parts)?;
    let used = if is_secret(&secret) { state.desk.use_link(&secret, agent(&parts.headers)).await? } else { None };
    let Some((used, begun)) = used else {
        return link_page(&state, &secret, &Browser::of(&state, &parts.headers), None);
    };
    let person = &used.person;
    trail.person(&person.email, &person.name, role_name(person.role));
    trail.detail("with a link by e-mail");
    Ok(signed_in(&state, &used.next, &begun))
}

#[derive(Deserialize)]
pub(super) struct Pasted {
    token: String,
    #[serde(default)]
    next: String,
}

pub(super) async fn paste(
    State(state): State<HttpState>,
    trail: Trail,
    parts: Parts,
    Form(sent): Form<Pasted>,
) -> Page {
    state.rates.attempt(&parts)?;
    if !state.config.http.sign_in.token {
        return Err(Problem::new(Kind::NotAllowed, "Tokens are for programs here; sign in by e-mail.").into());
    }
    let next = own_path(&sent.next);
    let known = authenticate(&state, sent.token.trim()).await?.filter(|identity| identity.role != Role::Agent);
    let Some(identity) = known else {
        return page(&state, &parts.headers, next, StatusCode::UNAUTHORIZED, |page| page.refused = true);
    };
    trail.by(&identity);
    trail.detail("with a token");
    let holder = HolderId::Token(identity.token_id);
    let begun = state.desk.begin_session(holder, SignInWay::Token, agent(&parts.headers)).await?;
    Ok(signed_in(&state, next, &begun))
}

/// Sends somebody on who is signed in from now on.
pub(super) fn signed_in(state: &HttpState, next: &str, begun: &Begun) -> Response {
    let mut response = Redirect::to(own_path(next)).into_response();
    cookies::set_session(&mut response, &begun.secret, begun.seconds, cookies::secure(&state.config.http));
    response
}

/// What the browser says it is.
fn agent(headers: &HeaderMap) -> &str {
    headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Somebody whose session is over already is signed out all the same.
pub(super) async fn sign_out(State(state): State<HttpState>, reader: Result<Reader, PageError>) -> Page {
    if let Ok(Some(session)) = reader.map(|reader| reader.session) {
        match state.desk.end_session(&session.holder, &session.id).await {
            Ok(()) | Err(DeskError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(signed_out(&state))
}

/// Takes the cookie away.
pub(super) fn signed_out(state: &HttpState) -> Response {
    let mut response = Redirect::to("/sign-in").into_response();
    cookies::set_session(&mut response, "", 0, cookies::secure(&state.config.http));
    response
}
