//! Mail that came as evidence, and who may speak for a customer, on SQLite.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, Row};
use sha2::{Digest, Sha256};

use super::columns::{all, first, from_json, from_word, instant, run, small, us, word};
use super::reading::{bounded, listing};
use super::{SqliteStore, ledger};
use crate::failpoint::Step;
use crate::order::Order;
use crate::store::mail::{MAX_QUARANTINED, changed, named_in};
use crate::store::{
    KeptMail, Listing, MailRow, MailState, MailStore, NewMail, Page, SenderRow, SettledMail, StoreError, StoreResult,
};

#[async_trait]
impl MailStore for SqliteStore {
    async fn keep_mail(&self, mail: NewMail) -> StoreResult<KeptMail> {
        self.write(Step::KeepMail, move |db| keep(db, &mail)).await
    }

    async fn mail(&self, id: &str) -> StoreResult<Option<MailRow>> {
        let id = id.to_owned();
        self.read(move |db| first(db, &format!("{COLUMNS} WHERE id = ?1"), [id], row)).await
    }

    async fn mails(&self, state: Option<MailState>, page: &Page) -> StoreResult<Listing<MailRow>> {
        let page = page.clone();
        self.read(move |db| list(db, state, &page)).await
    }

    async fn reject_mail(&self, settled: &SettledMail, at: Timestamp) -> StoreResult<bool> {
        let settled = settled.clone();
        self.write(Step::SettleMail, move |db| {
            let touched = run(
                db,
                "UPDATE inbound_mail SET state = 'rejected', settled_at = ?2, settled_by = ?3, note = ?4 \
                 WHERE id = ?1 AND state IN ('open', 'quarantined')",
                (&settled.id, us(at), &settled.by, &settled.note),
            )?;
            Ok(touched > 0)
        })
        .await
    }

    async fn admit_mail(&self, id: &str, customer_id: &str, by: &str) -> StoreResult<bool> {
        let (id, customer_id, by) = (id.to_owned(), customer_id.to_owned(), by.to_owned());
        self.write(Step::SettleMail, move |db| {
            let touched = run(
                db,
                "UPDATE inbound_mail SET state = 'open', customer_id = ?2, reason = reason || ' (admitted by ' || ?3 || ')' \
                 WHERE id = ?1 AND state = 'quarantined'",
                (&id, &customer_id, &by),
            )?;
            Ok(touched > 0)
        })
        .await
    }

    async fn senders(&self, customer_id: &str) -> StoreResult<Vec<SenderRow>> {
        let customer = customer_id.to_owned();
        self.read(move |db| {
            all(
                db,
                "SELECT address, allowed, at, by FROM allowed_sender s WHERE customer_id = ?1 AND at = \
                 (SELECT max(at) FROM allowed_sender WHERE customer_id = s.customer_id AND address = s.address) \
                 ORDER BY address LIMIT 1000",
                [customer],
                |row| {
                    Ok(SenderRow {
                        address: row.get(0)?,
                        allowed: row.get::<_, i64>(1)? == 1,
                        at: instant(row.get(2)?)?,
                        by: row.get(3)?,
                    })
                },
            )
        })
        .await
    }

    async fn customers_of_sender(&self, address: &str) -> StoreResult<Vec<String>> {
        let address = address.to_owned();
        self.read(move |db| {
            all(
                db,
                "SELECT customer_id FROM allowed_sender s WHERE address = ?1 AND allowed = 1 AND at = \
                 (SELECT max(at) FROM allowed_sender WHERE customer_id = s.customer_id AND address = s.address) \
                 ORDER BY customer_id LIMIT 10",
                [address],
                |row| Ok(row.get(0)?),
            )
        })
        .await
    }

    async fn set_sender(&self, customer_id: &str, sender: &SenderRow) -> StoreResult<()> {
        let (customer, sender) = (customer_id.to_owned(), sender.clone());
        self.write(Step::SetSender, move |db| put_sender(db, &customer, &sender)).await
    }
}

/// The contacts and the sales representative that an order names may speak for it.
pub(super) fn senders_of(db: &Connection, customer_id: &str, order: &Order, at: Timestamp) -> StoreResult<()> {
    for address in named_in(order) {
        put_sender(db, customer_id, &SenderRow { address, allowed: true, at, by: "order".to_owned() })?;
    }
    Ok(())
}

/// An agreement that names other people: those may speak for the customer, and those that it no longer names may
/// not. What the desk said of anybody else stays.
pub(super) fn senders_change(db: &Connection, customer_id: &str, order: &Order, at: Timestamp) -> StoreResult<()> {
    let old = first(db, "SELECT order_body FROM customer WHERE id = ?1", [customer_id], row_order)?;
    let before = old.as_ref().map(named_in).unwrap_or_default();
    for (address, allowed) in changed(&before, &named_in(order)) {
        put_sender(db, customer_id, &SenderRow { address, allowed, at, by: "order".to_owned() })?;
    }
    Ok(())
}

fn row_order(row: &Row<'_>) -> StoreResult<Order> {
    from_json(&row.get::<_, String>(0)?)
}

