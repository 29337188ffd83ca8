//! What stands in the outbox, as JSON. Items may have been written by an older program, so fields
//! are only ever added.

use serde::{Deserialize, Serialize};

use crate::store::SubjectKind;

pub(super) const FACT: &str = "fact";
pub(super) const NOTICE: &str = "notice";

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
}
