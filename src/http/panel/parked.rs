//! `/parked`: work that was given up, why, and what to do. For the service desk alone.

use askama::Template;
use axum::extract::State;

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use crate::http::HttpState;
use crate::http::api::{ParkedView, parked_view};
use crate::store::{Page as StorePage, Role};

const ROWS: u32 = 100;

#[derive(Template)]
#[template(path = "pages/parked.html")]
struct ParkedPage {
    rows: Vec<ParkedView>,
    more: bool,
    /// For whoever may retry from here.
    form: Option<String>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader) -> Page {
    // On open pages everybody on this machine is the desk's guest.
    if reader.signed_in {
        reader.identity.require(&[Role::Desk])?;
    }
    let listing = state.store.parked(&StorePage { after: None, limit: ROWS }).await?;
    let rows = listing.rows.into_iter().map(parked_view).collect();
    html(&ParkedPage {
        rows,
        more: listing.next.is_some(),
        form: reader.desk_form(),
        frame: Frame::of(&reader, "/parked").every(30),
    })
}
