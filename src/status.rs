//! What a partner is told about a domain: one answer, its reason, who has to act, and the evidence.
//! API, pages and notices all show this one value. Pure: a projection of the connection, its kept
//! observations and the configuration at an instant.

mod change;
mod next;
mod overdue;
mod project;
mod provider;
mod records;
mod rollback;
mod spelling;

pub use change::{MxChange, message_to_provider};
pub use next::what_happens_next;
pub use overdue::{Overdue, limit, overdue};
pub use project::{ProjectInput, project, project_in};
pub use provider::DnsProviderStatus;
pub use rollback::RollbackCard;
pub use spelling::{Spelling, Spellings};

use fencepost_checks::mx::MxVerdict;
use fencepost_checks::mx::history::Term;
use fencepost_checks::{Actor, DomainName, Finding};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lifecycle::connection::{Phase, SwapStage};
use crate::words::Language;

/// What to do now. The words are interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    Wait,
    ChangeNow,
    Stop,
    RollBack,
    Done,
    MoveAway,
}

/// Somebody of whom something is expected.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Waiting {
    pub who: Actor,
    pub what: String,
    pub since: Timestamp,
}

/// The answer of the lifecycle, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Answer {
    pub answer: AnswerKind,
    /// One sentence.
    pub reason: String,
    pub waiting_for: Vec<Waiting>,
}

/// The status answer that a partner relies on. Field names are interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainStatus {
    pub domain: DomainName,
    pub connection_id: String,
    pub as_of: Timestamp,
    pub phase: Phase,
    pub phase_since: Timestamp,
    pub answer: AnswerKind,
    pub reason: String,
    /// `answer == change_now`, and never when the permit is not valid.
    pub mx_change_permitted: bool,
    pub permit: Option<PermitStatus>,
    pub waiting_for: Vec<Waiting>,
    pub next_check_at: Option<Timestamp>,
    pub records_to_set: Vec<RecordLine>,
    pub records_to_remove: Vec<RecordLine>,
    pub current_mx: Vec<RecordLine>,
    /// The last set that did not name the gateway: what to go back to.
    pub previous_mx: Vec<RecordLine>,
    pub mx_verdict: Option<MxVerdict>,
    /// Advice only: when a change would be fast, the TTL having been lowered and waited out.
    pub fastest_change_after: Option<Timestamp>,
    /// From which record or policy that advice comes: a sentence for people.
    #[serde(default)]
    pub fastest_change_because: Option<String>,
    pub all_senders_switched_by: Option<Timestamp>,
    /// The lower bounds of `all_senders_switched_by`, the latest first.
    #[serde(default)]
    pub switch_terms: Vec<Term>,
    pub old_path_needed_until: Option<Timestamp>,
    pub findings: Vec<Finding>,
    pub window: Option<WindowStatus>,
    /// Who runs the domain's name servers, and how its form wants the records; `None` where that is
    /// not known, or where there are two.
    #[serde(default)]
    pub dns_provider: Option<DnsProviderStatus>,
    /// How things stood before the change: what to go back to.
    #[serde(default)]
    pub rollback: Option<RollbackCard>,
    /// Own servers that are about to replace the present ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_change: Option<RouteChangeStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<SuspensionStatus>,
    /// The announced end of a domain whose MX never moves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<CutOffStatus>,
    /// The gateway's route is kept until then, once the MX has left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route_kept_until: Option<Timestamp>,
}

/// A change of own servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteChangeStatus {
    /// The new ones, `host:port`.
    pub servers: Vec<String>,
    pub stage: SwapStage,
    pub since: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuspensionStatus {
    pub since: Timestamp,
    pub reason: String,
    /// Until then the gateway defers the domain's mail; not at all where it is not given.
    pub mail_deferred_until: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutOffStatus {
    pub deferred_from: Timestamp,
    pub refused_from: Timestamp,
}

impl DomainStatus {
    /// What to send to the DNS provider, ready to forward; `None` unless the records are to be changed now.
    #[must_use]
    pub fn message_to_provider(&self) -> Option<String> {
        self.message_to_provider_in(Language::En)
    }

    /// [`Self::message_to_provider`] in a language.
    #[must_use]
    pub fn message_to_provider_in(&self, language: Language) -> Option<String> {
        let now = self.mx_change_permitted || matches!(self.answer, AnswerKind::RollBack | AnswerKind::MoveAway);
        let change = MxChange { set: self.records_to_set.clone(), remove: self.records_to_remove.clone() };
        now.then(|| message_to_provider(&self.domain, &change, language)).flatten()
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitStatus {
    /// `<connection id>/<number>`.
    pub id: String,
    pub issued_at: Timestamp,
    pub valid_until: Timestamp,
    pub evidence: Vec<String>,
}

/// One MX record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordLine {
    /// With trailing dot.
    pub name: String,
    /// Seconds; `None` where it was not seen.
    pub ttl: Option<u32>,
    pub preference: u16,
    /// With trailing dot.
    pub exchange: String,
    /// How forms and zone files want it; of records to set only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spellings: Option<Spellings>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowStatus {
    pub opened_at: Timestamp,
    pub clean_rounds: u32,
    /// `None` while nothing is counted, because an old answer was seen.
    pub earliest_close: Option<Timestamp>,
    pub escalates_at: Timestamp,
    pub broken_by: Option<String>,
}
