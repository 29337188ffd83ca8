//! The history of a domain: in pages, or as a stream (server-sent events) that goes on while the
//! client listens. A stream ends by itself after a while; clients resume with `Last-Event-ID`.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Deserialize;

use super::domains::name;
use super::paging::{Params, after_number, bounded, numbered};
use super::{Answer, READERS};
use crate::clock::SharedClock;
use crate::http::auth::{Identity, still_in_force};
use crate::http::problem::{Kind, Problem};
use crate::http::seats::{Full, Seat};
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
    // What is no text is no number either: it must not begin the history anew.
    let last_id = headers.get("last-event-id").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    // Judged even where `after` goes before it.
    let last_id = after_number(last_id.as_deref())?;
    let after = match query.after.as_deref().filter(|after| !after.is_empty()) {
        Some(after) => after_number(Some(after))?,
        None => last_id,
    };
    if wants_stream(&headers) {
        let seat = state.streams.take(&identity.token_id).map_err(|full| {
            Problem::new(
                Kind::Busy,
                match full {
                    Full::All => "Too many streams are open, read the events in pages.",
                    Full::ForThisKey => {
                        "This token has too many streams open; close some, or read the events in pages."
                    }
                },
            )
        })?;
        let events = follow(Follow {
            store: state.store.clone(),
            clock: state.clock.clone(),
            token: identity.hash,
            subject: row.connection.id,
            after,
            ready: VecDeque::new(),
            looks: 0,
            _seat: seat,
        });
        return Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response());
    }
    let rows = state.store.events(&row.connection.id, after, limit).await?;
    let items = rows.iter().map(view::event).collect::<Result<Vec<_>, _>>()?;
    Ok(numbered(items, rows.last().map(|row| row.seq), limit).into_response())
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "text/event-stream")
}

struct Follow {
    store: Arc<dyn Store>,
    clock: SharedClock,
    token: Option<[u8; 32]>,
    subject: String,
    after: u64,
    ready: VecDeque<EventRow>,
    looks: u32,
    _seat: Seat<String>,
}

/// Events as they come. Ends after [`MAX_LOOKS`], when its token is no longer in force, or when the
/// store fails.
fn follow(start: Follow) -> impl Stream<Item = Result<Event, Infallible>> {
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
                let hash = follow.token.as_ref()?;
                if !still_in_force(follow.store.as_ref(), &follow.clock, hash).await {
                    return None;
                }
            }
            follow.looks += 1;
            follow.ready = follow.store.events(&follow.subject, follow.after, BATCH).await.ok()?.into();
        }
    })
}
