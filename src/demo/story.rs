//! What happened to one customer, in dated lines: what was seen, what was said, who acted.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// One line of a story.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    pub at: Timestamp,
    pub who: String,
    pub text: String,
}

/// The lines of one customer. Cheap to clone; all clones write the same story.
#[derive(Debug, Clone, Default)]
pub struct Story(Arc<Mutex<Vec<Line>>>);

impl Story {
    pub fn add(&self, at: Timestamp, who: &str, text: impl Into<String>) {
        let line = Line { at, who: who.to_owned(), text: text.into() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// In the order of time; lines of the same instant stay as they were told.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        lines.sort_by_key(|line| line.at);
        lines
    }
}

const WHO_WIDTH: usize = 10;
const TEXT_WIDTH: usize = 96;

/// The story as it is printed, in the time zone of the business.
#[must_use]
pub fn render(title: &str, lines: &[Line], zone: &TimeZone) -> String {
    let mut text = format!("{title}\n");
    for line in lines {
        let when = line.at.to_zoned(zone.clone()).strftime("%a %d %b %H:%M").to_string();
        for (index, part) in wrap(&line.text).into_iter().enumerate() {
            let (when, who) = if index == 0 { (when.as_str(), line.who.as_str()) } else { ("", "") };
            text.push_str(format!("  {when:<16}  {who:<WHO_WIDTH$}  {part}").trim_end());
            text.push('\n');
        }
    }
    text
}

/// Breaks at spaces; a longer word stands alone.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full =
            lines.last().is_some_and(|l| !l.is_empty() && l.chars().count() + 1 + word.chars().count() > TEXT_WIDTH);
        if full {
            lines.push(String::new());
        }
        if let Some(last) = lines.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_told_in_the_order_of_time_and_in_the_time_of_the_business() {
        let story = Story::default();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        story.add(at("2027-01-04T08:20:00Z"), "partner", "looks whether the change may be relayed: yes.");
        story.add(at("2027-01-04T06:00:00Z"), "desk", "places the order.");
        story.add(at("2027-04-01T06:00:00Z"), "fencepost", "word ".repeat(30));
        insta::assert_snapshot!(render("Aalto", &story.lines(), &TimeZone::get("Europe/Helsinki").unwrap()));
    }
}
