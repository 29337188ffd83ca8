//! The monthly security report of a customer: from facts that others gathered to one value ([`Report`]), and
//! from that to text, HTML and pictures. Every view says the same, because each shows these rows and nothing
//! else. Pure: no I/O, no clock; what was not observed is said to be unknown and never made up.

mod days;
mod domain;
mod html;
mod month;
mod page;
mod picture;
mod posture;
mod servers;
mod statistics;
mod tally;
#[cfg(test)]
pub(crate) mod tests;
mod text;
mod words;

use fencepost_checks::DomainName;
use fencepost_checks::escape::clean;
use fencepost_checks::observation::{DnsRound, LintObservation, SmtpDialogue};
use fencepost_checks::{Actor, Finding};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::lifecycle::connection::{Connection, Event};
use crate::words::{Language, amount};

pub use days::{Day, Lane, Stretch};
pub use html::{MailHtml, Source, mail_html};
pub use month::{Month, NoMonth};
pub use page::{PageSection, page_bars, page_sections};
pub use picture::{lane_png, lane_svg};
pub use statistics::{DayFigures, Figures, NoFigures, StatisticsFacts};
pub use tally::{Look, Looks, Tally};
pub use text::{for_whom, mail_text, more_domains, subject};

/// Domains with a section of their own; a customer with more sees how many were left out.
pub const MAX_DOMAINS: usize = 50;
/// Longer pieces of input are cut.
const MAX_PIECE: usize = 200;

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    pub customer_id: &'a str,
    pub customer_name: &'a str,
    pub partner: &'a str,
    /// The day of the report: it tells of the days before it.
    pub on: Date,
    /// The first day that it tells of.
    pub from: Date,
    pub now: Timestamp,
    /// Of the business: days begin there.
    pub zone: &'a TimeZone,
    pub trial: Option<&'a TrialFacts>,
    pub domains: &'a [DomainFacts],
    pub statistics: &'a StatisticsFacts,
    /// The report before this one.
    pub before: Option<&'a Report>,
    /// In which it is written.
    pub language: Language,
}

/// Of a customer that has not decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialFacts {
    /// First day after the trial.
    pub ends: Date,
    /// Without a decision before that day, what is configured happens.
    pub decide_before: Date,
    /// A month, such as `120.00 EUR`.
    pub price: String,
}

/// What is known of one domain. An observation that was never made is `None`.
#[derive(Debug, Clone)]
pub struct DomainFacts {
    pub connection: Connection,
    /// Its whole history, oldest first.
    pub events: Vec<(Timestamp, Event)>,
    /// The history is longer than what was read.
    pub history_cut: bool,
    pub tally: Option<Tally>,
    pub mx: Option<(Timestamp, DnsRound)>,
    pub smtp: Option<(Timestamp, Vec<SmtpDialogue>)>,
    pub lint: Option<(Timestamp, LintObservation)>,
    /// Of every gate, each with the time of the look.
    pub findings: Vec<(Timestamp, Finding)>,
    /// When outsiders knocked last.
    pub outsiders_at: Option<Timestamp>,
}

/// One report. Stored as it was sent; the next one is compared with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// In which its texts are.
    #[serde(default)]
    pub language: Language,
    pub customer_id: String,
    pub customer_name: String,
    pub partner: String,
    pub month: Month,
    /// The first day that it tells of.
    pub from: Date,
    /// The first day that it tells nothing of any more.
    pub until: Date,
    pub made_at: Timestamp,
    /// IANA name.
    pub time_zone: String,
    /// Begins the sentence of all others: how the month was.
    pub headline: String,
    pub tone: Tone,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<TrialFacts>,
    pub domains: Vec<DomainReport>,
    /// Domains that were left out.
    #[serde(default)]
    pub more_domains: usize,
    pub statistics: StatisticsFacts,
    /// The month of the report that it is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<Month>,
}

/// What a report says of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainReport {
    pub domain: DomainName,
    pub rows: Vec<Row>,
    /// How the MX changed, oldest first.
    pub changes: Vec<MxChange>,
    /// Changes that were left out.
    #[serde(default)]
    pub more_changes: usize,
    /// When the MX had drifted.
    pub drifts: Vec<Stretch>,
    /// One character a day: see [`Day`].
    pub lanes: Vec<Lane>,
    pub advice: Vec<Advice>,
    /// Cumulative, for the difference in the next report.
    pub looks: Option<Looks>,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub about: About,
    pub says: String,
    /// Beside it, in small print.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    pub tone: Tone,
    /// What the report before said; `None` where there is none, or it did not know this line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
}

