//! `/invoicing`: runs that are closed and the next ones; `/invoicing/{date}`: a run with its lines, why each is
//! what it is, its documents, and closing it. For accounting and the desk; only accounting closes.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::entries::{Row as EntryRow, rows};
use super::frame::Frame;
use super::ledger::sums;
use super::page::{Page, html};
use super::session::Reader;
use super::words::{Times, When};
use crate::engine::{RunReport, Wanted};
use crate::http::HttpState;
use crate::http::api::{ACCOUNTANTS, ExportQuery, Params, export as api_export, run_day};
use crate::http::problem::Problem;
use crate::ledger::explain::LineName;
use crate::ledger::invoice::{InvoiceLine, LineKind};
use crate::ledger::period::{group_of_run, next_run};
use crate::store::Role;

/// Runs on the list, lines and documents on a page.
const RUNS: usize = 60;
const LINES: usize = 200;

struct Head {
    date: Date,
    group: String,
    closed: Option<(When, String)>,
    lines: usize,
    sums: String,
}

#[derive(Template)]
#[template(path = "pages/invoicing.html")]
struct ListPage {
    /// Day, group, and whether it has come.
    open: Vec<(Date, u8, bool)>,
    runs: Vec<Head>,
    frame: Frame,
}

pub(super) async fn list(State(state): State<HttpState>, reader: Reader) -> Page {
    reader.identity.require(ACCOUNTANTS)?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let today = today(&state);
    let reports = state.accounts.runs().await?;
    let last = reports.iter().map(|run| run.run_date).max();
    let mut open: Vec<(Date, u8, bool)> = Vec::new();
    for group in [15, 30] {
        // The run of the last weeks, where nobody has closed it or a later one, and the next one.
        let before = next_run(group, today.saturating_sub(1.month()).saturating_add(1.day()));
        let next = next_run(group, today);
        let wanted = [before, next].into_iter().filter(|date| last.is_none_or(|last| *date > last));
        open.extend(wanted.map(|date| (date, group, date <= today)));
    }
    open.sort_unstable();
    open.dedup();
    let head = |run: RunReport| Head {
        date: run.run_date,
        group: group_of_run(run.run_date).map(|group| format!("{group}th")).unwrap_or_default(),
        lines: run.lines.len(),
        sums: sums(&run),
        closed: run.closed.map(|(at, by)| (times.show(at), by)),
    };
    let runs = reports.into_iter().rev().take(RUNS).map(head).collect();
    html(&ListPage { open, runs, frame: Frame::of(&reader, "/invoicing") })
}

struct Line {
    number: usize,
    customer_id: String,
    bill_to: String,
    partner: String,
    what: String,
    mailboxes: u32,
    amount: String,
}

