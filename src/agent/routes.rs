//! Routes of the gateway on this host: asked for like tasks, set by the adapter of this host's own
//! configuration, which refuses a lower generation, and confirmed. A new process asks for all of them,
//! so that a host that was set up anew gets its routes.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::{Agent, LinkError};
use crate::engine::ports::wire::{RouteResult, RouteResultKind, RoutesAnswer, RoutesRequest, WantedRoute};
use crate::engine::ports::{GatewayError, RouteDesire};

/// How long the engine may hold a request for routes.
const WAIT: Duration = Duration::from_secs(20);
/// How long a route may take to be set.
const APPLY: Duration = Duration::from_secs(60);
/// Routes set at the same time; the adapter gathers them.
const SIDE_BY_SIDE: usize = 32;
/// Until the session is known.
const UNKNOWN: Duration = Duration::from_millis(200);

impl Agent {
    pub(super) async fn carry_routes(self: Arc<Self>, stop: CancellationToken) {
        let mut greeted = None;
        let mut reports = Vec::new();
        let mut failures = 0;
        while !stop.is_cancelled() {
            let Some(session) = self.session_with_routes() else {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(UNKNOWN) => {}
                }
                continue;
            };
            let all = greeted != Some(session);
            if all {
                reports.clear();
            }
            let wait = if reports.is_empty() { WAIT } else { Duration::ZERO };
            let request = RoutesRequest {
                session,
                all,
                reports: reports.clone(),
                wait_ms: u64::try_from(wait.as_millis()).unwrap_or(0),
            };
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = self.parts.link.post::<RoutesAnswer>(&["v1", "agent", "routes"], &request, wait) => answer,
            };
            match answer {
                Ok(RoutesAnswer { routes }) => {
                    greeted = Some(session);
                    let refused = reports.iter().any(|report: &RouteResult| report.outcome != RouteResultKind::Applied);
                    // What could not be set comes again at once: it is not tried again at once.
                    failures = if refused { failures + 1 } else { 0 };
                    if refused {
                        self.pause(failures + 2, &stop).await;
                    }
                    reports = self.set(routes).await;
                }
                Err(error) => {
                    if !matches!(error, LinkError::Unreachable { .. }) {
                        tracing::warn!(%error, "routes");
                    }
                    failures += 1;
                    self.pause(failures, &stop).await;
                }
            }
        }
    }

    fn session_with_routes(&self) -> Option<u64> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.session.filter(|_| standing.routes)
    }

    async fn set(&self, routes: Vec<WantedRoute>) -> Vec<RouteResult> {
        futures_util::stream::iter(routes)
            .map(|route| self.set_one(route))
            .buffer_unordered(SIDE_BY_SIDE)
            .collect()
            .await
    }

    async fn set_one(&self, route: WantedRoute) -> RouteResult {
        let WantedRoute { domain, mode, servers, generation } = route;
        let failed = |reason: String| RouteResultKind::Failed { reason };
        let outcome = match &self.parts.gateway {
            None => failed("this agent's configuration names no gateway.adapter that sets routes".to_owned()),
            Some(gateway) => {
                let desire = RouteDesire { domain: domain.clone(), mode, servers, generation };
                match tokio::time::timeout(APPLY, gateway.apply(&desire)).await {
                    Ok(Ok(())) => RouteResultKind::Applied,
                    Ok(Err(GatewayError::Stale { seen, .. })) => RouteResultKind::Stale { seen },
                    Ok(Err(GatewayError::Failed(reason))) => failed(reason),
                    Ok(Err(error @ GatewayError::ByHand)) => failed(error.to_string()),
                    Err(_) => failed(format!("it was not set within {} s", APPLY.as_secs())),
                }
            }
        };
        if let RouteResultKind::Failed { reason } = &outcome {
            tracing::warn!(%domain, "a route was not set: {reason}");
        }
        RouteResult { domain, generation, outcome }
    }
}
