//! `/`: the runs by phase, and for whom they wait.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use fencepost_checks::Actor;
use serde::Deserialize;

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::words::{self, Times, When};
use crate::http::api::{READERS, cursor, page, phase_word};
use crate::http::view::DomainLine;
use crate::http::{HttpState, view};
use crate::lifecycle::connection::Phase;
use crate::store::{DomainFilter, Role, Scope};

/// Rows of one phase on the overview, and on the page of a single phase.
const OVERVIEW: u32 = 25;
const SINGLE: u32 = 200;

/// In the order in which somebody has to look at them.
const PHASES: [Phase; 11] = [
    Phase::Ordered,
    Phase::Allowlisting,
    Phase::Probing,
    Phase::Provisioning,
    Phase::Ready,
    Phase::Confirming,
    Phase::Drifted,
    Phase::Releasing,
    Phase::Connected,
    Phase::Released,
    Phase::Cancelled,
];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListQuery {
    phase: Option<Phase>,
    after: Option<String>,
}

struct Row {
    domain: String,
    customer: String,
    partner: String,
    tone: &'static str,
    answer: &'static str,
    reason: String,
    waits: Vec<String>,
    since: When,
    next: Option<When>,
    held: bool,
}

struct Section {
    word: String,
    title: &'static str,
    about: &'static str,
    rows: Vec<Row>,
    /// Link to the rest.
    more: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/desk.html")]
struct DeskPage {
    scope: String,
    sections: Vec<Section>,
    single: bool,
    for_desk: bool,
    /// Partners and the desk order from here, and see what differs.
    may_order: bool,
    waiting: Vec<(&'static str, usize)>,
    frame: Frame,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Query(query): Query<ListQuery>) -> Page {
    reader.identity.require(READERS)?;
    let scope = reader.identity.scope();
    let now = state.clock.now();
    let times = Times::new(&state.config.commerce.time_zone, now);
    let limit = if query.phase.is_some() { SINGLE } else { OVERVIEW };
    let mut sections = Vec::new();
    let mut waiting: BTreeMap<Actor, usize> = BTreeMap::new();
    for phase in PHASES.into_iter().filter(|phase| query.phase.is_none_or(|only| only == *phase)) {
        let word = phase_word(phase);
        let filter = DomainFilter { phase: Some(word.clone()), prefix: None };
        let page = page(query.after.clone().filter(|_| query.phase.is_some()), Some(limit))?;
        let listing = state.store.domains(&scope, &filter, &page).await?;
        let mut rows = Vec::new();
        for row in &listing.rows {
            let line = view::domain_line(row, &state.config, now, reader.identity.role == Role::Desk)?;
            for wait in &line.waiting_for {
                *waiting.entry(wait.who).or_default() += 1;
            }
            rows.push(to_row(line, &times));
        }
        if rows.is_empty() {
            continue;
        }
        let more = listing.next.map(|next| {
            let after = if query.phase.is_some() { format!("&after={}", cursor(&next)) } else { String::new() };
            format!("/?phase={word}{after}")
        });
        sections.push(Section { word, title: words::phase(phase), about: words::phase_about(phase), rows, more });
    }
    html(&DeskPage {
        scope: match scope {
            Scope::All => "All partners".to_owned(),
            Scope::Partner(partner) => partner,
        },
        sections,
        single: query.phase.is_some(),
        for_desk: reader.identity.role == Role::Desk,
        may_order: reader.form_for(&[Role::Desk, Role::Partner]).is_some(),
        waiting: waiting
            .into_iter()
            .filter(|(who, _)| !matches!(who, Actor::Nobody))
            .map(|(who, count)| (words::actor(who), count))
            .collect(),
        frame: Frame::of(&reader, "/").every(30),
    })
}

fn to_row(line: DomainLine, times: &Times) -> Row {
    Row {
        domain: line.domain.to_string(),
        customer: line.customer,
        partner: line.partner,
        tone: words::tone(line.answer),
        answer: words::answer_short(line.answer),
        reason: line.reason,
        waits: line.waiting_for.iter().map(|wait| format!("{}: {}", words::actor(wait.who), wait.what)).collect(),
        since: times.show(line.phase_since),
        next: line.next_check_at.map(|at| times.show(at)),
        held: line.held_by.is_some(),
    }
}
