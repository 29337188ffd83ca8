//! `/ledger` and `/ledger/{customer}`: what is charged to a customer on a day, as it was known at an entry, with
//! every entry beside the mail or document that it rests on. For accounting and the desk; it only reads.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::entries::{Row, known_until, rows};
use super::frame::Frame;
use super::page::{Page, address, html};
use super::session::Reader;
use super::words::Times;
use crate::engine::{Known, RunReport};
use crate::http::HttpState;
use crate::http::api::{ACCOUNTANTS, cursor, page};
use crate::http::problem::Problem;
use crate::ledger::StoredEntry;
use crate::ledger::as_of::AsOf;
use crate::ledger::fold::BillingState;
use crate::store::Scope;

/// Customers on one page, entries of one customer.
const CUSTOMERS: u32 = 50;
const ENTRIES: u32 = 500;
const SOUGHT: usize = 253;
/// Bytes of a document that are shown.
const SHOWN: usize = 200_000;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListQuery {
    q: String,
    after: String,
}

struct Line {
    id: String,
    name: String,
    partner: String,
    phase: &'static str,
    tone: &'static str,
    price: String,
}

#[derive(Template)]
#[template(path = "pages/ledger.html")]
struct ListPage {
    q: String,
    rows: Vec<Line>,
    more: Option<String>,
    frame: Frame,
}

/// Customers by name.
pub(super) async fn list(State(state): State<HttpState>, reader: Reader, Query(query): Query<ListQuery>) -> Page {
    reader.identity.require(ACCOUNTANTS)?;
    let q = sought(&query.q)?;
    let page = page(Some(query.after), Some(CUSTOMERS))?;
    let mut listing = state.store.customers_named(&Scope::All, &q, &page).await?;
    if listing.rows.is_empty() && page.after.is_none() && !q.is_empty() {
        // A domain or an id names its customer, too.
        let named = state.desk.customer_named(&q, &Scope::All).await;
        if let Ok(id) = named {
            listing.rows.extend(state.store.customer(&id, &Scope::All).await?);
        }
    }
    let line = |row: &crate::store::Customer| {
        let view = crate::http::view::customer(row)?;
        let (phase, _, tone) = super::subscription::words(view.phase);
        Ok::<_, Problem>(Line {
            id: view.id,
            name: view.name,
            partner: view.partner,
            phase,
            tone,
            price: view.price.to_string(),
        })
    };
    html(&ListPage {
        rows: listing.rows.iter().map(line).collect::<Result<_, _>>()?,
        more: listing.next.map(|next| address("/ledger", [("q", q.as_str()), ("after", &cursor(&next))])),
        q,
        frame: Frame::of(&reader, "/ledger"),
    })
}

