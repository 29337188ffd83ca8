//! `/audit`: who did what, the newest first, with its filters in the address. For the service desk;
//! accounting sees its own part.

use askama::Template;
use axum::extract::{Query, State};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use super::frame::Frame;
use super::page::{Page, address, html};
use super::session::Reader;
use super::words::{Times, When};
use crate::http::HttpState;
use crate::http::api::{audit_within, cursor, page};
use crate::http::problem::Problem;
use crate::http::trail::in_words;
use crate::store::{Act, ActFilter, ActOutcome, ActPart, Role};

const ROWS: u32 = 100;

/// The filters as they stand in the address; empty ones are no filters.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListQuery {
    actor: String,
    action: String,
    subject: String,
    outcome: String,
    /// First and last day, in the business time zone.
    from: String,
    until: String,
    after: String,
}

struct Row {
    at: When,
    act: Act,
    said: String,
    /// Where the subject is shown.
    link: Option<String>,
    refused: bool,
}

#[derive(Template)]
#[template(path = "pages/audit.html")]
struct AuditPage {
    rows: Vec<Row>,
    query: ListQuery,
    filtered: bool,
    for_desk: bool,
    more: Option<String>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Query(query): Query<ListQuery>) -> Page {
    let zone = &state.config.commerce.time_zone;
    let filter = audit_within(&reader.identity, filter(&query, zone)?)?;
    let times = Times::new(zone, state.clock.now());
    let after = Some(query.after.clone());
    let listing = state.desk.acts(&filter, &page(after, Some(ROWS))?).await?;
    let more = listing.next.map(|next| {
        let next = cursor(&next);
        let fields = [
            ("actor", &query.actor),
            ("action", &query.action),
            ("subject", &query.subject),
            ("outcome", &query.outcome),
            ("from", &query.from),
            ("until", &query.until),
            ("after", &next),
        ];
        address("/audit", fields.map(|(name, value)| (name, value.as_str())))
    });
    let filtered = ActFilter { part: None, ..filter } != ActFilter::default();
    html(&AuditPage {
        rows: listing.rows.into_iter().map(|act| row(act, &times)).collect(),
        query,
        filtered,
        for_desk: reader.identity.role == Role::Desk,
        more,
        frame: Frame::of(&reader, "/audit"),
    })
}

fn filter(query: &ListQuery, zone: &str) -> Result<ActFilter, Problem> {
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let outcome = match query.outcome.as_str() {
        "" => None,
        "done" => Some(ActOutcome::Done),
        "refused" => Some(ActOutcome::Refused),
        _ => return Err(Problem::field("outcome", "is `done` or `refused`")),
    };
    Ok(ActFilter {
        actor: text(&query.actor),
        action: text(&query.action),
        subject: text(&query.subject),
        part: None,
        outcome,
        from: day("from", &query.from, zone, 0)?,
        until: day("until", &query.until, zone, 1)?,
    })
}

/// The beginning of the day so many days after.
fn day(field: &'static str, text: &str, zone: &str, after: i32) -> Result<Option<Timestamp>, Problem> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let wrong = || Problem::field(field, "is a day, such as 2026-11-23");
    let day: Date = text.trim().parse().map_err(|_| wrong())?;
    let day = day.checked_add(after.days()).map_err(|_| wrong())?;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Ok(Some(day.to_zoned(zone).map_err(|_| wrong())?.timestamp()))
}

fn row(act: Act, times: &Times) -> Row {
    let link = match act.subject_kind.as_str() {
        "domain" => Some("domains"),
        "customer" => Some("customers"),
        "run" => Some("invoicing"),
        "proposal" => Some("proposals"),
        _ => None,
    };
    let name: String = url::form_urlencoded::byte_serialize(act.subject.as_bytes()).collect();
    Row {
        at: times.show(act.at),
        said: if act.part == ActPart::Access && act.outcome == ActOutcome::Refused {
            format!("was refused: {}", act.action)
        } else {
            in_words(&act.action).to_owned()
        },
        link: link.map(|place| format!("/{place}/{name}")),
        refused: act.outcome == ActOutcome::Refused,
        act,
    }
}
