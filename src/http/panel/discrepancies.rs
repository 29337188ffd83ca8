//! `/discrepancies`: where operation and accounting differ, each with a mail to the service desk that is
//! ready to be sent. For partner, desk and accounting.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::words::{Times, When};
use crate::engine::Difference;
use crate::http::HttpState;
use crate::http::api::{CONCERNED, cursor, page};

const ROWS: u32 = 100;

/// A difference, ready for a page.
pub(super) struct Row {
    pub(super) difference: Difference,
    pub(super) since: When,
}

#[derive(Template)]
#[template(path = "pages/discrepancies.html")]
struct DiscrepanciesPage {
    rows: Vec<Row>,
    /// Where the listing goes on.
    more: Option<String>,
    frame: Frame,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListQuery {
    after: Option<String>,
}

pub(super) async fn list(State(state): State<HttpState>, reader: Reader, Query(query): Query<ListQuery>) -> Page {
    reader.identity.require(CONCERNED)?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let listing = state.desk.differences(&reader.identity.scope(), &page(query.after, Some(ROWS))?).await?;
    html(&DiscrepanciesPage {
        rows: rows(listing.rows, &times),
        more: listing.next.map(|next| format!("/discrepancies?after={}", cursor(&next))),
        frame: Frame::of(&reader, "/discrepancies"),
    })
}

pub(super) fn rows(differences: Vec<Difference>, times: &Times) -> Vec<Row> {
    differences.into_iter().map(|difference| Row { since: times.show(difference.since), difference }).collect()
}
