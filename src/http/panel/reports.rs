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
use crate::report::{
    About, Advice, DomainReport, Month, PageSection, Report, StatisticsFacts, for_whom, more_domains, page_bars,
    page_sections,
};
use crate::words::{Language, day, short_moment};

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
    const fn say(&self, en: &'static str, fi: &'static str) -> &'static str {
        self.report.language.say(en, fi)
    }

    const fn label(&self, about: &About) -> &'static str {
        about.label(self.report.language)
    }

    fn month(&self) -> String {
        self.report.month.in_words(self.report.language)
    }

    /// `the report of October 2026`, `lokakuun 2026 raportti`.
    fn report_of(&self, month: &Month) -> String {
        let of = month.of_it(self.report.language);
        match self.report.language {
            Language::En => format!("the report {of}"),
            Language::Fi => format!("{of} raportti"),
        }
    }

    fn before(&self) -> String {
        let l = self.report.language;
        self.report.compared_with.map_or_else(|| l.say("Before", "Aiemmin").to_owned(), |month| month.in_words(l))
    }

    fn day(&self, date: &jiff::civil::Date) -> String {
        day(self.report.language, *date)
    }

    fn for_whom(&self, advice: &Advice) -> String {
        for_whom(advice, self.report.language)
    }

    fn more(&self) -> String {
        more_domains(&self.report)
    }

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
        StatisticsFacts::Missing { why } => (Vec::new(), why.in_words(report.language), String::new()),
        StatisticsFacts::Known { figures, without } => {
            let without: Vec<String> = without.iter().map(ToString::to_string).collect();
            (figures.kinds(report.language), "", without.join(", "))
        }
    };
    let notify = &state.config.notify;
    let language: Language = report.language;
    html(&ReportPage {
        sections: page_sections(&report),
        first: day(language, report.from),
        last: day(language, report.last_day()),
        made: short_moment(language, report.made_at, &report.zone()),
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
