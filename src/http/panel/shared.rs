//! `/s/{secret}`: the status page for whoever was handed a link, without signing in. Nothing on it leads into the
//! pages of those who are signed in, and what leads nowhere any more looks like what never led anywhere.

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::action::caller;
use super::domain::newest_events;
use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::status::{Audience, Seen, StatusView};
use super::words::{Times, When};
use crate::engine::LinkWish;
use crate::http::HttpState;
use crate::http::api::{SHARERS, name};
use crate::http::problem::Problem;
use crate::http::view;
use crate::store::LinkRow;

#[derive(Template)]
#[template(path = "pages/shared.html")]
struct SharedPage {
    s: StatusView,
    /// Until when the link holds.
    until: Option<When>,
}

#[derive(Template)]
#[template(path = "pages/shared_gone.html")]
struct GonePage;

pub(super) async fn show(State(state): State<HttpState>, Path(secret): Path<String>) -> Page {
    let Some((link, row)) = state.links.follow(&secret).await? else { return gone() };
    let observations = state.store.observations(&row.connection.id).await?;
    let now = state.clock.now();
    let times = Times::new(&state.config.commerce.time_zone, now);
    let status = view::status(&row, &observations, &state.config, now)?;
    let events = newest_events(&state, &row).await?;
    let seen = Seen { status: &status, observations: &observations, events: &events, audience: Audience::Link };
    let mut s = StatusView::new(&seen, &times);
    s.live = (!s.over).then(|| format!("/s/{secret}/live"));
    let page = SharedPage { s, until: link.expires_at.map(|at| times.show(at)) };
    Ok(unlisted(html(&page)?))
}

/// One answer for every link that leads nowhere.
fn gone() -> Page {
    let response = html(&GonePage)?;
    Ok(unlisted((StatusCode::NOT_FOUND, response).into_response()))
}

fn unlisted(mut response: Response) -> Response {
    response.headers_mut().insert("x-robots-tag", HeaderValue::from_static("noindex, nofollow, noarchive"));
    response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A link as its makers see it.
pub(super) struct LinkLine {
    pub id: String,
    pub label: String,
    pub made_by: String,
    pub made: When,
    pub until: Option<When>,
    pub used: Option<When>,
}

/// Those that lead somewhere.
pub(super) fn in_force(rows: Vec<LinkRow>, times: &Times, now: jiff::Timestamp) -> Vec<LinkLine> {
    let line = |row: LinkRow| LinkLine {
        made: times.show(row.made_at),
        until: row.expires_at.map(|at| times.show(at)),
        used: row.last_used_at.map(|at| times.show(at)),
        id: row.id,
        label: row.label,
        made_by: row.made_by,
    };
    rows.into_iter().filter(|row| row.in_force(now)).map(line).collect()
}

#[derive(Template)]
#[template(path = "pages/link_made.html")]
struct MadePage {
    domain: String,
    label: String,
    url: String,
    until: Option<When>,
    frame: Frame,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    form: String,
    #[serde(default)]
    label: String,
    /// Empty: until it is revoked.
    #[serde(default)]
    days: String,
}

/// Makes a link, and shows it this once.
pub(super) async fn make(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(domain): Path<String>,
    Form(sent): Form<Wish>,
) -> Page {
    reader.sent_by(SHARERS, &headers, &sent.form)?;
    let domain = name(&domain)?;
    let days = match sent.days.trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| Problem::field("days", "a number of days, or nothing"))?),
    };
    let (link, secret) = state.links.make(&domain, &LinkWish { label: sent.label, days }, &caller(&reader)).await?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let page = MadePage {
        domain: domain.to_string(),
        label: link.label,
        url: secret.url(&state.config.http.public_url),
        until: link.expires_at.map(|at| times.show(at)),
        frame: Frame::of(&reader, "/"),
    };
    let text =
        page.render().map_err(|_| Problem::new(crate::http::problem::Kind::Internal, "The page could not be made."))?;
    Ok((StatusCode::CREATED, Html(text)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    form: String,
}

pub(super) async fn revoke(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path((domain, id)): Path<(String, String)>,
    Form(sent): Form<Revoke>,
) -> Page {
    reader.sent_by(SHARERS, &headers, &sent.form)?;
    let domain = name(&domain)?;
    state.links.revoke(&domain, &id, &caller(&reader)).await?;
    Ok(Redirect::to(&format!("/domains/{domain}#links")).into_response())
}

#[cfg(test)]
mod tests;
