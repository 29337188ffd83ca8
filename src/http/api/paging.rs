//! Cursor paging: `?after=…&limit=…` in, `{ "items": […], "next": "…" }` out, and the address of the next page as a
//! `Link`. A cursor is opaque.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::http::problem::{Kind, Problem};
use crate::store::Page;

const DEFAULT_LIMIT: u32 = 50;
pub(super) const MAX_LIMIT: u32 = 500;
const MAX_CURSOR: usize = 1_024;

/// A page of anything.
#[derive(Debug, Serialize)]
pub(super) struct Items<T> {
    items: Vec<T>,
    /// Give it as `after` to go on; `null` at the end.
    next: Option<String>,
}

impl<T> Items<T> {
    /// A page of a listing of the store.
    pub(super) fn new(items: Vec<T>, next: Option<&str>) -> Self {
        Self { items, next: next.map(cursor) }
    }
}

/// Where a list goes on, beside its page.
#[derive(Clone)]
struct GoesOn(String);

impl<T: Serialize> IntoResponse for Items<T> {
    fn into_response(self) -> Response {
        let next = self.next.clone();
        let mut response = Json(self).into_response();
        if let Some(next) = next {
            response.extensions_mut().insert(GoesOn(next));
        }
        response
    }
}

/// Says the address of the next page (RFC 8288).
pub(super) async fn linked(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let mut response = next.run(request).await;
    if let Some(GoesOn(cursor)) = response.extensions_mut().remove() {
        let query = uri.query().unwrap_or_default().split('&');
        let mut kept: Vec<&str> = query.filter(|part| !part.is_empty() && !part.starts_with("after=")).collect();
        let after = format!("after={cursor}");
        kept.push(&after);
        let link = format!("<{}?{}>; rel=\"next\"", uri.path(), kept.join("&"));
        if let Ok(link) = HeaderValue::from_str(&link) {
            response.headers_mut().insert(header::LINK, link);
        }
    }
    response
}

/// Checks the paging part of a query string. The store's cursors may hold any character; outside they
/// are base64url, so that they can be copied into an address.
pub(in crate::http) fn page(after: Option<String>, limit: Option<u32>) -> Result<Page, Problem> {
    let no_cursor = || Problem::new(Kind::BadRequest, "`after` is no cursor of this service.");
    let after = match after.filter(|after| !after.is_empty()) {
        None => None,
        Some(after) if after.len() > MAX_CURSOR => return Err(no_cursor()),
        Some(after) => {
            let bytes = URL_SAFE_NO_PAD.decode(after).map_err(|_| no_cursor())?;
            Some(String::from_utf8(bytes).map_err(|_| no_cursor())?)
        }
    };
    Ok(Page { after, limit: bounded(limit)? })
}

/// A store's cursor as callers see it.
pub(in crate::http) fn cursor(next: &str) -> String {
    URL_SAFE_NO_PAD.encode(next)
}

/// The number after which a numbered listing goes on.
pub(super) fn after_number(after: Option<&str>) -> Result<u64, Problem> {
    let Some(text) = after.filter(|after| !after.is_empty()) else { return Ok(0) };
    text.parse().map_err(|_| Problem::new(Kind::BadRequest, "`after` must be the number of the last item seen."))
}

pub(super) fn bounded(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Problem::new(Kind::BadRequest, format!("`limit` must be 1 to {MAX_LIMIT}.")));
    }
    Ok(limit)
}

/// A page of numbered items: there may be more when it is full.
pub(super) fn numbered<T>(items: Vec<T>, last: Option<u64>, limit: u32) -> Items<T> {
    let full = u32::try_from(items.len()).is_ok_and(|count| count == limit);
    Items { items, next: last.filter(|_| full).map(|last| last.to_string()) }
}

/// The common query of listings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// A query string; what cannot be read is a problem like any other.
#[derive(Debug)]
pub(in crate::http) struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        read.map(|Query(value)| Self(value)).map_err(|rejection| {
            let text: String =
                rejection.body_text().chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            Problem::new(Kind::BadRequest, text)
        })
    }
}
