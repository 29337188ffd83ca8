//! Invoicing runs: preview, close, and what was closed.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Answer;
use super::customers::Empty;
use super::documents;
use super::ledger::ACCOUNTANTS;
use super::paging::{Items, Paging, Params, page};
use crate::engine::{RunReport, Wanted};
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::{Kind, Problem};
use crate::http::{HttpState, view};
use crate::ledger::explain::LineName;
use crate::ledger::invoice::InvoiceLine;
use crate::ledger::{self, Money};
use crate::store::Role;

#[derive(Debug, Serialize)]
struct RunView {
    run_date: Date,
    closed: bool,
    closed_at: Option<Timestamp>,
    closed_by: Option<String>,
    /// The ledger's head that it rests on.
    head_seq: u64,
    head_hash: String,
    totals: Vec<Money>,
    lines: Vec<InvoiceLine>,
    problems: Vec<ProblemView>,
}

#[derive(Debug, Serialize)]
struct ProblemView {
    customer_id: String,
    what: String,
}

#[derive(Debug, Serialize)]
struct RunHead {
    run_date: Date,
    closed_at: Option<Timestamp>,
    closed_by: Option<String>,
    lines: usize,
    totals: Vec<Money>,
}

/// Oldest first. There are twenty-four in a year.
pub(super) async fn list(State(state): State<HttpState>, identity: Identity, Params(query): Params<Paging>) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let page = page(query.after, query.limit)?;
    let after = page.after.as_deref().map(day).transpose()?;
    let room = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let mut runs = state.accounts.runs().await?;
    runs.retain(|run| after.is_none_or(|after| run.run_date > after));
    let more = runs.len() > room;
    runs.truncate(room);
    let last = runs.last().filter(|_| more).map(|run| run.run_date.to_string());
    let items: Vec<RunHead> = runs.into_iter().map(head).collect();
    Ok(Items::new(items, last.as_deref()).into_response())
}

pub(super) async fn show(State(state): State<HttpState>, identity: Identity, Path(date): Path<String>) -> Answer {
    identity.require(ACCOUNTANTS)?;
    Ok(Json(shown(state.accounts.closed(day(&date)?).await?)).into_response())
}

pub(super) async fn preview(State(state): State<HttpState>, identity: Identity, Path(date): Path<String>) -> Answer {
    identity.require(ACCOUNTANTS)?;
    Ok(Json(shown(state.accounts.preview(day(&date)?).await?)).into_response())
}

/// Idempotent by itself: a closed run stays as it is.
pub(super) async fn close(
    State(state): State<HttpState>,
    identity: Identity,
    Path(date): Path<String>,
    _body: JsonBody<Empty>,
) -> Answer {
    identity.require(&[Role::Accounting])?;
    Ok(Json(shown(state.accounts.close(day(&date)?, &identity.who()).await?)).into_response())
}

/// Why a line of a closed run is what it is. Lines are counted from 1.
pub(super) async fn explain(
    State(state): State<HttpState>,
    identity: Identity,
    Path((date, number)): Path<(String, String)>,
) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let wrong = |_| Problem::new(Kind::BadRequest, "Lines are numbers, counted from 1.");
    let name = LineName { run: day(&date)?, number: number.parse().map_err(wrong)? };
    let explanation = state.accounts.explain(name).await?;
    Ok(Json(view::with_entries(&explanation, &explanation.entries)?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ExportQuery {
    format: Format,
    /// UBL is one invoice: that of a customer, or by its number.
    customer: Option<String>,
    invoice: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Csv,
    Json,
    Ubl,
}

/// A closed run for other programs.
pub(in crate::http) async fn export(
    State(state): State<HttpState>,
    identity: Identity,
    Path(date): Path<String>,
    Params(query): Params<ExportQuery>,
) -> Answer {
    identity.require(ACCOUNTANTS)?;
    let date = day(&date)?;
    if let Format::Ubl = query.format {
        let wanted = Wanted { customer: query.customer, number: query.invoice, ..Wanted::default() };
        return documents::one(&state, date, wanted).await;
    }
    if query.customer.is_some() || query.invoice.is_some() {
        let why = "`customer` and `invoice` go with format=ubl; the other formats are the whole run.";
        return Err(Problem::new(Kind::BadRequest, why));
    }
    let run = state.accounts.closed(date).await?;
    let (kind, ending, body) = match query.format {
        Format::Ubl => return Err(Problem::not_found()),
        Format::Json => return Ok(Json(run.lines).into_response()),
        Format::Csv => ("text/csv; charset=utf-8; header=present", "csv", ledger::export::csv(&run.lines)),
    };
    let body = body.map_err(|error| Problem::new(Kind::Internal, error.to_string()))?;
    let name = format!("attachment; filename=\"fencepost-{date}.{ending}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], body).into_response())
}

pub(in crate::http) fn day(text: &str) -> Result<Date, Problem> {
    text.parse().map_err(|_| Problem::new(Kind::BadRequest, "Write the day of the run like 2026-12-15."))
}

fn head(report: RunReport) -> RunHead {
    let (closed_at, closed_by) = report.closed.unzip();
    RunHead { run_date: report.run_date, closed_at, closed_by, lines: report.lines.len(), totals: report.totals }
}

fn shown(report: RunReport) -> RunView {
    let (closed_at, closed_by) = report.closed.unzip();
    RunView {
        run_date: report.run_date,
        closed: closed_at.is_some(),
        closed_at,
        closed_by,
        head_seq: report.head.seq,
        head_hash: hex::encode(report.head.hash),
        totals: report.totals,
        lines: report.lines,
        problems: report
            .problems
            .into_iter()
            .map(|problem| ProblemView { customer_id: problem.customer_id, what: problem.what })
            .collect(),
    }
}
