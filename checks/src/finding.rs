//! A finding: one judged observation, with what to do about it. Findings are made by the judging
//! modules only; nothing here judges.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::firewall::Allow;
use crate::{Code, escape};

/// The outcome of a gate. `Inconclusive` is a real answer: a time-out, a 4xx or a fault of our own
/// never makes a `Fail` by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Inconclusive,
    Fail,
}

/// How much a finding matters to the cut-over. Ordered: the gravest is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Blocking,
}

/// Who has to act. The words are interface: pages, mails and `waiting_for` show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The customer or whoever runs its mail server and firewall.
    Customer,
    /// The reseller, who relays the MX change to the DNS provider.
    Partner,
    DnsProvider,
    /// The service desk.
    Desk,
    /// The filtering service itself.
    Vendor,
    /// Nobody: only time has to pass.
    Time,
    Nobody,
}

/// One judged observation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Finding {
    pub code: Code,
    pub severity: Severity,
    /// What it is about: `mail.example.com:25`, `example.com`, `ns2.example.net (192.0.2.53)`.
    pub subject: String,
    /// What was observed, with addresses, codes and times. One or two sentences.
    pub detail: String,
    /// What to do, with the exact values to type.
    pub remedy: String,
    pub who: Actor,
    /// What a firewall has to let in, where that is the remedy; [`Allow::rules`] makes rules to paste of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<Allow>,
    /// Ids of the vantages that saw it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vantages: Vec<String>,
    pub observed_at: Timestamp,
}

impl Finding {
    /// A finding about `subject`. Every text passes [`escape::clean`], so that nothing from outside
    /// reaches a terminal, a log or a page as it came.
    #[must_use]
    pub fn new(code: Code, severity: Severity, subject: &str, observed_at: Timestamp) -> Self {
        Self {
            code,
            severity,
            subject: escape::clean(subject, escape::SUBJECT),
            detail: String::new(),
            remedy: String::new(),
            who: Actor::Nobody,
            allow: None,
            vantages: Vec::new(),
            observed_at,
        }
    }

    /// What was observed.
    #[must_use]
    pub fn detail(mut self, text: &str) -> Self {
        self.detail = escape::clean(text, escape::DETAIL);
        self
    }

    /// Who has to do what about it.
    #[must_use]
    pub fn remedy(mut self, who: Actor, text: &str) -> Self {
        self.who = who;
        self.remedy = escape::clean(text, escape::DETAIL);
        self
    }

    /// What a firewall has to let in.
    #[must_use]
    pub fn allow(mut self, allow: Option<Allow>) -> Self {
        self.allow = allow;
        self
    }

    /// Ids of the vantages that saw it.
    #[must_use]
    pub fn seen_by<'a>(mut self, vantages: impl IntoIterator<Item = &'a str>) -> Self {
        self.vantages = vantages.into_iter().take(32).map(|id| escape::clean(id, 100)).collect();
        self.vantages.dedup();
        self
    }
}

/// What a gate's judgement returns: the verdict and the findings that explain it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judgement {
    pub verdict: Verdict,
    pub findings: Vec<Finding>,
    /// Ask again no earlier than this long after the observation (greylisting, rate limits).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<SignedDuration>,
}

impl Judgement {
    /// The findings that forbid a permit.
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|f| f.severity == Severity::Blocking)
    }
}