/// What a line is about. The words are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    Checks,
    Mx,
    Drift,
    Delivery,
    LockDown,
    Tls,
    Certificate,
    MtaSts,
    Spf,
    Dmarc,
    TlsRpt,
    Dnssec,
}

/// How good a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    Good,
    /// Neither good nor bad.
    Plain,
    /// Was not observed.
    Unknown,
    /// Could be better.
    Fair,
    Bad,
}

/// A change of the MX as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MxChange {
    pub at: Timestamp,
    pub names: Vec<String>,
    /// For people.
    pub verdict: String,
    pub tone: Tone,
}

/// What somebody may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    pub code: String,
    pub who: String,
    pub text: String,
}

impl About {
    /// For people.
    #[must_use]
    pub const fn label(self, language: Language) -> &'static str {
        match self {
            Self::Checks => language.say("Checks made", "Tarkistuksia"),
            Self::Mx => language.say("MX records", "MX-tietueet"),
            Self::Drift => language.say("Time off the gateway", "Aika ohi suodatuksen"),
            Self::Delivery => language.say("Your mail server", "Oma palvelin"),
            Self::LockDown => language.say("Bypass protection", "Ohituksen esto"),
            Self::Tls => language.say("Encryption (TLS)", "Salaus (TLS)"),
            Self::Certificate => language.say("Certificate", "Varmenne"),
            Self::MtaSts => "MTA-STS",
            Self::Spf => "SPF",
            Self::Dmarc => "DMARC",
            Self::TlsRpt => language.say("TLS reports", "TLS-raportit"),
            Self::Dnssec => "DNSSEC",
        }
    }
}

impl Tone {
    /// The name in views and interfaces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Plain => "plain",
            Self::Unknown => "unknown",
            Self::Fair => "fair",
            Self::Bad => "bad",
        }
    }

    /// The same in one sign, for whoever does not see colours.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Plain => "·",
            Self::Unknown => "?",
            Self::Fair => "!",
            Self::Bad => "✗",
        }
    }
}

impl Row {
    /// Whether the report before said something else.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.before.as_ref().is_some_and(|before| *before != self.says)
    }

    fn new(about: About, tone: Tone, says: impl Into<String>) -> Self {
        Self { about, tone, says: says.into(), note: String::new(), before: None }
    }

    fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// It was never looked at.
    fn unknown(language: Language, about: About, why: &str) -> Self {
        Self::new(about, Tone::Unknown, language.say("not known", "ei tiedossa")).note(why)
    }
}

/// The report.
#[must_use]
pub fn make(facts: &Facts<'_>) -> Report {
    let month = Month::of(facts.on);
    // Other words are no change.
    let before = facts.before.filter(|before| before.month < month && before.language == facts.language);
    let shown = &facts.domains[..facts.domains.len().min(MAX_DOMAINS)];
    let domains: Vec<DomainReport> = shown.iter().map(|of| domain::make(facts, of, before)).collect();
    let (headline, tone) = words::headline(&domains, facts.language);
    Report {
        language: facts.language,
        customer_id: facts.customer_id.to_owned(),
        customer_name: clean(facts.customer_name, MAX_PIECE),
        partner: clean(facts.partner, MAX_PIECE),
        month,
        from: facts.from,
        until: facts.on,
        made_at: facts.now,
        time_zone: facts.zone.iana_name().unwrap_or("UTC").to_owned(),
        headline,
        tone,
        trial: facts.trial.map(|trial| TrialFacts { price: amount(facts.language, &trial.price), ..trial.clone() }),
        more_domains: facts.domains.len() - domains.len(),
        domains,
        statistics: facts.statistics.clone(),
        compared_with: before.map(|before| before.month),
    }
}

impl Report {
    /// The zone in which its days begin.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// The last day that it tells of.
    #[must_use]
    pub fn last_day(&self) -> Date {
        self.until.yesterday().unwrap_or(self.until).max(self.from)
    }

    /// What somebody may do, of every domain.
    pub fn advice(&self) -> impl Iterator<Item = (&DomainName, &Advice)> {
        self.domains.iter().flat_map(|of| of.advice.iter().map(|advice| (&of.domain, advice)))
    }
}

/// Stands after "for" in English, and before a colon in Finnish.
const fn actor(who: Actor, language: Language) -> &'static str {
    match who {
        Actor::Customer => language.say("your mail administrator", "sähköpostin ylläpitäjäsi"),
        Actor::Partner => language.say("your partner", "kumppanisi"),
        Actor::DnsProvider => language.say("your DNS provider", "DNS-palveluntarjoajasi"),
        Actor::Desk => language.say("our service desk", "asiakaspalvelumme"),
        Actor::Vendor => language.say("us", "me"),
        Actor::Time | Actor::Nobody => language.say("nobody", "ei kukaan"),
    }
}
