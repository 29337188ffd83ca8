//! What the ledger says: the state of one customer on a day, as known at a seq. The same question
//! has the same answer for ever, whatever is appended later.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{EntryDraft, EntryKind, Money, PriceMode, StoredEntry};

/// What is charged to a customer on a day, and on which entries that rests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingState {
    /// The day lies in a charged relationship.
    pub charged: bool,
    /// B of the relationship in which the day lies.
    pub charged_from: Option<Held<Date>>,
    pub trial_ends: Option<Held<Date>>,
    pub price: Option<Held<(PriceMode, Money)>>,
    pub mailboxes: Option<Held<u32>>,
    pub group: Option<Held<u8>>,
    pub customer: Option<Held<bool>>,
    /// A running notice ends on this day.
    pub notice_ends: Option<Held<Date>>,
    pub partner: Option<Held<String>>,
    pub billing_party: Option<Held<String>>,
}

/// A value with the seq of the entry that it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held<T> {
    pub value: T,
    pub seq: u64,
}

/// A charged relationship `[from, until)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub from: Date,
    pub until: Option<Date>,
    /// The entry that began it.
    pub seq: u64,
}

impl Span {
    #[must_use]
    pub fn contains(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day < until)
    }
}

/// The state on `valid_on` as known at `known_seq`. `entries` are those of one customer in seq order;
/// later ones are not looked at.
#[must_use]
pub fn state(entries: &[StoredEntry], valid_on: Date, known_seq: u64) -> BillingState {
    state_of(&active(entries, known_seq), valid_on)
}

/// As [`state`], over entries that [`active`] has sifted: for many days of one customer.
#[must_use]
pub fn state_of(active: &[&StoredEntry], valid_on: Date) -> BillingState {
    let mut valid: Vec<&StoredEntry> = active.iter().copied().filter(|e| e.draft.valid_from <= valid_on).collect();
    // The greatest (valid_from, seq) wins, so it is written last.
    valid.sort_by_key(|e| (e.draft.valid_from, e.seq));
    let mut s = BillingState::default();
    for entry in &valid {
        let seq = entry.seq;
        match &entry.draft.kind {
            EntryKind::TrialSet { ends } => s.trial_ends = Some(Held { value: *ends, seq }),
            EntryKind::PriceSet { mode, amount } => s.price = Some(Held { value: (*mode, *amount), seq }),
            EntryKind::MailboxBasisSet { mailboxes } => s.mailboxes = Some(Held { value: *mailboxes, seq }),
            EntryKind::GroupSet { group } => s.group = Some(Held { value: *group, seq }),
            EntryKind::Decision { customer } => s.customer = Some(Held { value: *customer, seq }),
            EntryKind::NoticeGiven { ends } => s.notice_ends = Some(Held { value: *ends, seq }),
            EntryKind::Activated | EntryKind::NoticeWithdrawn => s.notice_ends = None,
            EntryKind::PartnerSet { partner } => s.partner = Some(Held { value: partner.clone(), seq }),
            EntryKind::BillingPartySet { party } => s.billing_party = Some(Held { value: party.clone(), seq }),
            EntryKind::Deactivated | EntryKind::Void { .. } => {}
        }
    }
    if let Some(span) = spans(&valid).into_iter().find(|s| s.contains(valid_on)) {
        s.charged = true;
        s.charged_from = Some(Held { value: span.from, seq: span.seq });
    }
    s
}

