//! The history of a domain: in pages, or as a stream (server-sent events) that goes on while the
//! client listens. A stream ends by itself after a while; clients resume with `Last-Event-ID`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::domains::name;
use super::paging::{Params, after_number, bounded, numbered};
use super::{Answer, READERS};
use crate::http::auth::Identity;
use crate::http::problem::{Kind, Problem};
use crate::http::{HttpState, view};
use crate::store::{EventRow, Store};

/// Between looks for new events.
const POLL: Duration = Duration::from_millis(500);
/// Looks before a stream ends: ten minutes. Then the token is checked anew by the next request.
const MAX_LOOKS: u32 = 1_200;
const BATCH: u32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    after: Option<String>,
    limit: Option<u32>,
}

pub(super) async fn list(
    State(state): State<HttpState>,
    identity: Identity,
    Path(domain): Path<String>,
    headers: HeaderMap,
    Params(query): Params<EventQuery>,
) -> Answer {
    identity.require(READERS)?;
    let row = state.store.domain(&name(&domain)?, &identity.scope()).await?.ok_or_else(Problem::not_found)?;
    let limit = bounded(query.limit)?;
    let last_id = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let after = after_number(query.after.or(last_id).as_deref())?;
    if wants_stream(&headers) {
        let permit = state
            .streams
            .clone()
            .try_acquire_owned()
            .map_err(|_| Problem::new(Kind::Busy, "Too many streams are open, read the events in pages."))?;
        let events = follow(state.store.clone(), row.connection.id, after, permit);
        return Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response());
    }
    let rows = state.store.events(&row.connection.id, after, limit).await?;
    let items = rows.iter().map(view::event).collect::<Result<Vec<_>, _>>()?;
    Ok(Json(numbered(items, rows.last().map(|row| row.seq), limit)).into_response())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/event-stream")
}

struct Follow {
    store: Arc<dyn Store>,
    subject: String,
    after: u64,
    ready: VecDeque<EventRow>,
    looks: u32,
    _permit: OwnedSemaphorePermit,
}

/// Events as they come. Ends after [`MAX_LOOKS`], or when the store fails.
fn follow(
    store: Arc<dyn Store>,
    subject: String,
    after: u64,
    permit: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let start = Follow { store, subject, after, ready: VecDeque::new(), looks: 0, _permit: permit };
    futures_util::stream::unfold(start, |mut follow| async move {
        loop {
            if let Some(row) = follow.ready.pop_front() {
                follow.after = row.seq;
                let data = view::event(&row).ok().and_then(|event| serde_json::to_string(&event).ok())?;
                return Some((Ok(Event::default().id(row.seq.to_string()).event("event").data(data)), follow));
            }
            if follow.looks >= MAX_LOOKS {
                return None;
            }
            if follow.looks > 0 {
                tokio::time::sleep(POLL).await;
            }
            follow.looks += 1;
            follow.ready = follow.store.events(&follow.subject, follow.after, BATCH).await.ok()?.into();
        }
    })
}
