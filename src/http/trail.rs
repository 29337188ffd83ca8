//! The one place that writes down who did what: a layer around every route that changes something. It
//! knows the action by the route, the subject by the address, the actor from whoever was authenticated, and
//! of the body the few fields that say why. Never a secret: what is not named here is not looked at.

mod actions;
mod body;

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;

pub(super) use self::actions::{in_words, part_of};
use super::HttpState;
use super::auth::Identity;
use super::problem::{Kind, Problem};
use crate::engine::NewAct;
use crate::store::{ActOutcome, ActPart};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a request has to say about itself. Handlers that know more than their address add it here.
#[derive(Debug, Clone, Default)]
pub(super) struct Trail(Arc<Mutex<Notes>>);

#[derive(Debug, Default)]
struct Notes {
    actor: Option<Actor>,
    subject: Option<(&'static str, String)>,
    detail: Option<String>,
    /// What one request did to several.
    each: Vec<Each>,
}

#[derive(Debug, Clone, Default)]
struct Actor {
    id: String,
    who: String,
    role: String,
}

/// One of several things that a request did.
#[derive(Debug, Clone)]
pub(super) struct Each {
    pub action: &'static str,
    pub subject_kind: &'static str,
    pub subject: String,
    pub detail: String,
    pub outcome: ActOutcome,
}

impl Trail {
    /// Whoever is authenticated acts.
    pub(super) fn by(&self, identity: &Identity) {
        let who = if identity.label.is_empty() { &identity.token_id } else { &identity.label };
        self.person(&identity.token_id, who, identity.role_name());
    }

    /// Somebody acts who has no token (yet): a person who signs in.
    pub(super) fn person(&self, id: &str, who: &str, role: &str) {
        let actor = Actor { id: id.to_owned(), who: who.to_owned(), role: role.to_owned() };
        self.notes(|notes| notes.actor = Some(actor));
    }

    /// To whom or what it was done, where the address does not say.
    pub(super) fn about(&self, kind: &'static str, subject: &str) {
        let subject = subject.to_owned();
        self.notes(|notes| {
            notes.subject.get_or_insert((kind, subject));
        });
    }

    /// In place of what the body says.
    pub(super) fn detail(&self, detail: impl Into<String>) {
        let detail = detail.into();
        self.notes(|notes| notes.detail = Some(detail));
    }

    /// One of several things that this request did: each is a row, and the request itself is none.
    pub(super) fn each(&self, each: Each) {
        self.notes(|notes| notes.each.push(each));
    }