pub(super) fn sought(text: &str) -> Result<String, Problem> {
    let text = text.trim();
    if text.len() > SOUGHT || text.chars().any(char::is_control) {
        return Err(Problem::field("q", format!("is one line of at most {SOUGHT} bytes")));
    }
    Ok(text.to_owned())
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AsOfQuery {
    /// A day; today, where it is empty.
    on: String,
    /// How many of the customer's entries are known; all, where it is empty.
    known: String,
}

#[derive(Template)]
#[template(path = "pages/ledger_customer.html")]
struct CustomerPage {
    id: String,
    name: String,
    on: Date,
    /// The first and the last day of the slider, and the place of `on` in it.
    first_day: Date,
    days: i32,
    day: i32,
    today: Date,
    known: usize,
    count: usize,
    /// When what is known was recorded.
    known_at: Option<super::words::When>,
    /// The first day lies before all entries.
    answer: String,
    facts: Vec<(&'static str, String, u64)>,
    entries: Vec<Row>,
    /// There are more than are shown.
    cut: bool,
    frame: Frame,
}

pub(super) async fn show(
    State(state): State<HttpState>,
    reader: Reader,
    Path(id): Path<String>,
    Query(query): Query<AsOfQuery>,
) -> Page {
    reader.identity.require(ACCOUNTANTS)?;
    let id = state.desk.customer_named(&id, &Scope::All).await.unwrap_or(id);
    let entries = state.accounts.entries(Some(&id), 0, ENTRIES).await?;
    if entries.is_empty() {
        return Err(Problem::not_found().into());
    }
    let zone = &state.config.commerce.time_zone;
    let times = Times::new(zone, state.clock.now());
    let today = state.clock.now().to_zoned(TimeZone::get(zone).unwrap_or(TimeZone::UTC)).date();
    let on = if query.on.trim().is_empty() {
        today
    } else {
        query.on.trim().parse().map_err(|_| Problem::field("on", "is a day, such as 2026-11-23"))?
    };
    let known = match query.known.trim() {
        "" => entries.len(),
        text => {
            text.parse::<usize>().map_err(|_| Problem::field("known", "is a number of entries"))?.min(entries.len())
        }
    };
    let seq = known_until(&entries, known);
    let told = state.accounts.as_of(&id, on, Known::Seq(seq)).await?;
    let (first_day, days) = span(&entries, today, on);
    let name = state.store.customer(&id, &Scope::All).await?.map_or_else(|| id.clone(), |row| row.order.customer_name);
    let AsOf { answer, state: holds, entries: in_force, .. } = told;
    html(&CustomerPage {
        known_at: known.checked_sub(1).and_then(|last| entries.get(last)).map(|entry| times.show(entry.recorded_at)),
        facts: facts(&holds),
        entries: rows(&state, &entries, seq, &in_force, &times).await?,
        cut: entries.len() >= ENTRIES as usize,
        count: entries.len(),
        day: first_day.until(on).map_or(0, |span| span.get_days()).clamp(0, days),
        known,
        answer,
        first_day,
        days,
        on,
        today,
        name,
        frame: Frame::of(&reader, "/ledger"),
        id,
    })
}

/// From where to where the slider of days goes: from the first day that anything holds to a year from now.
fn span(entries: &[StoredEntry], today: Date, on: Date) -> (Date, i32) {
    let first = entries.iter().map(|entry| entry.draft.valid_from).min().unwrap_or(today).min(today).min(on);
    let last = today.saturating_add(1.year()).max(on);
    (first, first.until(last).map_or(0, |span| span.get_days()))
}

fn facts(state: &BillingState) -> Vec<(&'static str, String, u64)> {
    let mut facts = Vec::new();
    let mut fact = |what, value: Option<(String, u64)>| facts.extend(value.map(|(value, seq)| (what, value, seq)));
    fact("Charged from", state.charged_from.as_ref().map(|held| (held.value.to_string(), held.seq)));
    fact("Trial until before", state.trial_ends.as_ref().map(|held| (held.value.to_string(), held.seq)));
    fact("Price", state.price.as_ref().map(|held| (super::entries::price(held.value), held.seq)));
    fact("Mailboxes", state.mailboxes.as_ref().map(|held| (held.value.to_string(), held.seq)));
    fact("Invoicing group", state.group.as_ref().map(|held| (format!("the {}th", held.value), held.seq)));
    let word = |yes: bool| if yes { "customer" } else { "no customer" };
    fact("Decision", state.customer.as_ref().map(|held| (word(held.value).to_owned(), held.seq)));
    fact("Notice ends before", state.notice_ends.as_ref().map(|held| (held.value.to_string(), held.seq)));
    fact("Partner", state.partner.as_ref().map(|held| (held.value.clone(), held.seq)));
    fact("Who pays", state.billing_party.as_ref().map(|held| (held.value.clone(), held.seq)));
    facts
}

#[derive(Template)]
#[template(path = "pages/document.html")]
struct DocumentPage {
    sha256: String,
    text: String,
    cut: bool,
    bytes: usize,
    frame: Frame,
}

/// A kept mail or document as text; nothing in it acts.
pub(super) async fn evidence(State(state): State<HttpState>, reader: Reader, Path(sha256): Path<String>) -> Page {
    let content = kept(&state, &reader, &sha256).await?;
    let shown = content.get(..SHOWN.min(content.len())).unwrap_or_default();
    html(&DocumentPage {
        text: super::entries::readable(shown),
        cut: shown.len() < content.len(),
        bytes: content.len(),
        sha256,
        frame: Frame::of(&reader, "/ledger"),
    })
}

/// The same byte for byte, to be saved and never to be shown by a browser.
pub(super) async fn file(State(state): State<HttpState>, reader: Reader, Path(sha256): Path<String>) -> Page {
    let content = kept(&state, &reader, &sha256).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{sha256}\"")),
    ];
    Ok((headers, content).into_response())
}

async fn kept(state: &HttpState, reader: &Reader, sha256: &str) -> Result<Vec<u8>, Problem> {
    reader.identity.require(ACCOUNTANTS)?;
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let found = if is_digest { state.store.evidence(sha256).await? } else { None };
    found.ok_or_else(Problem::not_found)
}

/// What a run says in one line.
pub(super) fn sums(report: &RunReport) -> String {
    let sums: Vec<String> = report.totals.iter().map(ToString::to_string).collect();
    if sums.is_empty() { "nothing".to_owned() } else { sums.join(" + ") }
}
