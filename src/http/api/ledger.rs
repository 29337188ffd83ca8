//! The billing ledger for reading. Nothing here appends: entries come from decisions.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::Answer;
use super::paging::{Items, Params, page};
use crate::http::auth::Identity;
use crate::http::problem::{Kind, Problem};
use crate::http::{HttpState, view};
use crate::store::Role;

pub(super) const ACCOUNTANTS: &[Role] = &[Role::Accounting, Role::Desk];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntryQuery {
    after: Option<String>,
    limit: Option<u32>,
    customer: Option<String>,
}

pub(super) async fn entries(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<EntryQuery>,
) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let page = page(query.after, query.limit)?;
    let after = match page.after {
        None => 0,
        Some(text) => {
            text.parse().map_err(|_| Problem::new(Kind::BadRequest, "`after` must be the number of an entry."))?
        }
    };
    let rows = state.store.entries(query.customer.as_deref(), after, page.limit).await?;
    let full = u32::try_from(rows.len()).is_ok_and(|count| count == page.limit);
    let next = rows.last().filter(|_| full).map(|row| row.seq.to_string());
    let items = rows.into_iter().map(view::entry).collect();
    Ok(Json(Items { items, next }).into_response())
}