    fn notes<T>(&self, with: impl FnOnce(&mut Notes) -> T) -> T {
        with(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Trail {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Handles one request, and writes down what it did. A caller who goes away changes nothing of that: what
/// has begun is done, and written down.
pub(super) async fn record(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let done = tokio::spawn(handled(state, request, next).in_current_span()).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "a request ended in the middle");
        Problem::new(Kind::Internal, "The request ended in the middle. The log of the service says why.")
            .into_response()
    })
}

async fn handled(state: HttpState, request: Request, next: Next) -> Response {
    let trail = Trail::default();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    let path = request.uri().path().to_owned();
    let (mut request, said) = body::said(request).await;
    request.extensions_mut().insert(trail.clone());
    let mut response = next.run(request).await;
    let status = response.status();
    made(&trail, response.headers());
    let id = state.desk.request_id();
    let acts = acts(&trail, &route, &path, said, status, &id);
    if !acts.is_empty()
        && let Err(error) = state.desk.record(acts.clone()).await
    {
        // What was done is done: it stands in the history of its subject, and here.
        tracing::error!(%error, ?acts, "what was done could not be written down");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// What an answer points at is what was made.
fn made(trail: &Trail, headers: &HeaderMap) {
    let place = headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if let Some(id) = place.trim_start_matches("/v1").strip_prefix("/customers/") {
        trail.about("customer", id);
    }
}

/// The rows that follow from a request. What is malformed, contradicts what is stored or fails on our side has
/// done nothing; what somebody may not do is kept.
fn acts(trail: &Trail, route: &str, path: &str, said: String, status: StatusCode, request_id: &str) -> Vec<NewAct> {
    let notes = trail.notes(std::mem::take);
    let action = actions::action(route);
    let outcome = match status {
        status if status.is_success() || status.is_redirection() => ActOutcome::Done,
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => ActOutcome::Refused,
        StatusCode::UNAUTHORIZED if action.part == ActPart::Access => ActOutcome::Refused,
        _ => return Vec::new(),
    };
    // Nobody knows who it was: such requests come by the thousand, and say nothing. How often somebody may try to be
    // somebody is bounded before it comes here.
    let attempt = action.part == ActPart::Access && status == StatusCode::UNAUTHORIZED;
    if notes.actor.is_none() && !attempt {
        return Vec::new();
    }
    let Actor { id, who, role } = notes.actor.unwrap_or_default();
    let act = |word: &str, kind: &str, subject: String, detail: String, outcome| NewAct {
        actor: id.clone(),
        who: who.clone(),
        role: role.clone(),
        action: word.to_owned(),
        part: part_of(word),
        subject_kind: kind.to_owned(),
        subject,
        detail,
        outcome,
        request_id: request_id.to_owned(),
    };
    if !notes.each.is_empty() {
        let each = notes.each.into_iter();
        return each.map(|e| act(e.action, e.subject_kind, e.subject, e.detail, e.outcome)).collect();
    }
    if action.silent && outcome == ActOutcome::Done {
        return Vec::new();
    }
    let (kind, subject) = notes.subject.unwrap_or_else(|| actions::subject(route, path));
    vec![act(&action.word, kind, subject, notes.detail.unwrap_or(said), outcome)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(route: &str, path: &str, status: u16, known: bool) -> Vec<(String, String, String, ActOutcome)> {
        let trail = Trail::default();
        if known {
            trail.person("t1", "Åke", "desk");
        }
        let acts = acts(&trail, route, path, "why".to_owned(), StatusCode::from_u16(status).unwrap(), "r");
        acts.into_iter().map(|act| (act.action, act.subject_kind, act.subject, act.outcome)).collect()
    }

    fn row(word: &str, kind: &str, subject: &str, outcome: ActOutcome) -> (String, String, String, ActOutcome) {
        (word.to_owned(), kind.to_owned(), subject.to_owned(), outcome)
    }

    #[test]
    fn what_was_done_and_what_was_not_allowed_are_kept() {
        let (route, path) = ("/v1/domains/{domain}/suspend", "/v1/domains/example.com/suspend");
        let suspended = |outcome| vec![row("suspend", "domain", "example.com", outcome)];
        assert_eq!(told(route, path, 200, true), suspended(ActOutcome::Done));
        assert_eq!(told(route, path, 403, true), suspended(ActOutcome::Refused));
        for nothing in [400, 404, 409, 422, 500, 503] {
            assert_eq!(told(route, path, nothing, true), []);
        }
        assert_eq!(told(route, path, 401, false), [], "anybody could fill the log");
        let sign_in = |outcome| vec![row("sign-in", "", "", outcome)];
        assert_eq!(told("/sign-in/token", "/sign-in/token", 401, false), sign_in(ActOutcome::Refused));
        assert_eq!(told("/sign-in/token", "/sign-in/token", 303, true), sign_in(ActOutcome::Done));
        assert_eq!(told("/sign-in", "/sign-in", 303, false), [], "whoever asks for a link is nobody yet");
        for status in [303, 403, 429] {
            assert_eq!(told("/sign-in/token", "/sign-in/token", status, false), [], "{status}: anybody could fill it");
        }
    }

    #[test]
    fn a_request_that_does_several_things_has_a_row_for_each() {
        let trail = Trail::default();
        trail.person("t1", "Åke", "desk");
        for subject in ["a.example", "b.example"] {
            let subject = subject.to_owned();
            let (action, subject_kind, outcome) = ("recheck", "domain", ActOutcome::Done);
            trail.each(Each { action, subject_kind, subject, detail: String::new(), outcome });
        }
        let acts = acts(&trail, "/bulk", "/bulk", String::new(), StatusCode::OK, "r");
        let subjects: Vec<_> = acts.iter().map(|act| (act.action.as_str(), act.subject.as_str())).collect();
        assert_eq!(subjects, [("recheck", "a.example"), ("recheck", "b.example")]);
    }
}
