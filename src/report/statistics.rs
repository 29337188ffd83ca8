//! What the gateway says it has filtered. The figures are the gateway's: they are bounded and added up here,
//! and where there are none, the reason takes their place.

use fencepost_checks::DomainName;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::words::Language;

/// Days of figures that are read of one answer.
const MAX_DAYS: usize = 62;

/// Of one domain or of all of a customer's: messages in the period. What the gateway does not count is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    pub received: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spam: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub malware: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phishing: Option<u64>,
    /// Refused before its content was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<DayFigures>,
}

/// One day of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayFigures {
    pub day: Date,
    pub received: u64,
    /// Of those, not delivered.
    #[serde(default)]
    pub stopped: u64,
}

/// Figures, or why there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StatisticsFacts {
    Known {
        figures: Figures,
        /// Domains of which the gateway has no figures.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        without: Vec<DomainName>,
    },
    Missing {
        why: NoFigures,
    },
}

/// Why there are no figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoFigures {
    /// No endpoint is configured.
    NotConfigured,
    /// It was asked and gave no usable answer.
    NotAnswered,
    /// It has none for these domains.
    NotCounted,
    /// They are fetched when the report is made.
    NotYet,
}

impl NoFigures {
    /// One plain line.
    #[must_use]
    pub const fn in_words(self, language: Language) -> &'static str {
        match self {
            Self::NotConfigured => language.say(
                "The gateway gives no figures of filtered mail to this report.",
                "Suodatuspalvelu ei anna tähän raporttiin lukuja suodatetusta postista.",
            ),
            Self::NotAnswered => language.say(
                "The gateway was asked for its figures of filtered mail and did not answer in time.",
                "Suodatuspalvelulta pyydettiin lukuja suodatetusta postista, mutta se ei vastannut ajoissa.",
            ),
            Self::NotCounted => language.say(
                "The gateway has no figures of filtered mail for these domains.",
                "Suodatuspalvelulla ei ole lukuja näiden verkkotunnusten postista.",
            ),
            Self::NotYet => language.say(
                "Figures of filtered mail are fetched on the day of the report.",
                "Luvut suodatetusta postista haetaan raportin päivänä.",
            ),
        }
    }
}

impl Figures {
    /// Adds those of another domain. A kind that one of them does not count is not known of both.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        let both = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.saturating_add(b));
        self.received = self.received.saturating_add(other.received);
        self.delivered = both(self.delivered, other.delivered);
        self.spam = both(self.spam, other.spam);
        self.malware = both(self.malware, other.malware);
        self.phishing = both(self.phishing, other.phishing);
        self.refused = both(self.refused, other.refused);
        for day in &other.days {
            match self.days.iter_mut().find(|known| known.day == day.day) {
                Some(known) => {
                    known.received = known.received.saturating_add(day.received);
                    known.stopped = known.stopped.saturating_add(day.stopped);
                }
                None => self.days.push(*day),
            }
        }
        self
    }

    /// Only days of the period, each once, in order, and never more stopped than came.
    #[must_use]
    pub fn within(mut self, from: Date, until: Date) -> Self {
        self.days.retain(|day| from <= day.day && day.day < until);
        self.days.sort_by_key(|day| day.day);
        self.days.dedup_by_key(|day| day.day);
        self.days.truncate(MAX_DAYS);
        for day in &mut self.days {
            day.stopped = day.stopped.min(day.received);
        }
        self
    }

    /// Kinds that are counted, for people: label and number.
    #[must_use]
    pub fn kinds(&self, language: Language) -> Vec<(&'static str, u64)> {
        let all = [
            (language.say("Received", "Vastaanotettu"), Some(self.received)),
            (language.say("Delivered", "Toimitettu"), self.delivered),
            (language.say("Refused at the door", "Torjuttu ovella"), self.refused),
            (language.say("Spam", "Roskaposti"), self.spam),
            (language.say("Phishing", "Tietojenkalastelu"), self.phishing),
            (language.say("Malware", "Haittaohjelmat"), self.malware),
        ];
        all.into_iter().filter_map(|(label, number)| Some((label, number?))).collect()
    }
}
