//! Mail as evidence: taken in, listed, shown beside what was understood, approved and rejected, and the
//! lists of who may speak for a customer.

use std::net::IpAddr;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Answer;
use super::ledger::ACCOUNTANTS;
use super::paging::{Items, Params, page};
use crate::engine::ports::{Envelope, MailSink};
use crate::engine::{Approval, Outlook, Proposal};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::{Kind, Problem};
use crate::proposal::{Authenticity, Understood, subject_token};
use crate::store::{MailRow, MailState, Role};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct IngestQuery {
    /// Envelope sender; empty for `<>`.
    sender: Option<String>,
    /// From which address our mail server got it.
    client: Option<IpAddr>,
    helo: Option<String>,
}

/// The body is the message as it is. Answered 200 once it lies on disk, whatever was made of it.
pub(super) async fn ingest(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<IngestQuery>,
    body: Result<Bytes, BytesRejection>,
) -> Answer {
    identity.require(&[Role::Desk, Role::Agent])?;
    let message = body.map_err(|_| Problem::new(Kind::TooLarge, "The message is longer than this service takes."))?;
    if message.trim_ascii().is_empty() {
        return Err(Problem::new(Kind::BadRequest, "The message is empty."));
    }
    let Some(mailroom) = state.desk.mailroom() else {
        return Err(Problem::new(Kind::Conflict, "This process takes no mail in."));
    };
    let envelope = Envelope { sender: query.sender.map(|s| s.to_lowercase()), client: query.client, helo: query.helo };
    match mailroom.take(message.to_vec(), envelope, "ingest").await {
        Ok(receipt) => Ok(Json(receipt).into_response()),
        Err(why) => Err(Problem::new(Kind::Busy, format!("The message is not kept; send it again later: {why}"))),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    state: Option<MailState>,
    after: Option<String>,
    limit: Option<u32>,
}

/// A mail in a listing.
#[derive(Debug, Serialize)]
pub(in crate::http) struct MailLine {
    pub id: String,
    pub state: MailState,
    /// Why it is in quarantine.
    pub reason: String,
    pub received_at: Timestamp,
    pub via: String,
    pub sender: String,
    pub subject: String,
    pub customer_id: Option<String>,
    /// How often it was delivered.
    pub copies: u32,
    pub settled_at: Option<Timestamp>,
    /// By whom, and with which note.
    pub settled_by: Option<String>,
}

/// A mail beside what was understood of it.
#[derive(Debug, Serialize)]
pub(in crate::http) struct ProposalView {
    #[serde(flatten)]
    pub line: MailLine,
    pub customer: Option<String>,
    pub message_id: Option<String>,
    /// Of the message, under which it is kept as evidence.
    pub sha256: String,
    /// In one line.
    pub authenticity: String,
    pub verdicts: Authenticity,
    pub understood: Understood,
    /// What approving it as understood would record, line by line.
    pub would_record: Vec<String>,
    /// Why it cannot be approved as it is.
    pub refused: Option<String>,
    pub html_only: bool,
    /// The text as it was read.
    pub text: String,
}

pub(super) async fn list(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<ListQuery>,
) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let listing = state.proposals.list(query.state, &page(query.after, query.limit)?).await?;
    let items: Vec<MailLine> = listing.rows.into_iter().map(line).collect();
    Ok(Items::new(items, listing.next.as_deref()).into_response())
}

pub(super) async fn show(State(state): State<HttpState>, identity: Identity, Path(id): Path<String>) -> Answer {
    identity.require(ACCOUNTANTS)?;
    Ok(Json(view(state.proposals.show(&id).await?)).into_response())
}

/// The message word for word, for a mail program: never shown by a browser.
pub(super) async fn message(State(state): State<HttpState>, identity: Identity, Path(id): Path<String>) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let message = state.proposals.message(&id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"message.eml\""),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, message).into_response())
}

pub(super) async fn approve(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<Approval>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    Ok(Json(state.proposals.approve(&id, &body.value, &caller).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RejectBody {
    reason: String,
}

pub(super) async fn reject(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<RejectBody>,
) -> Answer {
    identity.require_desk()?;
    let reason = body.value.reason.trim();
    if reason.is_empty() || reason.chars().count() > 500 || reason.chars().any(char::is_control) {
        return Err(Problem::field("reason", "say why in 1 to 500 characters on one line"));
    }
    state.proposals.reject(&id, reason, &body.caller(&identity)).await?;
    Ok(Json(json!({ "id": id, "state": "rejected" })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NothingMore {}

/// Judges a quarantined mail again, by its verdicts of then and the lists of now.
pub(super) async fn again(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<NothingMore>,
) -> Answer {
    identity.require_desk()?;
    let customer = state.proposals.again(&id, &body.caller(&identity)).await?;
    Ok(Json(json!({ "id": id, "state": "open", "customer_id": customer })).into_response())
}

pub(super) async fn senders(State(state): State<HttpState>, identity: Identity, Path(id): Path<String>) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let id = state.desk.customer_named(&id, &identity.scope()).await?;
    let items = state.proposals.senders(&id, &identity.scope()).await?;
    Ok(Json(json!({ "customer_id": id, "subject_token": subject_token(&id), "items": items })).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SenderBody {
    address: String,
    allowed: bool,
}

pub(super) async fn set_sender(
    State(state): State<HttpState>,
    identity: Identity,
    Path(id): Path<String>,
    body: JsonBody<SenderBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let id = state.desk.customer_named(&id, &caller.scope).await?;
    state.proposals.set_sender(&id, &body.value.address, body.value.allowed, &caller).await?;
    let items = state.proposals.senders(&id, &caller.scope).await?;
    Ok(Json(json!({ "customer_id": id, "subject_token": subject_token(&id), "items": items })).into_response())
}

pub(in crate::http) fn line(row: MailRow) -> MailLine {
    let (settled_at, settled_by) = row.settled.unzip();
    MailLine {
        id: row.id,
        state: row.state,
        reason: row.reason,
        received_at: row.received_at,
        via: row.via,
        sender: row.sender,
        subject: row.subject,
        customer_id: row.customer_id,
        copies: row.copies,
        settled_at,
        settled_by,
    }
}

pub(in crate::http) fn view(proposal: Proposal) -> ProposalView {
    let Proposal { row, body, customer_name, outlook } = proposal;
    let (would_record, refused) = match outlook {
        Outlook::Records(lines) => (lines, None),
        Outlook::Refused(why) => (Vec::new(), Some(why)),
        Outlook::Settled => (Vec::new(), None),
    };
    ProposalView {
        customer: customer_name,
        message_id: row.message_id.clone(),
        sha256: row.sha256.clone(),
        authenticity: body.authenticity.told(),
        verdicts: body.authenticity,
        understood: body.understood,
        would_record,
        refused,
        html_only: body.mail.html_only,
        text: body.mail.text,
        line: line(row),
    }
}