struct Paper {
    number: String,
    bill_to: String,
    missing: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LinesQuery {
    /// The number of the last line seen.
    after: usize,
}

#[derive(Template)]
#[template(path = "pages/run.html")]
struct RunPage {
    date: Date,
    closed: Option<(When, String)>,
    come: bool,
    sums: String,
    count: usize,
    head_seq: u64,
    lines: Vec<Line>,
    more: Option<usize>,
    problems: Vec<(String, String)>,
    papers: Vec<Paper>,
    /// Why there are no documents.
    no_papers: Option<String>,
    /// For whoever may close it.
    form: Option<String>,
    frame: Frame,
}

pub(super) async fn show(
    State(state): State<HttpState>,
    reader: Reader,
    Path(date): Path<String>,
    Query(query): Query<LinesQuery>,
) -> Page {
    reader.identity.require(ACCOUNTANTS)?;
    let date = run_day(&date)?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let run = state.accounts.preview(date).await?;
    let come = date <= today(&state);
    let mut papers = Vec::new();
    let mut no_papers = None;
    if run.closed.is_some() {
        let wanted = Wanted { limit: LINES, ..Wanted::default() };
        match state.accounts.documents(date, &wanted).await {
            Ok(documents) => papers.extend(documents.into_iter().map(|document| {
                Paper {
                    number: document.number,
                    bill_to: document.bill_to,
                    missing: document
                        .invoice
                        .err()
                        .unwrap_or_default()
                        .into_iter()
                        .map(|missing| format!("{}: {}", missing.field, missing.message))
                        .collect(),
                }
            })),
            Err(error) => no_papers = Some(Problem::from(error).detail().to_owned()),
        }
    }
    let count = run.lines.len();
    let sums = sums(&run);
    let lines: Vec<Line> =
        (1..).zip(&run.lines).skip(query.after).take(LINES).map(|(number, line)| shown(number, line)).collect();
    let more = lines.last().map(|line| line.number).filter(|last| *last < count);
    html(&RunPage {
        form: reader.form_for(&[Role::Accounting]).filter(|_| run.closed.is_none() && come),
        closed: run.closed.map(|(at, by)| (times.show(at), by)),
        problems: run.problems.into_iter().map(|problem| (problem.customer_id, problem.what)).collect(),
        head_seq: run.head.seq,
        date,
        come,
        sums,
        count,
        lines,
        more,
        papers,
        no_papers,
        frame: Frame::of(&reader, "/invoicing"),
    })
}

fn shown(number: usize, line: &InvoiceLine) -> Line {
    let last = line.period.to.yesterday().unwrap_or(line.period.to);
    let what = match line.kind {
        LineKind::Period => format!("{} to {last}", line.period.from),
        LineKind::Adjustment => format!("adjustment of {} to {last}", line.period.from),
    };
    let days = line.days.filter(|days| days.charged < days.of);
    Line {
        number,
        customer_id: line.customer_id.clone(),
        bill_to: line.bill_to.clone(),
        partner: line.partner.clone(),
        what: days.map_or_else(|| what.clone(), |days| format!("{what}, {} of {} days", days.charged, days.of)),
        mailboxes: line.mailboxes,
        amount: line.amount.to_string(),
    }
}

#[derive(Template)]
#[template(path = "pages/line.html")]
struct LinePage {
    date: Date,
    line: Line,
    why_this_run: String,
    why_this_amount: String,
    before: Vec<(Date, String)>,
    entries: Vec<EntryRow>,
    later: Vec<u64>,
    frame: Frame,
}

pub(super) async fn line(
    State(state): State<HttpState>,
    reader: Reader,
    Path((date, number)): Path<(String, usize)>,
) -> Page {
    reader.identity.require(ACCOUNTANTS)?;
    let date = run_day(&date)?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let told = state.accounts.explain(LineName { run: date, number }).await?;
    html(&LinePage {
        line: shown(number, &told.line),
        why_this_run: told.why_this_run,
        why_this_amount: told.why_this_amount,
        before: told.charged_before.into_iter().map(|charged| (charged.run, charged.amount.to_string())).collect(),
        entries: rows(&state, &told.entries, u64::MAX, &told.entries, &times).await?,
        later: told.recorded_later,
        date,
        frame: Frame::of(&reader, "/invoicing"),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Close {
    form: String,
    /// Ticked: lines are frozen for ever.
    sure: Option<String>,
}

pub(super) async fn close(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(date): Path<String>,
    Form(sent): Form<Close>,
) -> Page {
    reader.sent_by(&[Role::Accounting], &headers, &sent.form)?;
    let date = run_day(&date)?;
    if sent.sure.is_none() {
        return Err(Problem::field("sure", "tick the box: closed lines are never changed").into());
    }
    state.accounts.close(date, &reader.identity.who()).await?;
    Ok(Redirect::to(&format!("/invoicing/{date}")).into_response())
}

/// A closed run as a file: what the API gives.
pub(super) async fn export(
    State(state): State<HttpState>,
    reader: Reader,
    Path(date): Path<String>,
    Query(query): Query<ExportQuery>,
) -> Page {
    let (identity, query) = (reader.identity, Params(query));
    Ok(api_export(State(state), identity, Path(date), query).await?)
}

fn today(state: &HttpState) -> Date {
    let zone = TimeZone::get(&state.config.commerce.time_zone).unwrap_or(TimeZone::UTC);
    state.clock.now().to_zoned(zone).date()
}
