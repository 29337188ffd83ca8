//! Customers: who they are, and what the service desk decides about them.

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;

use super::paging::{Items, Paging, Params, page};
use super::{Answer, READERS};
use crate::engine::{EvidenceFile, Extension, Word};
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::Problem;
use crate::http::{HttpState, view};

const MAX_NAME: usize = 200;

pub(super) async fn list(State(state): State<HttpState>, identity: Identity, Params(query): Params<Paging>) -> Answer {
    identity.require(READERS)?;
    let listing = state.store.customers(&identity.scope(), &page(query.after, query.limit)?).await?;
    let items = listing.rows.iter().map(view::customer).collect::<Result<Vec<_>, _>>()?;
    Ok(Items::new(items, listing.next.as_deref()).into_response())
}

pub(super) async fn show(State(state): State<HttpState>, identity: Identity, Path(id): Path<String>) -> Answer {
    identity.require(READERS)?;
    let id = state.desk.customer_named(&id, &identity.scope()).await?;
    let customer = state.store.customer(&id, &identity.scope()).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(view::customer(&customer)?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Empty {}

pub(super) async fn register(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<Empty>,
) -> Answer {
    identity.require_desk()?;
    let id = state.desk.customer_named(&id, &identity.scope()).await?;
    Ok(Json(state.desk.register(&id, &body.caller(&identity)).await?).into_response())
}

/// The mail or document that says so: as text, or as a file in base64.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Evidence {
    name: Option<String>,
    text: Option<String>,
    base64: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DecisionWord {
    Customer,
    NoCustomer,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DecideBody {
    decision: DecisionWord,
    /// 15 or 30.
    group: Option<u8>,
    evidence: Evidence,
    /// When the mail was received; now, when it is not given.
    received: Option<Timestamp>,
    /// It takes the place of an opposite decision that stands.
    #[serde(default)]
    replace: bool,
}

pub(super) async fn decide(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<DecideBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let DecideBody { decision, group, evidence, received, replace } = body.value;
    if group.is_some_and(|group| !matches!(group, 15 | 30)) {
        return Err(Problem::field("group", "the invoicing group is 15 or 30"));
    }
    let customer = matches!(decision, DecisionWord::Customer);
    if group.is_some() && !customer {
        return Err(Problem::field("group", "a group goes with the decision `customer` only"));
    }
    let evidence = evidence_file(evidence, received, state.clock.now())?;
    let word = Word { customer, group, evidence, replace };
    let id = state.desk.customer_named(&id, &caller.scope).await?;
    Ok(Json(state.desk.decide(&id, word, &caller).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExtendBody {
    /// First day after the trial.
    until: Date,
    evidence: Evidence,
    received: Option<Timestamp>,
}

/// The trial goes on, by the mail or document that asks for it.
pub(super) async fn extend(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<ExtendBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let ExtendBody { until, evidence, received } = body.value;
    let evidence = evidence_file(evidence, received, state.clock.now())?;
    let id = state.desk.customer_named(&id, &caller.scope).await?;
    Ok(Json(state.desk.extend_trial(&id, Extension { until, evidence }, &caller).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeBody {
    evidence: Evidence,
    received: Option<Timestamp>,
    /// The customer stays after all: takes an earlier notice back.
    #[serde(default)]
    withdrawn: bool,
}

pub(super) async fn notice(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<NoticeBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let NoticeBody { evidence, received, withdrawn } = body.value;
    let id = state.desk.customer_named(&id, &caller.scope).await?;
    let evidence = evidence_file(evidence, received, state.clock.now())?;
    let outcome = if withdrawn {
        state.desk.notice_withdrawn(&id, evidence, &caller).await?
    } else {
        state.desk.notice_given(&id, evidence, &caller).await?
    };
    Ok(Json(outcome).into_response())
}

/// Checks evidence: exactly one of text and file, not empty, a name without control characters, and
/// not from the future.
pub(super) fn evidence_file(
    evidence: Evidence,
    received: Option<Timestamp>,
    now: Timestamp,
) -> Result<EvidenceFile, Problem> {
    let content = match (evidence.text, evidence.base64) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(encoded)) => STANDARD
            .decode(encoded.trim())
            .map_err(|error| Problem::field("evidence.base64", format!("this is no base64 (RFC 4648 §4): {error}")))?,
        _ => return Err(Problem::field("evidence", "give the mail or document as `text` or as `base64`")),
    };
    checked_evidence(evidence.name, content, received, now)
}

/// As it was sent: not empty, a name without control characters, and not from the future.
pub(in crate::http) fn checked_evidence(
    name: Option<String>,
    content: Vec<u8>,
    received: Option<Timestamp>,
    now: Timestamp,
) -> Result<EvidenceFile, Problem> {
    if content.trim_ascii().is_empty() {
        return Err(Problem::field("evidence", "the evidence is empty: a decision rests on the mail that says so"));
    }
    let name = name.unwrap_or_else(|| "evidence".to_owned());
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        let message = format!("a file name of 1 to {MAX_NAME} bytes without control characters");
        return Err(Problem::field("evidence.name", message));
    }
    let received = received.unwrap_or(now);
    if received > now {
        return Err(Problem::field("received", format!("a mail cannot have been received later than now, {now}")));
    }
    Ok(EvidenceFile { name, content, received })
}
