//! `GET /metrics`: what the process counted, and how much the store has waiting. Also the counting of
//! requests, by the pattern of their address, so that no label holds what a caller wrote.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use tokio::time::Instant;

use super::HttpState;
use super::auth::Identity;
use super::problem::{Kind, Problem};
use crate::clock::SharedClock;
use crate::engine::VantageState;
use crate::engine::agents::Agents;
use crate::metrics::{self, AgentHealth, CONTENT_TYPE, PlaceHealth, Waiting};
use crate::store::{Figures, Role, Store, StoreResult};

/// A scraper is not kept waiting for the store.
const PATIENCE: Duration = Duration::from_secs(2);

/// The metrics alone, for an address of their own where no token is asked for.
pub fn metrics_router(store: Arc<dyn Store>, agents: Agents, clock: SharedClock) -> Router {
    let told = move || {
        let (store, agents, clock) = (store.clone(), agents.clone(), clock.clone());
        async move { tell(store.as_ref(), &agents, clock.now()).await }
    };
    Router::new().route("/metrics", get(told)).fallback(async || Problem::not_found().into_response())
}

/// On the address of the API: for the desk, or for a viewer that is not limited to a partner.
pub(super) async fn show(State(state): State<HttpState>, identity: Identity) -> Result<Response, Problem> {
    identity.require(&[Role::Desk, Role::Viewer])?;
    if identity.partner.is_some() {
        return Err(Problem::new(Kind::NotAllowed, "This token is limited to one partner; metrics are of all."));
    }
    Ok(tell(state.store.as_ref(), &state.agents, state.clock.now()).await)
}

/// Counts one request.
pub(super) async fn count(request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    metrics::of_process().answered(method.as_str(), &route, response.status().as_u16(), begun.elapsed());
    response
}

async fn tell(store: &dyn Store, agents: &Agents, now: Timestamp) -> Response {
    let (figures, places) = tokio::join!(
        tokio::time::timeout(PATIENCE, store.figures(now)),
        tokio::time::timeout(PATIENCE, places(agents, now))
    );
    let figures = match figures {
        Ok(Ok(figures)) => Some(figures),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the store has no figures for the metrics");
            None
        }
        Err(_) => None,
    };
    let metrics = metrics::of_process();
    match places {
        Ok(Ok((vantages, agents))) => metrics.places(&vantages, &agents),
        Ok(Err(error)) => tracing::warn!(%error, "how the vantages are doing is not known for the metrics"),
        Err(_) => {}
    }
    let leases = figures.as_ref().map_or(0, |figures| figures.leases);
    metrics.waiting(figures.map(|figures| waiting(&figures, now)), leases);
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.text()).into_response()
}

async fn places(agents: &Agents, now: Timestamp) -> StoreResult<(Vec<PlaceHealth>, Vec<AgentHealth>)> {
    let vantages = agents.vantages().await?.into_iter().map(|vantage| PlaceHealth {
        usable: matches!(vantage.state, VantageState::Ok | VantageState::Unused),
        quarantined: vantage.state == VantageState::Quarantined,
        good: vantage.good,
        bad: vantage.bad,
        vantage: vantage.id,
    });
    let all = agents.list().await?.into_iter().map(|agent| AgentHealth {
        up: agent.away.is_none(),
        last_seen_age: agent.last_seen.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or_default()),
        agent: agent.name,
    });
    Ok((vantages.collect(), all.collect()))
}

fn waiting(figures: &Figures, now: Timestamp) -> (Waiting, Waiting) {
    let age = |since: Option<Timestamp>| {
        since.and_then(|since| Duration::try_from(now.duration_since(since)).ok()).unwrap_or_default()
    };
    let timers =
        Waiting { due: figures.timers_due, oldest_age: age(figures.oldest_timer_due), parked: figures.parked_timers };
    let effects = Waiting {
        due: figures.effects_due,
        oldest_age: age(figures.oldest_effect_due),
        parked: figures.parked_effects,
    };
    (timers, effects)
}
