//! Takes a request's body in before the request takes a place among those that are handled: slow
//! bodies keep only their own connection. Without a token a body is short, whoever sends it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::HttpState;
use super::auth::known;
use super::problem::{Kind, Problem};
use crate::order::sheet::MAX_BYTES;

/// Bytes of a body that came without a token in force: the forms for signing in.
const ANONYMOUS: usize = 16 << 10;

pub(super) async fn body(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let most = state.config.http.max_body_bytes;
    take_in(&state, most, request, next).await
}

/// As [`body`], for tables of customers.
pub(super) async fn table(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    take_in(&state, MAX_BYTES, request, next).await
}

async fn take_in(state: &HttpState, longest: usize, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let patience = Duration::from_secs(u64::from(state.config.http.body_seconds));
    let taken = tokio::time::timeout(patience, take(state, longest, &parts.headers, body)).await;
    let refused = match taken {
        Ok(Ok(bytes)) => return next.run(Request::from_parts(parts, Body::from(bytes))).await,
        Ok(Err(problem)) => problem,
        Err(_) => {
            let detail = format!("The body was not there after {} seconds.", patience.as_secs());
            Problem::new(Kind::SlowBody, detail)
        }
    };
    // What is left of the body is not read.
    let mut response = refused.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

async fn take(state: &HttpState, longest: usize, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let mut most = ANONYMOUS.min(longest);
    let mut known = false;
    if declared.is_some_and(|length| length > most) {
        (most, known) = (allowed(state, longest, headers).await?, true);
        if declared.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
    }
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| Problem::new(Kind::BadRequest, "The body could not be received."))?;
        if bytes.len() + piece.len() > most && !known {
            (most, known) = (allowed(state, longest, headers).await?, true);
        }
        if bytes.len() + piece.len() > most {
            return Err(too_large(most));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.into())
}

/// How long a body may be, by who sends it.
async fn allowed(state: &HttpState, longest: usize, headers: &HeaderMap) -> Result<usize, Problem> {
    Ok(if known(state, headers).await? { longest } else { ANONYMOUS.min(longest) })
}

fn too_large(most: usize) -> Problem {
    Problem::new(Kind::TooLarge, format!("The body is longer than the {most} bytes that this service takes from you."))
}
