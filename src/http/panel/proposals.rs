//! `/proposals` and `/proposals/{id}`: mail beside what was understood of it, for the service desk and
//! accounting. Approving as understood and rejecting are forms; everything else is a command.

use askama::Template;
use axum::extract::{Path, State};

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::words::{Times, When};
use crate::http::HttpState;
use crate::http::api::{ProposalView, mail_line, proposal_view};
use crate::store::{MailState, Page as StorePage, Role};

const ROWS: u32 = 100;

struct Row {
    id: String,
    sender: String,
    subject: String,
    reason: String,
    received: When,
    copies: u32,
}

#[derive(Template)]
#[template(path = "pages/proposals.html")]
struct ListPage {
    open: Vec<Row>,
    quarantined: Vec<Row>,
    frame: Frame,
}

#[derive(Template)]
#[template(path = "pages/proposal.html")]
struct OnePage {
    view: ProposalView,
    state: &'static str,
    tone: &'static str,
    waits: bool,
    changes: Vec<String>,
    /// For whoever may settle it from here.
    form: Option<String>,
    received: When,
    frame: Frame,
}

pub(super) async fn list(State(state): State<HttpState>, reader: Reader) -> Page {
    reader.identity.require(&[Role::Desk, Role::Accounting])?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let mut columns = Vec::new();
    for kind in [MailState::Open, MailState::Quarantined] {
        let listing = state.proposals.list(Some(kind), &StorePage { after: None, limit: ROWS }).await?;
        let row = |row| {
            let line = mail_line(row);
            Row {
                received: times.show(line.received_at),
                id: line.id,
                sender: line.sender,
                subject: line.subject,
                reason: line.reason,
                copies: line.copies,
            }
        };
        columns.push(listing.rows.into_iter().map(row).collect::<Vec<Row>>());
    }
    let quarantined = columns.pop().unwrap_or_default();
    let open = columns.pop().unwrap_or_default();
    html(&ListPage { open, quarantined, frame: Frame::of(&reader, "/proposals").every(30) })
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Path(id): Path<String>) -> Page {
    reader.identity.require(&[Role::Desk, Role::Accounting])?;
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let view = proposal_view(state.proposals.show(&id).await?);
    let (word, tone) = match view.line.state {
        MailState::Open => ("waits for approval", "wait"),
        MailState::Quarantined => ("in quarantine", "stop"),
        MailState::Approved => ("approved", "done"),
        MailState::Rejected => ("rejected", "wait"),
    };
    html(&OnePage {
        state: word,
        tone,
        waits: view.line.state == MailState::Open,
        changes: view.understood.changes.iter().map(ToString::to_string).collect(),
        received: times.show(view.line.received_at),
        form: reader.desk_form(),
        view,
        frame: Frame::of(&reader, "/proposals"),
    })
}
