//! `/customers/{id}/decide`: the service desk enters what a customer said about staying, with the mail that
//! says so attached. What follows from it is decided where the API has it decided, too.

use askama::Template;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{Multipart, Path, State};
use axum::http::HeaderMap;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::action::caller;
use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use super::subscription::SubscriptionView;
use crate::engine::Word;
use crate::http::api::checked_evidence;
use crate::http::problem::{Kind, Problem};
use crate::http::{HttpState, view};

/// Parts of a form; further ones are refused.
const MAX_PARTS: usize = 12;

#[derive(Template)]
#[template(path = "pages/decide.html")]
struct DecidePage {
    customer: String,
    id: String,
    domains: Vec<String>,
    subscription: SubscriptionView,
    form: String,
    zone: String,
    /// What followed, once it was entered.
    done: Option<Done>,
    frame: Frame,
}

struct Done {
    changed: bool,
    consequences: Vec<String>,
}

/// The form as it was sent.
#[derive(Default)]
struct Sent {
    form: String,
    decision: String,
    group: String,
    received: String,
    replace: bool,
    file: Option<(Option<String>, Vec<u8>)>,
}

pub(super) async fn show(State(state): State<HttpState>, reader: Reader, Path(id): Path<String>) -> Page {
    reader.identity.require_desk()?;
    page(&state, &reader, &id, None).await
}

pub(super) async fn decide(
    State(state): State<HttpState>,
    reader: Reader,
    headers: HeaderMap,
    Path(id): Path<String>,
    parts: Multipart,
) -> Page {
    let sent = Sent::read(parts).await?;
    reader.sent(&headers, &sent.form)?;
    let customer = match sent.decision.as_str() {
        "customer" => true,
        "no-customer" => false,
        _ => return Err(Problem::field("decision", "choose `customer` or `no customer`").into()),
    };
    let group = match (sent.group.as_str(), customer) {
        ("", _) => None,
        ("15", true) => Some(15),
        ("30", true) => Some(30),
        (_, false) => return Err(Problem::field("group", "a group goes with the decision `customer` only").into()),
        _ => return Err(Problem::field("group", "the invoicing group is 15 or 30").into()),
    };
    let received = received(&sent.received, &state.config.commerce.time_zone)?;
    let (name, content) = sent.file.ok_or_else(|| Problem::field("evidence", "attach the mail that says so"))?;
    let evidence = checked_evidence(name, content, received, state.clock.now())?;
    let caller = caller(&reader);
    let id = state.desk.customer_named(&id, &caller.scope).await?;
    let word = Word { customer, group, evidence, replace: sent.replace };
    let outcome = state.desk.decide(&id, word, &caller).await?;
    let done = Done { changed: outcome.changed, consequences: outcome.consequences };
    page(&state, &reader, &id, Some(done)).await
}

async fn page(state: &HttpState, reader: &Reader, id: &str, done: Option<Done>) -> Page {
    let scope = reader.identity.scope();
    let id = state.desk.customer_named(id, &scope).await?;
    let customer = state.store.customer(&id, &scope).await?.ok_or_else(Problem::not_found)?;
    let domains = customer.order.domains.iter().map(ToString::to_string).collect();
    let view = view::customer(&customer)?;
    html(&DecidePage {
        customer: customer.order.customer_name.clone(),
        subscription: SubscriptionView::new(&view),
        domains,
        form: reader.desk_form().unwrap_or_default(),
        zone: state.config.commerce.time_zone.clone(),
        done,
        frame: Frame::of(reader, "/"),
        id,
    })
}

/// A day and time of the business time zone, as browsers write it; now, when it is empty.
fn received(text: &str, zone: &str) -> Result<Option<Timestamp>, Problem> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || Problem::field("received", "write a day and time such as 2026-03-15T12:00");
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    let at: DateTime = text.parse().map_err(|_| wrong())?;
    Ok(Some(at.to_zoned(zone).map_err(|_| wrong())?.timestamp()))
}

impl Sent {
    async fn read(mut parts: Multipart) -> Result<Self, Problem> {
        let mut sent = Self::default();
        for _ in 0..MAX_PARTS {
            let Some(part) = parts.next_field().await.map_err(|error| unreadable(&error))? else { return Ok(sent) };
            match part.name().unwrap_or_default() {
                "form" => sent.form = text(part).await?,
                "decision" => sent.decision = text(part).await?,
                "group" => sent.group = text(part).await?,
                "received" => sent.received = text(part).await?,
                "replace" => sent.replace = text(part).await? == "yes",
                "evidence" => {
                    let name = part.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
                    sent.file = Some((name, part.bytes().await.map_err(|error| unreadable(&error))?.to_vec()));
                }
                _ => return Err(Problem::new(Kind::BadRequest, "The form has a field that is not known.")),
            }
        }
        Err(Problem::new(Kind::BadRequest, "The form has too many fields."))
    }
}

async fn text(part: Field<'_>) -> Result<String, Problem> {
    Ok(part.text().await.map_err(|error| unreadable(&error))?.trim().to_owned())
}

fn unreadable(error: &MultipartError) -> Problem {
    tracing::debug!(%error, "a form cannot be read");
    Problem::new(Kind::BadRequest, "The form could not be read.")
}
