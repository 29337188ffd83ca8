//! The records: what to set and what to take out, in three spellings, how the DNS provider wants them, and a
//! message to it that is ready to forward.

use crate::lifecycle::connection::Phase;
use crate::status::{AnswerKind, DnsProviderStatus, DomainStatus, RecordLine, Spelling};

/// Everything about the records of one domain.
pub(in crate::http::panel) struct Records {
    pub title: &'static str,
    /// They are to be entered now, and not some time.
    pub now: bool,
    pub set: Vec<RecordLine>,
    pub remove: Vec<RecordLine>,
    /// What is published already, where nothing is to be changed.
    pub published: Vec<RecordLine>,
    /// How forms and zone files want them; empty where they stand already.
    pub ways: Vec<Way>,
    pub provider: Option<DnsProviderStatus>,
    pub message: Option<Message>,
}

/// One spelling of all records.
pub(in crate::http::panel) struct Way {
    pub title: &'static str,
    pub about: &'static str,
    pub rows: Vec<Spelling>,
    /// Lines of a zone file in place of rows.
    pub lines: String,
}

/// For the DNS provider.
pub(in crate::http::panel) struct Message {
    pub text: String,
    /// Opens a mail program (RFC 6068).
    pub mailto: String,
}

/// Whether somebody is to enter records now.
pub(super) fn now(status: &DomainStatus) -> bool {
    let asked = status.mx_change_permitted
        || matches!(status.answer, AnswerKind::RollBack | AnswerKind::MoveAway)
        || (status.phase == Phase::Drifted && status.suspension.is_none());
    asked && (!status.records_to_set.is_empty() || !status.records_to_remove.is_empty())
}

impl Records {
    pub(super) fn of(status: &DomainStatus) -> Option<Self> {
        let stand = stand(status);
        let nothing = status.records_to_set.is_empty() && status.records_to_remove.is_empty();
        if nothing && status.current_mx.is_empty() {
            return None;
        }
        let now = now(status);
        Some(Self {
            title: match status.answer {
                _ if stand => "MX records",
                AnswerKind::RollBack => "The old MX, to be set again",
                AnswerKind::MoveAway => "MX records to take out",
                _ if now => "MX records to set now",
                _ => "MX records for later",
            },
            now,
            ways: if stand { Vec::new() } else { ways(&status.records_to_set) },
            set: if stand { Vec::new() } else { status.records_to_set.clone() },
            remove: status.records_to_remove.clone(),
            published: status.current_mx.clone(),
            provider: status.dns_provider.clone().filter(|_| !stand),
            message: status.message_to_provider().map(message),
        })
    }
}

/// Whether the records are published as they shall be.
fn stand(status: &DomainStatus) -> bool {
    let published = |record: &RecordLine| {
        status.current_mx.iter().any(|now| now.preference == record.preference && now.exchange == record.exchange)
    };
    status.records_to_remove.is_empty() && status.records_to_set.iter().all(published)
}

fn ways(records: &[RecordLine]) -> Vec<Way> {
    let spelled: Vec<_> = records.iter().filter_map(|record| record.spellings.clone()).collect();
    if spelled.is_empty() {
        return Vec::new();
    }
    vec![
        Way {
            title: "Short names",
            about: "For a form that adds the domain by itself.",
            rows: spelled.iter().map(|spelled| spelled.relative.clone()).collect(),
            lines: String::new(),
        },
        Way {
            title: "Whole names",
            about: "For a form that wants names with their final dot.",
            rows: spelled.iter().map(|spelled| spelled.fqdn.clone()).collect(),
            lines: String::new(),
        },
        Way {
            title: "Zone file",
            about: "For whoever edits the zone itself.",
            rows: Vec::new(),
            lines: spelled.iter().map(|spelled| format!("{}\n", spelled.zone_line)).collect(),
        },
    ]
}

fn message(text: String) -> Message {
    let (subject, body) = text.split_once("\n\n").unwrap_or(("", &text));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("subject", subject.trim_start_matches("Subject: "));
    query.append_pair("body", &body.replace('\n', "\r\n"));
    // A form writes blanks as `+`, which a mail program would show (RFC 6068 §5).
    let mailto = format!("mailto:?{}", query.finish().replace('+', "%20"));
    Message { text, mailto }
}
