//! The billing ledger for reading. Nothing here appends: entries come from decisions.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::paging::{Params, after_number, bounded, numbered};
use crate::engine::AccountsError;
use crate::http::auth::Identity;
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
    let (after, limit) = (after_number(query.after.as_deref())?, bounded(query.limit)?);
    let rows = state.store.entries(query.customer.as_deref(), after, limit).await?;
    let last = rows.last().map(|row| row.seq);
    Ok(Json(numbered(rows.into_iter().map(view::entry).collect(), last, limit)).into_response())
}

/// Whether the ledger is whole, and its head: write it down elsewhere, and rewriting shows.
#[derive(Debug, Serialize)]
struct Verified {
    whole: bool,
    seq: u64,
    hash: Option<String>,
    /// Where and how it is broken.
    problem: Option<String>,
}

pub(super) async fn verify(State(state): State<HttpState>, identity: Identity) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let verified = match state.accounts.verify(&[]).await {
        Ok(head) => Verified { whole: true, seq: head.seq, hash: Some(hex::encode(head.hash)), problem: None },
        Err(AccountsError::Broken(broken)) => {
            tracing::error!(%broken, "the ledger is not whole");
            Verified { whole: false, seq: broken.seq, hash: None, problem: Some(broken.to_string()) }
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Json(verified).into_response())
}
