//! The report as the HTML part of a mail: tables and styles that mail programs keep, pictures by Content-ID,
//! and every picture in words beside it, because many readers never load pictures.

use askama::Template;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::days::Lane;
use super::picture::{bars_in_words, bars_png, lane_png};
use super::statistics::StatisticsFacts;
use super::text::{by, compared, for_whom, more_domains, who};
use super::{About, Advice, DomainReport, Report, Tone};
use crate::words::{Language, day, short_moment};

/// With more domains, each has one strip instead of all.
const WHOLE: usize = 5;
/// Domains with a strip.
const MAX_STRIPS: usize = 20;

/// Where the pictures are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Parts of the same mail; what follows the name of a picture in its Content-ID.
    Mail { suffix: String },
    /// In the page itself, for a file that stands alone.
    Inline,
}

/// The HTML of a mail, and the pictures that it names: Content-ID and PNG.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailHtml {
    pub html: String,
    pub pictures: Vec<(String, Vec<u8>)>,
}

struct Strip {
    words: String,
    source: String,
}

struct Section<'a> {
    of: &'a DomainReport,
    strips: Vec<Strip>,
    changes: Vec<(String, String, &'static str)>,
}

#[derive(Template)]
#[template(path = "notices/report.html")]
struct MailTemplate<'a> {
    report: &'a Report,
    title: String,
    service: &'a str,
    desk: &'a str,
    link: Option<&'a str>,
    to_do: String,
    who: String,
    by: String,
    sections: Vec<Section<'a>>,
    /// `15 October 2026`.
    first: String,
    last: String,
    figures: Vec<(&'static str, u64)>,
    bars: Option<Strip>,
    no_figures: &'static str,
    without: String,
}

/// Renders it.
///
/// # Errors
/// When a template or a picture cannot be made; the text says why.
pub fn mail_html(
    report: &Report,
    service: &str,
    desk: &str,
    link: Option<&str>,
    source: &Source,
) -> Result<MailHtml, String> {
    let mut pictures = Pictures { source, made: Vec::new() };
    let l = report.language;
    let mut sections = Vec::new();
    for (number, of) in report.domains.iter().enumerate() {
        sections.push(section(report, of, number, &mut pictures)?);
    }
    let (mut figures, mut bars, mut no_figures, mut without) = (Vec::new(), None, "", String::new());
    match &report.statistics {
        StatisticsFacts::Missing { why } => no_figures = why.in_words(l),
        StatisticsFacts::Known { figures: known, without: missing } => {
            figures = known.kinds(l);
            without = missing.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            if let Some(png) = bars_png(known) {
                let words = bars_in_words(known, l);
                bars = Some(Strip { words, source: pictures.add("mail", png?) });
            }
        }
    }
    let n = report.advice().count();
    let points = l.counted(n, ("point", "points"), ("kohta", "kohtaa"));
    let to_do = match (l, n) {
        (Language::En, 0) => "nothing".to_owned(),
        (Language::Fi, 0) => "sinun ei tarvitse tehdä mitään".to_owned(),
        (Language::En, _) => format!("see what could be better ({points})"),
        (Language::Fi, _) => format!("katso, mitä voisi parantaa ({points})"),
    };
    let template = MailTemplate {
        title: super::subject(report),
        service,
        desk,
        link,
        to_do,
        who: who(report),
        by: by(report),
        sections,
        first: day(l, report.from),
        last: day(l, report.last_day()),
        figures,
        bars,
        no_figures,
        without,
        report,
    };
    let html = template.render().map_err(|error| error.to_string())?;
    Ok(MailHtml { html, pictures: pictures.made })
}

struct Pictures<'a> {
    source: &'a Source,
    made: Vec<(String, Vec<u8>)>,
}

impl Pictures<'_> {
    fn add(&mut self, name: &str, png: Vec<u8>) -> String {
        match self.source {
            Source::Inline => format!("data:image/png;base64,{}", STANDARD.encode(&png)),
            Source::Mail { suffix } => {
                let id = format!("{name}{suffix}");
                let source = format!("cid:{id}");
                self.made.push((id, png));
                source
            }
        }
    }
}

fn section<'a>(
    report: &Report,
    of: &'a DomainReport,
    number: usize,
    pictures: &mut Pictures<'_>,
) -> Result<Section<'a>, String> {
    let overall = [of.overall(report.language)];
    let lanes: &[Lane] = match report.domains.len() {
        n if n <= WHOLE => &of.lanes,
        _ if number < MAX_STRIPS => &overall,
        _ => &[],
    };
    let mut strips = Vec::new();
    for (lane, row) in lanes.iter().zip(1..) {
        let source = pictures.add(&format!("days{}-{row}", number + 1), lane_png(lane)?);
        strips.push(Strip { words: lane.in_words(report.language), source });
    }
    Ok(Section { of, strips, changes: changes(report, of) })
}

/// Day, names and verdict, tone.
pub(super) fn changes(report: &Report, of: &DomainReport) -> Vec<(String, String, &'static str)> {
    let zone = report.zone();
    let each = |change: &super::MxChange| {
        let at = match report.language {
            Language::En => change.at.to_zoned(zone.clone()).strftime("%-d %B %Y, %H:%M").to_string(),
            Language::Fi => short_moment(Language::Fi, change.at, &zone),
        };
        (at, format!("{}: {}", change.names.join(", "), change.verdict), change.tone.as_str())
    };
    of.changes.iter().map(each).collect()
}

impl MailTemplate<'_> {
    const fn say(&self, en: &'static str, fi: &'static str) -> &'static str {
        self.report.language.say(en, fi)
    }

    const fn label(&self, about: &About) -> &'static str {
        about.label(self.report.language)
    }

    fn month(&self) -> String {
        self.report.month.in_words(self.report.language)
    }

    fn for_whom(&self, advice: &Advice) -> String {
        for_whom(advice, self.report.language)
    }

    fn more(&self) -> String {
        more_domains(self.report)
    }

    fn compared(&self) -> String {
        compared(self.report)
    }

    fn day(&self, date: &jiff::civil::Date) -> String {
        day(self.report.language, *date)
    }

    /// Ink and ground of a tone.
    fn ink(&self, tone: &Tone) -> &'static str {
        match tone {
            Tone::Good => "#17724a",
            Tone::Plain => "#3b4650",
            Tone::Unknown => "#5d686e",
            Tone::Fair => "#7a5a00",
            Tone::Bad => "#a32020",
        }
    }

    fn ground(&self, tone: &Tone) -> &'static str {
        match tone {
            Tone::Good => "#dff3e8",
            Tone::Plain => "#eef1f3",
            Tone::Unknown => "#eef1f3",
            Tone::Fair => "#fbf0cf",
            Tone::Bad => "#fbe3e1",
        }
    }
}
