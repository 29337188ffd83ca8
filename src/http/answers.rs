//! Status answers as they go out, kept for as long as they are true: the store is asked before every
//! answer whether anything has changed since, and only what has is made anew. Nothing is told from
//! memory alone, and no go-ahead outlives its permit.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use fencepost_checks::DomainName;
use jiff::{SignedDuration, Timestamp};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use serde::Serialize;

use super::problem::{Kind, Problem};
use super::{HttpState, view};
use crate::status::{AnswerKind, DomainStatus};
use crate::store::{Scope, Stamp, Standing};

/// What all answers together may take.
const BYTES: u64 = 32 << 20;
/// The usual size of one, from which the number of places follows.
const USUAL: usize = 6 << 10;
/// A status says for which instant it was made; that instant is never further away than this.
const GOOD_FOR: SignedDuration = SignedDuration::from_secs(1);

/// The answers that were asked for last, by connection.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    kept: Arc<Cache<String, Arc<Kept>, Size>>,
}

/// What is said of one domain.
#[derive(Debug)]
pub(super) struct Kept {
    stamp: Stamp,
    made_at: Timestamp,
    /// Not to be told from this instant on.
    good_until: Timestamp,
    status: Bytes,
    mx_change: Bytes,
    permitted: bool,
}

impl Answers {
    pub(super) fn new() -> Self {
        let places = usize::try_from(BYTES).unwrap_or(usize::MAX) / USUAL;
        Self { kept: Arc::new(Cache::with_weighter(places, BYTES, Size)) }
    }

    /// What is to be said of a domain now.
    ///
    /// # Errors
    /// 404 where `scope` has no such domain; whatever keeps the store from being read.
    pub(super) async fn of(&self, state: &HttpState, scope: &Scope, domain: &DomainName) -> Result<Arc<Kept>, Problem> {
        let stamp = state.store.stamp(domain, scope).await?.ok_or_else(Problem::not_found)?;
        let now = state.clock.now();
        if let Some(kept) = self.kept.get(&stamp.connection_id).filter(|kept| kept.holds(&stamp, now)) {
            return Ok(kept);
        }
        // It may have changed again since the stamp was read: what is kept carries the stamp of what was read.
        let standing = state.store.standing(domain, scope).await?.ok_or_else(Problem::not_found)?;
        let kept =
            Arc::new(Kept::make(&standing, view::status(&standing.row, &standing.observations, &state.config, now)?)?);
        self.kept.insert(kept.stamp.connection_id.clone(), kept.clone());
        Ok(kept)
    }
}

impl Kept {
    fn make(standing: &Standing, status: DomainStatus) -> Result<Self, Problem> {
        let row = &standing.row;
        let made_at = status.as_of;
        let permit_ends = status.permit.as_ref().map(|permit| permit.valid_until);
        let good_for = made_at.checked_add(GOOD_FOR).unwrap_or(made_at);
        let bytes = json(&status)?;
        let permitted = status.mx_change_permitted;
        Ok(Self {
            stamp: Stamp {
                connection_id: row.connection.id.clone(),
                version: row.connection.version,
                next_check_at: row.next_check_at,
                held_by: row.held_by.clone(),
            },
            made_at,
            good_until: permit_ends.map_or(good_for, |ends| good_for.min(ends)),
            status: bytes,
            mx_change: json(&MxChange::from(status))?,
            permitted,
        })
    }

    fn holds(&self, stamp: &Stamp, now: Timestamp) -> bool {
        // A clock that was set back makes everything kept an answer from the future.
        self.stamp == *stamp && self.made_at <= now && now < self.good_until
    }

    /// The whole status.
    pub(super) fn status(&self) -> Response {
        answer(StatusCode::OK, &self.status)
    }

    /// For scripts: 200 permitted, 409 not.
    pub(super) fn mx_change(&self) -> Response {
        answer(if self.permitted { StatusCode::OK } else { StatusCode::CONFLICT }, &self.mx_change)
    }
}

/// What scripts ask before they write to the DNS provider.
#[derive(Debug, Serialize)]
struct MxChange {
    domain: DomainName,
    mx_change_permitted: bool,
    answer: AnswerKind,
    reason: String,
    permit_id: Option<String>,
    valid_until: Option<Timestamp>,
}

impl From<DomainStatus> for MxChange {
    fn from(status: DomainStatus) -> Self {
        Self {
            domain: status.domain,
            mx_change_permitted: status.mx_change_permitted,
            answer: status.answer,
            reason: status.reason,
            valid_until: status.permit.as_ref().map(|permit| permit.valid_until),
            permit_id: status.permit.map(|permit| permit.id),
        }
    }
}

/// What an answer takes of the bound.
#[derive(Debug, Clone)]
struct Size;

impl Weighter<String, Arc<Kept>> for Size {
    fn weight(&self, key: &String, kept: &Arc<Kept>) -> u64 {
        let bytes = 2 * key.len() + kept.status.len() + kept.mx_change.len() + size_of::<Kept>();
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

fn answer(code: StatusCode, body: &Bytes) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], body.clone()).into_response()
}

fn json(value: &impl Serialize) -> Result<Bytes, Problem> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| {
        tracing::error!(%error, "a status cannot be written");
        Problem::new(Kind::Internal, "The status could not be written. The log of the service says why.")
    })
}
