//! Every error that the API answers with: problem details (RFC 9457). The slug at the end of `type`
//! is interface; titles and details are for people. Internal causes are logged, never answered.

mod kind;

pub use kind::{Kind, PAGES};

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::{AccountsError, DeskError, ReportsError};
use crate::ledger::invoice::InvoiceError;
use crate::order::FieldError;
use crate::store::StoreError;

/// What went wrong, ready to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    /// Seconds after which it may be tried again, where that is known.
    retry_after: Option<u64>,
}

impl Problem {
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    /// 422 with the reason at each field.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let count = errors.len();
        let detail = match count {
            1 => "One field must be changed.".to_owned(),
            _ => format!("{count} fields must be changed."),
        };
        Self { kind: Kind::Invalid, detail, errors, retry_after: None }
    }

    /// 503 with each part that is not ready, and why.
    #[must_use]
    pub fn not_ready(errors: Vec<FieldError>) -> Self {
        let detail = "The service cannot work just now; `errors` says what is missing.".to_owned();
        Self { kind: Kind::NotReady, detail, errors, retry_after: None }
    }

    /// 429, to be tried again after `wait`.
    #[must_use]
    pub fn too_many(wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let detail = format!("That was too often; try again in {seconds} s.");
        Self { retry_after: Some(seconds), ..Self::new(Kind::TooMany, detail) }
    }

    /// What is wrong with which field of the request.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// 422 at one field.
    #[must_use]
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    /// The one answer for what does not exist and for what the caller may not know to exist.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Kind::NotFound, "Not known here, or not yours to see; a listing shows what is.")
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.kind.status()
    }

    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What the header `Retry-After` says.
    #[must_use]
    pub fn retry_after(&self) -> Option<HeaderValue> {
        match self.kind {
            Kind::Busy | Kind::NotReady => Some(HeaderValue::from_static("2")),
            _ => self.retry_after.map(HeaderValue::from),
        }
    }

    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(text) => Self::new(Kind::Conflict, text),
            StoreError::KeyReused => {
                Self::new(Kind::KeyReused, "Use a new key for a new request, or repeat the first request unchanged.")
            }
            StoreError::Invalid(errors) => Self::invalid(errors),
            StoreError::NotFound => Self::not_found(),
            StoreError::NewerSchema { .. } | StoreError::OlderSchema { .. } => {
                Self::new(Kind::NotReady, error.to_string())
            }
            StoreError::Unavailable(source) => {
                tracing::error!(error = %source, "the store cannot be used just now");
                let detail =
                    "The database is locked, full or out of reach. Nothing was changed; try again in a moment.";
                Self::new(Kind::NotReady, detail)
            }
            StoreError::Database { what, source } => {
                tracing::error!(what, error = %source, "the store failed");
                Self::new(Kind::Internal, "The store could not be used. The log of the service says why.")
            }
        }
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::NotFound => Self::not_found(),
            DeskError::Conflict(text) => Self::new(Kind::Conflict, text),
            DeskError::Invalid(errors) => Self::invalid(errors),
            DeskError::KeyReused => StoreError::KeyReused.into(),
            DeskError::Busy => Self::new(Kind::Busy, "The record is being changed by others, try again."),
            DeskError::Store(error) => error.into(),
        }
    }
}

impl From<ReportsError> for Problem {
    fn from(error: ReportsError) -> Self {
        match error {
            ReportsError::NotFound => Self::not_found(),
            ReportsError::None(why) => Self::new(Kind::NotFound, why),
            ReportsError::Store(error) => error.into(),
            ReportsError::Unreadable(why) => {
                tracing::error!(why, "a report cannot be made");
                Self::new(Kind::Internal, "The report could not be made. The log of the service says why.")
            }
        }
    }
}

impl From<AccountsError> for Problem {
    fn from(error: AccountsError) -> Self {
        match error {
            AccountsError::Store(error) => error.into(),
            AccountsError::NoRun(_)
            | AccountsError::NoLine { .. }
            | AccountsError::NoPart { .. }
            | AccountsError::NoEntries => Self::new(Kind::NotFound, error.to_string()),
            AccountsError::Invoice(InvoiceError::NotARunDay(_)) => Self::field("date", error.to_string()),
            AccountsError::NoSeller
            | AccountsError::NoWebhook
            | AccountsError::TooEarly(_)
            | AccountsError::Overtaken { .. }
            | AccountsError::Meanwhile(_)
            | AccountsError::Broken { .. } => Self::new(Kind::Conflict, error.to_string()),
            AccountsError::Invoice(_) => {
                tracing::error!(%error, "a run cannot be made");
                Self::new(Kind::Internal, error.to_string())
            }
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let body = Body {
            r#type: self.kind.uri(),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: &self.detail,
            errors: &self.errors,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.kind == Kind::NoToken {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}
