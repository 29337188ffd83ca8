//! What stands in the outbox, as JSON. Items may have been written by an older program, so fields
//! are only ever added.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::{Unreadable, json};
use crate::report::Month;
use crate::store::{NewOutbox, SubjectKind};

pub(super) const FACT: &str = "fact";
pub(super) const NOTICE: &str = "notice";
pub(super) const VANTAGE: &str = "vantage";
pub(super) const SIGN_IN: &str = "sign_in";

/// A fact that one subject has for another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FactItem {
    /// Id of the subject that learns of it.
    pub to: String,
    pub machine: SubjectKind,
    /// `Fact` of that machine.
    pub fact: serde_json::Value,
}

/// A notice, by name: its words are made when it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeItem {
    pub notice: String,
    pub machine: SubjectKind,
    pub subject: String,
    /// Seq of the last event of the transition that caused it.
    pub seq: u64,
    /// Number of the permit that must still be valid at the moment of sending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_if: Option<u32>,
    /// Of the report that goes out, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Month>,
}

/// A vantage was taken out of use: for the desk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VantageItem {
    pub vantage: String,
    /// When the quarantine began that it tells of.
    pub since: Timestamp,
}

impl VantageItem {
    /// One quarantine is told once.
    pub(super) fn outbox(&self) -> NewOutbox {
        NewOutbox {
            dedupe_key: format!("vantage/{}/{}/quarantined", self.vantage, self.since.as_microsecond()),
            kind: VANTAGE.to_owned(),
            payload: serde_json::json!(self).to_string(),
            due_at: self.since,
        }
    }
}

/// Somebody asked for a link to sign in with. Whether there is such an account is not looked at before the
/// mail is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WishItem {
    pub email: String,
    /// The page that was wanted.
    pub next: String,
    pub asked_at: Timestamp,
}

impl WishItem {
    pub(super) fn outbox(&self, id: &str) -> Result<NewOutbox, Unreadable> {
        let dedupe_key = format!("sign-in/{id}");
        Ok(NewOutbox { dedupe_key, kind: SIGN_IN.to_owned(), payload: json(self)?, due_at: self.asked_at })
    }
}

impl FactItem {
    pub(super) fn new<F: Serialize>(to: &str, machine: SubjectKind, fact: &F) -> Result<Self, Unreadable> {
        Ok(Self { to: to.to_owned(), machine, fact: serde_json::to_value(fact)? })
    }

    pub(super) fn outbox(&self, dedupe_key: String, due_at: Timestamp) -> Result<NewOutbox, Unreadable> {
        Ok(NewOutbox { dedupe_key, kind: FACT.to_owned(), payload: json(self)?, due_at })
    }
}

impl NoticeItem {
    /// `version` is the one that the causing transition makes: one transition cannot cause the same
    /// notice twice, and a repetition of it has the same key.
    pub(super) fn outbox(&self, version: u64, due_at: Timestamp) -> Result<NewOutbox, Unreadable> {
        self.outbox_as(format!("{}/{version}/{}", self.subject, self.notice), due_at)
    }

    pub(super) fn outbox_as(&self, dedupe_key: String, due_at: Timestamp) -> Result<NewOutbox, Unreadable> {
        Ok(NewOutbox { dedupe_key, kind: NOTICE.to_owned(), payload: json(self)?, due_at })
    }
}
