//! `/account`: where somebody is signed in, and how to end that; everywhere, if they wish.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::sign_in::signed_out;
use super::words::{Times, When};
use crate::http::HttpState;
use crate::http::auth::{Signed, role_name};
use crate::http::problem::{Kind, Problem};
use crate::store::SignInWay;

#[derive(Template)]
#[template(path = "pages/account.html")]
struct AccountPage {
    name: String,
    /// The address of a person; the id of a token.
    id: String,
    role: &'static str,
    partner: Option<String>,
    sessions: Vec<Row>,
    form: String,
    frame: Frame,
}

struct Row {
    id: String,
    browser: String,
    way: &'static str,
    since: When,
    seen: When,
    ends: When,
    this: bool,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader) -> Page {
    let session = session_of(&reader)?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let rows = state.desk.sessions(&session.holder).await?;
    let sessions = rows
        .into_iter()
        .map(|row| Row {
            this: row.id == session.id,
            browser: browser_in_words(&row.browser),
            way: way_in_words(row.way),
            since: times.show(row.created_at),
            seen: times.show(row.seen_at),
            ends: times.show(row.ends_at),
            id: row.id,
        })
        .collect();
    let identity = &reader.identity;
    html(&AccountPage {
        name: identity.label.clone(),
        id: identity.token_id.clone(),
        role: role_name(identity.role),
        partner: identity.partner.clone(),
        sessions,
        form: reader.form().unwrap_or_default(),
        frame: Frame::of(&reader, "/account"),
    })
}

pub(super) async fn end(State(state): State<HttpState>, reader: Reader, Path(id): Path<String>) -> Page {
    let session = session_of(&reader)?;
    state.desk.end_session(&session.holder, &id).await?;
    if id == session.id {
        return Ok(signed_out(&state));
    }
    Ok(Redirect::to("/account").into_response())
}

pub(super) async fn end_all(State(state): State<HttpState>, reader: Reader) -> Page {
    let session = session_of(&reader)?;
    state.desk.end_sessions(&session.holder).await?;
    Ok(signed_out(&state))
}

fn session_of(reader: &Reader) -> Result<&Signed, Problem> {
    reader.session.as_ref().ok_or_else(|| Problem::new(Kind::NotAllowed, "These pages are open: nobody is signed in."))
}

pub(super) fn way_in_words(way: SignInWay) -> &'static str {
    match way {
        SignInWay::Link => "link by e-mail",
        SignInWay::Token => "access token",
        SignInWay::Openid => "single sign-on",
    }
}

/// Browsers name half a dozen others as well; the order tells which it is.
fn browser_in_words(text: &str) -> String {
    let found =
        |known: &[(&str, &'static str)]| known.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
    let browser = found(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ]);
    let system = found(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) if text.is_empty() => "unknown browser".to_owned(),
        (None, None) => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_recognised_by_whoever_uses_it() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0";
        let phone =
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Safari/604.1";
        assert_eq!(browser_in_words(edge), "Edge on Windows");
        assert_eq!(browser_in_words(phone), "Safari on iPhone");
        assert_eq!(browser_in_words("curl/8"), "curl/8");
        assert_eq!(browser_in_words(""), "unknown browser");
    }
}
