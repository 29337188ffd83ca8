//! `/reports/{customer}/{month}`: the monthly security report as a page that prints well. It shows the same
//! value as the mail, and decides nothing.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};

use super::frame::Frame;
use super::page::{Page, html};
use super::session::Reader;
use crate::http::HttpState;
use crate::http::api::READERS;
use crate::http::problem::Problem;
use crate::report::{DomainReport, Month, PageSection, Report, StatisticsFacts, page_bars, page_sections};

#[derive(Template)]
#[template(path = "pages/report.html")]
struct ReportPage {
    sections: Vec<PageSection>,
    first: String,
    last: String,
    made: String,
    /// The month before, where there is a report.
    earlier: Option<Month>,
    figures: Vec<(&'static str, u64)>,
    /// SVG, and in words.
    bars: Option<(String, String)>,
    no_figures: &'static str,
    without: String,
    service: String,
    desk: String,
    report: Report,
    frame: Frame,
}

impl ReportPage {
    fn of(&self, number: &usize) -> Option<&DomainReport> {
        self.report.domains.get(*number)
    }
}

/// The next report.
pub(super) async fn next(State(state): State<HttpState>, reader: Reader, Path(customer): Path<String>) -> Page {
    reader.identity.require(READERS)?;
    let scope = reader.identity.scope();
    let id = state.desk.customer_named(&customer, &scope).await?;
    let report = state.desk.reports().show(&id, None, &scope).await?;
    Ok(Redirect::to(&format!("/reports/{id}/{}", report.month)).into_response())
}

pub(super) async fn show(
    State(state): State<HttpState>,
    reader: Reader,
    Path((customer, month)): Path<(String, String)>,
) -> Page {
    reader.identity.require(READERS)?;
    let scope = reader.identity.scope();
    let month: Month =
        month.parse().map_err(|error: crate::report::NoMonth| Problem::field("month", error.to_string()))?;
    let id = state.desk.customer_named(&customer, &scope).await?;
    let report = state.desk.reports().show(&id, Some(month), &scope).await?;
    let (figures, no_figures, without) = match &report.statistics {
        StatisticsFacts::Missing { why } => (Vec::new(), why.in_words(), String::new()),
        StatisticsFacts::Known { figures, without } => {
            let without: Vec<String> = without.iter().map(ToString::to_string).collect();
            (figures.kinds(), "", without.join(", "))
        }
    };
    let notify = &state.config.notify;
    let made = report.made_at.to_zoned(report.zone());
    html(&ReportPage {
        sections: page_sections(&report),
        first: report.from.strftime("%-d %B %Y").to_string(),
        last: report.last_day().strftime("%-d %B %Y").to_string(),
        made: made.strftime("%-d %B %Y at %H:%M").to_string(),
        earlier: report.compared_with,
        figures,
        bars: page_bars(&report),
        no_figures,
        without,
        service: notify.service_name.clone(),
        desk: notify.desk.clone(),
        frame: Frame::of(&reader, "/"),
        report,
    })
}