fn put_sender(db: &Connection, customer: &str, sender: &SenderRow) -> StoreResult<()> {
    // What is said later counts, also within one microsecond.
    run(
        db,
        "INSERT INTO allowed_sender (customer_id, address, at, allowed, by) \
         SELECT ?1, ?2, max(?3, coalesce((SELECT max(at) + 1 FROM allowed_sender WHERE customer_id = ?1 AND address = ?2), 0)), ?4, ?5",
        (customer, &sender.address, us(sender.at), i64::from(sender.allowed), &sender.by),
    )?;
    Ok(())
}

/// Whether a proposal still waits.
pub(super) fn is_open(db: &Connection, settled: Option<&SettledMail>) -> StoreResult<bool> {
    let Some(settled) = settled else { return Ok(true) };
    let found = first(db, "SELECT 1 FROM inbound_mail WHERE id = ?1 AND state = 'open'", [&settled.id], |row| {
        Ok(row.get::<_, i64>(0)?)
    })?;
    Ok(found.is_some())
}

pub(super) fn approve(db: &Connection, settled: &SettledMail, at: Timestamp) -> StoreResult<()> {
    run(
        db,
        "UPDATE inbound_mail SET state = 'approved', settled_at = ?2, settled_by = ?3, note = ?4 WHERE id = ?1 AND state = 'open'",
        (&settled.id, us(at), &settled.by, &settled.note),
    )?;
    Ok(())
}

fn keep(db: &Connection, mail: &NewMail) -> StoreResult<KeptMail> {
    run(db, "UPDATE inbound_mail SET copies = copies + 1 WHERE dedupe = ?1", [&mail.dedupe])?;
    let found =
        first(db, "SELECT id, state, reason, copies FROM inbound_mail WHERE dedupe = ?1", [&mail.dedupe], |row| {
            Ok(KeptMail {
                id: row.get(0)?,
                state: from_word(row.get(1)?)?,
                reason: row.get(2)?,
                copies: small(row.get(3)?)?,
            })
        })?;
    if let Some(kept) = found {
        return Ok(kept);
    }
    if mail.state == MailState::Quarantined {
        let count: Option<i64> = first(
            db,
            "SELECT count(*) FROM (SELECT 1 FROM inbound_mail WHERE state = 'quarantined' LIMIT ?1)",
            [MAX_QUARANTINED],
            |row| Ok(row.get(0)?),
        )?;
        if count >= Some(i64::from(MAX_QUARANTINED)) {
            return Err(StoreError::Unavailable("quarantine is full: settle what is in it".into()));
        }
    }
    let (sha256, authentication) =
        (hex::encode(Sha256::digest(&mail.raw)), hex::encode(Sha256::digest(&mail.verdicts)));
    ledger::keep_evidence(db, &sha256, &mail.raw, mail.received_at)?;
    ledger::keep_evidence(db, &authentication, &mail.verdicts, mail.received_at)?;
    run(
        db,
        "INSERT INTO inbound_mail (id, dedupe, sha256, authentication, received_at, via, sender, subject, message_id, \
         customer_id, state, reason, body, copies, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1, '')",
        (
            &mail.id,
            &mail.dedupe,
            &sha256,
            &authentication,
            us(mail.received_at),
            &mail.via,
            &mail.sender,
            &mail.subject,
            &mail.message_id,
            &mail.customer_id,
            word(&mail.state)?,
            &mail.reason,
            &mail.body,
        ),
    )?;
    Ok(KeptMail { id: mail.id.clone(), state: mail.state, reason: mail.reason.clone(), copies: 1 })
}

const COLUMNS: &str = "SELECT id, sha256, authentication, received_at, via, sender, subject, message_id, customer_id, state, \
     reason, body, copies, settled_at, settled_by, note FROM inbound_mail";

fn list(db: &Connection, state: Option<MailState>, page: &Page) -> StoreResult<Listing<MailRow>> {
    let limit = bounded(page);
    let before = page.after.as_deref().unwrap_or("\u{10ffff}");
    let rows = match state {
        Some(state) => all(
            db,
            &format!("{COLUMNS} WHERE state = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2"),
            (before, limit + 1, word(&state)?),
            row,
        )?,
        None => all(db, &format!("{COLUMNS} WHERE id < ?1 ORDER BY id DESC LIMIT ?2"), (before, limit + 1), row)?,
    };
    Ok(listing(rows, limit, |row| row.id.clone()))
}

fn row(row: &Row<'_>) -> StoreResult<MailRow> {
    let settled_at: Option<i64> = row.get(13)?;
    let settled_by: Option<String> = row.get(14)?;
    let note: String = row.get(15)?;
    let by = settled_by.map(|by| if note.is_empty() { by } else { format!("{by}: {note}") });
    Ok(MailRow {
        id: row.get(0)?,
        sha256: row.get(1)?,
        authentication: row.get(2)?,
        received_at: instant(row.get(3)?)?,
        via: row.get(4)?,
        sender: row.get(5)?,
        subject: row.get(6)?,
        message_id: row.get(7)?,
        customer_id: row.get(8)?,
        state: from_word(row.get(9)?)?,
        reason: row.get(10)?,
        body: row.get(11)?,
        copies: small(row.get(12)?)?,
        settled: settled_at.map(instant).transpose()?.zip(by),
    })
}
