//! `/customers`: customers by name, found by the beginning of it, by a domain or by an id.

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

use super::frame::Frame;
use super::ledger::sought;
use super::page::{Page, address, html};
use super::session::Reader;
use super::subscription;
use super::words::{self, Times, When};
use crate::http::HttpState;
use crate::http::api::{READERS, cursor, page};
use crate::http::problem::Problem;
use crate::http::view;
use crate::store::{Customer, Role, Scope};

const ROWS: u32 = 50;
/// Domains of one customer on the list.
const DOMAINS: usize = 4;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ListQuery {
    q: String,
    after: String,
}

struct Row {
    id: String,
    name: String,
    partner: String,
    phase: &'static str,
    about: &'static str,
    tone: &'static str,
    domains: Vec<(String, &'static str)>,
    /// Domains that are not listed.
    further: usize,
    differs: bool,
    ordered: When,
}

#[derive(Template)]
#[template(path = "pages/customers.html")]
struct CustomersPage {
    scope: String,
    all_partners: bool,
    q: String,
    rows: Vec<Row>,
    more: Option<String>,
    frame: Frame,
}

pub(super) async fn list(State(state): State<HttpState>, reader: Reader, Query(query): Query<ListQuery>) -> Page {
    reader.identity.require(READERS)?;
    let (scope, q) = (reader.identity.scope(), sought(&query.q)?);
    let times = Times::new(&state.config.commerce.time_zone, state.clock.now());
    let page = page(Some(query.after), Some(ROWS))?;
    let mut listing = state.store.customers_named(&scope, &q, &page).await?;
    if listing.rows.is_empty()
        && page.after.is_none()
        && !q.is_empty()
        && let Ok(id) = state.desk.customer_named(&q, &scope).await
    {
        listing.rows.extend(state.store.customer(&id, &scope).await?);
    }
    let may_see_differences = !matches!(reader.identity.role, Role::Viewer | Role::Agent);
    let rows = listing.rows.iter().map(|customer| row(customer, &times, may_see_differences));
    html(&CustomersPage {
        rows: rows.collect::<Result<_, _>>()?,
        more: listing.next.map(|next| address("/customers", [("q", q.as_str()), ("after", &cursor(&next))])),
        all_partners: scope == Scope::All,
        scope: match scope {
            Scope::All => "All partners".to_owned(),
            Scope::Partner(partner) => partner,
        },
        q,
        frame: Frame::of(&reader, "/customers"),
    })
}

fn row(customer: &Customer, times: &Times, may_see_differences: bool) -> Result<Row, Problem> {
    let view = view::customer(customer)?;
    let (phase, about, tone) = subscription::words(view.phase);
    Ok(Row {
        domains: view
            .domains
            .iter()
            .take(DOMAINS)
            .map(|domain| (domain.domain.to_string(), words::phase(domain.phase)))
            .collect(),
        further: view.domains.len().saturating_sub(DOMAINS),
        differs: may_see_differences && !view.discrepancies.is_empty(),
        ordered: times.show(view.ordered_at),
        id: view.id,
        name: view.name,
        partner: view.partner,
        phase,
        about,
        tone,
    })
}
