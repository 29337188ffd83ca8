//! Cursor paging: `?after=…&limit=…` in, `{ "items": […], "next": "…" }` out. A cursor is opaque.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::http::problem::{Kind, Problem};
use crate::store::Page;

const DEFAULT_LIMIT: u32 = 50;
pub(super) const MAX_LIMIT: u32 = 500;
const MAX_CURSOR: usize = 256;

/// A page of anything.
#[derive(Debug, Serialize)]
pub(super) struct Items<T> {
    pub items: Vec<T>,
    /// Give it as `after` to go on; `null` at the end.
    pub next: Option<String>,
}

/// Checks the paging part of a query string.
pub(in crate::http) fn page(after: Option<String>, limit: Option<u32>) -> Result<Page, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if limit == 0 || limit > MAX_LIMIT {
        return Err(Problem::new(Kind::BadRequest, format!("`limit` must be 1 to {MAX_LIMIT}.")));
    }
    if after.as_ref().is_some_and(|after| after.len() > MAX_CURSOR) {
        return Err(Problem::new(Kind::BadRequest, "`after` is no cursor of this service."));
    }
    Ok(Page { after: after.filter(|after| !after.is_empty()), limit })
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
pub(super) struct Params<T>(pub T);

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
