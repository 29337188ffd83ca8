//! `/parked`: work that was given up, why, and what to do. For the service desk alone.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::frame::Frame;
use super::page::{Page, address, html};
use super::session::Reader;
use super::words::{Times, When};
use crate::http::HttpState;
use crate::http::api::{ParkedView, cursor, page, parked_view};
use crate::store::Role;

const ROWS: u32 = 100;

struct Row {
    view: ParkedView,
    since: When,
    retried: Option<When>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListQuery {
    after: String,
}

#[derive(Template)]
#[template(path = "pages/parked.html")]
struct ParkedPage {
    rows: Vec<Row>,
    /// Where the listing goes on.
    more: Option<String>,
    /// For whoever may retry from here.
    form: Option<String>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Query(query): Query<ListQuery>) -> Page {
    // On open pages everybody on this machine is the desk's guest.
    if reader.signed_in {
        reader.identity.require(&[Role::Desk])?;
    }
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let listing = state.store.parked(&page(Some(query.after), Some(ROWS))?).await?;
    let row = |row| {
        let view = parked_view(row);
        Row { since: times.show(view.since), retried: view.retried_at.map(|at| times.show(at)), view }
    };
    let rows = listing.rows.into_iter().map(row).collect();
    html(&ParkedPage {
        rows,
        more: listing.next.map(|next| address("/parked", [("after", cursor(&next).as_str())])),
        form: reader.desk_form(),
        frame: Frame::of(&reader, "/parked").every(30),
    })
}
