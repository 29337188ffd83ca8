//! The propagation picture: each name server and resolver over time, as rows of a table with a drawn lane each.
//! Lanes differ in height and pattern as well as in colour, and every lane is said in words, too.

use std::fmt::Write as _;

use fencepost_checks::mx::propagation::{AnswererKind, Propagation, Says, Span, Track};
use jiff::{SignedDuration, Timestamp};

use crate::http::panel::words::{Times, When};
use crate::status::DomainStatus;
use crate::store::Observation;

/// Units of a lane's drawing.
const WIDTH: i64 = 1000;
const HEIGHT: i64 = 24;
/// What one look covers at the least, so that it can be seen.
const LEAST: i64 = 5;
/// How far back the picture goes where nothing has changed lately.
const QUIET: SignedDuration = SignedDuration::from_hours(48);
const LANES: usize = 64;

/// The picture.
pub(in crate::http::panel) struct Picture {
    pub lanes: Vec<Lane>,
    pub from: When,
    pub to: When,
    /// How many say the new MX now, and how many there are.
    pub new: usize,
    pub all: usize,
    /// Lanes that are not shown.
    pub more: usize,
}

pub(in crate::http::panel) struct Lane {
    pub kind: &'static str,
    pub name: String,
    pub address: String,
    pub says: &'static str,
    pub tone: &'static str,
    pub since: When,
    /// The whole lane in words.
    pub words: String,
    /// `<rect>`s; nothing in it comes from outside.
    pub svg: String,
}

impl Picture {
    /// `None` where no round was made yet.
    pub(super) fn of(status: &DomainStatus, observations: &[Observation], times: &Times) -> Option<Self> {
        let kept = observations.iter().find(|kept| kept.kind == "propagation")?;
        let spread: Propagation = serde_json::from_str(&kept.body).ok()?;
        let tracks: Vec<&Track> = spread.tracks().iter().filter(|track| !track.spans.is_empty()).collect();
        if tracks.is_empty() {
            return None;
        }
        let to = status.as_of;
        let from = begin(status, &tracks, to);
        let new = tracks.iter().filter(|track| track.spans.last().is_some_and(|last| last.says == Says::New)).count();
        Some(Self {
            lanes: tracks.iter().take(LANES).filter_map(|track| lane(track, (from, to), times)).collect(),
            from: times.show(from),
            to: times.show(to),
            new,
            all: tracks.len(),
            more: tracks.len().saturating_sub(LANES),
        })
    }
}

/// From a little before the change, or from the first look.
fn begin(status: &DomainStatus, tracks: &[&Track], to: Timestamp) -> Timestamp {
    let first = tracks.iter().filter_map(|track| Some(track.spans.first()?.from)).min().unwrap_or(to);
    let turned = tracks.iter().flat_map(|track| track.spans.iter().skip(1)).map(|span| span.from).min();
    let change = status.window.as_ref().map(|window| window.opened_at).or(turned);
    let wanted = match change {
        Some(change) => {
            let lead = to.duration_since(change).as_secs() / 6;
            change.checked_sub(SignedDuration::from_secs(lead.max(600)))
        }
        None => to.checked_sub(QUIET),
    };
    let begin = wanted.unwrap_or(first).max(first);
    // A lane needs some length even when the first look was just now.
    begin.min(to.checked_sub(SignedDuration::from_mins(10)).unwrap_or(begin))
}

fn lane(track: &Track, axis: (Timestamp, Timestamp), times: &Times) -> Option<Lane> {
    let last = track.spans.last()?;
    let (says, tone) = word(last.says);
    Some(Lane {
        kind: match track.kind {
            AnswererKind::NameServer => "name server",
            AnswererKind::Resolver => "resolver",
        },
        name: track.name.trim_end_matches('.').to_owned(),
        address: track.address.ip().to_string(),
        says,
        tone,
        since: times.show(last.from),
        words: words(&track.spans, times),
        svg: drawn(&track.spans, axis),
    })
}

/// What it says now, and the class of it.
const fn word(says: Says) -> (&'static str, &'static str) {
    match says {
        Says::New => ("new", "new"),
        Says::Mixed => ("mixed", "mixed"),
        Says::Old => ("old", "old"),
        Says::NoMx => ("no MX", "none"),
        Says::Silent => ("no answer", "silent"),
    }
}

/// `old from … to …, then new since …`; the newest spans where there are many.
fn words(spans: &[Span], times: &Times) -> String {
    let shown = spans.get(spans.len().saturating_sub(6)..).unwrap_or_default();
    let mut text = String::new();
    for (index, span) in shown.iter().enumerate() {
        let says = word(span.says).0;
        let from = times.show(span.from).full;
        let lead = if index == 0 { "" } else { ", then " };
        let _ = write!(text, "{lead}{says} since {from}");
    }
    text
}

fn drawn(spans: &[Span], (from, to): (Timestamp, Timestamp)) -> String {
    let length = to.duration_since(from).as_secs().max(1);
    let place = |at: Timestamp| (at.duration_since(from).as_secs().clamp(0, length) * WIDTH) / length;
    let mut svg = String::new();
    for (index, span) in spans.iter().enumerate() {
        // What was said holds, as far as anybody knows, until the next answer.
        let end = spans.get(index + 1).map_or(to, |next| next.from);
        if end < from {
            continue;
        }
        let x = place(span.from).min(WIDTH - LEAST);
        let width = (place(end) - x).max(LEAST);
        let (y, height) = match span.says {
            Says::New => (0, HEIGHT),
            Says::Mixed => (HEIGHT / 4, HEIGHT * 3 / 4),
            Says::Old => (HEIGHT / 2, HEIGHT / 2),
            Says::NoMx => (HEIGHT * 3 / 4, HEIGHT / 4),
            Says::Silent => (HEIGHT - 3, 3),
        };
        let class = word(span.says).1;
        let _ = write!(svg, r#"<rect class="p-{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#);
    }
    svg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    #[test]
    fn a_lane_is_drawn_from_answer_to_answer() {
        let span = |says, from, to| Span { says, from: at(from), to: at(to) };
        let spans = [span(Says::Old, -500, 10), span(Says::Mixed, 20, 20), span(Says::New, 50, 90)];
        insta::assert_snapshot!(drawn(&spans, (at(0), at(100))).replace("><", ">\n<"), @r#"
        <rect class="p-old" x="0" y="12" width="200" height="12"/>
        <rect class="p-mixed" x="200" y="6" width="300" height="18"/>
        <rect class="p-new" x="500" y="0" width="500" height="24"/>
        "#);
    }
}
