//! Mail that came as evidence, and who may speak for a customer, on PostgreSQL.

use async_trait::async_trait;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::failure::undisturbed;
use super::pool::Pool;
use super::reading::{bounded, listing};
use super::{PostgresStore, keys, ledger};
use crate::failpoint::Step;
use crate::order::Order;
use crate::store::mail::{MAX_QUARANTINED, changed, named_in};
use crate::store::value::{from_json, from_word, instant, small, us, word};
use crate::store::{
    KeptMail, Listing, MailRow, MailState, MailStore, NewMail, Page, SenderRow, SettledMail, StoreError, StoreResult,
};

#[async_trait]
impl MailStore for PostgresStore {
    async fn keep_mail(&self, mail: NewMail) -> StoreResult<KeptMail> {
        self.write(Step::KeepMail, undisturbed(|| keep(&self.pool, &mail))).await
    }

    async fn mail(&self, id: &str) -> StoreResult<Option<MailRow>> {
        self.pool.bounded(find(&self.pool, id)).await
    }

    async fn mails(&self, state: Option<MailState>, page: &Page) -> StoreResult<Listing<MailRow>> {
        self.pool.bounded(list(&self.pool, state, page)).await
    }

    async fn reject_mail(&self, settled: &SettledMail, at: Timestamp) -> StoreResult<bool> {
        self.write(Step::SettleMail, reject(&self.pool, settled, at)).await
    }

    async fn admit_mail(&self, id: &str, customer_id: &str, by: &str) -> StoreResult<bool> {
        self.write(Step::SettleMail, admit(&self.pool, id, customer_id, by)).await
    }

    async fn senders(&self, customer_id: &str) -> StoreResult<Vec<SenderRow>> {
        self.pool.bounded(senders(&self.pool, customer_id)).await
    }

    async fn customers_of_sender(&self, address: &str) -> StoreResult<Vec<String>> {
        self.pool.bounded(customers(&self.pool, address)).await
    }

    async fn set_sender(&self, customer_id: &str, sender: &SenderRow) -> StoreResult<()> {
        let work = async { put_sender(&mut *self.pool.get().await?, customer_id, sender).await };
        self.write(Step::SetSender, work).await
    }
}

/// The contacts and the sales representative that an order names may speak for it.
pub(super) async fn senders_of(
    db: &mut PgConnection,
    customer_id: &str,
    order: &Order,
    at: Timestamp,
) -> StoreResult<()> {
    for address in named_in(order) {
        put_sender(db, customer_id, &SenderRow { address, allowed: true, at, by: "order".to_owned() }).await?;
    }
    Ok(())
}

/// An agreement that names other people: those may speak for the customer, and those that it no longer names may
/// not. What the desk said of anybody else stays.
pub(super) async fn senders_change(
    db: &mut PgConnection,
    customer_id: &str,
    order: &Order,
    at: Timestamp,
) -> StoreResult<()> {
    let old: Option<String> = sqlx::query_scalar("SELECT order_body FROM customer WHERE id = $1")
        .bind(customer_id)
        .fetch_optional(&mut *db)
        .await?;
    let old: Option<Order> = old.as_deref().map(from_json).transpose()?;
    let before = old.as_ref().map(named_in).unwrap_or_default();
    for (address, allowed) in changed(&before, &named_in(order)) {
        put_sender(db, customer_id, &SenderRow { address, allowed, at, by: "order".to_owned() }).await?;
    }
    Ok(())
}

async fn put_sender(db: &mut PgConnection, customer: &str, sender: &SenderRow) -> StoreResult<()> {
    // What is said later counts, also within one microsecond.
    sqlx::query(
        "INSERT INTO allowed_sender (customer_id, address, at, allowed, by) \
         SELECT $1, $2, greatest($3, coalesce((SELECT max(at) + 1 FROM allowed_sender WHERE customer_id = $1 AND address = $2), 0)), $4, $5",
    )
    .bind(customer)
    .bind(&sender.address)
    .bind(us(sender.at))
    .bind(i64::from(sender.allowed))
    .bind(&sender.by)
    .execute(db)
    .await?;
    Ok(())
}

