//! `POST /v1/imports/connected` and `/v1/imports/orders`: an existing base of connected customers, and many
//! orders, as a table. Answered 200 with a report a line; only a file that cannot be read as a whole is
//! refused as one.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde::Deserialize;

use super::Answer;
use super::orders::{rules, rules_of};
use super::paging::Params;
use crate::engine::{Caller, Import};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::problem::{Kind, Problem};
use crate::store::Role;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Query {
    /// Only say what would become of each line.
    check: bool,
    /// Store nothing unless every line can be.
    all_or_nothing: bool,
    /// How the sender calls the file; part of the evidence.
    name: String,
    /// Where this is a piece of a longer file.
    line_offset: u64,
    whole_sha256: Option<String>,
}

pub(super) async fn connected(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<Query>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    identity.require_desk()?;
    let import = import(query, &headers, body)?;
    let report = state.desk.import_connected(&import, &rules(&state)?, &caller(&identity)).await?;
    Ok(Json(report).into_response())
}

/// Many orders at once, of the desk or of one partner.
pub(super) async fn orders(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<Query>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    identity.require(&[Role::Desk, Role::Partner])?;
    let import = import(query, &headers, body)?;
    let report = state.desk.import_orders(&import, &rules_of(&state, &identity)?, &caller(&identity)).await?;
    Ok(Json(report).into_response())
}

fn import(query: Query, headers: &HeaderMap, body: Result<Bytes, BytesRejection>) -> Result<Import, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/csv") {
        return Err(Problem::new(Kind::MediaType, "Send the table with `Content-Type: text/csv`."));
    }
    if query.whole_sha256.as_ref().is_some_and(|sha| sha.len() != 64 || !sha.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Err(Problem::field("whole_sha256", "64 hexadecimal digits"));
    }
    let bytes = body.map_err(|_| Problem::new(Kind::TooLarge, "The table is longer than this service takes."))?;
    Ok(Import {
        bytes: bytes.to_vec(),
        name: query.name,
        line_offset: query.line_offset,
        whole_sha256: query.whole_sha256,
        check: query.check,
        all_or_nothing: query.all_or_nothing,
    })
}

/// Each line carries its own key: the same one taken in again is known.
fn caller(identity: &Identity) -> Caller {
    Caller { who: identity.who(), scope: identity.scope(), idempotency: None }
}
