//! Where operation and accounting differ: listed for partner, desk and accounting, and the number of mailboxes
//! in operation, which changes nothing that is charged.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::Answer;
use super::paging::{Items, Paging, Params, page};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::Problem;
use crate::store::Role;

/// Who sees what differs.
pub(in crate::http) const CONCERNED: &[Role] = &[Role::Desk, Role::Partner, Role::Accounting];
/// Who says how many mailboxes are in operation.
pub(in crate::http) const OPERATORS: &[Role] = &[Role::Desk, Role::Partner];

const MOST: u32 = 1_000_000;

pub(super) async fn list(State(state): State<HttpState>, identity: Identity, Params(query): Params<Paging>) -> Answer {
    identity.require(CONCERNED)?;
    let listing = state.desk.differences(&identity.scope(), &page(query.after, query.limit)?).await?;
    Ok(Items::new(listing.rows, listing.next.as_deref()).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MailboxesBody {
    count: u32,
}

pub(super) async fn mailboxes(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<MailboxesBody>,
) -> Answer {
    identity.require(OPERATORS)?;
    let caller = body.caller(&identity);
    let count = number("count", body.value.count)?;
    let id = state.desk.customer_named(&id, &caller.scope).await?;
    Ok(Json(state.desk.set_mailboxes(&id, count, &caller).await?).into_response())
}

/// A number of mailboxes that can be.
pub(in crate::http) fn number(field: &str, count: u32) -> Result<u32, Problem> {
    if (1..=MOST).contains(&count) {
        return Ok(count);
    }
    Err(Problem::field(field, format!("{count} is no number of mailboxes; it is from 1 to {MOST}")))
}
