//! The bytes over which an entry's hash goes. Every field is length-prefixed and every alternative
//! named, so that no two entries share their bytes. Never change what is written here: old chains
//! would no longer verify. A new form gets a new heading.

use jiff::Timestamp;

use super::{ClosedRun, EntryKind, Evidence, Hash, PriceMode, StoredEntry};

const HEADING: &str = "fencepost-ledger-1";
const RUN_HEADING: &str = "fencepost-run-1";

/// Canonical bytes of a closed run, everything but its own hash.
pub(super) fn run_bytes(run: &ClosedRun) -> Vec<u8> {
    let mut out = Canonical(Vec::with_capacity(256 + run.lines.len()));
    out.text(RUN_HEADING);
    out.hash(&run.prev_hash);
    out.text(&run.run_date.to_string());
    out.time(run.closed_at);
    out.text(&run.closed_by);
    out.number(run.head_seq.into());
    out.hash(&run.head_hash);
    out.field(&run.lines);
    out.0
}

/// Canonical bytes of an entry, everything but its own hash.
pub(super) fn bytes(entry: &StoredEntry) -> Vec<u8> {
    let mut out = Canonical(Vec::with_capacity(512));
    out.text(HEADING);
    out.hash(&entry.prev_hash);
    out.number(entry.seq.into());
    out.time(entry.recorded_at);
    out.text(&entry.draft.customer_id);
    kind(&mut out, &entry.draft.kind);
    out.text(&entry.draft.valid_from.to_string());
    evidence(&mut out, &entry.draft.evidence);
    out.text(&entry.draft.recorded_by);
    out.maybe(entry.draft.approved_by.as_deref());
    out.maybe(entry.draft.supersedes.map(|s| s.to_string()).as_deref());
    out.0
}

fn kind(out: &mut Canonical, kind: &EntryKind) {
    match kind {
        EntryKind::TrialSet { ends } => {
            out.text("trial_set");
            out.text(&ends.to_string());
        }
        EntryKind::Activated => out.text("activated"),
        EntryKind::PriceSet { mode, amount } => {
            out.text("price_set");
            out.text(match mode {
                PriceMode::Total => "total",
                PriceMode::PerMailbox => "per_mailbox",
            });
            out.number(amount.minor.into());
            out.text(amount.currency.code());
        }
        EntryKind::MailboxBasisSet { mailboxes } => {
            out.text("mailbox_basis_set");
            out.number((*mailboxes).into());
        }
        EntryKind::GroupSet { group } => {
            out.text("group_set");
            out.number((*group).into());
        }
        EntryKind::Decision { customer } => {
            out.text("decision");
            out.text(if *customer { "customer" } else { "no_customer" });
        }
        EntryKind::NoticeGiven { ends } => {
            out.text("notice_given");
            out.text(&ends.to_string());
        }
        EntryKind::NoticeWithdrawn => out.text("notice_withdrawn"),
        EntryKind::Deactivated => out.text("deactivated"),
        EntryKind::PartnerSet { partner } => {
            out.text("partner_set");
            out.text(partner);
        }
        EntryKind::BillingPartySet { party } => {
            out.text("billing_party_set");
            out.text(party);
        }
        EntryKind::Void { target } => {
            out.text("void");
            out.number((*target).into());
        }
    }
}

fn evidence(out: &mut Canonical, evidence: &Evidence) {
    match evidence {
        Evidence::Mail { sha256, message_id, received, authentication } => {
            // The form without verdicts is the older one.
            out.text(if authentication.is_some() { "authenticated_mail" } else { "mail" });
            out.text(sha256);
            out.maybe(message_id.as_deref());
            out.time(*received);
            if let Some(verdicts) = authentication {
                out.text(verdicts);
            }
        }
        Evidence::Order { order_id, sha256 } => {
            out.text("order");
            out.text(order_id);
            out.text(sha256);
        }
        Evidence::Rule { rule, version, facts } => {
            out.text("rule");
            out.text(rule);
            out.number((*version).into());
            out.text(facts);
        }
        Evidence::Document { sha256, name } => {
            out.text("document");
            out.text(sha256);
            out.text(name);
        }
    }
}

struct Canonical(Vec<u8>);

impl Canonical {
    fn field(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.field(text.as_bytes());
    }

    fn hash(&mut self, hash: &Hash) {
        self.field(hash);
    }

    fn number(&mut self, n: i128) {
        self.field(&n.to_be_bytes());
    }

    fn time(&mut self, at: Timestamp) {
        self.number(at.as_nanosecond());
    }

    /// Nothing and an empty text differ.
    fn maybe(&mut self, text: Option<&str>) {
        match text {
            None => self.field(&[0]),
            Some(t) => {
                self.field(&[1]);
                self.text(t);
            }
        }
    }
}
