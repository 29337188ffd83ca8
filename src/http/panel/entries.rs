//! Entries of the ledger as pages show them: in words, each with what it rests on, and the mail beside it.

use super::words::{Times, When};
use crate::http::HttpState;
use crate::http::problem::Problem;
use crate::ledger::{EntryKind, Evidence, Money, PriceMode, StoredEntry};

/// Characters of a mail beside an entry, and mails that are read for one page.
const BESIDE: usize = 4_000;
const READ: usize = 40;

/// An entry, ready for a page.
pub(super) struct Row {
    pub seq: u64,
    pub recorded: When,
    pub by: String,
    pub approved: Option<String>,
    pub said: String,
    pub valid_from: String,
    pub evidence: String,
    /// Under which the mail or document is shown.
    pub sha256: Option<String>,
    /// The beginning of it.
    pub beside: Option<String>,
    /// It was not known yet.
    pub later: bool,
    /// What is shown rests on it.
    pub in_force: bool,
}

/// The last entry (its seq) that is known when so many of them are.
pub(super) fn known_until(entries: &[StoredEntry], known: usize) -> u64 {
    known.checked_sub(1).and_then(|last| entries.get(last)).map_or(0, |entry| entry.seq)
}

pub(super) async fn rows(
    state: &HttpState,
    entries: &[StoredEntry],
    known: u64,
    in_force: &[StoredEntry],
    times: &Times,
) -> Result<Vec<Row>, Problem> {
    let mut rows = Vec::with_capacity(entries.len());
    let mut read = 0;
    for entry in entries {
        let (evidence, sha256) = evidence(&entry.draft.evidence);
        let beside = match &sha256 {
            Some(sha256) if read < READ => {
                read += 1;
                state.store.evidence(sha256).await?.map(|content| excerpt(&content))
            }
            _ => None,
        };
        rows.push(Row {
            seq: entry.seq,
            recorded: times.show(entry.recorded_at),
            by: entry.draft.recorded_by.clone(),
            approved: entry.draft.approved_by.clone(),
            said: said(&entry.draft.kind),
            valid_from: entry.draft.valid_from.to_string(),
            evidence,
            sha256,
            beside,
            later: entry.seq > known,
            in_force: in_force.iter().any(|other| other.seq == entry.seq),
        });
    }
    Ok(rows)
}

fn said(kind: &EntryKind) -> String {
    match kind {
        EntryKind::TrialSet { ends } => format!("Trial, free until before {ends}"),
        EntryKind::Activated => "Charged from this day".to_owned(),
        EntryKind::PriceSet { mode, amount } => format!("Price: {}", price((*mode, *amount))),
        EntryKind::MailboxBasisSet { mailboxes } => format!("Charged for {mailboxes} mailboxes"),
        EntryKind::GroupSet { group } => format!("Invoiced on the {group}th"),
        EntryKind::Decision { customer: true } => "The customer stays".to_owned(),
        EntryKind::Decision { customer: false } => "No customer".to_owned(),
        EntryKind::NoticeGiven { ends } => format!("Notice, charged until before {ends}"),
        EntryKind::NoticeWithdrawn => "The notice is withdrawn".to_owned(),
        EntryKind::Deactivated => "Not charged from this day".to_owned(),
        EntryKind::PartnerSet { partner } => format!("Partner: {partner}"),
        EntryKind::BillingPartySet { party } => format!("Who pays: {party}"),
        EntryKind::Void { target } => format!("Takes entry {target} out"),
    }
}

pub(super) fn price((mode, amount): (PriceMode, Money)) -> String {
    match mode {
        PriceMode::Total => format!("{amount} a month in all"),
        PriceMode::PerMailbox => format!("{amount} a month for each mailbox"),
    }
}

/// In words, and under which hash it is kept.
fn evidence(evidence: &Evidence) -> (String, Option<String>) {
    match evidence {
        Evidence::Mail { sha256, received, .. } => {
            (format!("mail received {}", received.strftime("%Y-%m-%d %H:%M UTC")), Some(sha256.clone()))
        }
        Evidence::Order { order_id, .. } => (format!("order {order_id}"), None),
        Evidence::Rule { rule, version, facts } => (format!("rule {rule}, version {version}: {facts}"), None),
        Evidence::Document { sha256, name } => (format!("document {name}"), Some(sha256.clone())),
    }
}

/// The headers that people look for, and the beginning of the text.
fn excerpt(content: &[u8]) -> String {
    let text = readable(content.get(..content.len().min(BESIDE * 4)).unwrap_or_default());
    let short = |text: &str| text.chars().take(BESIDE).collect::<String>();
    let Some((head, body)) = text.split_once("\n\n") else { return short(&text) };
    let wanted = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        matches!(name.as_str(), "from" | "to" | "date" | "subject")
    };
    let head: Vec<&str> = head.lines().filter(wanted).collect();
    // Without any of them it is no message.
    if head.is_empty() { short(&text) } else { short(&format!("{}\n\n{}", head.join("\n"), body.trim())) }
}

/// Bytes as text: lines as they are, other control characters as a sign.
pub(super) fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_shown_with_the_headers_that_people_look_for() {
        let mail = b"Received: from x\r\nFrom: Anna <a@example.com>\r\nSubject: We stay\r\n\r\nFrom June on.\r\n\x07";
        assert_eq!(excerpt(mail), "From: Anna <a@example.com>\nSubject: We stay\n\nFrom June on.\n\u{fffd}");
        assert_eq!(excerpt(b"We stay."), "We stay.");
    }
}
