//! `/domains/{domain}`: what to do now, who has to act, and the evidence below it, for whoever is signed in. What
//! is the same for those who hold a link is made in `status`.

use askama::Template;
use axum::extract::{Path, State};

use super::actions::{self, Actions};
use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::shared::{self, LinkLine};
use super::status::{Audience, Seen, StatusView};
use super::story;
use super::subscription::SubscriptionView;
use super::words::{self, Times, When};
use crate::config::{AdapterConfig, Config};
use crate::http::HttpState;
use crate::http::api::{READERS, SHARERS, name};
use crate::http::problem::Problem;
use crate::http::view;
use crate::store::{DomainRow, EventRow, OutboxRow, Role};

/// Newest events and notices on the page.
const EVENTS: u64 = 200;
const NOTICES: u32 = 100;

struct NoticeLine {
    at: When,
    what: String,
    status: String,
    detail: String,
}

#[derive(Template)]
#[template(path = "pages/domain.html")]
struct DomainPage {
    s: StatusView,
    connection_id: String,
    customer_id: String,
    customer: String,
    partner: String,
    phase: &'static str,
    phase_about: &'static str,
    phase_since: When,
    permit: Option<(String, When, When)>,
    mx_verdict: Option<String>,
    notices: Vec<NoticeLine>,
    subscription: Option<SubscriptionView>,
    /// Where the desk enters a decision.
    decide: Option<String>,
    held: Option<String>,
    /// A route that people have to set: what, in words and as it is sent, and the form's word.
    by_hand: Option<ByHand>,
    /// The conversations of the last looks, for the desk.
    transcripts: bool,
    /// For whoever may make links.
    sharing: Option<Sharing>,
    actions: Actions,
    frame: Frame,
}

struct Sharing {
    links: Vec<LinkLine>,
    form: String,
}

struct ByHand {
    what: &'static str,
    mode: String,
    form: String,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Path(domain): Path<String>) -> Page {
    let identity = &reader.identity;
    identity.require(READERS)?;
    let row = state.store.domain(&name(&domain)?, &identity.scope()).await?.ok_or_else(Problem::not_found)?;
    let id = &row.connection.id;
    let observations = state.store.observations(id).await?;
    let now = state.clock.now();
    let times = Times::new(&state.config.commerce.time_zone, now);
    let status = view::status(&row, &observations, &state.config, now)?;
    let events = newest_events(&state, &row).await?;
    let notices = state.store.notices(id, NOTICES).await?;
    let customer = state.store.customer(&row.customer_id, &identity.scope()).await?;
    let customer = customer.as_ref().map(view::customer).transpose()?;
    let order = &row.connection.order;
    let seen = Seen { status: &status, observations: &observations, events: &events, audience: Audience::SignedIn };
    let mut s = StatusView::new(&seen, &times);
    s.live = (!s.over).then(|| format!("/domains/{}/live", s.domain));
    let published: Vec<String> = status.current_mx.iter().map(|record| record.exchange.clone()).collect();
    let actions = actions::of(&state, &reader, &status.domain, &published).await?;
    html(&DomainPage {
        customer_id: row.customer_id.clone(),
        customer: order.customer_name.clone(),
        partner: order.partner.clone(),
        phase: words::phase(status.phase),
        phase_about: words::phase_about(status.phase),
        phase_since: times.show(status.phase_since),
        permit: status
            .permit
            .as_ref()
            .map(|permit| (permit.id.clone(), times.show(permit.issued_at), times.show(permit.valid_until))),
        mx_verdict: status.mx_verdict.map(|verdict| {
            serde_json::to_value(verdict)
                .ok()
                .and_then(|value| value.as_str().map(|word| word.replace('_', " ")))
                .unwrap_or_default()
        }),
        notices: notices.iter().rev().map(|row| notice_line(row, &times)).collect(),
        decide: reader
            .desk_form()
            .and(customer.as_ref())
            .filter(|customer| !customer.phase.is_final())
            .map(|customer| format!("/customers/{}/decide", customer.id)),
        subscription: customer.as_ref().map(SubscriptionView::new),
        held: row.held_by.clone().filter(|_| identity.role == Role::Desk),
        by_hand: by_hand(&row, &state.config, &reader)?,
        transcripts: identity.role == Role::Desk,
        sharing: sharing(&state, &reader, &row, &times).await?,
        frame: Frame { refresh: (!s.over).then_some(30), ..Frame::of(&reader, "/") },
        actions,
        connection_id: status.connection_id.clone(),
        s,
    })
}

/// The newest events of a connection, oldest first.
pub(super) async fn newest_events(state: &HttpState, row: &DomainRow) -> Result<Vec<EventRow>, Problem> {
    let first = row.connection.last_seq.saturating_sub(EVENTS);
    Ok(state.store.events(&row.connection.id, first, u32::try_from(EVENTS).unwrap_or(u32::MAX)).await?)
}

/// The links to this page, for whoever may make them.
async fn sharing(
    state: &HttpState,
    reader: &Reader,
    row: &DomainRow,
    times: &Times,
) -> Result<Option<Sharing>, Problem> {
    let Some(form) = reader.form_for(SHARERS) else { return Ok(None) };
    let links = state.store.links(&row.connection.id).await?;
    Ok(Some(Sharing { links: shared::in_force(links, times, state.clock.now()), form }))
}

/// Only where nobody but the desk can say that it was done.
fn by_hand(row: &DomainRow, config: &Config, reader: &Reader) -> Result<Option<ByHand>, Problem> {
    let wished = view::unconfirmed_route(row)?.filter(|_| config.gateway.adapter == AdapterConfig::Manual);
    let (Some(mode), Some(form), None) = (wished, reader.desk_form(), &row.held_by) else { return Ok(None) };
    let word = serde_json::to_value(mode).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
    Ok(Some(ByHand { what: story::route_word(mode), mode: word, form }))
}

fn notice_line(row: &OutboxRow, times: &Times) -> NoticeLine {
    let payload: Option<serde_json::Value> = serde_json::from_str(&row.payload).ok();
    let notice = payload.as_ref().and_then(|value| value.get("notice")).and_then(serde_json::Value::as_str);
    NoticeLine {
        at: times.show(row.sent_at.unwrap_or(row.created_at)),
        what: notice.unwrap_or(&row.dedupe_key).replace('_', " "),
        status: row.status.clone(),
        detail: row.detail.clone(),
    }
}
