//! The gateway's HTTP API, as the `http` adapter wants it: `PUT`, `GET` and `DELETE` of
//! `/routes/{domain}`, a bearer token, 409 for a lower generation. The first write of every domain
//! fails once with 503, because real gateways do and the adapter has to come again.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;

use super::error::{LabResult, While};
use super::gateway::{Route, Routes, Stale};
use super::task::Task;
use crate::lifecycle::connection::RouteMode;

const LARGEST_BODY: usize = 64 << 10;

/// The running API; it stops when dropped.
pub struct GatewayApi {
    /// What the adapter's `url` is set to.
    pub url: String,
    _task: Task,
}

#[derive(Clone)]
struct Api {
    routes: Arc<Routes>,
    token: Arc<str>,
    refused_once: Arc<Mutex<HashSet<String>>>,
}

#[derive(Deserialize)]
struct Generation {
    generation: u64,
}

impl GatewayApi {
    /// Serves on a port of 127.0.0.1 that the system chooses.
    ///
    /// # Errors
    /// When nothing can be bound.
    pub async fn start(routes: Arc<Routes>, token: &str) -> LabResult<Self> {
        let what = "starting the gateway's HTTP API";
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.during(what)?;
        let url = format!("http://{}/routes", listener.local_addr().during(what)?);
        let api = Api { routes, token: token.into(), refused_once: Arc::default() };
        let router = Router::new()
            .route("/routes/{domain}", get(show).put(put).delete(remove))
            .layer(DefaultBodyLimit::max(LARGEST_BODY))
            .with_state(api);
        let task = Task::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::warn!(%error, "the gateway's API has stopped");
            }
        });
        Ok(Self { url, _task: task })
    }
}

async fn show(State(api): State<Api>, Path(domain): Path<String>, headers: HeaderMap) -> Response {
    if !api.knows(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match api.routes.get(&domain).filter(|route| route.mode != RouteMode::Absent) {
        Some(route) => Json(route).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn put(
    State(api): State<Api>,
    Path(domain): Path<String>,
    headers: HeaderMap,
    Json(route): Json<Route>,
) -> Response {
    api.change(&domain, &headers, route)
}

async fn remove(
    State(api): State<Api>,
    Path(domain): Path<String>,
    Query(Generation { generation }): Query<Generation>,
    headers: HeaderMap,
) -> Response {
    api.change(&domain, &headers, Route { mode: RouteMode::Absent, servers: Vec::new(), generation })
}

impl Api {
    fn knows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).map_or(&[][..], axum::http::HeaderValue::as_bytes);
        given.strip_prefix(b"Bearer ").is_some_and(|token| token.ct_eq(self.token.as_bytes()).into())
    }

    fn change(&self, domain: &str, headers: &HeaderMap, route: Route) -> Response {
        if !self.knows(headers) {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        if self.refused_once.lock().unwrap_or_else(PoisonError::into_inner).insert(domain.to_owned()) {
            return (StatusCode::SERVICE_UNAVAILABLE, "busy, try again").into_response();
        }
        match self.routes.set(domain, route) {
            Ok(()) => StatusCode::NO_CONTENT.into_response(),
            Err(Stale { seen }) => {
                (StatusCode::CONFLICT, Json(serde_json::json!({ "generation": seen }))).into_response()
            }
        }
    }
}
