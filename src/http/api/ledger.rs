//! The billing ledger for reading. Nothing here appends: entries come from decisions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::paging::{Params, after_number, bounded, numbered};
use crate::engine::Known;
use crate::http::auth::Identity;
use crate::http::problem::{Kind, Problem};
use crate::http::{HttpState, view};
use crate::ledger::chain::Anchor;
use crate::ledger::fault::{Fault, Place};
use crate::store::Role;

pub(in crate::http) const ACCOUNTANTS: &[Role] = &[Role::Accounting, Role::Desk];

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
    let customer = match &query.customer {
        Some(text) => Some(customer(&state, &identity, text).await),
        None => None,
    };
    let rows = state.accounts.entries(customer.as_deref(), after, limit).await?;
    let last = rows.last().map(|row| row.seq);
    Ok(numbered(rows.into_iter().map(view::entry).collect(), last, limit).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AsOfQuery {
    /// Id of the customer, or one of its domains.
    customer: String,
    on: Date,
    known_at: Option<Timestamp>,
    known_seq: Option<u64>,
}

/// What is charged to a customer on a day, as known now, at an instant, or at an entry.
pub(super) async fn as_of(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<AsOfQuery>,
) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let known = match (query.known_at, query.known_seq) {
        (None, None) => Known::Now,
        (Some(at), None) => Known::At(at),
        (None, Some(seq)) => Known::Seq(seq),
        (Some(_), Some(_)) => {
            return Err(Problem::new(Kind::BadRequest, "Give `known_at` or `known_seq`, not both."));
        }
    };
    let customer = customer(&state, &identity, &query.customer).await;
    let answer = state.accounts.as_of(&customer, query.on, known).await?;
    Ok(Json(view::with_entries(&answer, &answer.entries)?).into_response())
}

/// A kept document, byte for byte, to be saved and never to be shown by a browser.
pub(super) async fn evidence(State(state): State<HttpState>, identity: Identity, Path(sha256): Path<String>) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let sha256 = sha256.to_ascii_lowercase();
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
    let found = if is_digest { state.store.evidence(&sha256).await? } else { None };
    let content = found.ok_or_else(Problem::not_found)?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{sha256}\"")),
    ];
    Ok((headers, content).into_response())
}

/// A customer that only the ledger knows is looked for as written.
async fn customer(state: &HttpState, identity: &Identity, text: &str) -> String {
    state.desk.customer_named(text, &identity.scope()).await.unwrap_or_else(|_| text.to_owned())
}

/// Whether everything that accounting rests on is whole, and the ledger's head: write it down
/// elsewhere, and rewriting shows.
#[derive(Debug, Serialize)]
struct Verified {
    whole: bool,
    /// Entries verified, from the first one; with a fault, those before it.
    seq: u64,
    hash: Option<String>,
    /// Closed invoicing runs and kept documents that were hashed again.
    runs: u64,
    documents: u64,
    /// Looks that permits rest on, hashed again.
    permit_evidence: u64,
    /// The first problem, in one sentence.
    problem: Option<String>,
    problems: Vec<FaultView>,
}

#[derive(Debug, Serialize)]
struct FaultView {
    /// `entry`, `head`, `run`, `evidence`, `permit_evidence`, `journal_line` or `journal_end`.
    kind: &'static str,
    /// The number of the entry or line, the run's date, or the SHA-256.
    name: String,
    field: Option<&'static str>,
    problem: String,
    remedy: &'static str,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VerifyQuery {
    /// `SEQ:HASH` of a head that was written down elsewhere.
    anchor: Option<String>,
}

pub(super) async fn verify(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<VerifyQuery>,
) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let anchors: Vec<Anchor> = query.anchor.as_deref().map(anchor).transpose()?.into_iter().collect();
    let audit = state.accounts.verify(&anchors).await?;
    for fault in &audit.faults {
        tracing::error!(%fault, "the books are not whole");
    }
    let whole = audit.is_whole();
    let verified = Verified {
        whole,
        seq: audit.head.seq,
        hash: whole.then(|| hex::encode(audit.head.hash)),
        runs: audit.runs,
        documents: audit.documents,
        permit_evidence: audit.looks,
        problem: audit.faults.first().map(ToString::to_string),
        problems: audit.faults.iter().map(fault_view).collect(),
    };
    Ok(Json(verified).into_response())
}

fn fault_view(fault: &Fault) -> FaultView {
    let name = match &fault.place {
        Place::Entry(seq) | Place::Line(seq) => seq.to_string(),
        Place::Head => "head".to_owned(),
        Place::JournalEnd => "end".to_owned(),
        Place::Run(name) | Place::Evidence(name) | Place::Look(name) => name.clone(),
    };
    let (kind, remedy) = (fault.place.kind(), fault.remedy());
    FaultView { kind, name, field: fault.field, problem: fault.to_string(), remedy }
}

fn anchor(text: &str) -> Result<Anchor, Problem> {
    let parse = || {
        let (seq, hash) = text.split_once(':')?;
        Some(Anchor { seq: seq.parse().ok()?, hash: hex::decode(hash).ok()?.try_into().ok()? })
    };
    parse().ok_or_else(|| Problem::new(Kind::BadRequest, "Write an anchor as SEQ:HASH, the hash as 64 hex digits."))
}
