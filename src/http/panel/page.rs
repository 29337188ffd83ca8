//! Rendering, and errors as pages. What cannot be shown is said in the words of the API's problem.

use askama::Template;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

use super::frame::Frame;
use crate::http::problem::{Kind, Problem};
use crate::order::FieldError;

/// What a page handler returns.
pub(super) type Page = Result<Response, PageError>;

/// A problem, shown as a page.
#[derive(Debug)]
pub(in crate::http) enum PageError {
    Problem(Problem),
    /// Nobody is signed in.
    SignIn {
        next: String,
    },
}

impl<E: Into<Problem>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage<'a> {
    title: &'a str,
    detail: &'a str,
    errors: &'a [FieldError],
    frame: Frame,
}

/// A path with those fields that are not empty behind it.
pub(super) fn address<'a>(path: &str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let mut any = false;
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
        any = true;
    }
    if any { format!("{path}?{}", query.finish()) } else { path.to_owned() }
}

/// Renders a page.
pub(super) fn html(template: &impl Template) -> Page {
    let text = template.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be rendered");
        Problem::new(Kind::Internal, "The page could not be made. The log of the service says why.")
    })?;
    Ok(Html(text).into_response())
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::SignIn { next } => return super::session::to_sign_in(&next),
            Self::Problem(problem) => problem,
        };
        let title = match problem.kind() {
            Kind::NotFound => "Nothing here",
            Kind::NotAllowed => "Not for you",
            Kind::TooMany => "A moment, please",
            _ => "That did not work",
        };
        let page = ErrorPage { title, detail: problem.detail(), errors: problem.errors(), frame: Frame::nobody() };
        let body = page.render().unwrap_or_else(|_| title.to_owned());
        let mut response = (problem.status(), Html(body)).into_response();
        if let Some(seconds) = problem.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
