//! Streams that say when a status page has something new to show, and nothing else: the page then asks for itself
//! again. A stream looks at whether its reader may still look, and ends by itself after a while; browsers come back.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use fencepost_checks::DomainName;
use futures_util::Stream;

use super::page::Page;
use super::session::Reader;
use crate::http::HttpState;
use crate::http::api::{READERS, name};
use crate::http::auth::still_in_force;
use crate::http::problem::{Kind, Problem};
use crate::http::seats::Seat;
use crate::store::Scope;

/// Between looks.
const POLL: Duration = Duration::from_secs(1);
/// Looks before a stream ends: five minutes.
const MAX_LOOKS: u32 = 300;
/// A browser comes back after this, milliseconds.
const COME_BACK: Duration = Duration::from_secs(3);

/// Whose page it is.
enum Watched {
    Domain { domain: DomainName, scope: Scope, token: Option<[u8; 32]> },
    Link { secret: String },
}

struct Watch {
    state: HttpState,
    watched: Watched,
    version: u64,
    looks: u32,
    _seat: Seat<String>,
}

/// `/domains/{domain}/live`
pub(super) async fn of_domain(State(state): State<HttpState>, reader: Reader, Path(domain): Path<String>) -> Page {
    let identity = &reader.identity;
    identity.require(READERS)?;
    let (domain, scope) = (name(&domain)?, identity.scope());
    let watched = Watched::Domain { domain, scope, token: identity.hash };
    Ok(open(state, watched, &identity.token_id).await?)
}

/// `/s/{secret}/live`
pub(super) async fn of_link(State(state): State<HttpState>, Path(secret): Path<String>) -> Result<Response, Problem> {
    let (link, _) = state.links.look(&secret).await?.ok_or_else(Problem::not_found)?;
    open(state, Watched::Link { secret }, &format!("link {}", link.id)).await
}

async fn open(state: HttpState, watched: Watched, key: &str) -> Result<Response, Problem> {
    let full =
        |_| Problem::new(Kind::Busy, "Too many pages are open at the same time; this one renews itself more slowly.");
    let seat = state.streams.take(&key.to_owned()).map_err(full)?;
    let version = version(&state, &watched).await.ok_or_else(Problem::not_found)?;
    let watch = Watch { state, watched, version, looks: 0, _seat: seat };
    Ok(Sse::new(follow(watch)).keep_alive(KeepAlive::default()).into_response())
}

/// `None` when the reader may not look any more, or the store fails.
async fn version(state: &HttpState, watched: &Watched) -> Option<u64> {
    let row = match watched {
        Watched::Domain { domain, scope, token } => {
            if let Some(hash) = token
                && !still_in_force(state.store.as_ref(), &state.clock, hash).await
            {
                return None;
            }
            state.store.domain(domain, scope).await.ok()??
        }
        Watched::Link { secret } => state.links.look(secret).await.ok()??.1,
    };
    Some(row.connection.version)
}

fn follow(start: Watch) -> impl Stream<Item = Result<Event, Infallible>> {
    futures_util::stream::unfold(start, |mut watch| async move {
        if watch.looks == 0 {
            watch.looks = 1;
            return Some((Ok(Event::default().retry(COME_BACK).comment("watching")), watch));
        }
        while watch.looks < MAX_LOOKS {
            watch.looks += 1;
            tokio::time::sleep(POLL).await;
            let version = version(&watch.state, &watch.watched).await?;
            if version != watch.version {
                watch.version = version;
                return Some((Ok(Event::default().event("changed").data("")), watch));
            }
        }
        None
    })
}
