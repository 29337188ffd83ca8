//! What a subscription asks the ledger to record, each with the evidence that it rests on. The
//! ledger itself gives entries their place.

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::decide::Terms;
use super::state::{Dates, OrderKind, Subscription};
use crate::ledger::{EntryDraft, EntryKind, Evidence, PriceMode};
use crate::order::BillTo;

/// Version of the commercial rules, named by every entry that a rule brought about.
pub const RULES_VERSION: u32 = 1;

/// Who records what no person asked for.
const ENGINE: &str = "engine";

/// Something that a rule brought about, with the facts it used.
pub(super) fn by_rule(terms: &Terms<'_>, kind: EntryKind, valid_from: Date, rule: &str, facts: String) -> EntryDraft {
    let evidence = Evidence::Rule { rule: rule.to_owned(), version: RULES_VERSION, facts };
    draft(terms, kind, valid_from, evidence, None)
}

/// Something that a customer or partner asked for by mail or document, entered by a desk user.
pub(super) fn by_word(terms: &Terms<'_>, kind: EntryKind, valid_from: Date, word: &Word<'_>) -> EntryDraft {
    draft(terms, kind, valid_from, word.evidence(), Some(word.by))
}

/// A word of the customer: who entered it, and on what it rests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word<'a> {
    pub by: &'a str,
    pub evidence: &'a str,
}

impl Word<'_> {
    /// A mail as [`Evidence::mail_text`] writes it; `<sha256> <name>`; any other text is itself the document.
    fn evidence(&self) -> Evidence {
        if let Some(mail) = Evidence::from_mail_text(self.evidence) {
            return mail;
        }
        let (first, name) = self.evidence.split_once(' ').unwrap_or((self.evidence, "document"));
        if first.len() == 64 && first.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Evidence::Document { sha256: first.to_ascii_lowercase(), name: name.chars().take(200).collect() };
        }
        Evidence::Document {
            sha256: hex::encode(Sha256::digest(self.evidence.as_bytes())),
            name: self.evidence.chars().take(200).collect(),
        }
    }
}

/// What the order itself says, valid from the first connection.
pub(super) fn from_order(s: &Subscription, terms: &Terms<'_>, dates: &Dates, group: u8) -> Vec<EntryDraft> {
    let order = terms.order;
    let evidence = Evidence::Order {
        order_id: terms.order_id.to_owned(),
        sha256: hex::encode(Sha256::digest(order.evidence_bytes())),
    };
    let partner = s.partner.as_ref().unwrap_or(&order.partner);
    let party = match order.bill_to {
        BillTo::Customer => order.customer_name.clone(),
        BillTo::Partner => partner.clone(),
    };
    let mut kinds = Vec::new();
    if s.kind == OrderKind::Trial {
        kinds.push(EntryKind::TrialSet { ends: dates.trial_end });
    }
    kinds.push(EntryKind::PartnerSet { partner: partner.clone() });
    kinds.push(EntryKind::BillingPartySet { party });
    kinds.push(EntryKind::PriceSet { mode: PriceMode::Total, amount: order.price });
    kinds.push(EntryKind::MailboxBasisSet { mailboxes: order.mailboxes });
    let mut entries: Vec<_> =
        kinds.into_iter().map(|kind| draft(terms, kind, dates.connected, evidence.clone(), None)).collect();
    let group_set = EntryKind::GroupSet { group };
    if s.group.is_some() {
        // Set by an early decision, whose own entry says so.
    } else if s.preferred_group.is_some() {
        entries.push(draft(terms, group_set, dates.connected, evidence, None));
    } else {
        let facts = format!("connected {}; {}", dates.connected, terms.calendar.group_rule());
        entries.push(by_rule(terms, group_set, dates.connected, "invoicing_group_by_day", facts));
    }
    entries
}

fn draft(terms: &Terms<'_>, kind: EntryKind, valid_from: Date, evidence: Evidence, by: Option<&str>) -> EntryDraft {
    EntryDraft {
        customer_id: terms.customer_id.to_owned(),
        kind,
        valid_from,
        evidence,
        recorded_by: by.unwrap_or(ENGINE).to_owned(),
        approved_by: by.map(str::to_owned),
        supersedes: None,
    }
}