/// The charged relationships that active entries give, in order, without overlap. An activation
/// inside a relationship begins nothing: it cannot make a day be charged twice.
#[must_use]
pub fn spans(active: &[&StoredEntry]) -> Vec<Span> {
    let mut found: Vec<Span> = Vec::new();
    let mut open: Option<(Date, u64)> = None;
    for (day, seq, on) in switches(active) {
        match (on, open) {
            (true, None) => open = Some((day, seq)),
            (false, Some((from, began))) => {
                if from < day {
                    found.push(Span { from, until: Some(day), seq: began });
                }
                open = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    found.extend(open.map(|(from, seq)| Span { from, until: None, seq }));
    found
}

/// The days on which charging is switched on or off. A notice switches off at its end, unless it was
/// withdrawn.
fn switches(active: &[&StoredEntry]) -> Vec<(Date, u64, bool)> {
    let mut sorted = active.to_vec();
    sorted.sort_by_key(|e| (e.draft.valid_from, e.seq));
    let mut switches = Vec::new();
    let mut notice: Option<(Date, u64)> = None;
    for entry in sorted {
        if let Some((ends, seq)) = notice.filter(|(ends, _)| *ends <= entry.draft.valid_from) {
            // It has done its work; nothing that is valid later can take it back.
            switches.push((ends, seq, false));
            notice = None;
        }
        match &entry.draft.kind {
            EntryKind::Activated => switches.push((entry.draft.valid_from, entry.seq, true)),
            EntryKind::Deactivated => switches.push((entry.draft.valid_from, entry.seq, false)),
            EntryKind::NoticeGiven { ends } => notice = Some((*ends, entry.seq)),
            EntryKind::NoticeWithdrawn => notice = None,
            _ => {}
        }
    }
    switches.extend(notice.map(|(ends, seq)| (ends, seq, false)));
    switches.sort_by_key(|(day, seq, _)| (*day, *seq));
    switches
}

/// The entries in force as known at `known_seq`: an entry is active if no active later entry voids or
/// supersedes it. A void whose target was not active when it came has no effect.
#[must_use]
pub fn active(entries: &[StoredEntry], known_seq: u64) -> Vec<&StoredEntry> {
    let known: Vec<&StoredEntry> = entries.iter().filter(|e| e.seq <= known_seq).collect();
    let mut effective: Vec<(u64, u64)> = Vec::new();
    for (i, entry) in known.iter().enumerate() {
        if let Some(target) = removes(&entry.draft)
            && sift(known.get(..i).unwrap_or_default(), &effective).iter().any(|e| e.seq == target)
        {
            effective.push((entry.seq, target));
        }
    }
    sift(&known, &effective)
}

/// What the entry takes out.
fn removes(draft: &EntryDraft) -> Option<u64> {
    match draft.kind {
        EntryKind::Void { target } => Some(target),
        _ => draft.supersedes,
    }
}

/// Newest first: whoever is active takes its target out.
fn sift<'a>(known: &[&'a StoredEntry], effective: &[(u64, u64)]) -> Vec<&'a StoredEntry> {
    let mut out = std::collections::BTreeSet::new();
    for (by, target) in effective.iter().rev() {
        if !out.contains(by) {
            out.insert(*target);
        }
    }
    known.iter().copied().filter(|e| !out.contains(&e.seq)).collect()
}

/// Why an entry cannot be appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("entry {target} is not an entry of customer {customer}")]
    Unknown { target: u64, customer: String },
    #[error("entry {target} is no longer in force, so there is nothing to take out")]
    Inactive { target: u64 },
    #[error("entry {target} is of another kind; an entry replaces one of its own kind")]
    OtherKind { target: u64 },
}

/// Whether a draft may follow the customer's `entries`.
///
/// # Errors
/// [`Refused`]: its target does not exist, is not in force, or is of another kind.
pub fn check_append(entries: &[StoredEntry], draft: &EntryDraft) -> Result<(), Refused> {
    let Some(target) = removes(draft) else { return Ok(()) };
    let same = |e: &&StoredEntry| e.seq == target && e.draft.customer_id == draft.customer_id;
    let Some(old) = entries.iter().find(same) else {
        return Err(Refused::Unknown { target, customer: draft.customer_id.clone() });
    };
    let void = matches!(draft.kind, EntryKind::Void { .. });
    if !void && std::mem::discriminant(&old.draft.kind) != std::mem::discriminant(&draft.kind) {
        return Err(Refused::OtherKind { target });
    }
    if !active(entries, u64::MAX).iter().any(|e| e.seq == target) {
        return Err(Refused::Inactive { target });
    }
    Ok(())
}
