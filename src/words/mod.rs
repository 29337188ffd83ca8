//! The languages in which people are written to, and how each writes times, amounts and counted things.
//! Texts of one place stand in that place, both languages side by side, so that a missing one does not
//! compile. No I/O, no clock, and nothing that is said of a domain or a customer.

mod amount;
mod time;

use serde::{Deserialize, Serialize};

pub use amount::amount;
pub use time::{day, moment, month, short_moment};

/// A language of notices, reports and invoices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    En,
    Fi,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::En, Self::Fi];

    /// BCP 47, as `lang` in HTML and `Content-Language` want it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Fi => "fi",
        }
    }

    /// One of two texts that say the same.
    #[must_use]
    pub const fn say<'a>(self, en: &'a str, fi: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Fi => fi,
        }
    }

    /// `1 domain`, `2 domains`; in Finnish the partitive follows every number but one.
    #[must_use]
    pub fn counted(self, n: usize, en: (&str, &str), fi: (&str, &str)) -> String {
        let (one, many) = match self {
            Self::En => en,
            Self::Fi => fi,
        };
        if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_as_each_language_does() {
        let domains =
            |language: Language, n| language.counted(n, ("domain", "domains"), ("verkkotunnus", "verkkotunnusta"));
        assert_eq!(domains(Language::En, 1), "1 domain");
        assert_eq!(domains(Language::En, 0), "0 domains");
        assert_eq!(domains(Language::Fi, 1), "1 verkkotunnus");
        assert_eq!(domains(Language::Fi, 7), "7 verkkotunnusta");
    }

    #[test]
    fn the_name_in_files_is_the_tag() {
        for language in Language::ALL {
            assert_eq!(serde_json::to_value(language).unwrap(), language.tag());
        }
    }
}