/// Which of these proposals still wait; locked to the end of the transaction.
pub(super) async fn open(db: &mut PgConnection, ids: Vec<&str>) -> StoreResult<Vec<String>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT id FROM inbound_mail WHERE id = ANY($1) AND state = 'open' ORDER BY id FOR UPDATE";
    Ok(sqlx::query_scalar(sql).bind(ids).fetch_all(db).await?)
}

pub(super) async fn approve(db: &mut PgConnection, settled: &SettledMail, at: Timestamp) -> StoreResult<()> {
    let sql = "UPDATE inbound_mail SET state = 'approved', settled_at = $2, settled_by = $3, note = $4 WHERE id = $1 AND state = 'open'";
    sqlx::query(sql).bind(&settled.id).bind(us(at)).bind(&settled.by).bind(&settled.note).execute(db).await?;
    Ok(())
}

async fn keep(pool: &Pool, mail: &NewMail) -> StoreResult<KeptMail> {
    let mut transaction = pool.begin().await?;
    let db = &mut *transaction;
    keys::lock(db, &[format!("mail:{}", mail.dedupe)]).await?;
    let found = sqlx::query(
        "UPDATE inbound_mail SET copies = copies + 1 WHERE dedupe = $1 RETURNING id, state, reason, copies",
    )
    .bind(&mail.dedupe)
    .fetch_optional(&mut *db)
    .await?;
    if let Some(row) = found {
        let kept = KeptMail {
            id: row.try_get(0)?,
            state: from_word(row.try_get(1)?)?,
            reason: row.try_get(2)?,
            copies: small(row.try_get(3)?)?,
        };
        transaction.commit().await?;
        return Ok(kept);
    }
    if mail.state == MailState::Quarantined {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT 1 FROM inbound_mail WHERE state = 'quarantined' LIMIT $1) q",
        )
        .bind(i64::from(MAX_QUARANTINED))
        .fetch_one(&mut *db)
        .await?;
        if count >= i64::from(MAX_QUARANTINED) {
            return Err(StoreError::Unavailable("quarantine is full: settle what is in it".into()));
        }
    }
    let (sha256, authentication) =
        (hex::encode(Sha256::digest(&mail.raw)), hex::encode(Sha256::digest(&mail.verdicts)));
    let documents = [(sha256.as_str(), mail.raw.as_slice()), (authentication.as_str(), mail.verdicts.as_slice())];
    ledger::keep_documents(db, &documents, mail.received_at).await?;
    sqlx::query(
        "INSERT INTO inbound_mail (id, dedupe, sha256, authentication, received_at, via, sender, subject, message_id, \
         customer_id, state, reason, body, copies, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, '')",
    )
    .bind(&mail.id)
    .bind(&mail.dedupe)
    .bind(&sha256)
    .bind(&authentication)
    .bind(us(mail.received_at))
    .bind(&mail.via)
    .bind(&mail.sender)
    .bind(&mail.subject)
    .bind(&mail.message_id)
    .bind(&mail.customer_id)
    .bind(word(&mail.state)?)
    .bind(&mail.reason)
    .bind(&mail.body)
    .execute(&mut *db)
    .await?;
    transaction.commit().await?;
    Ok(KeptMail { id: mail.id.clone(), state: mail.state, reason: mail.reason.clone(), copies: 1 })
}

async fn reject(pool: &Pool, settled: &SettledMail, at: Timestamp) -> StoreResult<bool> {
    let touched = sqlx::query(
        "UPDATE inbound_mail SET state = 'rejected', settled_at = $2, settled_by = $3, note = $4 \
         WHERE id = $1 AND state IN ('open', 'quarantined')",
    )
    .bind(&settled.id)
    .bind(us(at))
    .bind(&settled.by)
    .bind(&settled.note)
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(touched.rows_affected() > 0)
}

