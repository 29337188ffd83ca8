//! Domains: the status that a partner relies on, the question by status code alone, and what people
//! may ask for about a connection.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use fencepost_checks::DomainName;
use serde::Deserialize;

use super::customers::Empty;
use super::orders::rules;
use super::paging::{Items, Params, page};
use super::{Answer, READERS};
use crate::http::answers::Kept;
use crate::http::auth::Identity;
use crate::http::body::JsonBody;
use crate::http::problem::{Kind, Problem};
use crate::http::{HttpState, view};
use crate::lifecycle::connection::{Phase, ReleaseCause, RouteMode};
use crate::order::{OrderForm, ServerForm};
use crate::store::{DomainFilter, Role};

const MAX_REASON: usize = 1_000;
const MAX_NAMES: usize = 32;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    after: Option<String>,
    limit: Option<u32>,
    phase: Option<Phase>,
    /// Beginning of the domain.
    prefix: Option<String>,
}

pub(super) async fn list(
    State(state): State<HttpState>,
    identity: Identity,
    Params(query): Params<ListQuery>,
) -> Answer {
    identity.require(READERS)?;
    let phase = query.phase.map(phase_word);
    let filter = DomainFilter { phase, prefix: query.prefix.map(|prefix| prefix.to_ascii_lowercase()) };
    let listing = state.store.domains(&identity.scope(), &filter, &page(query.after, query.limit)?).await?;
    let now = state.clock.now();
    let for_desk = identity.role == Role::Desk;
    let items = listing
        .rows
        .iter()
        .map(|row| view::domain_line(row, &state.config, now, for_desk))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Items::new(items, listing.next.as_deref()).into_response())
}

pub(super) async fn status(State(state): State<HttpState>, identity: Identity, Path(domain): Path<String>) -> Answer {
    Ok(kept(&state, &identity, &domain).await?.status())
}

/// What scripts ask before they write to the DNS provider.
pub(super) async fn mx_change(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
) -> Answer {
    Ok(kept(&state, &identity, &domain).await?.mx_change())
}

async fn kept(state: &HttpState, identity: &Identity, domain: &str) -> Result<Arc<Kept>, Problem> {
    identity.require(READERS)?;
    state.answers.of(state, &identity.scope(), &name(domain)?).await
}

pub(super) async fn recheck(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<Empty>,
) -> Answer {
    identity.require(&[Role::Desk, Role::Partner])?;
    Ok(Json(state.desk.recheck(&name(&domain)?, &body.caller(&identity)).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AcceptBody {
    names: Vec<String>,
    reason: String,
}

pub(super) async fn accept_mx(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<AcceptBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    if body.value.names.is_empty() || body.value.names.len() > MAX_NAMES {
        return Err(Problem::field("names", format!("1 to {MAX_NAMES} host names, as the MX shall name them")));
    }
    let mut names = Vec::new();
    for (index, text) in body.value.names.iter().enumerate() {
        let name = DomainName::parse(text).map_err(|e| Problem::field(&format!("names[{index}]"), e.to_string()))?;
        names.push(name);
    }
    let reason = reason(body.value.reason)?;
    Ok(Json(state.desk.accept_mx(&name(&domain)?, names, reason, &caller).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelBody {
    reason: String,
}

pub(super) async fn cancel(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<CancelBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let reason = reason(body.value.reason)?;
    Ok(Json(state.desk.cancel(&name(&domain)?, reason, &caller).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteBody {
    /// What was set; has to be what is wished for.
    mode: Option<RouteMode>,
}

/// A route that was set by hand.
pub(super) async fn confirm_route(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<RouteBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    Ok(Json(state.desk.confirm_route(&name(&domain)?, body.value.mode, &caller).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseBody {
    /// `terminated` when not given.
    cause: Option<ReleaseCause>,
    /// The domain stays after all: takes a release back.
    #[serde(default)]
    withdrawn: bool,
    /// The name servers have been silent for 14 days, and the desk decides that the domain has left.
    #[serde(default)]
    departed: bool,
    /// The MX never moved: announces that mail is deferred in 30 days and refused three days later.
    #[serde(default)]
    cut_off: bool,
    /// Needed for `departed` and `cut_off`.
    reason: Option<String>,
}

pub(super) async fn release(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<ReleaseBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let domain = name(&domain)?;
    let ReleaseBody { cause, withdrawn, departed, cut_off, reason: said } = body.value;
    let outcome = match (withdrawn, departed, cut_off) {
        (true, false, false) => state.desk.keep(&domain, &caller).await?,
        (false, true, false) => state.desk.departed(&domain, reason(said.unwrap_or_default())?, &caller).await?,
        (false, false, true) => state.desk.cut_off(&domain, reason(said.unwrap_or_default())?, &caller).await?,
        (false, false, false) => {
            state.desk.release(&domain, cause.unwrap_or(ReleaseCause::Terminated), &caller).await?
        }
        _ => {
            let message = "ask for one thing at a time: `withdrawn`, `departed` or `cut_off`";
            return Err(Problem::field("withdrawn", message));
        }
    };
    Ok(Json(outcome).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServersBody {
    #[serde(default)]
    servers: Vec<ServerForm>,
    /// The new servers are a platform that cannot be firewalled.
    #[serde(default)]
    hosted: bool,
    reason: Option<String>,
    /// The present servers stay: gives a change up, or takes it back.
    #[serde(default)]
    withdrawn: bool,
}

pub(super) async fn servers(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<ServersBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let domain = name(&domain)?;
    let ServersBody { servers, hosted, reason: said, withdrawn } = body.value;
    if withdrawn {
        return Ok(Json(state.desk.keep_route(&domain, &caller).await?).into_response());
    }
    let reason = reason(said.unwrap_or_default())?;
    let form = OrderForm { servers, hosted, ..OrderForm::default() };
    let servers = form.own_servers(&rules(&state)?).map_err(Problem::invalid)?;
    Ok(Json(state.desk.change_route(&domain, servers, hosted, reason, &caller).await?).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SuspendBody {
    reason: String,
    /// The gateway defers the domain's mail, for at most 72 hours.
    #[serde(default)]
    defer: bool,
}

pub(super) async fn suspend(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<SuspendBody>,
) -> Answer {
    identity.require_desk()?;
    let caller = body.caller(&identity);
    let SuspendBody { reason: said, defer } = body.value;
    Ok(Json(state.desk.suspend(&name(&domain)?, reason(said)?, defer, &caller).await?).into_response())
}

pub(super) async fn resume(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    body: JsonBody<Empty>,
) -> Answer {
    identity.require_desk()?;
    Ok(Json(state.desk.resume(&name(&domain)?, &body.caller(&identity)).await?).into_response())
}

/// A domain in an address. Its syntax says nothing about who has it.
pub(in crate::http) fn name(text: &str) -> Result<DomainName, Problem> {
    DomainName::parse(text).map_err(|error| Problem::new(Kind::BadRequest, error.to_string()))
}

pub(in crate::http) fn reason(text: String) -> Result<String, Problem> {
    let legal = !text.trim().is_empty() && text.len() <= MAX_REASON && !text.chars().any(char::is_control);
    if legal {
        return Ok(text);
    }
    Err(Problem::field("reason", format!("say why, in one line of at most {MAX_REASON} bytes")))
}

/// The word for a phase, as it is stored and shown.
pub(in crate::http) fn phase_word(phase: Phase) -> String {
    serde_json::to_value(phase).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
