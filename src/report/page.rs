//! The report's parts as a page shows them: strips as SVG, with day marks.

use super::Report;
use super::days::Lane;
use super::html::changes;
use super::picture::{bars_in_words, bars_svg, lane_svg};
use super::statistics::StatisticsFacts;

/// Of one domain; its rows are taken from the report by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSection {
    pub number: usize,
    /// Label, words, SVG.
    pub strips: Vec<(String, String, String)>,
    /// When, what, tone.
    pub changes: Vec<(String, String, &'static str)>,
}

/// Every domain's section. On a page there is room for all strips.
#[must_use]
pub fn page_sections(report: &Report) -> Vec<PageSection> {
    let strip = |lane: &Lane| (lane.label.clone(), lane.counts(report.language), lane_svg(lane, report.language));
    let section = |(number, of): (usize, &super::DomainReport)| PageSection {
        number,
        strips: of.lanes.iter().map(strip).collect(),
        changes: changes(report, of),
    };
    report.domains.iter().enumerate().map(section).collect()
}

/// The gateway's figures by day: SVG, and in words.
#[must_use]
pub fn page_bars(report: &Report) -> Option<(String, String)> {
    let StatisticsFacts::Known { figures, .. } = &report.statistics else { return None };
    bars_svg(figures, report.language).map(|svg| (svg, bars_in_words(figures, report.language)))
}
