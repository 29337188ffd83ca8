//! A ledger as a provider has one: every customer gets an entry before any gets the next, so that the rows of
//! one customer lie far apart.

use std::path::Path;
use std::sync::Arc;

use fencepost::config::StoreConfig;
use fencepost::ledger::{EntryDraft, EntryKind, Evidence, PriceMode};
use fencepost::store::{Store, open};
use jiff::civil::{Date, date};
use jiff::{SignedDuration, Timestamp};

use crate::Outcome;

/// Entries in one transaction.
const AT_ONCE: usize = 10_000;
const ENTRIES: u32 = 10;

pub async fn store(file: &Path) -> Outcome<Arc<dyn Store>> {
    Ok(open(&StoreConfig::sqlite(file)).await?)
}

pub fn customer(n: u32) -> String {
    format!("01890000-0000-7000-8000-{n:012x}")
}

/// # Errors
/// When the file is there already, or cannot be written.
pub async fn fill(file: &Path, customers: u32) -> Outcome<()> {
    if file.exists() {
        return Err(format!("{} is there already", file.display()).into());
    }
    let store = store(file).await?;
    let begin: Timestamp = "2026-01-01T08:00:00Z".parse()?;
    let mut drafts = Vec::with_capacity(AT_ONCE);
    for round in 0..ENTRIES {
        let at = begin + SignedDuration::from_hours(24 * 30 * i64::from(round));
        for n in 0..customers {
            drafts.push(draft(n, round)?);
            if drafts.len() == AT_ONCE {
                store.append_entries(std::mem::take(&mut drafts), at).await?;
            }
        }
        store.append_entries(std::mem::take(&mut drafts), at).await?;
    }
    println!("filled | {customers} customers, {} entries", u64::from(customers) * u64::from(ENTRIES));
    Ok(())
}

/// What an order brings, and three changes by mail later on.
fn draft(n: u32, round: u32) -> Outcome<EntryDraft> {
    let from = date(2026, 1, 1);
    let group = if n.is_multiple_of(2) { 15 } else { 30 };
    let price = |euros: u32| -> Outcome<EntryKind> {
        Ok(EntryKind::PriceSet { mode: PriceMode::Total, amount: format!("{euros}.90 EUR").parse()? })
    };
    let (kind, valid_from): (EntryKind, Date) = match round {
        0 => (EntryKind::PartnerSet { partner: format!("Partner {}", n % 50) }, from),
        1 => (EntryKind::BillingPartySet { party: format!("Customer {n} Ltd") }, from),
        2 => (price(100 + n % 400)?, from),
        3 => (EntryKind::MailboxBasisSet { mailboxes: 5 + n % 200 }, from),
        4 => (EntryKind::GroupSet { group }, from),
        5 => (EntryKind::TrialSet { ends: date(2026, 11, 1) }, from),
        6 => (EntryKind::Decision { customer: true }, date(2026, 10, 20)),
        // All of them fall to the run that is closed.
        7 => (EntryKind::GroupSet { group: 15 }, date(2026, 10, 25)),
        8 => (EntryKind::Activated, date(2026, 11, 16)),
        _ => (EntryKind::MailboxBasisSet { mailboxes: 6 + n % 200 }, date(2026, 11, 20)),
    };
    let order = Evidence::Order { order_id: customer(n), sha256: "ab".repeat(32) };
    let mail = Evidence::Mail {
        sha256: "cd".repeat(32),
        message_id: Some(format!("{n}.{round}@partner.example")),
        received: "2026-10-20T08:00:00Z".parse()?,
        authentication: Some("ef".repeat(32)),
    };
    Ok(EntryDraft {
        customer_id: customer(n),
        kind,
        valid_from,
        evidence: if round < 6 { order } else { mail },
        recorded_by: if round < 6 { "engine".to_owned() } else { "desk".to_owned() },
        approved_by: (round >= 6).then(|| "desk".to_owned()),
        supersedes: None,
    })
}