async fn admit(pool: &Pool, id: &str, customer_id: &str, by: &str) -> StoreResult<bool> {
    let touched = sqlx::query(
        "UPDATE inbound_mail SET state = 'open', customer_id = $2, reason = reason || ' (admitted by ' || $3 || ')' \
         WHERE id = $1 AND state = 'quarantined'",
    )
    .bind(id)
    .bind(customer_id)
    .bind(by)
    .execute(&mut *pool.get().await?)
    .await?;
    Ok(touched.rows_affected() > 0)
}

macro_rules! newest {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM allowed_sender s WHERE ",
            $rest,
            " AND at = \
             (SELECT max(at) FROM allowed_sender WHERE customer_id = s.customer_id AND address = s.address) "
        )
    };
}

async fn senders(pool: &Pool, customer_id: &str) -> StoreResult<Vec<SenderRow>> {
    let sql = concat!(newest!("address, allowed, at, by", "customer_id = $1"), "ORDER BY address LIMIT 1000");
    let rows: Vec<(String, i64, i64, String)> =
        sqlx::query_as(sql).bind(customer_id).fetch_all(&mut *pool.get().await?).await?;
    let read = |(address, allowed, at, by)| Ok(SenderRow { address, allowed: allowed == 1, at: instant(at)?, by });
    rows.into_iter().map(read).collect()
}

async fn customers(pool: &Pool, address: &str) -> StoreResult<Vec<String>> {
    let sql = concat!(newest!("customer_id", "address = $1 AND allowed = 1"), "ORDER BY customer_id LIMIT 10");
    Ok(sqlx::query_scalar(sql).bind(address).fetch_all(&mut *pool.get().await?).await?)
}

macro_rules! mails {
    ($rest:literal) => {
        concat!(
            "SELECT id, sha256, authentication, received_at, via, sender, subject, message_id, customer_id, state, reason, \
             body, copies, settled_at, settled_by, note FROM inbound_mail ",
            $rest
        )
    };
}

async fn find(pool: &Pool, id: &str) -> StoreResult<Option<MailRow>> {
    let found = sqlx::query(mails!("WHERE id = $1")).bind(id).fetch_optional(&mut *pool.get().await?).await?;
    found.as_ref().map(row).transpose()
}

async fn list(pool: &Pool, state: Option<MailState>, page: &Page) -> StoreResult<Listing<MailRow>> {
    let limit = bounded(page);
    let query = match state {
        Some(_) => sqlx::query(mails!("WHERE state = $3 AND id < $1 ORDER BY id DESC LIMIT $2")),
        None => sqlx::query(mails!("WHERE id < $1 ORDER BY id DESC LIMIT $2")),
    };
    let mut query = query.bind(page.after.as_deref().unwrap_or("\u{10ffff}")).bind(i64::from(limit) + 1);
    if let Some(state) = state {
        query = query.bind(word(&state)?);
    }
    let rows = query.fetch_all(&mut *pool.get().await?).await?;
    let rows = rows.iter().map(row).collect::<StoreResult<Vec<_>>>()?;
    Ok(listing(rows, limit, |row| row.id.clone()))
}

fn row(row: &PgRow) -> StoreResult<MailRow> {
    let settled_at: Option<i64> = row.try_get(13)?;
    let settled_by: Option<String> = row.try_get(14)?;
    let note: String = row.try_get(15)?;
    let by = settled_by.map(|by| if note.is_empty() { by } else { format!("{by}: {note}") });
    Ok(MailRow {
        id: row.try_get(0)?,
        sha256: row.try_get(1)?,
        authentication: row.try_get(2)?,
        received_at: instant(row.try_get(3)?)?,
        via: row.try_get(4)?,
        sender: row.try_get(5)?,
        subject: row.try_get(6)?,
        message_id: row.try_get(7)?,
        customer_id: row.try_get(8)?,
        state: from_word(row.try_get(9)?)?,
        reason: row.try_get(10)?,
        body: row.try_get(11)?,
        copies: small(row.try_get(12)?)?,
        settled: settled_at.map(instant).transpose()?.zip(by),
    })
}
