//! Links to the status page of a domain, for whoever has no account. Made and revoked by the desk and by the
//! domain's partner; the address is answered once, when the link is made.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::domains::name;
use crate::engine::{Caller, LinkWish};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::store::{LinkRow, Role};

/// Who may make, see and revoke links, each within its scope.
pub(in crate::http) const SHARERS: &[Role] = &[Role::Desk, Role::Partner];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MakeBody {
    /// Whom it is for.
    #[serde(default)]
    label: String,
    /// How long it holds; until it is revoked where not given.
    days: Option<u32>,
}

#[derive(Debug, Serialize)]
struct LinkView {
    id: String,
    label: String,
    made_by: String,
    made_at: Timestamp,
    expires_at: Option<Timestamp>,
    revoked_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_by: Option<String>,
    last_used_at: Option<Timestamp>,
    in_force: bool,
    /// Only where it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl LinkView {
    fn of(row: LinkRow, now: Timestamp) -> Self {
        let in_force = row.in_force(now);
        let (revoked_at, revoked_by) = row.revoked.unzip();
        Self {
            id: row.id,
            label: row.label,
            made_by: row.made_by,
            made_at: row.made_at,
            expires_at: row.expires_at,
            revoked_at,
            revoked_by,
            last_used_at: row.last_used_at,
            in_force,
            url: None,
        }
    }
}

#[derive(Debug, Serialize)]
struct LinkList {
    items: Vec<LinkView>,
}

pub(super) async fn make(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<MakeBody>,
) -> Answer {
    identity.require(SHARERS)?;
    let caller = body.caller(&identity);
    let MakeBody { label, days } = body.value;
    let (row, secret) = state.links.make(&name(&domain)?, &LinkWish { label, days }, &caller).await?;
    let url = secret.url(&state.config.http.public_url);
    let view = LinkView { url: Some(url), ..LinkView::of(row, state.clock.now()) };
    Ok((StatusCode::CREATED, Json(view)).into_response())
}

pub(super) async fn list(State(state): State<HttpState>, identity: Identity, Path(domain): Path<String>) -> Answer {
    identity.require(SHARERS)?;
    let now = state.clock.now();
    let rows = state.links.of(&name(&domain)?, &identity.scope()).await?;
    let items = rows.into_iter().map(|row| LinkView::of(row, now)).collect();
    Ok(Json(LinkList { items }).into_response())
}

pub(super) async fn revoke(
    State(state): State<HttpState>,
    identity: Identity,
    Path((domain, id)): Path<(String, String)>,
) -> Answer {
    identity.require(SHARERS)?;
    let caller = Caller { who: identity.who(), scope: identity.scope(), idempotency: None };
    state.links.revoke(&name(&domain)?, &id, &caller).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
