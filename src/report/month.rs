//! The month by which a report is known: the one in which it is made.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::words::{self, Language};

/// A calendar month, written `2026-10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

/// A text that is no month.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no month; write one like 2026-10")]
pub struct NoMonth(String);

impl Month {
    /// The month in which a day lies.
    #[must_use]
    pub fn of(day: Date) -> Self {
        Self { year: day.year(), month: day.month() }
    }

    /// Its first day.
    #[must_use]
    pub fn first_day(self) -> Date {
        Date::new(self.year, self.month, 1).unwrap_or(Date::MIN)
    }

    /// The month before it.
    #[must_use]
    pub fn before(self) -> Self {
        Self::of(self.first_day().yesterday().unwrap_or(Date::MIN))
    }

    /// `October 2026`, `lokakuu 2026`.
    #[must_use]
    pub fn in_words(self, language: Language) -> String {
        words::month(language, self.first_day())
    }

    /// `of October 2026`, `lokakuun 2026`.
    #[must_use]
    pub fn of_it(self, language: Language) -> String {
        let name = self.in_words(language);
        match language {
            Language::En => format!("of {name}"),
            // Every Finnish month ends in "kuu".
            Language::Fi => name.replacen("kuu ", "kuun ", 1),
        }
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for Month {
    type Err = NoMonth;

    fn from_str(text: &str) -> Result<Self, NoMonth> {
        let no = || NoMonth(text.chars().take(20).filter(|c| !c.is_control()).collect());
        let shape =
            text.len() == 7 && text.bytes().enumerate().all(|(i, b)| (i == 4 && b == b'-') || b.is_ascii_digit());
        let day: Date = if shape { format!("{text}-01").parse().map_err(|_| no())? } else { return Err(no()) };
        Ok(Self::of(day))
    }
}

impl Serialize for Month {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Month {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
