//! `/v1/audit`: who did what, the newest first. For the service desk; accounting sees its own part.

use axum::extract::State;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::Deserialize;

use super::Answer;
use super::paging::{Items, Params, page};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::problem::Problem;
use crate::store::{ActFilter, ActOutcome, ActPart, Role};

/// Longest text to look for.
const TEXT: usize = 300;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    after: Option<String>,
    limit: Option<u32>,
    actor: Option<String>,
    action: Option<String>,
    subject: Option<String>,
    part: Option<ActPart>,
    outcome: Option<ActOutcome>,
    from: Option<Timestamp>,
    /// Exclusive.
    until: Option<Timestamp>,
}

pub(super) async fn list(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<ListQuery>,
) -> Answer {
    let wanted = ActFilter {
        actor: query.actor,
        action: query.action,
        subject: query.subject,
        part: query.part,
        outcome: query.outcome,
        from: query.from,
        until: query.until,
    };
    let filter = within(&identity, wanted)?;
    let listing = state.desk.acts(&filter, &page(query.after, query.limit)?).await?;
    Ok(Items::new(listing.rows, listing.next.as_deref()).into_response())
}

/// What of that somebody may see: accounting what is its business. Partners see nothing.
pub(in crate::http) fn within(identity: &Identity, wanted: ActFilter) -> Result<ActFilter, Problem> {
    identity.require(&[Role::Desk, Role::Accounting])?;
    let long = |text: &Option<String>| text.as_ref().is_some_and(|text| text.len() > TEXT);
    for (field, text) in [("actor", &wanted.actor), ("action", &wanted.action), ("subject", &wanted.subject)] {
        if long(text) {
            return Err(Problem::field(field, format!("is longer than {TEXT} bytes")));
        }
    }
    match (identity.role, wanted.part) {
        (Role::Accounting, None) => Ok(ActFilter { part: Some(ActPart::Accounting), ..wanted }),
        (Role::Accounting, Some(part)) if part != ActPart::Accounting => {
            Err(Problem::field("part", "a token of accounting sees the part `accounting` alone"))
        }
        _ => Ok(wanted),
    }
}
