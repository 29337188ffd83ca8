//! The monthly security report of a customer: as JSON, as the text of the mail, or as its HTML in one file.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde::Deserialize;

use super::paging::Params;
use super::{Answer, READERS};
use crate::http::HttpState;
use crate::http::auth::Identity;
use crate::http::problem::{Kind, Problem};
use crate::report::{self, Month, Source, mail_html, mail_text};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// `2026-10`; the next one when it is not given.
    month: Option<String>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Text,
    Html,
}

/// Of a customer by its id, its order's, or a domain of its.
pub(super) async fn show(
    State(state): State<HttpState>,
    identity: Identity,
    Path(customer): Path<String>,
    Params(asked): Params<Asked>,
) -> Answer {
    identity.require(READERS)?;
    let month = asked.month.as_deref().map(str::parse::<Month>).transpose();
    let month = month.map_err(|error| Problem::field("month", error.to_string()))?;
    let id = state.desk.customer_named(&customer, &identity.scope()).await?;
    let report = state.desk.reports().show(&id, month, &identity.scope()).await?;
    let notify = &state.config.notify;
    let link = link(&state.config.http.public_url, &id, report.month);
    match asked.format {
        Format::Json => Ok(Json(report).into_response()),
        Format::Text => {
            let text = format!(
                "Subject: {}\n\n{}",
                report::subject(&report),
                mail_text(&report, &notify.service_name, &notify.desk, Some(&link))
            );
            Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
        }
        Format::Html => {
            let html = mail_html(&report, &notify.service_name, &notify.desk, Some(&link), &Source::Inline);
            let html = html.map_err(|why| {
                tracing::error!(why, "a report cannot be rendered");
                Problem::new(Kind::Internal, "The report could not be made. The log of the service says why.")
            })?;
            Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html.html).into_response())
        }
    }
}

fn link(public_url: &str, customer: &str, month: Month) -> String {
    format!("{}/reports/{customer}/{month}", public_url.trim_end_matches('/'))
}
